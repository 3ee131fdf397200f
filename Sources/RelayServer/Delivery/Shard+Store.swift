import Logging
import NIOCore
import RelayCore
import TTMSProtocol

// Submissions to the store thread, and the answers.
extension Shard: GroupCommitClient {
    /// Requests the removal of delivered frames. It is not urgent, and needs no commit of its own while others commit.
    func removeDelivered(_ removal: StoreSubmission.Removal) {
        if self.store.removeLater(removal, now: self.tickTime) != nil { self.scheduleSweep() }
    }

    /// Submits the items that the tick has gathered.
    ///
    /// - Parameter isLast: whether removals do not wait for the next submission.
    func submit(isLast: Bool = false) {
        guard !self.cut.isOpen, let pending = self.store.take(isLast: isLast, now: self.tickTime) else { return }
        var submission = StoreSubmission(
            number: pending.number,
            client: self,
            acceptedAt: self.steadyClock.now,
            appends: pending.appends,
            removals: pending.removals,
            rewinds: pending.rewinds,
            reads: pending.reads
        )
        submission.submittedAt = self.eventLoop.now
        submission.confirmations = pending.confirmations
        submission.keys = pending.keys
        self.groupCommit.submit(submission)
        if !self.handover.recalled.isEmpty { self.awaitCarryingOut() }
    }

    /// Called on the store thread.
    func commitCompleted(_ completion: StoreCompletion) {
        self.eventLoop.execute { self.apply(completion) }
    }

    /// Called on the store thread, while commits fail.
    func readsCompleted(_ runs: [StoreCompletion.Run]) {
        self.eventLoop.execute {
            _ = self.startRead()
            for run in runs { self.apply(run) }
        }
    }

    private func apply(_ completion: StoreCompletion) {
        self.store.completed(completion.number)
        self.receipts.committed(completion.number)
        _ = self.startRead()
        for receipt in completion.receipts { self.apply(receipt) }
        for run in completion.runs { self.apply(run) }
        self.checkSafety()
        self.releaseSettled()
        self.resumePausedSenders()
        self.resumeHeldBackSenders()
    }

    // MARK: Reads

    /// Requests the terminal's next frames from the store when a read is due and its connection has room.
    func pump(_ terminal: Terminal) {
        if terminal.update({ $0.rewindIfDue() }) {
            self.store.rewind(terminal.ccid)
            // A recalled terminal does not leave this shard before its rewind is carried out.
            if self.handover.isRecalled(terminal.ccid) { self.handover.recalled[terminal.ccid] = self.store.number }
        }
        guard let connection = terminal.connection, connection.closeReason == nil else { return }
        if connection.outbound.unacknowledged >= self.options.outbound.lowWatermark {
            self.sampleAcknowledged(connection)
            guard connection.outbound.unacknowledged < self.options.outbound.lowWatermark else {
                // Held frames would wait for room in memory only, so they are stored.
                if terminal.mailbox.mode == .catchingUp { self.storeOlderFrames(of: terminal) }
                if terminal.mailbox.isReadDue { self.awaitRoom(connection) }
                return
            }
        }
        let number = self.store.number
        if let token = terminal.update({ $0.readIfDue(submission: number) }) {
            self.store.read(.init(ccid: terminal.ccid, token: token, maximumBytes: self.options.outbound.readSize))
        }
    }

    private func apply(_ run: StoreCompletion.Run) {
        guard let terminal = self.terminals[run.ccid] else { return }
        self.detachIfEnded(terminal)
        switch run.result {
        case .success(let stored):
            let action = terminal.update { $0.readCompleted(token: run.token, hasMore: stored.hasMore) }
            if action != .drop, let connection = terminal.connection {
                connection.put(stored, to: terminal.ccid)
                self.markDirty(connection)
                self.injections.written(stored.marks)
                self.tracedFrames.written(stored.traced)
                if action == .writeAndGoLive { self.releaseHeld(terminal) }
                // The store has more frames than one read brings. The held frames came while that read seemed to be the last one:
                // they are newer than all of those. They are older than the frames that are stored from here on.
                if terminal.mailbox.mode == .draining { self.storeHeld(terminal) }
            }
        case .failure(let error):
            // The store thread has logged the error; here the read is only repeated.
            self.logger.debug(
                "reading a backlog failed",
                metadata: ["ccid": "\(run.ccid)", "error": "\(error)"]
            )
            terminal.update { $0.readFailed(token: run.token) }
            if let connection = terminal.connection {
                self.awaitRoom(connection)
                return
            }
        // The connection has ended. Its frames in flight have waited for this answer, and are requeued now.
        }
        self.pump(terminal)
    }

    // MARK: Answers for appended frames

    private func apply(_ receipt: StoreCompletion.Receipt) {
        if let journal = self.journals.take(receipt.token) {
            self.apply(receipt, to: journal)
        } else {
            self.injectionStored(receipt)
        }
    }

    private func apply(_ receipt: StoreCompletion.Receipt, to journal: Journal<TerminalConnection>) {
        guard let terminal = self.terminals[receipt.ccid] else { return }
        terminal.update { $0.journalCompleted() }
        switch receipt.outcome {
        case .rejected:
            journal.connection.window.journalRefused(token: receipt.token)
        case .queued(let last):
            let marks = journal.marks(upTo: last)
            if let through = marks.prefix(journal.delivered).last?.id {
                self.removeDelivered(.init(ccid: terminal.ccid, through: through))
            } else {
                _ = journal.connection.window.journaled(token: receipt.token, marks: marks)
            }
        }
        self.pump(terminal)
    }
}
