import NIOCore
import RelayCore
import TTMSProtocol

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
        let submission = destinations.map {
            self.receipts.submission(of: $0, storedIn: storedIn) { self.terminals[$0]?.mailbox.appendSubmission }
        }
        let wait = ReceiptWait(
            time: self.tickTime,
            submission: submission ?? self.store.latest,
            destinations: destinations,
            request: request,
            completion: completion
        )
        self.receipts.add(wait)
        // A wait for a later commit needs no check now: a fleet that waits for one commit would cause a check for each terminal.
        if wait.submission <= self.store.committed { self.scheduleSafetyCheck() }
    }

    /// Ends the waits whose frames are safe.
    func checkSafety() {
        for wait in self.receipts.takeSafe(committed: self.store.committed, self.isSafe) { wait.completion() }
        self.scheduleSafetyCheck()
    }

    private func scheduleSafetyCheck() {
        guard self.receipts.requestCheck(committed: self.store.committed) else { return }
        self.eventLoop.scheduleTask(in: Self.receiptInterval) {
            self.receipts.checkBegins()
            // What was put in this tick counts as on its way only when it has been written, or has left for another shard.
            self.flushDirty()
            self.handOverAll()
            self.journalForReceipts()
            self.checkSafety()
        }
    }

    private func isSafe(_ wait: ReceiptWait) -> Bool {
        // What has not left for another shard is not under way there.
        guard self.peers.areEmpty else { return false }
        guard let destinations = wait.destinations else {
            // What has not been flushed yet is not in the queue of those who wait for acknowledgements.
            return self.dirty.isEmpty
                && self.heldFrames.areAllNewer(than: wait.time) && !self.handover.isMovingTerminals
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
        guard self.acknowledgements.journalsLate, let oldest = self.receipts.oldest else { return }
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
