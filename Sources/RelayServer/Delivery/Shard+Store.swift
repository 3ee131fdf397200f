import Logging
import NIOCore
import RelayCore
import TTMSProtocol

/// What this tick has for the store so far.
struct PendingSubmission {
    /// The number that it will be submitted under.
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

/// Frames in flight that are on their way to the store: what is needed to find them again when the receipt comes.
struct Journal {
    var connection: TerminalConnection
    /// Where each frame ends, counted from the run's start.
    var ends: [Int]

    /// The frames' ids, when the last has the id `last`: frames appended one behind the other have ids one behind the other.
    func marks(upTo last: MessageID) -> [StoredRun.Mark] {
        let count = UInt64(self.ends.count)
        return self.ends.enumerated().map { index, end in
            let sequence = last.sequence &- (count &- 1 &- UInt64(index))
            return StoredRun.Mark(end: end, id: MessageID(slot: last.slot, sequence: sequence))
        }
    }
}

// Submissions to the store thread, and what comes back.
extension Shard: GroupCommitClient {
    /// Lets `body` add to what the tick has for the store.
    func withSubmission(_ body: (inout PendingSubmission) -> Void) {
        body(&self.submission)
        self.scheduleTickEnd()
    }

    /// How long a removal waits for a submission that something else needs. Until then a crash brings the frame again (G9).
    private static let removalPatience = TimeAmount.milliseconds(25)
    /// So many removals do not wait.
    private static let maximumDelayedRemovals = 256

    /// Has the store remove what is delivered. That is in no haste, and needs no commit of its own while others commit anyway.
    func removeDelivered(_ removal: StoreSubmission.Removal) {
        self.delayedRemovals.append(removal)
        if self.delayedRemovals.count >= Self.maximumDelayedRemovals {
            self.scheduleTickEnd()
        } else if self.removalsDue == nil {
            self.removalsDue = self.tickTime + Self.removalPatience
            self.scheduleSweep()
        }
    }

    private var areRemovalsDue: Bool {
        self.delayedRemovals.count >= Self.maximumDelayedRemovals || self.removalsDue.map { $0 <= self.tickTime } ?? false
    }

    /// Hands over what the tick has gathered.
    ///
    /// - Parameter isLast: removals do not wait for the next submission.
    func submit(isLast: Bool = false) {
        guard !self.isWithinCut else { return }
        guard !self.submission.isEmpty || self.areRemovalsDue || (isLast && !self.delayedRemovals.isEmpty) else { return }
        if !self.delayedRemovals.isEmpty {
            self.submission.removals.insert(contentsOf: self.delayedRemovals, at: 0)
            self.delayedRemovals.removeAll(keepingCapacity: true)
        }
        self.removalsDue = nil
        let pending = self.submission
        self.submission = PendingSubmission(number: pending.number + 1)
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

    /// On the store thread.
    func commitCompleted(_ completion: StoreCompletion) {
        self.eventLoop.execute { self.apply(completion) }
    }

    /// On the store thread, while commits fail.
    func readsCompleted(_ runs: [StoreCompletion.Run]) {
        self.eventLoop.execute {
            _ = self.startRead()
            for run in runs { self.apply(run) }
        }
    }

    private func apply(_ completion: StoreCompletion) {
        self.committed = completion.number
        if !self.left.isEmpty { self.left = self.left.filter { $0.value > completion.number } }
        _ = self.startRead()
        for receipt in completion.receipts { self.apply(receipt) }
        for run in completion.runs { self.apply(run) }
        self.checkSafety()
        self.releaseSettled()
        self.goOnReading()
        self.goOnWithRoom()
    }

    // MARK: Reads

    /// Asks the store for the terminal's next frames when that is due and its connection has room.
    func pump(_ terminal: Terminal) {
        if terminal.update({ $0.rewindIfDue() }) {
            self.withSubmission { $0.rewinds.append(terminal.ccid) }
            // A terminal that leaves this shard does not leave before its rewind is done.
            if self.handover.isRecalled(terminal.ccid) { self.handover.recalled[terminal.ccid] = self.submission.number }
        }
        guard let connection = terminal.connection, connection.closeReason == nil else { return }
        if connection.outbound.unacknowledged >= self.options.outbound.lowWatermark {
            self.sampleAcknowledged(connection)
            guard connection.outbound.unacknowledged < self.options.outbound.lowWatermark else {
                // What is held would wait for the room, in memory only: it goes to the store.
                if terminal.mailbox.mode == .catchingUp { self.makeWay(for: terminal) }
                if terminal.mailbox.isReadDue { self.awaitRoom(connection) }
                return
            }
        }
        let number = self.submission.number
        if let token = terminal.update({ $0.readIfDue(submission: number) }) {
            let maximumBytes = self.options.outbound.readSize
            self.withSubmission {
                $0.reads.append(.init(ccid: terminal.ccid, token: token, maximumBytes: maximumBytes))
            }
        }
    }

    private func apply(_ run: StoreCompletion.Run) {
        guard let terminal = self.terminals[run.ccid] else { return }
        self.detachIfLeft(terminal)
        switch run.result {
        case .success(let stored):
            let action = terminal.update { $0.readCompleted(token: run.token, hasMore: stored.hasMore) }
            if action != .drop, let connection = terminal.connection {
                connection.put(stored, to: terminal.ccid)
                self.markDirty(connection)
                self.injections.written(stored.marks)
                self.tracedFrames.written(stored.traced)
                if action == .writeAndGoLive { self.releaseHeld(terminal) }
                // More is kept than one read brings: what was held while it seemed to be the last one is newer than all of that,
                // and older than what goes to the store from here on.
                if terminal.mailbox.mode == .draining { self.storeHeld(terminal) }
            }
        case .failure(let error):
            // The store thread has told the operator; here it is enough to ask again.
            self.logger.debug(
                "reading a backlog failed",
                metadata: ["ccid": "\(run.ccid)", "error": "\(error)"]
            )
            terminal.update { $0.readFailed(token: run.token) }
            if let connection = terminal.connection {
                self.awaitRoom(connection)
                return
            }
        // The connection is gone, and what was in flight has waited for this answer: it goes back.
        }
        self.pump(terminal)
    }

    private func releaseHeld(_ terminal: Terminal) {
        guard !terminal.held.isEmpty else { return }
        let held = self.takeHeld(of: terminal)
        // They are put now, but receipts wait for them since they were held.
        if let since = self.holding.removeValue(forKey: terminal.ccid) { self.extendSafetyWaits(terminal.ccid, since: since) }
        held.forEach { entry, frame in self.deliver(rewritten: frame, entry, isPassedOn: true) }
    }

    // MARK: Spilling

    /// A frame is about to be appended that must not be overtaken by, or overtake, what is in flight and held.
    func makeWay(for terminal: Terminal) {
        self.journal(terminal)
        self.storeHeld(terminal)
        terminal.update { $0.spill() }
    }

    /// The connection is over its high watermark: perhaps only because nobody has asked yet what is acknowledged. The kernel is asked
    /// once for each read. Each other terminal of the connection is spilled by its own next frame, so that no frame costs a look at
    /// thousands of terminals.
    ///
    /// - Parameter terminal: whose frame was put.
    @inline(never)
    func relieve(_ connection: TerminalConnection, _ terminal: Terminal?) {
        if connection.relievedAt != self.tickTime {
            connection.relievedAt = self.tickTime
            // A broken connection is closed at the end of the tick, not while the read that put the frame is handled.
            guard connection.flush() else { return }
            self.sampleAcknowledged(connection)
            guard connection.outbound.unacknowledged > self.options.outbound.highWatermark else { return }
            self.counters.spills += 1
            self.journal(connection, since: .distantFuture)
        }
        guard let terminal, terminal.mailbox.mode != .offline else { return }
        self.makeWay(for: terminal)
        self.awaitRoom(connection)
    }

    /// From here on the terminal's frames go to the store. Those that are older go there first: those in flight, then those held
    /// (``Mailbox``, invariants 1 and 2).
    func spill(_ terminal: Terminal) {
        self.makeWay(for: terminal)
        self.pump(terminal)
    }

    private func journal(_ terminal: Terminal) {
        guard let connection = terminal.connection else { return }
        connection.window.journal(owner: terminal.ccid) { self.append($0, inFlightOn: connection) }
    }

    /// What was put on `connection` no later than `deadline` and is not delivered goes to the store (G4).
    func journal(_ connection: TerminalConnection, since deadline: NIODeadline) {
        guard connection.window.hasUnjournaled(since: deadline) else { return }
        connection.window.journal(since: deadline) { self.append($0, inFlightOn: connection) }
    }

    /// - Returns: the token of the receipt.
    private func append(_ run: DeliveryWindow.Run, inFlightOn connection: TerminalConnection) -> UInt32 {
        let bytes = connection.outbound.copy(from: run.start, to: run.end)
        let token = self.makeToken()
        var ends: [Int] = []
        bytes.withUnsafeReadableBytes { bytes in
            let sizes = run.frameSizes(in: bytes)
            var start = 0
            for (index, size) in sizes.enumerated() {
                let isLast = index == sizes.count - 1
                let entry = AppendBatch.Entry(
                    ccid: run.owner,
                    token: isLast ? token : 0,
                    isInFlight: true,
                    takenAt: run.takenAt
                )
                let frame = UnsafeRawBufferPointer(rebasing: bytes[start..<(start + size)])
                self.withSubmission { $0.appends.append(entry, frame: frame) }
                start += size
                ends.append(start)
            }
        }
        guard !ends.isEmpty else { return token }
        self.counters.journaled += UInt64(ends.count)
        self.journals[token] = Journal(connection: connection, ends: ends)
        self.terminals[run.owner]?.update { $0.journalStarted(in: self.submission.number) }
        self.raiseSafetyWaitsForAll(since: run.since)
        return token
    }

    private func takeHeld(of terminal: Terminal) -> AppendBatch {
        let held = terminal.takeHeld()
        self.heldBytes -= held.cost
        return held
    }

    func storeHeld(_ terminal: Terminal) {
        guard !terminal.held.isEmpty else { return }
        let held = self.takeHeld(of: terminal)
        if let since = self.holding.removeValue(forKey: terminal.ccid) { self.raiseSafetyWaits(terminal.ccid, since: since) }
        held.forEach { entry, frame in self.withSubmission { $0.appends.append(entry, frame: frame) } }
        terminal.counters.framesQueued += UInt64(held.count)
        terminal.update { $0.appended(in: self.submission.number) }
    }

    /// A token for a receipt; 0 stands for none.
    func makeToken() -> UInt32 {
        defer { self.nextToken = self.nextToken == .max ? 1 : self.nextToken + 1 }
        return self.nextToken
    }

    private func apply(_ receipt: StoreCompletion.Receipt) {
        if let journal = self.journals.removeValue(forKey: receipt.token) {
            self.apply(receipt, to: journal)
        } else {
            self.injectionStored(receipt)
        }
    }

    private func apply(_ receipt: StoreCompletion.Receipt, to journal: Journal) {
        guard let terminal = self.terminals[receipt.ccid] else { return }
        terminal.update { $0.journalCompleted() }
        switch receipt.outcome {
        case .rejected:
            journal.connection.window.journalRefused(token: receipt.token)
            self.awaitingRemoval -= terminal.deliveredBeforeReceipt.removeValue(forKey: receipt.token) ?? 0
        case .queued(let last):
            let marks = journal.marks(upTo: last)
            if let frames = terminal.deliveredBeforeReceipt.removeValue(forKey: receipt.token) {
                self.awaitingRemoval -= frames
                guard let through = marks.prefix(frames).last?.id else { break }
                self.removeDelivered(.init(ccid: terminal.ccid, through: through))
            } else {
                _ = journal.connection.window.journaled(token: receipt.token, marks: marks)
            }
        }
        self.pump(terminal)
    }

    // MARK: Pushing back

    /// Stops reading from a sender whose frames go to the store, or wait for it, when the store is too far behind.
    func holdBackIfBehind(_ connection: TerminalConnection) {
        guard !connection.isPaused(for: .store), !connection.isTakingRest, connection.closeReason == nil, self.isStoreBehind
        else {
            return
        }
        connection.pause(for: .store)
        self.paused.append(connection)
        self.counters.pauses += 1
        self.scheduleSweep()
    }

    var isStoreBehind: Bool {
        self.waitingBytes > self.options.outbound.storeHighWatermark
    }

    /// What frames take in memory that wait for the store: for its commits, or for what it keeps for their terminals.
    private var waitingBytes: Int {
        let untold = self.bytesInMemory - self.toldWaitingBytes
        return self.groupCommit.pendingBytes + self.submission.appends.cost + self.waitingEverywhere.total + untold
    }

    /// Lets the other shards know what waits here: senders may be theirs.
    func tellWaitingBytes() {
        let change = self.bytesInMemory - self.toldWaitingBytes
        guard change != 0 else { return }
        self.toldWaitingBytes += change
        self.waitingEverywhere.add(change)
    }

    /// The part of it that the store has not been given: frames that are held, or wait for a terminal between two shards.
    var bytesInMemory: Int { self.heldBytes &+ self.handover.waitingBytes }

    /// Frames from another shard went to the store while it is too far behind: their senders are on one of the others.
    func holdBackElsewhere(_ sources: Set<CCID>) {
        for index in self.shards.indices where index != self.index {
            self.send(to: index) { shard in
                for ccid in sources {
                    if let connection = shard.terminals[ccid]?.connection { shard.holdBackIfBehind(connection) }
                }
            }
        }
    }

    /// Reads from the senders again once half of what was too much is durable.
    func goOnReading() {
        self.tellWaitingBytes()
        guard !self.paused.isEmpty else { return }
        guard self.waitingBytes <= self.options.outbound.storeHighWatermark / 2 else { return }
        // What the first ones have kept back can be enough for the store to be behind again.
        while !self.isStoreBehind, let connection = self.paused.popFirst() {
            guard connection.closeReason == nil else { continue }
            connection.goOnReading(after: .store)
            connection.handler?.goOn()
        }
    }

    /// Whether the rest of a connection that ends is given to the store although that may be behind. A store that works catches up.
    /// One that fails, or hangs, would have the memory filled by senders that connect again and again; they have no receipt for it.
    var takesRests: Bool {
        self.groupCommit.health == .healthy && self.waitingBytes <= 2 * self.options.outbound.storeHighWatermark
    }
}
