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

/// One event loop's side of the store: the submission being gathered, and the numbers of the answered ones.
///
/// Submissions are numbered from 1. ``committed`` is the highest number that is durable, so a frame in submission n is safe once
/// `committed >= n`. Confined to its event loop.
final class StoreClient {
    /// The longest time that a removal waits for a submission with other items. Until the removal is durable, a crash causes a
    /// second delivery of the frame (G9).
    static let removalPatience = TimeAmount.milliseconds(25)
    /// The number of delayed removals at which they are submitted without waiting.
    static let maximumDelayedRemovals = 256

    private var pending = PendingSubmission()
    /// Whether ``gathered`` has been called for the pending items.
    private var isAnnounced = false
    private var delayedRemovals: [StoreSubmission.Removal] = []
    private var nextToken: UInt32 = 1
    /// The time at which delayed removals need a submission of their own; `nil` when there are none.
    private(set) var removalsDue: NIODeadline?
    /// The highest submission that is durable.
    private(set) var committed: UInt64 = 0
    /// The highest submission known to be carried out, as are all before it; it may not be durable.
    private var latestCarriedOut: UInt64 = 0
    /// Called when a submission gets its first item: it has to be taken at the end of the tick.
    var gathered: () -> Void = {}

    /// The number of the submission being gathered.
    var number: UInt64 { self.pending.number }
    /// Frames in the submission being gathered.
    var pendingFrames: Int { self.pending.appends.count }
    /// Memory for those frames, in bytes.
    var pendingBytes: Int { self.pending.appends.cost }
    /// Whether the submission being gathered has no items.
    var isEmpty: Bool { self.pending.isEmpty }
    var delayedRemovalCount: Int { self.delayedRemovals.count }
    /// The latest submission that may hold a frame: the one being gathered, or the one before it when that is empty.
    var latest: UInt64 { self.pending.isEmpty ? self.pending.number - 1 : self.pending.number }
    /// Whether every submission is answered and nothing is pending.
    var isAnswered: Bool { self.pending.isEmpty && self.committed + 1 == self.pending.number }
    /// The highest submission whose changes the store has at least in memory.
    var carriedOut: UInt64 { max(self.latestCarriedOut, self.committed) }

    // MARK: Gathering

    /// Lets `body` append frames.
    @inline(__always)
    func append(_ body: (inout AppendBatch) -> Void) {
        body(&self.pending.appends)
        self.announce()
    }

    /// Removes frames in flight that are delivered.
    func remove(_ removal: StoreSubmission.Removal) {
        self.pending.removals.append(removal)
        self.announce()
    }

    /// Removes frames in flight that are delivered, with the next submission that has other items.
    ///
    /// - Returns: the time by which a submission is due for it, if that is new.
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

    /// Requests that the frames in flight of a terminal are queued again.
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

    /// Makes a token for an answer of the store; 0 stands for none.
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

    /// Takes the gathered items, when they are due.
    ///
    /// - Parameter isLast: whether delayed removals do not wait for the next submission.
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

    /// Records that the submission of this number, and all before it, are durable.
    func completed(_ number: UInt64) {
        assert(number > self.committed && number < self.pending.number, "The store answers submissions once, in order.")
        self.committed = number
    }

    /// Records that the submission of this number, and all before it, are carried out.
    func wasCarriedOut(_ number: UInt64) {
        assert(number < self.pending.number, "Only what was submitted can be carried out.")
        self.latestCarriedOut = max(self.latestCarriedOut, number)
    }
}
