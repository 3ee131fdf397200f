import NIOCore
import RelayCore
import TTMSProtocol

/// The one handler of a terminal's channel, which passes received frames to the shard.
///
/// It parses in the read buffer itself. Only the bytes of an unfinished frame are stored, and joined with the next ones.
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
        // This comes first: when the channel fails, the bytes that the connection has brought are handled nevertheless.
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

    /// Drops the connection, which continues on another event loop.
    func detach() {
        self.connection = nil
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var buffer = self.unwrapInboundIn(data)
        defer { self.shard.receiveBuffers.giveBack(buffer) }
        guard let connection, connection.phase.isReceiving else { return }
        // Before the first heartbeat a connection's time runs from its acceptance, however many bytes arrive.
        let now = self.shard.startRead()
        if connection.session.source != nil { connection.lastReceived = now }
        // A read that fills its buffer does not show whether more bytes follow.
        let isFull = buffer.writableBytes == 0
        if isFull, connection.reads == 0 { self.fill(&buffer, from: connection) }
        connection.reads &+= 1
        self.take(&buffer, connection, isFull && connection.hasMoreToRead ? .more : .burstEnd)
        if connection.unfinished.readableBytes > 0 { self.shard.boundUnfinished(sparing: connection) }
    }

    /// Reads the bytes after the first ones of a connection, which came in a buffer of minimal size.
    private func fill(_ buffer: inout ByteBuffer, from connection: TerminalConnection) {
        guard connection.hasMoreToRead else { return }
        var larger = self.shard.receiveBuffers.take(ByteBufferAllocator())
        larger.writeBuffer(&buffer)
        _ = connection.receive(into: &larger, limit: larger.writableBytes)
        buffer = larger
    }

    /// Handles the frames in bytes that have just been read, and in earlier unfinished bytes.
    private func take(_ buffer: inout ByteBuffer, _ connection: TerminalConnection, _ boundary: FrameParser.Boundary) {
        if connection.isDeferringInput {
            connection.addUnfinished(&buffer)
        } else if connection.unfinished.readableBytes > 0 {
            connection.addUnfinished(&buffer)
            self.receiveUnfinished(connection, boundary)
        } else {
            let (consumed, step) = self.receive(buffer, connection, boundary)
            guard consumed < buffer.readableBytes, connection.closeReason == nil else { return }
            // Allocated at its exact size: a connection that stalls inside a frame should not hold a read buffer.
            buffer.moveReaderIndex(forwardBy: consumed)
            var rest = ByteBufferAllocator().buffer(capacity: buffer.readableBytes)
            rest.writeBuffer(&buffer)
            connection.keepUnfinished(rest)
            self.awaitMore(connection, after: step, boundary)
        }
    }

    /// Resumes after a pause: a heartbeat has been answered, or there is room for a frame that had to wait. Bytes after it are
    /// handled next.
    func resume() {
        guard let connection, connection.phase.isReceiving, !connection.isDeferringInput else { return }
        if connection.phase == .inputClosed {
            // SwiftNIO reads nothing more of it. Its frames are handled now, because newer connections of its terminal may be next.
            // Its end may have to wait.
            self.receiveArrived(.end)
            if connection.phase == .inputClosed { self.shard.inputClosed(connection) }
            return
        }
        guard connection.unfinished.readableBytes > 0 else { return }
        self.receiveUnfinished(connection, connection.hasMoreToRead ? .more : .burstEnd)
    }

    /// Reads and handles the bytes that have arrived until now, as far as no cause holds the connection back. Bytes that arrive
    /// meanwhile are not read: a peer that floods the relay would never end this.
    ///
    /// - Parameter end: the meaning of the end of these bytes.
    func receiveArrived(_ end: FrameParser.Boundary) {
        guard let connection else { return }
        func mayReceive() -> Bool { connection.phase.isReceiving && !connection.isDeferringInput }
        var arrived = connection.arrivedBytes
        while arrived > 0, mayReceive() {
            var buffer = self.shard.receiveBuffers.take(ByteBufferAllocator())
            defer { self.shard.receiveBuffers.giveBack(buffer) }
            let count = connection.receive(into: &buffer, limit: arrived)
            guard count > 0 else { break }
            arrived -= count
            self.take(&buffer, connection, .more)
        }
        if connection.unfinished.readableBytes > 0, mayReceive() { self.receiveUnfinished(connection, end) }
    }

    /// Handles the frames in the unfinished bytes, which have been joined with new ones.
    private func receiveUnfinished(_ connection: TerminalConnection, _ boundary: FrameParser.Boundary) {
        // Taken out of the connection, so that code that ends it meanwhile does not handle the same bytes.
        var since: NIODeadline? = connection.unfinishedSince
        var bytes = connection.takeUnfinished()
        let (consumed, step) = self.receive(bytes, connection, boundary)
        guard consumed < bytes.readableBytes, connection.closeReason == nil else { return }
        if consumed > 0 {
            // Copied into memory of its own size: the joined bytes can be a whole read.
            bytes.moveReaderIndex(forwardBy: consumed)
            var rest = ByteBufferAllocator().buffer(capacity: bytes.readableBytes)
            rest.writeBuffer(&bytes)
            bytes = rest
            since = nil
        }
        connection.keepUnfinished(bytes, since: since)
        self.awaitMore(connection, after: step, boundary)
    }

    /// Lets unfinished bytes wait for more bytes or for a quiet time, or moves them with the connection to the event loop of its
    /// terminal.
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
    /// - Returns: the number of bytes of the handled frames, and the parser's step for the rest.
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
            // The rest may be unread in the kernel: a quiet time counts only while the connection is read from.
            if connection.isPaused || connection.hasMoreToRead { return handler.awaitQuiet(connection) }
            handler.receiveUnfinished(connection, .quiet)
        }
    }

    // MARK: The end of the connection

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        // The peer's FIN. The descriptor is still open here, and no longer in `channelInactive`.
        if let event = event as? ChannelEvent, event == .inputClosed {
            if let connection = self.connection { self.shard.inputClosed(connection) }
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    /// Finishes the connection, when the shard handles the peer's FIN.
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

    /// Closes the connection, because it is broken or its channel could not be made.
    func connectionLost() {
        if let connection { self.shard.close(connection, .connectionLost) }
    }

    // MARK: SwiftNIO's reads

    /// Whether SwiftNIO has to leave arrived bytes in the kernel. At the peer's FIN or RST it reads all of them, even from a
    /// connection that is held back.
    var refusesReads: Bool { self.connection?.isPaused ?? false }
}

/// Thrown when the event loop to which a connection has moved does not accept it: its address is blocked.
struct MoveRefused: Error {}
