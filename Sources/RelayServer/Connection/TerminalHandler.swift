import NIOCore
import RelayCore
import TTMSProtocol

/// The one handler of a terminal's channel: bytes in, frames to the shard.
///
/// It parses in the read buffer itself. Only the bytes of an unfinished frame are kept, and joined with what comes next.
final class TerminalHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let shard: Shard
    private let listener: ListenerOptions
    private(set) var connection: TerminalConnection?
    private let addresses: ConnectionAddresses

    init(shard: Shard, listener: ListenerOptions, addresses: ConnectionAddresses) {
        self.shard = shard
        self.listener = listener
        self.addresses = addresses
    }

    /// Becomes the handler of a channel that is not active yet.
    ///
    /// - Parameter moving: the connection that has come from another event loop with the channel's socket; `nil` for a new one.
    /// - Throws: ``MoveRefused``, and what the channel's options and its pipeline throw.
    func serve(_ channel: any Channel, _ moving: MovingConnection? = nil) throws {
        // First of all: when the channel fails, what the connection has brought is handled all the same.
        if let moving { try self.adopt(moving, channel) }
        let allocator = SharedReceiveAllocator(self.shard.receiveBuffers, for: self)
        try channel.syncOptions?.setOption(.recvAllocator, value: allocator)
        try channel.pipeline.syncOperations.addHandler(self)
    }

    private func adopt(_ moving: MovingConnection, _ channel: any Channel) throws {
        guard let connection = self.shard.adopt(moving, channel) else { throw MoveRefused() }
        connection.handler = self
        connection.keepUnfinished(moving.bytes)
        self.connection = connection
    }

    func channelActive(context: ChannelHandlerContext) {
        if let connection {
            return self.receiveUnfinished(connection, connection.hasMoreToRead ? .more : .burstEnd)
        }
        self.connection = self.shard.accept(context.channel, listener: self.listener, addresses: self.addresses)
        self.connection?.handler = self
    }

    /// The connection goes on elsewhere.
    func detach() {
        self.connection = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        defer { self.shard.receiveBuffers.giveBack(buffer) }
        guard let connection, connection.phase.isReceiving else { return }
        // Before its first heartbeat a connection's time runs from its acceptance, however many bytes drip in.
        let now = self.shard.startRead()
        if connection.session.source != nil { connection.lastReceived = now }
        // A read that fills its buffer says nothing of what follows.
        let isFull = buffer.writableBytes == 0
        if isFull, connection.reads == 0 { self.fill(&buffer, from: connection) }
        connection.reads &+= 1
        self.take(&buffer, connection, isFull && connection.hasMoreToRead ? .more : .burstEnd)
        if connection.unfinished.readableBytes > 0 { self.shard.boundUnfinished(sparing: connection) }
    }

    /// Reads what lies behind the first bytes of a connection, which came in a buffer as small as can be.
    private func fill(_ buffer: inout ByteBuffer, from connection: TerminalConnection) {
        guard connection.hasMoreToRead else { return }
        var larger = self.shard.receiveBuffers.take(ByteBufferAllocator())
        larger.writeBuffer(&buffer)
        _ = connection.receive(into: &larger, limit: larger.writableBytes)
        buffer = larger
    }

    /// Handles the frames in bytes that have just been read, and those kept from before.
    private func take(_ buffer: inout ByteBuffer, _ connection: TerminalConnection, _ boundary: FrameParser.Boundary) {
        if connection.isKeepingBack {
            connection.addUnfinished(&buffer)
        } else if connection.unfinished.readableBytes > 0 {
            connection.addUnfinished(&buffer)
            self.receiveUnfinished(connection, boundary)
        } else {
            let (consumed, step) = self.receive(buffer, connection, boundary)
            guard consumed < buffer.readableBytes, connection.closeReason == nil else { return }
            // Exactly as large as it has to be: a connection that stalls inside a frame should not hold a read buffer.
            buffer.moveReaderIndex(forwardBy: consumed)
            var rest = ByteBufferAllocator().buffer(capacity: buffer.readableBytes)
            rest.writeBuffer(&buffer)
            connection.keepUnfinished(rest)
            self.awaitMore(connection, after: step, boundary)
        }
    }

    /// The heartbeat that nothing overtakes has been answered, or there is room for the frame that had to wait: what came behind is
    /// next.
    func goOn() {
        guard let connection, connection.phase.isReceiving, !connection.isKeepingBack else { return }
        if connection.phase == .inputClosed {
            // SwiftNIO reads nothing more of it. Its frames are handled now, because newer connections of its terminal may be next; its
            // end may have to wait.
            self.receiveArrived(.end)
            if connection.phase == .inputClosed { self.shard.inputClosed(connection) }
            return
        }
        guard connection.unfinished.readableBytes > 0 else { return }
        self.receiveUnfinished(connection, connection.hasMoreToRead ? .more : .burstEnd)
    }

    /// Reads and handles what has arrived until now, as far as nothing holds the connection back. What arrives meanwhile is not
    /// awaited: a peer that floods the relay would never be done with.
    ///
    /// - Parameter end: what the end of it is.
    func receiveArrived(_ end: FrameParser.Boundary) {
        guard let connection else { return }
        func goesOn() -> Bool { connection.phase.isReceiving && !connection.isKeepingBack }
        var arrived = connection.arrivedBytes
        while arrived > 0, goesOn() {
            var buffer = self.shard.receiveBuffers.take(ByteBufferAllocator())
            defer { self.shard.receiveBuffers.giveBack(buffer) }
            let count = connection.receive(into: &buffer, limit: arrived)
            guard count > 0 else { break }
            arrived -= count
            self.take(&buffer, connection, .more)
        }
        if connection.unfinished.readableBytes > 0, goesOn() { self.receiveUnfinished(connection, end) }
    }

    /// Handles the frames in what was kept and has been joined with new bytes.
    private func receiveUnfinished(_ connection: TerminalConnection, _ boundary: FrameParser.Boundary) {
        // Taken out of the connection: whoever ends it meanwhile should not find what is being handled.
        var since: NIODeadline? = connection.unfinishedSince
        var bytes = connection.takeUnfinished()
        let (consumed, step) = self.receive(bytes, connection, boundary)
        guard consumed < bytes.readableBytes, connection.closeReason == nil else { return }
        if consumed > 0 {
            // Into memory of its own size: what was joined can be a whole read.
            bytes.moveReaderIndex(forwardBy: consumed)
            var rest = ByteBufferAllocator().buffer(capacity: bytes.readableBytes)
            rest.writeBuffer(&bytes)
            bytes = rest
            since = nil
        }
        connection.keepUnfinished(bytes, since: since)
        self.awaitMore(connection, after: step, boundary)
    }

    /// Unfinished bytes wait for more bytes, for a quiet time, or move with the connection to the event loop of its terminal.
    private func awaitMore(_ connection: TerminalConnection, after step: FrameParser.Step, _ boundary: FrameParser.Boundary) {
        if let destination = connection.destination {
            guard !self.shard.move(connection, to: destination) else { return }
            connection.mayMove = false
            connection.destination = nil
            self.receiveUnfinished(connection, boundary)
        } else if step == .needsBytesOrQuiet, connection.phase == .open {
            self.awaitQuiet(connection)
        }
    }

    /// Handles the frames in `bytes`.
    ///
    /// - Returns: how many bytes they have, and what the rest is.
    private func receive(
        _ bytes: ByteBuffer,
        _ connection: TerminalConnection,
        _ boundary: FrameParser.Boundary
    ) -> (consumed: Int, step: FrameParser.Step) {
        let (consumed, step) = bytes.withUnsafeReadableBytes {
            self.shard.receive($0, from: connection, boundary: boundary)
        }
        if case .violation(let violation) = step {
            connection.foreign = ForeignBytes(bytes.readableBytesView.dropFirst(consumed))
            self.shard.fail(connection, CloseReason(violation))
        }
        return (consumed, step)
    }

    private func awaitQuiet(_ connection: TerminalConnection) {
        let reads = connection.reads
        // The task runs on the connection's event loop, so nothing here crosses threads.
        let task = NIOLoopBound((self, connection), eventLoop: self.shard.eventLoop)
        self.shard.eventLoop.scheduleTask(in: self.shard.options.session.quietTime) {
            let (handler, connection) = task.value
            guard connection.reads == reads, connection.phase == .open else { return }
            // The rest may lie unread in the kernel: only silence that was listened to is silence.
            if connection.isPaused || connection.hasMoreToRead { return handler.awaitQuiet(connection) }
            handler.receiveUnfinished(connection, .quiet)
        }
    }

    // MARK: The end of the connection

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The peer's FIN. The descriptor is still open here, and is not any more in `channelInactive`.
        if let event = event as? ChannelEvent, event == .inputClosed {
            if let connection = self.connection { self.shard.inputClosed(connection) }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// The shard has time for the peer's FIN.
    func finish() {
        if let connection { self.shard.finish(connection) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.connectionLost()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.connectionLost()
        self.connection?.handler = nil
        self.connection = nil
    }

    /// The connection is broken, or its channel could not be made.
    func connectionLost() {
        if let connection { self.shard.close(connection, .connectionLost) }
    }

    // MARK: What SwiftNIO may read

    /// Whether SwiftNIO has to leave what has arrived in the kernel. It reads all of it when the peer's FIN or RST comes, also from a
    /// connection that is held back.
    var refusesReads: Bool { self.connection?.isPaused ?? false }
}

/// The event loop to which a connection has moved does not take it: its address is blocked.
struct MoveRefused: Error {}
