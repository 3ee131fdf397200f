import NIOCore
import RelayCore
import TTMSProtocol

/// Which terminals a connection has sent to since its last receipt.
///
/// Most senders have one destination or few; beyond that it is enough to know that they are many.
struct RecentDestinations {
    /// More are `many`: a receipt then waits for everything that is under way, which costs milliseconds, not correctness.
    private static let limit = 8

    private(set) var ccids: [CCID] = []
    private(set) var areMany = false
    /// Frames went to terminals of other shards.
    var areElsewhere = false
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

/// Something that waits until frames are delivered or on disk.
struct SafetyWait {
    /// Frames put no later.
    var time: NIODeadline
    /// The submission that has to be durable.
    var submission: UInt64
    /// The terminals that the frames are for; `nil` for all.
    var destinations: [CCID]?
    /// Nobody waits any more when it is closed.
    var connection: TerminalConnection?
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
        let done = {
            guard connection.isAwaitingReceipt, connection.closeReason == nil else { return }
            // The connection may end in it, by a newer one; what came behind the heartbeat is handled then as at any other end.
            body()
            guard connection.closeReason == nil else { return }
            connection.isAwaitingReceipt = false
            connection.handler?.goOn()
        }
        let list = destinations.areMany ? nil : destinations.ccids
        if destinations.areElsewhere {
            self.whenSafeElsewhere { self.wait(for: list, connection, done) }
        } else {
            self.wait(for: list, connection, done)
        }
    }

    private func wait(for destinations: [CCID]?, _ connection: TerminalConnection?, _ completion: @escaping () -> Void) {
        let wait = SafetyWait(
            time: self.tickTime,
            submission: self.submission.isEmpty ? self.submission.number - 1 : self.submission.number,
            destinations: destinations,
            connection: connection,
            completion: completion
        )
        self.safetyWaits.append(wait)
        self.scheduleSafetyCheck()
    }

    /// Frames for `ccid`, put or held at `since` or later, go to the store: whoever waits for them waits for this submission.
    func raiseSafetyWaits(_ ccid: CCID, since: NIODeadline) {
        let number = self.submission.number
        for index in self.safetyWaits.indices where self.safetyWaits[index].concerns(ccid, since: since) {
            self.safetyWaits[index].submission = number
        }
    }

    /// Frames for `ccid` that were held since `since` are put now: whoever waits for them waits for what is put until now.
    func extendSafetyWaits(_ ccid: CCID, since: NIODeadline) {
        for index in self.safetyWaits.indices where self.safetyWaits[index].concerns(ccid, since: since) {
            self.safetyWaits[index].time = self.tickTime
        }
    }

    /// Ends the waits whose frames are safe.
    func checkSafety() {
        guard !self.safetyWaits.isEmpty else { return }
        var done: [SafetyWait] = []
        var remaining: [SafetyWait] = []
        for wait in self.safetyWaits where wait.connection?.closeReason == nil {
            if self.isSafe(wait) { done.append(wait) } else { remaining.append(wait) }
        }
        self.safetyWaits = remaining
        for wait in done { wait.completion() }
        self.scheduleSafetyCheck()
    }

    private func scheduleSafetyCheck() {
        guard !self.safetyWaits.isEmpty, !self.isSafetyCheckScheduled else { return }
        self.isSafetyCheckScheduled = true
        self.eventLoop.scheduleTask(in: Self.receiptInterval) {
            self.isSafetyCheckScheduled = false
            // What was put in this tick counts as on its way only when it has been written.
            self.flushDirty()
            self.journalForReceipts()
            self.checkSafety()
        }
    }

    private func isSafe(_ wait: SafetyWait) -> Bool {
        guard wait.submission <= self.committed else { return false }
        guard let destinations = wait.destinations else {
            // What has not been flushed yet is not in the queue of those who wait for acknowledgements.
            // What has not left for another shard is not under way there.
            return self.dirty.isEmpty && self.peerBatches.allSatisfy(\.isEmpty)
                && self.holding.values.allSatisfy { $0 > wait.time } && !self.handover.isKeepingFrames
                && self.awaitingAcknowledgement.allSatisfy { !self.isUnsafe($0, since: wait.time) }
        }
        return destinations.allSatisfy { ccid in
            guard let terminal = self.terminals[ccid] else { return true }
            guard terminal.held.isEmpty else { return false }
            return terminal.connection.map { !self.isUnsafe($0, since: wait.time) } ?? true
        }
    }

    private func isUnsafe(_ connection: TerminalConnection, since time: NIODeadline) -> Bool {
        guard connection.window.hasUnsafe(since: time) else { return false }
        self.sampleAcknowledged(connection)
        return connection.window.hasUnsafe(since: time)
    }

    /// Without a journal, what a receipt waits for goes to disk all the same, once it has had the time to be acknowledged:
    /// otherwise a destination that reads nothing would keep its senders without receipts.
    private func journalForReceipts() {
        guard self.options.journal == .off, let oldest = self.safetyWaits.map(\.time).min() else { return }
        let now = self.startRead()
        guard oldest + self.acknowledgementDelay <= now else { return }
        self.awaitingAcknowledgement.forEach { self.journal($0, since: oldest) }
    }

    // MARK: Other shards

    /// Runs `body` when all frames that this shard has handed to others are safe there.
    ///
    /// Two rounds: after the first, every home has passed on what it got from here; after the second, that is safe, too.
    private func whenSafeElsewhere(_ body: @escaping () -> Void) {
        self.askOthers { self.askOthers(body) }
    }

    private func askOthers(_ body: @escaping () -> Void) {
        let count = NIOLoopBoundBox(self.shards.count - 1, eventLoop: self.eventLoop)
        let body = NIOLoopBound(body, eventLoop: self.eventLoop)
        let origin = self
        for index in self.shards.indices where index != self.index {
            self.send(to: index) { shard in
                _ = shard.startRead()
                shard.wait(for: nil, nil) {
                    origin.eventLoop.execute {
                        count.value -= 1
                        if count.value == 0 { body.value() }
                    }
                }
            }
        }
    }
}
