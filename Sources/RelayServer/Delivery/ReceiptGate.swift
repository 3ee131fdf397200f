import NIOCore
import RelayCore
import Synchronization
import TTMSProtocol

/// One connection's request for a receipt. Every event loop that has received it sees when it has ended.
final class ReceiptRequest: Sendable {
    private let hasEnded = Atomic(false)

    var isWanted: Bool { !self.hasEnded.load(ordering: .relaxed) }

    func end() { self.hasEnded.store(true, ordering: .relaxed) }
}

/// A receipt that waits until certain frames are delivered or on disk.
struct ReceiptWait {
    /// Covers frames that were put at this time or before.
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

/// The receipts that wait on one event loop (G5), and the submission that each needs.
///
/// A wait needs a higher submission when one of its frames is submitted to the store after it was put. The caller that appends such
/// a frame reports it here; it also decides whether frames are still in flight.
final class ReceiptGate {
    /// The maximum number of terminals whose departures are recorded. Beyond that, receipts may also wait for others' frames.
    private static let maximumDepartures = 1_000

    private(set) var waits: [ReceiptWait] = []
    /// Whether a check has been requested and has not begun.
    private var isCheckRequested = false
    /// Terminals that left this event loop, or were forgotten, before their latest submission was durable.
    private var departures: [CCID: UInt64] = [:]
    /// The latest submission of departed terminals for which ``departures`` had no room.
    private var unlistedDeparture: UInt64 = 0
    /// The latest submission with a frame that another event loop has handed over.
    private var handedOver: UInt64 = 0

    var isEmpty: Bool { self.waits.isEmpty }
    /// The oldest time that a receipt waits for; `nil` when none waits.
    var oldest: NIODeadline? { self.waits.map(\.time).min() }

    // MARK: Frames

    /// Records that frames for `ccid`, put or held at `since` or later, are in `submission`.
    func stored(_ ccid: CCID, since: NIODeadline, in submission: UInt64) {
        for index in self.waits.indices where self.waits[index].concerns(ccid, since: since) {
            self.raise(index, to: submission)
        }
    }

    /// Records that frames in flight, put at `since` or later, are in `submission`.
    ///
    /// A wait for certain terminals checks those terminals' delivery windows. A wait for all terminals checks only connections that
    /// owe an acknowledgement, and so needs the submission.
    func storedInFlight(since: NIODeadline, in submission: UInt64) {
        for index in self.waits.indices where self.waits[index].destinations == nil && self.waits[index].time >= since {
            self.raise(index, to: submission)
        }
    }

    /// Records that frames for `ccid` that were held since `since` are put on its connection at `time`.
    func put(_ ccid: CCID, heldSince since: NIODeadline, at time: NIODeadline) {
        for index in self.waits.indices where self.waits[index].concerns(ccid, since: since) { self.waits[index].time = time }
    }

    /// Records that frames from another event loop are in `submission`.
    func storedForOthers(in submission: UInt64) {
        self.handedOver = submission
    }

    /// Records that a terminal is no longer known here before its latest submission is durable.
    func departed(_ ccid: CCID, submission: UInt64) {
        if self.departures.count < Self.maximumDepartures || self.departures[ccid] != nil {
            self.departures[ccid] = submission
        } else {
            self.unlistedDeparture = max(self.unlistedDeparture, submission)
        }
    }

    /// Records that the submission of this number, and all before it, are durable.
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

    /// The latest submission that may hold a frame of one connection for one of `destinations`. Frames of other senders for other
    /// terminals are not waited for: while the disk fails, such a wait can be long (G8).
    ///
    /// - Parameters:
    ///  - storedIn: the latest submission that the connection's frames were added to at once; `nil` when it is not known here.
    ///   - appended: the latest submission with a frame for a terminal; `nil` when the terminal is not here.
    func submission(of destinations: [CCID], storedIn: UInt64?, appended: (CCID) -> UInt64?) -> UInt64 {
        destinations.reduce(storedIn ?? 0) { latest, ccid in
            // A terminal that is not here now may have departed after the frames came. Frames for a terminal that was not here are
            // in `storedIn`.
            let own = appended(ccid) ?? (storedIn == nil ? self.handedOver : 0)
            return max(latest, own, self.departures[ccid] ?? 0, self.unlistedDeparture)
        }
    }

    /// Removes receipts that are no longer wanted.
    func removeUnwanted() {
        self.waits.removeAll { !$0.request.isWanted }
    }

    /// Whether a check can end a wait. While the disk fails, thousands wait only for the next commit.
    func mayEnd(committed: UInt64) -> Bool {
        self.waits.contains { $0.submission <= committed }
    }

    /// Requests a check; its start is reported by ``checkBegins()``.
    ///
    /// - Returns: whether the caller has to schedule it.
    func requestCheck(committed: UInt64) -> Bool {
        guard !self.isCheckRequested, self.mayEnd(committed: committed) else { return false }
        self.isCheckRequested = true
        return true
    }

    func checkBegins() {
        self.isCheckRequested = false
    }

    /// Removes the waits that are wanted and whose frames are safe, and drops unwanted ones.
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

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() {
        self.waits = []
    }
}
