import NIOCore
import RelayCore
import Synchronization
import TTMSProtocol

/// One connection's wish for a receipt. Every event loop that is asked for it sees when the wish has ended.
final class ReceiptRequest: Sendable {
    private let hasEnded = Atomic(false)

    var isWanted: Bool { !self.hasEnded.load(ordering: .relaxed) }

    func end() { self.hasEnded.store(true, ordering: .relaxed) }
}

/// A receipt that waits until certain frames are delivered or on disk.
struct ReceiptWait {
    /// Frames that were put at this time or before.
    var time: NIODeadline
    /// The submission that has to be durable.
    var submission: UInt64
    /// The terminals that the frames are for; `nil` for all.
    var destinations: [CCID]?
    var request: ReceiptRequest
    /// Called once, when the frames are safe.
    var completion: () -> Void

    fileprivate func concerns(_ ccid: CCID, since: NIODeadline) -> Bool {
        self.time >= since && (self.destinations?.contains(ccid) ?? true)
    }
}

/// The receipts that wait on one event loop (G5), and the submissions that each needs.
///
/// A wait needs a higher submission when one of its frames goes to the store later than it was put: the caller that appends such a
/// frame reports it here. Whether frames are still in flight is answered by the caller.
final class ReceiptGate {
    /// Terminals of which departures are remembered. Beyond that, receipts may wait for others' frames, too.
    private static let maximumDepartures = 1_000

    private(set) var waits: [ReceiptWait] = []
    /// A check has been requested and has not begun.
    private var isCheckRequested = false
    /// Terminals that left this event loop, or were forgotten, before their latest submission was durable.
    private var departures: [CCID: UInt64] = [:]
    /// The latest submission of those that found no room there.
    private var unlistedDeparture: UInt64 = 0
    /// The latest submission with a frame that another event loop has handed over.
    private var handedOver: UInt64 = 0

    var isEmpty: Bool { self.waits.isEmpty }
    /// The oldest time that a receipt waits for; `nil` when none waits.
    var oldest: NIODeadline? { self.waits.map(\.time).min() }

    // MARK: Frames

    /// Frames for `ccid`, put or held at `since` or later, go to the store with `submission`.
    func stored(_ ccid: CCID, since: NIODeadline, in submission: UInt64) {
        for index in self.waits.indices where self.waits[index].concerns(ccid, since: since) {
            self.raise(index, to: submission)
        }
    }

    /// Frames in flight, put at `since` or later, go to the store with `submission`.
    ///
    /// A wait for certain terminals sees them in those terminals' delivery windows. A wait for all samples only connections that owe
    /// an acknowledgement, and so needs the submission.
    func storedInFlight(since: NIODeadline, in submission: UInt64) {
        for index in self.waits.indices where self.waits[index].destinations == nil && self.waits[index].time >= since {
            self.raise(index, to: submission)
        }
    }

    /// Frames for `ccid` that were held since `since` are put on its connection at `time`.
    func put(_ ccid: CCID, heldSince since: NIODeadline, at time: NIODeadline) {
        for index in self.waits.indices where self.waits[index].concerns(ccid, since: since) { self.waits[index].time = time }
    }

    /// Frames from another event loop go to the store with `submission`.
    func storedForOthers(in submission: UInt64) {
        self.handedOver = submission
    }

    /// A terminal is not known here any more; its latest submission is not durable.
    func departed(_ ccid: CCID, submission: UInt64) {
        if self.departures.count < Self.maximumDepartures || self.departures[ccid] != nil {
            self.departures[ccid] = submission
        } else {
            self.unlistedDeparture = max(self.unlistedDeparture, submission)
        }
    }

    /// The submission of this number, and all before it, are durable.
    func committed(_ number: UInt64) {
        if !self.departures.isEmpty { self.departures = self.departures.filter { $0.value > number } }
    }

    private func raise(_ index: Int, to submission: UInt64) {
        assert(self.waits[index].submission <= submission, "Submissions are numbered in order.")
        self.waits[index].submission = submission
    }

    // MARK: Waits

    /// Adds a receipt that waits.
    func add(_ wait: ReceiptWait) {
        self.waits.append(wait)
    }

    /// The latest submission that may hold a frame of one connection for one of `destinations`. Frames of others for others are not
    /// waited for: while the disk fails they may take long (G8).
    ///
    /// - Parameters:
    ///   - storedIn: the latest submission that the connection's frames went into at once; `nil` when it is not known here.
    ///   - appended: the latest submission with a frame for a terminal; `nil` when the terminal is not here.
    func submission(of destinations: [CCID], storedIn: UInt64?, appended: (CCID) -> UInt64?) -> UInt64 {
        destinations.reduce(storedIn ?? 0) { latest, ccid in
            // A terminal that is not here now may have been here when the frames came, or none at all: those are in `storedIn`.
            let own = appended(ccid) ?? (storedIn == nil ? self.handedOver : 0)
            return max(latest, own, self.departures[ccid] ?? 0, self.unlistedDeparture)
        }
    }

    /// Forgets receipts that nobody wants any more.
    func removeUnwanted() {
        self.waits.removeAll { !$0.request.isWanted }
    }

    /// Whether a check can end a wait: while the disk fails, thousands wait for the next commit and for nothing else.
    func mayEnd(committed: UInt64) -> Bool {
        self.waits.contains { $0.submission <= committed }
    }

    /// Whether a check has to be scheduled. Its beginning is reported by ``checkBegins()``.
    func requestCheck(committed: UInt64) -> Bool {
        guard !self.isCheckRequested, self.mayEnd(committed: committed) else { return false }
        self.isCheckRequested = true
        return true
    }

    func checkBegins() {
        self.isCheckRequested = false
    }

    /// Takes out the waits that are wanted and whose frames are safe; unwanted ones are forgotten.
    ///
    /// - Parameter isSafe: whether the frames of a wait, whose submission is durable, are delivered or on disk.
    func takeSafe(committed: UInt64, _ isSafe: (ReceiptWait) -> Bool) -> [ReceiptWait] {
        guard self.mayEnd(committed: committed) else { return [] }
        var safe: [ReceiptWait] = []
        var remaining: [ReceiptWait] = []
        for wait in self.waits where wait.request.isWanted {
            if wait.submission <= committed, isSafe(wait) { safe.append(wait) } else { remaining.append(wait) }
        }
        self.waits = remaining
        return safe
    }

    /// The process is dead: nothing refers to connections any more.
    func removeAll() {
        self.waits = []
    }
}
