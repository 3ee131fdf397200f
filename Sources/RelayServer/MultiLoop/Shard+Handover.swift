import NIOCore
import RelayCore
import TTMSProtocol

// Frames and terminals between shards; the rules are in `Handover`.
extension Shard {
    /// The shard to which every frame for `ccid` goes first.
    func home(of ccid: CCID) -> Int {
        let mixed = UInt64(ccid.rawValue) &* 0x9e37_79b9_7f4a_7c15
        return Int(truncatingIfNeeded: ((mixed &>> 32) &* UInt64(self.shards.count)) &>> 32)
    }

    // MARK: Frames

    /// Lets `body` append a frame, for a terminal that this shard does not have, to the batch for its next stop.
    func withBatch(forAbsent ccid: CCID, _ body: (inout AppendBatch) -> Void) {
        guard self.home(of: ccid) == self.index else {
            self.withBatch(toHomeOf: ccid, body)
            return
        }
        switch self.handover.loans[ccid] {
        case nil:
            self.enqueueForAbsent(body)
        case .lent(let borrower):
            self.withBatch(for: borrower, body)
        case .recalling:
            if self.handover.withWaiting(ccid, body) { self.peers.addedElsewhere() }
        }
    }

    /// Lets `body` append a frame, for a recalled terminal that is still here, to those that wait at its home.
    func withBatch(toHomeOf ccid: CCID, _ body: (inout AppendBatch) -> Void) {
        let home = self.home(of: ccid)
        if home == self.index {
            if self.handover.withWaiting(ccid, body) { self.peers.addedElsewhere() }
        } else {
            self.withBatch(for: home, body)
        }
    }

    /// Lets `body` append a frame to the batch for another shard.
    @inline(__always)
    func withBatch(for index: Int, _ body: (inout AppendBatch) -> Void) {
        if self.peers.isFull(index) { self.handOver(to: index) }
        self.peers.add(to: index, body)
        self.scheduleTickEnd()
    }

    /// Hands the frames that have gathered for another shard to it.
    func handOver(to index: Int) {
        let batch = self.peers.take(index)
        let shard = self.shards[index]
        shard.eventLoop.execute { shard.take(batch) }
    }

    /// Hands the frames that have gathered for all other shards to them.
    func handOverAll() {
        for index in self.peers.indices where !self.peers.isEmpty(index) { self.handOver(to: index) }
    }

    /// Delivers frames from another shard.
    private func take(_ batch: AppendBatch) {
        _ = self.startRead()
        self.peers.received(batch)
        let storedBefore = self.store.pendingFrames
        if self.isStoreBehind {
            self.deliverBehind(batch)
        } else {
            var offset = 0
            while let (entry, frame) = batch.next(&offset) { self.deliver(rewritten: frame, entry, bypassesSync: true) }
        }
        if self.store.pendingFrames != storedBefore { self.receipts.storedForOthers(in: self.store.number) }
        self.publishWaitingBytes()
    }

    /// Delivers frames while the store is behind: senders whose frames are stored, or wait for the store, are held back.
    private func deliverBehind(_ batch: AppendBatch) {
        var sources: Set<CCID> = []
        var offset = 0
        while let (entry, frame) = batch.next(&offset) {
            let before = self.store.pendingFrames &+ self.bytesInMemory
            self.deliver(rewritten: frame, entry, bypassesSync: true)
            guard self.store.pendingFrames &+ self.bytesInMemory != before else { continue }
            if let source = Self.source(of: frame) { sources.insert(source) }
        }
        if !sources.isEmpty { self.holdBackOnOtherShards(sources) }
    }

    /// The source of a rewritten frame, which stands where the destination stood.
    private static func source(of frame: UnsafeRawBufferPointer) -> CCID? {
        guard let start = frame.baseAddress, frame.count >= Frame.minimumSize else { return nil }
        return FrameView(bytes: start, size: frame.count, isSound: true).address
    }

    /// Calls `body` on another shard, after the frames that are already in its batch.
    func send(to index: Int, _ body: @escaping @Sendable (Shard) -> Void) {
        if !self.peers.isEmpty(index) { self.handOver(to: index) }
        let shard = self.shards[index]
        shard.eventLoop.execute { body(shard) }
    }

    // MARK: Claim

    /// Claims `ccid`, which is not here or has to leave, for `connection`, on which its heartbeat came.
    ///
    /// - Returns: whether the terminal can be made here at once; otherwise it comes later (``granted(_:terminal:)``).
    func claim(_ ccid: CCID, for connection: TerminalConnection, registration: UInt64) -> Bool {
        let home = self.home(of: ccid)
        if home == self.index, self.handover.loans[ccid] == nil { return true }
        if let other = self.handover.claims[ccid], other.registration > registration, other.connection.closeReason == nil {
            // This heartbeat had to wait for its reply, and a newer one waits for the terminal.
            if let reason = connection.session.superseded(ccid) { self.close(connection, reason) }
            return false
        }
        let claim = Handover.Claim(connection: connection, registration: registration)
        let former = self.handover.claims.updateValue(claim, forKey: ccid)?.connection
        if let former, former !== connection, let reason = former.session.superseded(ccid) { self.close(former, reason) }
        self.sendClaim(ccid, registration)
        return false
    }

    private func sendClaim(_ ccid: CCID, _ registration: UInt64) {
        let claimant = Handover.Claimant(shard: self.index, registration: registration)
        let home = self.home(of: ccid)
        if home == self.index {
            self.claimed(ccid, by: claimant)
        } else {
            self.send(to: home) { $0.claimed(ccid, by: claimant) }
        }
    }

    /// At home: handles a shard's claim of the terminal.
    private func claimed(_ ccid: CCID, by claimant: Handover.Claimant) {
        switch self.handover.loans[ccid] {
        case nil:
            self.handover.beginRecall(of: ccid, for: [claimant])
            self.recall(ccid, for: claimant)
        case .lent(claimant.shard):
            // The terminal has been granted there since, with its newest registration.
            return
        case .lent(let borrower):
            self.handover.beginRecall(of: ccid, for: [claimant])
            self.send(to: borrower) { $0.recall(ccid, for: claimant) }
        case .recalling(let waiting, var claimants):
            if let index = claimants.firstIndex(where: { $0.shard == claimant.shard }) {
                claimants[index].registration = max(claimants[index].registration, claimant.registration)
            } else {
                claimants.append(claimant)
            }
            self.handover.loans[ccid] = .recalling(waiting: waiting, claimants: claimants)
        }
    }

    /// As borrower: offers an offline terminal to its home, because this shard no longer needs it.
    func returnIfOffline(_ ccid: CCID) {
        guard self.handover.isBorrowed(ccid), !self.handover.isRecalled(ccid) else { return }
        self.send(to: self.home(of: ccid)) { home in
            guard case .lent(let borrower) = home.handover.loans[ccid] else { return }
            home.handover.beginRecall(of: ccid, for: [])
            home.send(to: borrower) { $0.recall(ccid, for: nil) }
        }
    }

    // MARK: Recall

    /// Gives the terminal up, for a newer heartbeat on another shard or because it was offline. It stays if its connection is not
    /// older than the claim.
    private func recall(_ ccid: CCID, for claimant: Handover.Claimant?) {
        self.detachIfEnded(self.terminals[ccid])
        if let terminal = self.terminals[ccid], let connection = terminal.connection {
            let isOlder = claimant.map { $0.registration > terminal.registration } ?? false
            guard connection.isFinishing || isOlder else { return self.refuseRecall(of: terminal) }
            self.takeOver(terminal, from: connection, now: self.clock.now)
        }
        if self.handover.isSyncing(ccid) {
            // These frames are newer than those on their way through the home, and follow them there.
            self.terminals[ccid]?.isSyncing = false
            self.handover.endSync(of: ccid).forEach { entry, frame in
                self.withBatch(toHomeOf: ccid) { $0.append(entry, frame: frame) }
            }
        }
        self.handover.borrowed.remove(ccid)
        self.handover.recalled[ccid] = self.store.latest
        if self.store.isEmpty { self.awaitCarryingOut() }
        self.releaseSettled()
    }

    /// Reports to the home, where the terminal's frames wait, that the terminal does not leave.
    private func refuseRecall(of terminal: Terminal) {
        let (ccid, registration, holder) = (terminal.ccid, terminal.registration, self.index)
        let home = self.home(of: ccid)
        if home == self.index {
            self.recallRefused(ccid, by: holder, registration: registration)
        } else {
            self.send(to: home) { $0.recallRefused(ccid, by: holder, registration: registration) }
        }
        // Frames of this shard may wait at the home, too, and come back later than the sync that is under way.
        if self.handover.isSyncing(ccid) { self.startSync(terminal) }
    }

    /// At home: ends the recall of a terminal that has stayed with `holder`, for the heartbeat of that registration. Claims of
    /// older registrations are refused; newer ones start again.
    private func recallRefused(_ ccid: CCID, by holder: Int, registration: UInt64) {
        let recall = self.handover.endRecall(of: ccid) { _ in holder == self.index ? nil : .lent(to: holder) }
        guard let (waiting, claimants) = recall else { return }
        self.deliver(waiting)
        for claimant in claimants {
            if claimant.registration > registration {
                self.claimed(ccid, by: claimant)
            } else if claimant.shard == self.index {
                self.claimRefused(ccid, below: registration)
            } else {
                self.send(to: claimant.shard) { $0.claimRefused(ccid, below: registration) }
            }
        }
    }

    /// Delivers frames that have waited for a terminal between two shards, of senders on any shard.
    private func deliver(_ waiting: AppendBatch) {
        let storedBefore = self.store.pendingFrames
        waiting.forEach { entry, frame in self.deliver(rewritten: frame, entry) }
        if self.store.pendingFrames != storedBefore { self.receipts.storedForOthers(in: self.store.number) }
    }

    /// Ends the claim of a connection here if its heartbeat is older than that of the connection that has the terminal.
    private func claimRefused(_ ccid: CCID, below registration: UInt64) {
        guard let claim = self.handover.claims[ccid], claim.registration < registration else { return }
        self.handover.claims[ccid] = nil
        if let reason = claim.connection.session.superseded(ccid) { self.close(claim.connection, reason) }
    }

    /// Lets recalled terminals leave when the store has carried out all submissions until now. They need not wait for the commit,
    /// which may take long while the disk fails.
    func awaitCarryingOut() {
        let number = self.store.number - 1
        guard number > self.store.committed else { return }
        self.groupCommit.post { _ in
            self.eventLoop.execute {
                self.store.wasCarriedOut(number)
                self.releaseSettled()
            }
        }
    }

    /// Returns the recalled terminals that have no frames under way.
    func releaseSettled() {
        guard !self.handover.recalled.isEmpty else { return }
        let carriedOut = self.store.carriedOut
        for (ccid, barrier) in self.handover.recalled where barrier <= carriedOut {
            let terminal = self.terminals[ccid]
            guard terminal?.isForgettable ?? true else { continue }
            self.handover.recalled[ccid] = nil
            if let terminal { self.leave(terminal) }
            let home = self.home(of: ccid)
            if home == self.index {
                self.returned(ccid, terminal: terminal)
            } else {
                self.send(to: home) { $0.returned(ccid, terminal: terminal) }
            }
            // A connection that waits for it here has not claimed it yet, or comes after others.
            if let claim = self.handover.claims[ccid] { self.sendClaim(ccid, claim.registration) }
        }
    }

    // MARK: Grant

    /// At home: grants the terminal, which is on no shard now, to the first claimant.
    private func returned(_ ccid: CCID, terminal: Terminal?) {
        let own = self.index
        let recall = self.handover.endRecall(of: ccid) { claimants in
            claimants.first.flatMap { $0.shard == own ? nil : .lent(to: $0.shard) }
        }
        guard let (waiting, claimants) = recall else { return }
        if let next = claimants.first?.shard, next != own {
            self.send(to: next) { shard in
                shard.handover.borrowed.insert(ccid)
                shard.granted(ccid, terminal: terminal)
            }
        } else {
            self.granted(ccid, terminal: terminal)
        }
        self.deliver(waiting)
        for claimant in claimants.dropFirst() { self.claimed(ccid, by: claimant) }
    }

    /// Takes the terminal over from its home or from the former shard.
    private func granted(_ ccid: CCID, terminal: Terminal?) {
        let claim = self.handover.claims.removeValue(forKey: ccid)
        guard terminal != nil || claim != nil || self.handover.isBorrowed(ccid) else { return }
        if let terminal {
            terminal.update { $0.renumber(latest: self.store.latest) }
            self.add(terminal)
        }
        let terminal = terminal ?? self.makeTerminal(ccid)
        if self.handover.isBorrowed(ccid) { self.startSync(terminal) }
        guard let claim, claim.connection.closeReason == nil, claim.connection.session.holds(ccid) else {
            self.returnIfOffline(ccid)
            return
        }
        let now = self.clock.now
        self.attach(terminal, to: claim.connection, registration: claim.registration, now: now)
        self.heartbeat(of: terminal, now: now)
        if claim.connection.session.source == ccid {
            claim.connection.source = terminal
            self.settleCounters(of: claim.connection)
        }
    }

    // MARK: Sync

    /// Starts a sync, while frames of this shard's own senders are still on their way through the home. Later frames wait until the
    /// last of those has come back, which is when the home answers.
    private func startSync(_ terminal: Terminal) {
        let ccid = terminal.ccid
        let token = self.handover.nextSync
        self.handover.nextSync += 1
        self.handover.syncing[ccid] = (token, self.handover.syncing[ccid]?.waiting ?? AppendBatch())
        terminal.isSyncing = true
        let borrower = self.index
        self.send(to: self.home(of: ccid)) { home in
            home.send(to: borrower) { $0.endSync(of: ccid, token: token) }
        }
    }

    private func endSync(of ccid: CCID, token: UInt64) {
        guard self.handover.syncing[ccid]?.token == token else { return }
        self.terminals[ccid]?.isSyncing = false
        self.handover.endSync(of: ccid).forEach { entry, frame in self.deliver(rewritten: frame, entry) }
    }

    /// Lets `body` append a frame of this shard to those that wait for the sync.
    func withFramesAwaitingSync(_ ccid: CCID, _ body: (inout AppendBatch) -> Void) {
        if self.handover.withFramesAwaitingSync(ccid, body) { self.peers.addedElsewhere() }
    }
}

/// The place of a terminal, as known to its home or a borrower.
enum TerminalPlace: Sendable {
    /// On this shard, or on none: then this is its home.
    case here
    /// On, or known to, that shard.
    case shard(Int)
    /// Between two shards.
    case moving
}

extension Shard {
    /// The place to which an operation on `ccid` has to be sent.
    func place(of ccid: CCID) -> TerminalPlace {
        let home = self.home(of: ccid)
        if home != self.index {
            return self.terminals[ccid] != nil && !self.handover.isRecalled(ccid) ? .here : .shard(home)
        }
        switch self.handover.loans[ccid] {
        case nil: return .here
        case .lent(let borrower): return .shard(borrower)
        case .recalling: return .moving
        }
    }
}
