import NIOCore
import RelayCore
import TTMSProtocol

// The way of a frame. Nothing here allocates, retains or locks per frame while terminals are live.
extension Shard {
    /// Handles the frames in `bytes`, which begin where a frame of `connection` begins.
    ///
    /// - Returns: the number of bytes of the handled frames, and the parser's step for the rest.
    func receive(
        _ bytes: UnsafeRawBufferPointer,
        from connection: TerminalConnection,
        boundary: FrameParser.Boundary
    ) -> (consumed: Int, step: FrameParser.Step) {
        guard let start = bytes.baseAddress else { return (0, .needsBytes) }
        var parser = connection.parser
        var offset = 0
        var taken = TakenFrames()
        let storedBefore = self.store.pendingFrames
        let waitingBefore = self.bytesInMemory
        let elsewhereBefore = self.peers.framesElsewhere
        func noteDestinations() {
            if self.peers.framesElsewhere != elsewhereBefore { connection.destinations.includeOtherShards = true }
            if self.store.pendingFrames != storedBefore { connection.destinations.storedIn = self.store.number }
        }
        var step = FrameParser.Step.needsBytes
        // A read that has begun is handled whole, so that each sender exceeds the watermark by at most one read.
        let mayHoldBack = self.full.isAny || self.isStoreBehind
        while offset < bytes.count {
            step = parser.step(start + offset, count: bytes.count &- offset, boundary: boundary)
            guard case .frame(let size, let isSound) = step else { break }
            let frame = FrameView(bytes: start + offset, size: size, isSound: isSound)
            offset &+= size
            if frame.command == Command.data.rawValue, let source = connection.session.source {
                if mayHoldBack, self.holdBack(connection, for: frame.address) {
                    offset &-= size
                    break
                }
                taken.add(frame)
                connection.destinations.note(frame.address)
                self.deliver(frame, from: source)
            } else {
                connection.destination = self.destination(of: connection, registering: frame)
                if connection.destination != nil {
                    offset &-= size
                    break
                }
                if self.postponesTakeover(frame, from: connection) || offset > size && self.postponesRest(of: connection) {
                    offset &-= size
                    break
                }
                connection.parser = parser
                self.count(&taken, from: connection)
                noteDestinations()
                if let reason = self.handle(frame, from: connection) {
                    self.fail(connection, reason)
                    break
                }
                if connection.isAwaitingReceipt { break }
            }
            step = .needsBytes
        }
        connection.parser = parser
        self.count(&taken, from: connection)
        noteDestinations()
        if self.store.pendingFrames != storedBefore {
            self.holdBackIfBehind(connection)
        } else if self.bytesInMemory != waitingBefore {
            self.publishWaitingBytes()
            self.holdBackIfBehind(connection)
        }
        return (offset, step)
    }

    /// Passes a data frame to its destination.
    @inline(__always)
    func deliver(_ frame: FrameView, from source: CCID) {
        let destination = frame.address
        if let terminal = self.terminals.find(destination) {
            if self.putIfLive(terminal, { $0.put(frame, from: source, to: destination) }) { return }
        } else if self.shards.count > 1 {
            let home = self.home(of: destination)
            if home != self.index {
                self.withBatch(for: home) { batch in
                    let entry = AppendBatch.Entry(ccid: destination, takenAt: self.tickTime)
                    let target = batch.append(entry, size: frame.size)
                    FrameRewriter.forward(frame, from: source, to: target)
                }
                return
            }
        }
        self.deliverIndirectly(frame, from: source)
    }

    /// Calls `put` with the terminal's connection if the terminal is live.
    @inline(__always)
    private func putIfLive(_ terminal: Unmanaged<Terminal>, _ put: (TerminalConnection) -> Void) -> Bool {
        terminal._withUnsafeGuaranteedRef { terminal in
            guard let live = terminal.live else { return false }
            live._withUnsafeGuaranteedRef { connection in
                put(connection)
                self.wasPut(on: connection, for: terminal)
            }
            return true
        }
    }

    /// Records that a frame has been put on `connection`: it is written at the end of the tick.
    @inline(__always)
    private func wasPut(on connection: TerminalConnection, for terminal: Terminal) {
        self.markDirty(connection)
        if connection.outbound.unacknowledged > self.options.outbound.highWatermark { self.relieve(connection, terminal) }
    }

    /// Delivers a frame whose terminal is offline, catching up, or on another shard.
    @inline(never)
    private func deliverIndirectly(_ frame: FrameView, from source: CCID) {
        let entry = AppendBatch.Entry(ccid: frame.address, takenAt: self.tickTime)
        self.withIndirectBatch(for: frame.address) { batch in
            FrameRewriter.forward(frame, from: source, to: batch.append(entry, size: frame.size))
        }
    }

    /// Delivers a frame that is already rewritten: it was held, or another shard handed it over.
    ///
    /// - Parameter bypassesSync: whether it was released or handed over, so that it does not wait for a sync.
    @inline(__always)
    func deliver(rewritten frame: UnsafeRawBufferPointer, _ entry: AppendBatch.Entry, bypassesSync: Bool = false) {
        if let terminal = self.terminals.find(entry.ccid),
            self.putIfLive(terminal, { $0.put(rewritten: frame, entry) })
        {
            return
        }
        self.deliverIndirectly(rewritten: frame, entry, bypassesSync: bypassesSync)
    }

    @inline(never)
    private func deliverIndirectly(rewritten frame: UnsafeRawBufferPointer, _ entry: AppendBatch.Entry, bypassesSync: Bool) {
        let destination = entry.ccid
        // While a terminal is syncing, frames that another shard hands over still go straight to the connection.
        if bypassesSync, let terminal = self.terminals[destination], let connection = terminal.connection,
            terminal.mailbox.mode == .live
        {
            connection.put(rewritten: frame, entry)
            self.wasPut(on: connection, for: terminal)
            return
        }
        self.withIndirectBatch(for: destination, bypassesSync: bypassesSync) { batch in
            batch.append(entry, frame: frame)
        }
    }

    /// Lets `body` append a frame for a terminal that is not live here to the batch for its next stop.
    private func withIndirectBatch(
        for destination: CCID,
        bypassesSync: Bool = false,
        _ body: (inout AppendBatch) -> Void
    ) {
        guard let terminal = self.terminals[destination] else {
            self.withBatch(forAbsent: destination, body)
            return
        }
        if terminal.isSyncing, !bypassesSync {
            self.withFramesAwaitingSync(destination, body)
            return
        }
        if self.handover.isRecalled(destination) {
            self.withBatch(toHomeOf: destination, body)
            return
        }
        switch terminal.mailbox.placement {
        case .held, .live:
            if terminal.held.isEmpty { self.heldFrames.began(destination, at: self.tickTime) }
            let before = terminal.held.cost
            body(&terminal.held)
            self.heldFrames.count(terminal.held.cost - before)
            if terminal.held.frameBytes > self.options.outbound.lowWatermark { self.spill(terminal) }
        case .store:
            self.enqueue(for: terminal, body)
            if terminal.mailbox.isReadDue { self.pump(terminal) }
        }
    }

    // MARK: Heartbeats and other frames

    /// Handles a frame that is not data, or a data frame before the first heartbeat.
    ///
    /// - Returns: the reason to close the connection; `nil` to continue.
    private func handle(_ frame: FrameView, from connection: TerminalConnection) -> CloseReason? {
        switch Command(rawValue: frame.command) {
        case .heartbeat: return self.heartbeat(frame, from: connection)
        case .data: return .notRegistered
        case nil:
            if let reason = connection.session.unknownCommandReceived(options: self.options.session) { return reason }
            self.counters.ignored += 1
            return nil
        }
    }

    private func heartbeat(_ frame: FrameView, from connection: TerminalConnection) -> CloseReason? {
        let ccid = frame.address
        if self.blocks.hasTerminals, self.blocks.contains(ccid, at: self.clock.now) {
            connection.refused = ccid
            return .blocked
        }
        if connection.session.source != ccid { self.clearSource(of: connection) }
        let action = connection.session.heartbeatReceived(from: ccid, options: self.options.session)
        self.longReads.spent &+= action == .reply ? LongReads.heartbeat : LongReads.registration
        if case .close(let reason) = action {
            connection.refused = ccid
            return reason
        }
        // The first heartbeat ends the time that runs from the connection's acceptance.
        if action == .replyAndRegister { connection.lastReceived = self.tickTime }
        guard !connection.isEnding else { return nil }
        // A heartbeat confirms the bytes that were acknowledged before it.
        if connection.listener.confirm == .heartbeat { self.sample(connection) }
        if !self.tracedFrames.isEmpty { self.confirmTracedFrames(of: connection) }
        let now = self.clock.now
        self.counters.heartbeats += 1
        connection.counters.heartbeats += 1
        let registration = action == .replyAndRegister ? self.limiter.makeRegistration() : nil
        if connection.destinations.isEmpty || !connection.listener.givesReceipts {
            self.writeReply(to: frame, connection, now: now, target: connection.outbound.reserve(Frame.heartbeatSize))
            self.complete(ccid, registration, connection, now: now)
        } else {
            // The reply repeats these bytes of the heartbeat. Its time is that of sending, because terminals set their clocks by
            // it.
            let heartbeat = ByteBuffer(bytes: UnsafeRawBufferPointer(start: frame.bytes, count: Frame.minimumSize))
            connection.source = self.handover.isRecalled(ccid) ? nil : self.terminals[ccid]
            self.whenSafe(connection) {
                heartbeat.withUnsafeReadableBytes { bytes in
                    guard let start = bytes.baseAddress else { return }
                    let frame = FrameView(bytes: start, size: bytes.count, isSound: true)
                    let target = connection.outbound.reserve(Frame.heartbeatSize)
                    self.writeReply(to: frame, connection, now: self.clock.now, target: target)
                }
                self.complete(ccid, registration, connection, now: now)
            }
        }
        if !frame.isSound { self.countUnsound(connection) }
        return nil
    }

    private func writeReply(
        to frame: FrameView,
        _ connection: TerminalConnection,
        now: Timestamp,
        target: UnsafeMutableRawPointer
    ) {
        FrameRewriter.heartbeatReply(
            to: frame,
            dialect: connection.parser.dialect ?? .marker,
            time: self.options.session.heartbeatTime.content(unixMilliseconds: now.milliseconds),
            target: target
        )
    }

    /// Completes a heartbeat whose reply has been put: frames for the terminal may follow.
    private func complete(_ ccid: CCID, _ registration: UInt64?, _ connection: TerminalConnection, now: Timestamp) {
        self.markDirty(connection)
        self.holdBackIfUnread(connection)
        if let registration, connection.session.holds(ccid) {
            self.register(ccid, on: connection, registration: registration, now: now)
        }
        // A recalled terminal will soon be on another shard.
        let terminal = self.handover.isRecalled(ccid) ? nil : self.terminals[ccid]
        if connection.session.source == ccid { connection.source = terminal }
        if let terminal { self.heartbeat(of: terminal, now: now) }
    }

    /// Stops reading from a peer that sends heartbeats and does not read the replies.
    private func holdBackIfUnread(_ connection: TerminalConnection) {
        guard connection.outbound.unacknowledged > self.options.outbound.highWatermark else { return }
        self.relieve(connection, nil)
        if connection.unread > self.options.outbound.highWatermark { connection.pause(for: .replies) }
    }

    // MARK: Counting

    /// Counts the data frames that were accepted from one source in a row.
    private func count(_ taken: inout TakenFrames, from connection: TerminalConnection) {
        guard taken.frames > 0 else { return }
        self.counters.accepted &+= taken.frames
        self.counters.acceptedBytes &+= taken.bytes
        self.counters.unsound &+= taken.unsound
        connection.uncounted.add(taken)
        taken = TakenFrames()
    }

    /// Adds the connection's uncounted frames to its source's counters. They gather on the connection, because a frame does not
    /// otherwise touch the memory of the terminal's counters. Readers of those counters call this first.
    func settleCounters(of connection: TerminalConnection) {
        guard let source = connection.source else { return }
        connection.uncounted.count(for: source)
        connection.countUncounted()
        source.counters.framesDelivered &+= UInt64(connection.uncountedDeliveries.frames)
        source.counters.bytesDelivered &+= UInt64(connection.uncountedDeliveries.bytes)
        connection.counters.framesDelivered &+= UInt64(connection.uncountedDeliveries.frames)
        connection.counters.bytesDelivered &+= UInt64(connection.uncountedDeliveries.bytes)
        connection.uncountedDeliveries = (0, 0)
    }

    /// Settles the connection's counters before its source changes, and removes the source.
    func clearSource(of connection: TerminalConnection) {
        self.settleCounters(of: connection)
        connection.source = nil
        connection.countUncounted()
    }

    private func countUnsound(_ connection: TerminalConnection) {
        self.counters.unsound += 1
        connection.source?.counters.unsoundFrames += 1
    }
}

/// Counters of one read, held in registers until its end.
struct TakenFrames {
    var frames: UInt64 = 0
    var bytes: UInt64 = 0
    var unsound: UInt64 = 0

    @inline(__always)
    mutating func add(_ frame: FrameView) {
        self.frames &+= 1
        self.bytes &+= UInt64(truncatingIfNeeded: frame.size)
        if !frame.isSound { self.unsound &+= 1 }
    }

    mutating func add(_ other: TakenFrames) {
        self.frames &+= other.frames
        self.bytes &+= other.bytes
        self.unsound &+= other.unsound
    }

    /// Adds them to a terminal's counters.
    func count(for terminal: Terminal) {
        terminal.counters.framesReceived &+= self.frames
        terminal.counters.bytesReceived &+= self.bytes
        terminal.counters.unsoundFrames &+= self.unsound
    }
}
