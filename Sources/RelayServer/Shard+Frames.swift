import NIOCore
import RelayCore
import TTMSProtocol

// The way of a frame. Nothing here allocates, retains or locks per frame while terminals are live.
extension Shard {
    /// Handles the frames in `bytes`, which begin where a frame of `connection` begins.
    ///
    /// - Returns: the bytes of the frames that were handled, and what the rest is.
    func receive(
        _ bytes: UnsafeRawBufferPointer,
        from connection: TerminalConnection,
        boundary: FrameParser.Boundary
    ) -> (consumed: Int, step: FrameParser.Step) {
        guard let start = bytes.baseAddress else { return (0, .needsBytes) }
        var parser = connection.parser
        var offset = 0
        var frames: UInt64 = 0
        var frameBytes = 0
        let storedBefore = self.submission.appends.count
        var step = FrameParser.Step.needsBytes
        while offset < bytes.count {
            step = parser.step(start + offset, count: bytes.count &- offset, boundary: boundary)
            guard case .frame(let size, let isSound) = step else { break }
            let frame = FrameView(bytes: start + offset, size: size, isSound: isSound)
            offset &+= size
            if frame.command == Command.data.rawValue, let source = connection.session.source {
                frames &+= 1
                frameBytes &+= size
                self.deliver(frame, from: source)
                if !isSound { self.countUnsound(connection) }
            } else {
                connection.parser = parser
                if let reason = self.handle(frame, from: connection) {
                    self.close(connection, reason)
                    break
                }
            }
            step = .needsBytes
        }
        connection.parser = parser
        if frames > 0 { self.countAccepted(frames, bytes: frameBytes, from: connection) }
        if self.submission.appends.count != storedBefore { self.holdBackIfBehind(connection) }
        return (offset, step)
    }

    /// Gives a data frame to the terminal that it is for.
    @inline(__always)
    func deliver(_ frame: FrameView, from source: CCID) {
        let destination = frame.address
        if let terminal = self.terminals.find(destination) {
            let isDelivered = terminal._withUnsafeGuaranteedRef { terminal in
                guard let live = terminal.live else { return false }
                live._withUnsafeGuaranteedRef { connection in
                    connection.put(frame, from: source, to: destination)
                    self.markDirty(connection)
                    if connection.outbound.unacknowledged > self.options.outbound.highWatermark {
                        self.relieve(connection)
                    }
                }
                return true
            }
            if isDelivered { return }
        }
        self.deliverAside(frame, from: source)
    }

    /// The terminal is offline, catching up, or another shard's.
    @inline(never)
    private func deliverAside(_ frame: FrameView, from source: CCID) {
        let entry = AppendBatch.Entry(ccid: frame.address)
        self.withAsideBatch(for: frame.address, size: frame.size) { batch in
            batch.append(entry, size: frame.size) { FrameRewriter.forward(frame, from: source, to: $0) }
        }
    }

    /// A frame that another shard handed over, or that was held: it is rewritten already.
    func deliver(rewritten frame: UnsafeRawBufferPointer, to destination: CCID) {
        if let terminal = self.terminals[destination], let live = terminal.live {
            let connection = live.takeUnretainedValue()
            connection.put(rewritten: frame, to: destination)
            self.markDirty(connection)
            if connection.outbound.unacknowledged > self.options.outbound.highWatermark { self.relieve(connection) }
            return
        }
        self.withAsideBatch(for: destination, size: frame.count) { batch in
            batch.append(AppendBatch.Entry(ccid: destination), frame: frame)
        }
    }

    /// Lets `body` add a frame for a terminal that is not live here to the batch that is its next stop.
    private func withAsideBatch(for destination: CCID, size: Int, _ body: (inout AppendBatch) -> Void) {
        guard let terminal = self.terminals[destination] else {
            self.withBatch(forAbsent: destination, body)
            return
        }
        if self.handover.isRecalled(destination) {
            self.withBatch(toHomeOf: destination, body)
            return
        }
        switch terminal.mailbox.placement {
        case .held, .live:
            body(&terminal.held)
            if terminal.held.frameBytes > self.options.outbound.lowWatermark { self.spill(terminal) }
        case .store:
            self.withSubmission { body(&$0.appends) }
            terminal.counters.framesQueued += 1
            terminal.update { $0.appended(in: self.submission.number) }
            if terminal.mailbox.isReadDue { self.pump(terminal) }
        }
    }

    // MARK: Heartbeats and the rest

    /// Handles what is not data, or data that came before a heartbeat.
    ///
    /// - Returns: why to close the connection; `nil` to go on.
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
        let action = connection.session.heartbeatReceived(from: ccid, options: self.options.session)
        if case .close(let reason) = action { return reason }
        // What was acknowledged before this heartbeat is what it confirms.
        if connection.listener.confirm == .heartbeat { self.sample(connection) }
        let now = self.clock.now
        FrameRewriter.heartbeatReply(
            to: frame,
            dialect: connection.parser.dialect ?? .marker,
            time: self.options.session.heartbeatTime.content(unixMilliseconds: now.milliseconds),
            target: connection.outbound.reserve(Frame.heartbeatSize)
        )
        self.markDirty(connection)
        if action == .replyAndRegister { self.register(ccid, on: connection, now: now) }
        self.counters.heartbeats += 1
        connection.source = self.terminals[ccid]
        connection.source?.counters.heartbeats += 1
        connection.source?.lastHeartbeatAt = now
        if !frame.isSound { self.countUnsound(connection) }
        return nil
    }

    // MARK: Counting

    private func countAccepted(_ frames: UInt64, bytes: Int, from connection: TerminalConnection) {
        self.counters.accepted &+= frames
        self.counters.acceptedBytes &+= UInt64(bytes)
        connection.source?.counters.framesReceived &+= frames
        connection.source?.counters.bytesReceived &+= UInt64(bytes)
    }

    @inline(never)
    private func countUnsound(_ connection: TerminalConnection) {
        self.counters.unsound += 1
        connection.source?.counters.unsoundFrames += 1
    }
}
