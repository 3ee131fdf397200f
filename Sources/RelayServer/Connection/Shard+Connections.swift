import NIOCore
import RelayCore
import TTMSProtocol

// Connections: accept, registration, takeover, close.
extension Shard {
    /// Accepts a connection that has just become active, and that the limiter counts.
    ///
    /// - Returns: `nil` when it was closed at once.
    func accept(_ channel: any Channel, listener: ListenerOptions, addresses: ConnectionAddresses) -> TerminalConnection? {
        self.counters.connectionsAccepted += 1
        // SwiftNIO has no other way to the descriptor; it is used only while the channel is active.
        let descriptor = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { $0 }
        guard !self.isStopping else { return self.refuse(channel, addresses, .shutdown) }
        guard !self.isBlocked(addresses) else { return self.refuse(channel, addresses, .blocked) }
        guard let descriptor else { return self.refuse(channel, addresses, .connectionLost) }
        return self.add(
            TerminalConnection(
                id: self.limiter.makeID(),
                openedAt: self.clock.now,
                channel: channel,
                descriptor: descriptor,
                listener: listener,
                addresses: addresses,
                shard: self,
                now: self.startRead()
            )
        )
    }

    /// Adopts a connection from another shard, whose channel may never become active. One that was on its way here when the relay
    /// began to stop has brought frames, which are handled as the others' are.
    ///
    /// - Returns: `nil` when its address is blocked; it is then counted as closed.
    func adopt(_ moving: MovingConnection, _ channel: any Channel) -> TerminalConnection? {
        _ = self.startRead()
        guard !self.isBlocked(moving.addresses) else {
            self.limiter.leave()
            self.rejected(moving.addresses, .blocked)
            return nil
        }
        let connection = self.add(
            TerminalConnection(
                id: moving.id,
                openedAt: moving.openedAt,
                channel: channel,
                descriptor: moving.descriptor,
                listener: moving.listener,
                addresses: moving.addresses,
                shard: self,
                now: moving.lastReceived
            )
        )
        if self.isStopping { connection.pause(for: .stop) }
        return connection
    }

    func isBlocked(_ addresses: ConnectionAddresses) -> Bool {
        self.blocks.hasNetworks && self.blocks.contains(addresses.remote, at: self.clock.now)
    }

    private func refuse(_ channel: any Channel, _ addresses: ConnectionAddresses, _ reason: CloseReason) -> TerminalConnection?
    {
        self.limiter.leave()
        self.rejected(addresses, reason)
        channel.close(promise: nil)
        return nil
    }

    // MARK: Registration

    /// Registers `ccid` on `connection` after its first heartbeat there: from now on the terminal is reached there.
    ///
    /// - Parameter registration: the number made when the heartbeat came.
    func register(_ ccid: CCID, on connection: TerminalConnection, registration: UInt64, now: Timestamp) {
        self.counters.registrations += 1
        self.detachIfEnded(self.terminals[ccid])
        if let terminal = self.terminals[ccid], terminal.connection != nil, terminal.registration > registration {
            // This heartbeat had to wait for its reply, and a newer one has come on another connection meanwhile.
            if let reason = connection.session.superseded(ccid) { self.close(connection, reason) }
            return
        }
        if let terminal = self.terminals[ccid], !self.handover.isRecalled(ccid) {
            self.attach(terminal, to: connection, registration: registration, now: now)
        } else if self.claim(ccid, for: connection, registration: registration) {
            self.attach(self.makeTerminal(ccid), to: connection, registration: registration, now: now)
        } else {
            self.takeoverLimiter.tookOver(ccid, now: self.tickTime)
        }
    }

    /// Makes a terminal that this shard has not known.
    func makeTerminal(_ ccid: CCID) -> Terminal {
        let terminal = Terminal(
            ccid: ccid,
            isWriteThrough: self.options.journal == .after(.zero),
            liveTerminals: self.liveTerminals
        )
        self.add(terminal)
        return terminal
    }

    /// Attaches the terminal to `connection`; the former connection, if any, loses it.
    func attach(_ terminal: Terminal, to connection: TerminalConnection, registration: UInt64, now: Timestamp) {
        self.detachIfEnded(terminal)
        if let former = terminal.connection {
            guard former !== connection else { return }
            self.takeoverLimiter.tookOver(terminal.ccid, now: self.tickTime)
            self.takeOver(terminal, from: former, now: now)
        }
        // When every submission is answered, this shard has no frames on their way into the store's queue. Frames of another shard
        // were carried out before the terminal came here.
        let storeIsEmpty = self.store.isAnswered && !self.groupCommit.kept.contains(terminal.ccid)
        // The current submission may hold frames that came before the terminal was known here.
        if terminal.isNew, !storeIsEmpty { terminal.update { $0.appended(in: self.store.latest) } }
        self.updateWriteThrough(terminal)
        terminal.attach(connection, registration: registration, storeIsEmpty: storeIsEmpty, now: now)
        self.cameOnline()
        self.reportOnline(terminal, on: connection, now: now)
        self.pump(terminal)
    }

    /// Requeues the frames that `former` has not delivered, and closes `former` if it holds no other terminal.
    func takeOver(_ terminal: Terminal, from former: TerminalConnection, now: Timestamp) {
        self.counters.takeovers += 1
        self.sampleAcknowledged(former)
        self.detach(terminal, from: former, reason: .superseded, now: now)
        if former.source === terminal { self.clearSource(of: former) }
        if let reason = former.session.superseded(terminal.ccid) { self.close(former, reason) }
    }

    // MARK: The end of a terminal's connection

    /// Detaches `terminal` from its connection: frames that are not delivered are requeued, in order, before anything newer.
    ///
    /// - Parameter runs: the terminal's runs, if they are no longer in the connection's window.
    func detach(
        _ terminal: Terminal,
        from connection: TerminalConnection,
        runs: [DeliveryWindow.Run]? = nil,
        reason: CloseReason,
        now: Timestamp
    ) {
        var requeued = 0
        var oldest = NIODeadline.distantFuture
        let runs = runs ?? connection.window.removeAll(of: terminal.ccid)
        for run in runs {
            oldest = min(oldest, run.since)
            requeued += self.requeueUnacknowledged(run, of: terminal, from: connection)
        }
        if connection.closeReason == nil {
            connection.withdraw(runs)
            connection.releaseReplies()
        }
        self.requeued(requeued, of: terminal, since: oldest)
        self.storeHeld(terminal)
        self.settleCounters(of: connection)
        terminal.detach(reason: reason, now: now)
        self.wentOffline()
        self.reportOffline(terminal, from: connection, reason: reason, now: now)
        self.injections.disconnected(terminal.ccid)
        self.pump(terminal)
    }

    /// Closes the terminal's connection at an operator's request.
    func kick(_ ccid: CCID) -> Bool {
        self.detachIfEnded(self.terminals[ccid])
        guard let connection = self.terminals[ccid]?.connection else { return false }
        self.close(connection, .kicked)
        return true
    }

    /// Requeues a run whose last byte is not acknowledged. Its first frames may be acknowledged whole: those are delivered.
    ///
    /// - Returns: the number of frames that are requeued.
    private func requeueUnacknowledged(_ run: DeliveryWindow.Run, of terminal: Terminal, from connection: TerminalConnection)
        -> Int
    {
        let acknowledged = Int(max(connection.outbound.acknowledged, run.start) - run.start)
        switch run.copy {
        case .journaling(let token):
            // Their ids in the store are not known yet: delivered frames are removed when the store answers.
            guard let delivered = self.journals.acknowledged(token, bytes: acknowledged) else { return run.frames }
            self.countDelivered(delivered.frames, bytes: delivered.end, of: terminal, on: connection)
            self.journals.delivered(token, frames: delivered.frames)
            return run.frames - delivered.frames
        case .stored(let marks):
            if !self.tracedFrames.isEmpty { self.tracedFrames.takeInFlight(marks) }
            let delivered = marks.prefix { $0.end <= acknowledged }
            if let last = delivered.last {
                self.countDelivered(delivered.count, bytes: last.end, of: terminal, on: connection)
                self.store.remove(.init(ccid: terminal.ccid, through: last.id))
            }
            return marks.count - delivered.count
        case .none:
            return self.requeue(run, acknowledged: acknowledged, of: terminal, from: connection)
        }
    }

    private func requeue(
        _ run: DeliveryWindow.Run,
        acknowledged: Int,
        of terminal: Terminal,
        from connection: TerminalConnection
    ) -> Int {
        let bytes = connection.outbound.copy(from: run.start, to: run.end)
        let entry = AppendBatch.Entry(ccid: terminal.ccid, takenAt: run.takenAt)
        return bytes.withUnsafeReadableBytes { bytes in
            var end = 0
            var delivered = (frames: 0, bytes: 0)
            var requeued = 0
            for size in run.frameSizes(in: bytes) {
                let start = end
                end += size
                if end <= acknowledged {
                    delivered = (delivered.frames + 1, end)
                } else {
                    self.requeue(UnsafeRawBufferPointer(rebasing: bytes[start..<end]), entry)
                    requeued += 1
                }
            }
            self.countDelivered(delivered.frames, bytes: delivered.bytes, of: terminal, on: connection)
            return requeued
        }
    }

    // MARK: Closing

    /// Closes `connection` for `reason`, which is not one of its own frames: bytes that arrived before are handled first, without
    /// replies.
    func close(_ connection: TerminalConnection, _ reason: CloseReason) {
        if reason == .connectionLost, connection.isPaused(for: .takeover) { self.registerBeforeLoss(connection) }
        // Before anything else: a write that fails below makes SwiftNIO close the channel, which calls this again.
        guard connection.beginClosing(reason, readsRest: true) else { return }
        self.takeRest(of: connection, boundary: reason == .connectionLost ? .end : .burstEnd)
        self.finishClosing(connection)
    }

    /// Closes `connection` because of a frame that it has sent: bytes after that frame are not handled.
    func fail(_ connection: TerminalConnection, _ reason: CloseReason) {
        guard connection.beginClosing(reason, readsRest: false) else { return }
        self.finishClosing(connection)
    }

    /// Writes the pending bytes once more, counts the acknowledged frames and requeues the others.
    private func finishClosing(_ connection: TerminalConnection) {
        connection.didClose()
        guard let reason = connection.closeReason else { return }
        _ = connection.flush()
        self.sampleAcknowledged(connection)
        self.counters.countClosed(reason)
        self.counters.unreadBytes += UInt64(connection.unreadBytes)
        self.limiter.leave()
        let now = self.clock.now
        self.detachTerminals(of: connection, now: now)
        if connection.session.source == nil, connection.foreign == nil, connection.unfinished.readableBytes > 0 {
            connection.foreign = ForeignBytes(connection.unfinished.readableBytesView)
        }
        self.tracedFrames.disconnected(connection.id)
        self.forget(connection)
        self.heldSenders.remove(connection)
        self.log(connection, reason)
        self.clearSource(of: connection)
        self.remember(connection, reason, now: now)
        if reason != .connectionLost { connection.discardUnread() }
        connection.closeSocket()
    }

    /// Handles the bytes that have arrived on a connection that ends, both read and unread. Frames for which the store has no room,
    /// or is too far behind, stay unread.
    ///
    /// - Parameter boundary: the end of the bytes in `marker`: those without a sound checksum are a frame only when nothing can
    ///   follow.
    func takeRest(of connection: TerminalConnection, boundary: FrameParser.Boundary) {
        connection.endPauses(takesRest: self.takesRests)
        connection.handler?.receiveArrived(boundary)
    }
}
