import NIOCore
import RelayCore
import Synchronization
import TTMSProtocol

/// Which terminals a connection has sent to since its last receipt.
///
/// Most senders have one destination or few; beyond that it is enough to know that they are many.
struct RecentDestinations {
    /// More are `many`: a receipt then waits for everything that is under way, which costs milliseconds, not correctness; but while
    /// the disk fails it waits for others' frames, too. To know more would cost every frame of such a sender a look into a table.
    private static let limit = 8

    private(set) var ccids: [CCID] = []
    private(set) var areMany = false
    /// Frames went to terminals of other shards.
    var areElsewhere = false
    /// The latest submission that frames went into straight away; 0 when none did.
    var storedIn: UInt64 = 0
    private var last: CCID?

    /// Whether nothing has been sent.
    var isEmpty: Bool { self.last == nil }

    @inline(__always)
    mutating func note(_ ccid: CCID) {
        if self.last != ccid { self.noteAnother(ccid) }
    }

    private mutating func noteAnother(_ ccid: CCID) {
        self.last = ccid
        guard !self.areMany, !self.ccids.contains(ccid) else { return }
        if self.ccids.count < Self.limit { self.ccids.append(ccid) } else { self.areMany = true }
    }
}

/// That somebody waits for a receipt; all event loops that are asked for it know when nobody does any more.
final class ReceiptRequest: Sendable {
    private let hasEnded = Atomic(false)

    var isWanted: Bool { !self.hasEnded.load(ordering: .relaxed) }

    func end() { self.hasEnded.store(true, ordering: .relaxed) }
}

/// Something that waits until frames are delivered or on disk.
struct SafetyWait {
    /// Frames put no later.
    var time: NIODeadline
    /// The submission that has to be durable.
    var submission: UInt64
    /// The terminals that the frames are for; `nil` for all.
    var destinations: [CCID]?
    /// Who waits.
    var request: ReceiptRequest
    /// Done when they are.
    var completion: () -> Void

    func concerns(_ ccid: CCID, since: NIODeadline) -> Bool {
        self.time >= since && (self.destinations?.contains(ccid) ?? true)
    }
}

// The heartbeat as receipt (G5): it is answered when all that the same connection sent before it is delivered or on disk.
extension Shard {
    /// How soon a receipt that waits is looked at again: long enough for an acknowledgement on a local network.
    private static let receiptInterval = TimeAmount.milliseconds(1)

    /// Runs `body` as soon as what `connection` has sent is safe. Until then nothing more of it is handled: what came behind the
    /// heartbeat keeps its place behind the answer.
    func whenSafe(_ connection: TerminalConnection, _ body: @escaping () -> Void) {
        let destinations = connection.destinations
        connection.destinations = RecentDestinations()
        connection.isAwaitingReceipt = true
        let request = ReceiptRequest()
        connection.receiptRequest = request
        let done = {
            guard connection.isAwaitingReceipt, connection.closeReason == nil else { return }
            connection.receiptRequest = nil
            // The connection may end in it, by a newer one; what came behind the heartbeat is handled then as at any other end.
            body()
            guard connection.closeReason == nil else { return }
            connection.isAwaitingReceipt = false
            connection.handler?.goOn()
        }
        let list = destinations.areMany ? nil : destinations.ccids
        let waitHere = { self.wait(for: list, storedIn: destinations.storedIn, request, $0) }
        if destinations.areElsewhere { self.whenSafeEverywhere(list, request, waitHere, done) } else { waitHere(done) }
    }

    /// - Parameter storedIn: see ``RecentDestinations/storedIn``; of frames from another shard it is not known here.
    private func wait(
        for destinations: [CCID]?,
        storedIn: UInt64?,
        _ request: ReceiptRequest,
        _ completion: @escaping () -> Void
    ) {
        let wait = SafetyWait(
            time: self.tickTime,
            submission: destinations.map { self.submission(of: $0, storedIn: storedIn) } ?? self.latestSubmission,
            destinations: destinations,
            request: request,
            completion: completion
        )
        self.safetyWaits.append(wait)
        // Of the others it is known already; a look at all for each one would be one too many when a fleet waits for a commit.
        if wait.submission <= self.committed { self.scheduleSafetyCheck() }
    }

    /// The latest submission that may hold a frame for one of the terminals. What others have sent to others is none of the waiting
    /// connection's business: it may be long in coming, while the disk fails (G8).
    private func submission(of destinations: [CCID], storedIn: UInt64?) -> UInt64 {
        destinations.reduce(storedIn ?? 0) { latest, ccid in
            // A terminal that is not here now may have been here when the frames came, or none at all: those are in `storedIn`.
            let own = self.terminals[ccid]?.mailbox.appendSubmission ?? (storedIn == nil ? self.storedForOthers : 0)
            return max(latest, own, self.left[ccid] ?? 0, self.lastLeft)
        }
    }

    /// The submission that what has been put until now is in, if it went to the store at all.
    var latestSubmission: UInt64 { self.submission.isEmpty ? self.submission.number - 1 : self.submission.number }

    /// Frames for `ccid`, put or held at `since` or later, go to the store: whoever waits for them waits for this submission.
    func raiseSafetyWaits(_ ccid: CCID, since: NIODeadline) {
        let number = self.submission.number
        for index in self.safetyWaits.indices where self.safetyWaits[index].concerns(ccid, since: since) {
            self.safetyWaits[index].submission = number
        }
    }

    /// Frames in flight, put at `since` or later, go to the store. Who waits for certain terminals sees that in their windows; who
    /// waits for all looks at those only of whom an acknowledgement is expected, and waits for this submission.
    func raiseSafetyWaitsForAll(since: NIODeadline) {
        let number = self.submission.number
        for index in self.safetyWaits.indices where self.safetyWaits[index].destinations == nil {
            if self.safetyWaits[index].time >= since { self.safetyWaits[index].submission = number }
        }
    }

    /// Frames for `ccid` that were held since `since` are put now: whoever waits for them waits for what is put until now.
    func extendSafetyWaits(_ ccid: CCID, since: NIODeadline) {
        for index in self.safetyWaits.indices where self.safetyWaits[index].concerns(ccid, since: since) {
            self.safetyWaits[index].time = self.tickTime
        }
    }

    /// Whether looking can end a wait: while the disk fails thousands wait for the next commit, and for nothing else.
    private var mayEndWaits: Bool { self.safetyWaits.contains { $0.submission <= self.committed } }

    /// Forgets waits for receipts that nobody wants any more. Called some times a second.
    func forgetWaits() {
        self.safetyWaits.removeAll { !$0.request.isWanted }
    }

    /// Ends the waits whose frames are safe.
    func checkSafety() {
        guard self.mayEndWaits else { return }
        var done: [SafetyWait] = []
        var remaining: [SafetyWait] = []
        for wait in self.safetyWaits where wait.request.isWanted {
            if self.isSafe(wait) { done.append(wait) } else { remaining.append(wait) }
        }
        self.safetyWaits = remaining
        for wait in done { wait.completion() }
        self.scheduleSafetyCheck()
    }

    private func scheduleSafetyCheck() {
        guard !self.isSafetyCheckScheduled, self.mayEndWaits else { return }
        self.isSafetyCheckScheduled = true
        self.eventLoop.scheduleTask(in: Self.receiptInterval) {
            self.isSafetyCheckScheduled = false
            // What was put in this tick counts as on its way only when it has been written, or has left for another shard.
            self.flushDirty()
            self.handOverAll()
            self.journalForReceipts()
            self.checkSafety()
        }
    }

    private func isSafe(_ wait: SafetyWait) -> Bool {
        // What has not left for another shard is not under way there.
        guard wait.submission <= self.committed, self.peerBatches.allSatisfy(\.isEmpty) else { return false }
        guard let destinations = wait.destinations else {
            // What has not been flushed yet is not in the queue of those who wait for acknowledgements.
            return self.dirty.isEmpty
                && self.holding.values.allSatisfy { $0 > wait.time } && !self.handover.isMovingTerminals
                && self.acknowledgements.allSatisfy { !self.isUnsafe($0, since: wait.time) }
        }
        return destinations.allSatisfy { ccid in
            guard !self.handover.isMoving(ccid) else { return false }
            guard let terminal = self.terminals[ccid] else { return true }
            guard terminal.held.isEmpty else { return false }
            return terminal.connection.map { !self.isUnsafe($0, since: wait.time) } ?? true
        }
    }

    private func isUnsafe(_ connection: TerminalConnection, since time: NIODeadline) -> Bool {
        guard connection.window.hasUnsafe(since: time) else { return false }
        // A peer that is far away is not sampled every millisecond.
        if let oldest = connection.window.oldest, !connection.pace.canBeAcknowledged(writtenAt: oldest, now: self.eventLoop.now)
        {
            return true
        }
        self.sampleAcknowledged(connection)
        return connection.window.hasUnsafe(since: time)
    }

    /// Without a journal, or with one that takes its time, what a receipt waits for goes to disk all the same, once it has had the time
    /// to be acknowledged: otherwise a destination that reads nothing would keep its senders without receipts (G8).
    private func journalForReceipts() {
        guard self.acknowledgements.journalsLate, let oldest = self.safetyWaits.map(\.time).min() else { return }
        let now = self.startRead()
        guard oldest + self.acknowledgements.receiptDelay <= now else { return }
        self.acknowledgements.forEach { self.journal($0, since: oldest) }
    }

    // MARK: Other shards

    /// Runs `body` when all frames for certain terminals, or for all, are safe here and on all other shards.
    ///
    /// Two rounds: after the first, every home has passed on what it got from here; after the second, that is safe, too. A terminal
    /// that changes its shard meanwhile takes frames along, past those who have answered: then they are asked once more.
    private func whenSafeEverywhere(
        _ destinations: [CCID]?,
        _ request: ReceiptRequest,
        _ waitHere: @escaping (@escaping () -> Void) -> Void,
        _ body: @escaping () -> Void
    ) {
        waitHere {
            let own = self.handover.recalls(of: destinations)
            self.askOthers(destinations, request) { first in
                self.askOthers(destinations, request) { second in
                    waitHere {
                        guard first == second, own == self.handover.recalls(of: destinations) else {
                            return self.whenSafeEverywhere(destinations, request, waitHere, body)
                        }
                        body()
                    }
                }
            }
        }
    }

    /// - Parameter body: gets how often the others have recalled these terminals so far.
    private func askOthers(_ destinations: [CCID]?, _ request: ReceiptRequest, _ body: @escaping (UInt64) -> Void) {
        let count = NIOLoopBoundBox((shards: self.shards.count - 1, recalls: UInt64(0)), eventLoop: self.eventLoop)
        let body = NIOLoopBound(body, eventLoop: self.eventLoop)
        let origin = self
        for index in self.shards.indices where index != self.index {
            self.send(to: index) { shard in
                _ = shard.startRead()
                shard.wait(for: destinations, storedIn: nil, request) {
                    let recalls = shard.handover.recalls(of: destinations)
                    origin.eventLoop.execute {
                        count.value.shards -= 1
                        count.value.recalls += recalls
                        if count.value.shards == 0 { body.value(count.value.recalls) }
                    }
                }
            }
        }
    }
}
