import Glibc
import NIOCore

/// The relay's end of a simulated connection: what SwiftNIO's socket channel does between the kernel and the pipeline.
///
/// Like that one it reads only while it may (`autoRead`), but all that is left when the peer has closed, unless it is given a buffer
/// without room, which ends its input; keeps what the socket does
/// not take, with its promise, until there is room; and closes the descriptor before `channelInactive`.
///
/// `@unchecked Sendable` because channels have to be: it belongs to its world's thread.
final class SimulatedChannel: Channel, NIOTransportAccessibleChannelCore, @unchecked Sendable {
    let socket: SimulatedSocket
    private let descriptor: CInt
    private let sockets: SimulatedSockets
    let loop: SimulatedLoop
    private(set) lazy var pipeline = ChannelPipeline(channel: self)
    private let closePromise: EventLoopPromise<Void>
    private var isOpen = true
    private(set) var isActive = true
    private var isAutoRead = true
    private var isInputClosed = false
    var isReading: Bool { self.isAutoRead && !self.isInputClosed }
    private var receiveAllocator: (any RecvByteBufferAllocator)?
    private var unwritten: (bytes: ByteBuffer, promise: EventLoopPromise<Void>?)?

    init(_ socket: SimulatedSocket, descriptor: CInt, of sockets: SimulatedSockets, loop: SimulatedLoop) {
        self.socket = socket
        self.descriptor = descriptor
        self.sockets = sockets
        self.loop = loop
        self.closePromise = loop.makePromise()
    }

    // MARK: Events

    func becomeActive() {
        self.pipeline.syncOperations.fireChannelRegistered()
        self.pipeline.syncOperations.fireChannelActive()
    }

    /// Reads at most `limit` bytes of what has arrived into a buffer with room for `limit`.
    ///
    /// In `marker` the end of a full buffer says less than that of another; there every other read fills its own, to the byte.
    func read(limit: Int) {
        let bytes = self.socket.read(limit: limit)
        var buffer = self.allocator.buffer(capacity: max(limit, bytes.count + 1))
        if !self.socket.isCutAnywhere, bytes.count.isMultiple(of: 2) {
            buffer.moveWriterIndex(to: buffer.capacity - bytes.count)
            buffer.moveReaderIndex(to: buffer.writerIndex)
        }
        buffer.writeBytes(bytes)
        self.pipeline.syncOperations.fireChannelRead(NIOAny(buffer))
        self.pipeline.syncOperations.fireChannelReadComplete()
    }

    /// The peer's FIN has arrived: everything before it is read, paused or not.
    func readToEnd() {
        self.drain()
        self.closeInput()
    }

    private func closeInput() {
        guard self.isActive, !self.isInputClosed else { return }
        self.isInputClosed = true
        self.pipeline.syncOperations.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
    }

    /// The connection is broken.
    func breakDown(_ error: any Error) {
        self.drain()
        guard self.isActive else { return }
        if self.socket.isReadable {
            self.closeInput()
        } else if !self.isInputClosed {
            self.pipeline.syncOperations.fireErrorCaught(error)
        }
        self.close0(error: error, mode: .all, promise: nil)
    }

    private func drain() {
        while self.isActive, !self.isInputClosed, self.socket.isReadable {
            if self.receiveAllocator?.buffer(allocator: self.allocator).capacity == 0 { return }
            self.read(limit: 4_096)
        }
    }

    /// It cannot serve its socket: it closes that, and its handlers go without having heard of anything.
    func failToActivate() {
        self.isOpen = false
        self.isActive = false
        self.sockets.close(self.descriptor)
        self.removeHandlers(pipeline: self.pipeline)
        self.closePromise.succeed(())
    }

    /// The socket has room again.
    func writeOn() {
        guard let (unwritten, promise) = self.unwritten else { return }
        var bytes = unwritten
        var sent = bytes.withUnsafeReadableBytes { self.socket.send([$0]) }
        if sent == -Int(EAGAIN) { sent = 0 }
        guard sent >= 0 else { return self.breakDown(IOError(errnoCode: CInt(-sent), reason: "send")) }
        bytes.moveReaderIndex(forwardBy: sent)
        self.unwritten = bytes.readableBytes > 0 ? (bytes, promise) : nil
        self.socket.unfinishedPiece = self.unwritten == nil ? 0 : self.socket.unfinishedPiece + sent
        if self.unwritten == nil { promise?.succeed(()) }
    }

    var isWaitingForRoom: Bool { self.unwritten != nil }

    /// The process is dead: nobody is told of anything any more.
    func kill() {
        self.isActive = false
        self.isOpen = false
        self.unwritten?.promise?.fail(ChannelError.ioOnClosedChannel)
        self.unwritten = nil
        self.removeHandlers(pipeline: self.pipeline)
        self.closePromise.succeed(())
    }

    // MARK: Channel

    var allocator: ByteBufferAllocator { ByteBufferAllocator() }
    var closeFuture: EventLoopFuture<Void> { self.closePromise.futureResult }
    var localAddress: SocketAddress? { nil }
    var remoteAddress: SocketAddress? { nil }
    var parent: (any Channel)? { nil }
    var isWritable: Bool { true }
    var eventLoop: any EventLoop { self.loop }
    var _channelCore: any ChannelCore { self }
    var syncOptions: (any NIOSynchronousChannelOptions)? { Options(channel: self) }

    func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        self.set(option, value)
        return self.loop.makeSucceededVoidFuture()
    }

    func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        self.loop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    private func set<Option: ChannelOption>(_ option: Option, _ value: Option.Value) {
        if option is ChannelOptions.Types.AutoReadOption, let value = value as? Bool { self.isAutoRead = value }
        if let value = value as? any RecvByteBufferAllocator { self.receiveAllocator = value }
    }

    private struct Options: NIOSynchronousChannelOptions {
        let channel: SimulatedChannel

        func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
            self.channel.set(option, value)
        }

        func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
            throw ChannelError.operationUnsupported
        }
    }

    // MARK: ChannelCore

    func withUnsafeTransport<Result>(_ body: (NIOBSDSocket.Handle) throws -> Result) throws -> Result {
        try body(self.descriptor)
    }

    func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard self.isOpen, self.unwritten == nil else {
            promise?.fail(ChannelError.ioOnClosedChannel)
            return
        }
        let piece = self.unwrapData(data) as ByteBuffer
        self.socket.handed(piece.readableBytes)
        self.unwritten = (piece, promise)
    }

    func flush0() {
        self.writeOn()
    }

    func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard self.isOpen else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        self.isOpen = false
        self.isActive = false
        self.sockets.close(self.descriptor)
        self.unwritten?.promise?.fail(error)
        self.unwritten = nil
        promise?.succeed(())
        self.pipeline.syncOperations.fireChannelInactive()
        self.pipeline.syncOperations.fireChannelUnregistered()
        // Later, because a handler may be on the stack.
        let removal = self.loop.submit {
            self.removeHandlers(pipeline: self.pipeline)
        }
        removal.assumeIsolated().whenComplete { _ in self.closePromise.succeed(()) }
    }

    func localAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    func remoteAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }
    func register0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }
    func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) { promise?.fail(ChannelError.operationUnsupported) }
    func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }
    func read0() {}
    func channelRead0(_ data: NIOAny) {}
    func errorCaught0(error: any Error) {}
}
