import NIOCore
import RelayCore
import TTMSProtocol

/// The items of one tick for the store.
struct PendingSubmission {
    /// The number under which it will be submitted.
    var number: UInt64 = 1
    var appends = AppendBatch()
    var removals: [StoreSubmission.Removal] = []
    var rewinds: [CCID] = []
    var reads: [StoreSubmission.ReadRequest] = []
    var confirmations: [MessageID] = []
    var keys: [UInt32: IdempotencyKey] = [:]

    var isEmpty: Bool {
        self.appends.isEmpty && self.removals.isEmpty && self.rewinds.isEmpty && self.reads.isEmpty
            && self.confirmations.isEmpty
    }
}

/// One event loop's side of the store: the submission that gathers, and the numbers of those that the store has answered.
///
/// Submissions are numbered from 1. ``committed`` is the highest number that is durable, so a frame in submission n is safe once
/// `committed >= n`. Confined to its event loop.
final class StoreClient {
    /// The longest time that a removal waits for a submission that something else needs. Until it is durable, a crash sends the
    /// delivered frame again (G9).
    static let removalPatience = TimeAmount.milliseconds(25)
    /// The number of delayed removals that ends their wait.
    static let maximumDelayedRemovals = 256

    private var pending = PendingSubmission()
    /// ``gathered`` has been called for what is pending.
    private var isAnnounced = false
    private var delayedRemovals: [StoreSubmission.Removal] = []
    private var nextToken: UInt32 = 1
    /// The time at which delayed removals need a submission of their own; `nil` when there are none.
    private(set) var removalsDue: NIODeadline?
    /// The highest submission that is durable.
    private(set) var committed: UInt64 = 0
    /// The highest submission known to be carried out, as are all before it; perhaps not durable.
    private var latestCarriedOut: UInt64 = 0
    /// Called when the first item of a submission has come: it has to be taken at the end of the tick.
    var gathered: () -> Void = {}

    /// The number of the submission that gathers.
    var number: UInt64 { self.pending.number }
    /// Frames in the submission that gathers.
    var pendingFrames: Int { self.pending.appends.count }
    /// Memory for those frames, in bytes.
    var pendingBytes: Int { self.pending.appends.cost }
    /// Whether the submission that gathers has no items.
    var isEmpty: Bool { self.pending.isEmpty }
    var delayedRemovalCount: Int { self.delayedRemovals.count }
    /// The latest submission that may hold a frame: the one that gathers, or the one before it when that is empty.
    var latest: UInt64 { self.pending.isEmpty ? self.pending.number - 1 : self.pending.number }
    /// Whether every submission is answered and nothing gathers.
    var isAnswered: Bool { self.pending.isEmpty && self.committed + 1 == self.pending.number }
    /// The highest submission whose changes the store has in memory at least.
    var carriedOut: UInt64 { max(self.latestCarriedOut, self.committed) }

    // MARK: Gathering

    /// Lets `body` append frames.
    @inline(__always)
    func append(_ body: (inout AppendBatch) -> Void) {
        body(&self.pending.appends)
        self.announce()
    }

    /// Ends frames in flight that are delivered.
    func remove(_ removal: StoreSubmission.Removal) {
        self.pending.removals.append(removal)
        self.announce()
    }

    /// Ends frames in flight that are delivered, with the next submission that something else needs.
    ///
    /// - Returns: when a submission is due for it at the latest, if that is new.
    func removeLater(_ removal: StoreSubmission.Removal, now: NIODeadline) -> NIODeadline? {
        self.delayedRemovals.append(removal)
        if self.delayedRemovals.count >= Self.maximumDelayedRemovals {
            self.announce()
            return nil
        }
        guard self.removalsDue == nil else { return nil }
        self.removalsDue = now + Self.removalPatience
        return self.removalsDue
    }

    /// Has the frames in flight of a terminal queued again.
    func rewind(_ ccid: CCID) {
        self.pending.rewinds.append(ccid)
        self.announce()
    }

    /// Requests the next frames of a terminal.
    func read(_ request: StoreSubmission.ReadRequest) {
        self.pending.reads.append(request)
        self.announce()
    }

    /// Records that a heartbeat has confirmed messages.
    func confirm(_ ids: [MessageID]) {
        self.pending.confirmations += ids
        self.announce()
    }

    /// Records the idempotency key of the frame with `token`.
    func use(_ key: IdempotencyKey, for token: UInt32) {
        self.pending.keys[token] = key
    }

    /// A token for a receipt of the store; 0 stands for none.
    func makeToken() -> UInt32 {
        defer { self.nextToken = self.nextToken == .max ? 1 : self.nextToken + 1 }
        return self.nextToken
    }

    @inline(__always)
    private func announce() {
        guard !self.isAnnounced else { return }
        self.isAnnounced = true
        self.gathered()
    }

    // MARK: Submitting

    /// Takes what has gathered, when it is due.
    ///
    /// - Parameter isLast: delayed removals do not wait for the next submission.
    func take(isLast: Bool, now: NIODeadline) -> PendingSubmission? {
        let areRemovalsDue =
            self.delayedRemovals.count >= Self.maximumDelayedRemovals || self.removalsDue.map { $0 <= now } ?? false
        guard !self.pending.isEmpty || areRemovalsDue || (isLast && !self.delayedRemovals.isEmpty) else {
            self.isAnnounced = false
            return nil
        }
        if !self.delayedRemovals.isEmpty {
            self.pending.removals.insert(contentsOf: self.delayedRemovals, at: 0)
            self.delayedRemovals.removeAll(keepingCapacity: true)
        }
        self.removalsDue = nil
        self.isAnnounced = false
        let taken = self.pending
        self.pending = PendingSubmission(number: taken.number + 1)
        return taken
    }

    // MARK: Answers

    /// The submission of this number, and all before it, are durable.
    func completed(_ number: UInt64) {
        assert(number > self.committed && number < self.pending.number, "The store answers submissions once, in order.")
        self.committed = number
    }

    /// The submission of this number, and all before it, are carried out.
    func wasCarriedOut(_ number: UInt64) {
        assert(number < self.pending.number, "Only what was submitted can be carried out.")
        self.latestCarriedOut = max(self.latestCarriedOut, number)
    }
}
