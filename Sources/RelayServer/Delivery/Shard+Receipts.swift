import NIOCore
import RelayCore
import TTMSProtocol

// The heartbeat as receipt (G5): it is answered when all earlier frames of the same connection are delivered or on disk.
extension Shard {
    /// The interval between two checks of receipts that wait: long enough for an acknowledgement on a local network.
    private static let receiptInterval = TimeAmount.milliseconds(1)

    /// Calls `body` as soon as all frames that `connection` has sent are safe. Until then no further frame of it is handled, so
    /// that frames after the heartbeat stay after the reply.
    func whenSafe(_ connection: TerminalConnection, _ body: @escaping () -> Void) {
        let destinations = connection.destinations
        connection.destinations = RecentDestinations()
        connection.isAwaitingReceipt = true
        let request = ReceiptRequest()
        connection.receiptRequest = request
        let done = {
            guard connection.isAwaitingReceipt, connection.closeReason == nil else { return }
            connection.receiptRequest = nil
            // `body` may close the connection in favour of a newer one. Bytes after the heartbeat are then handled as at any other
            // end.
            body()
            guard connection.closeReason == nil else { return }
            connection.isAwaitingReceipt = false
            connection.handler?.resume()
        }
        let list = destinations.areMany ? nil : destinations.ccids
        let waitHere = { self.wait(for: list, storedIn: destinations.storedIn, request, $0) }
        if destinations.includeOtherShards { self.whenSafeEverywhere(list, request, waitHere, done) } else { waitHere(done) }
    }

    /// Waits for frames on this shard.
    ///
    /// - Parameter storedIn: see ``RecentDestinations/storedIn``; not known here for frames from another shard.
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
        // A wait for a later commit needs no check now: otherwise a fleet that waits for one commit would cause a check per
        // terminal.
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
            // Frames of this tick are checked only after they have been written, or have left for another shard.
            self.flushDirty()
            self.handOverAll()
            self.journalForReceipts()
            self.checkSafety()
        }
    }

    private func isSafe(_ wait: ReceiptWait) -> Bool {
        // Frames that have not left for another shard are not yet covered by a check there.
        guard self.peers.areEmpty else { return false }
        guard let destinations = wait.destinations else {
            // Connections that have not been flushed yet are not in the queue for acknowledgements.
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
        // A distant peer is not sampled every millisecond.
        if let oldest = connection.window.oldest, !connection.pace.canBeAcknowledged(writtenAt: oldest, now: self.eventLoop.now)
        {
            return true
        }
        self.sampleAcknowledged(connection)
        return connection.window.hasUnsafe(since: time)
    }

    /// Journals frames that receipts wait for once they have had time to be acknowledged, if journalling by age is off or late.
    /// Otherwise a destination that reads nothing would leave its senders without receipts (G8).
    private func journalForReceipts() {
        guard self.acknowledgements.journalsLate, let oldest = self.receipts.oldest else { return }
        let now = self.startRead()
        guard oldest + self.acknowledgements.receiptDelay <= now else { return }
        self.acknowledgements.forEach { self.journal($0, since: oldest) }
    }

    // MARK: Other shards

    /// Calls `body` when all frames for certain terminals, or for all, are safe here and on all other shards.
    ///
    /// This takes two rounds: after the first, every home has passed on the frames from here; after the second, those are safe,
    /// too. A terminal that changes its shard meanwhile takes frames along, past shards that have answered. Both rounds are then
    /// repeated.
    private func whenSafeEverywhere(
        _ destinations: [CCID]?,
        _ request: ReceiptRequest,
        _ waitHere: @escaping (@escaping () -> Void) -> Void,
        _ body: @escaping () -> Void
    ) {
        waitHere {
            let own = self.handover.recalls(of: destinations)
            self.awaitOthers(destinations, request) { first in
                self.awaitOthers(destinations, request) { second in
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

    /// Calls `body` when the frames are safe on all other shards.
    ///
    /// - Parameter body: receives the number of times that the others have recalled these terminals so far.
    private func awaitOthers(_ destinations: [CCID]?, _ request: ReceiptRequest, _ body: @escaping (UInt64) -> Void) {
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
