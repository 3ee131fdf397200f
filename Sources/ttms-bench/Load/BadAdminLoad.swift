import Glibc
import NIOCore
import NIOPosix

/// Bad clients of the admin API beside the traffic. Each plays all ``BadHabit``s in turn, with a connection for each and a
/// pause after it. The relay serves some of them at a time; the others wait for admission.
///
/// They have a thread of their own, so that they do not delay the traffic. Confined to its event loop; `@unchecked Sendable`
/// because other threads `submit` to it.
final class BadAdminLoad: @unchecked Sendable {
    /// The time between two connections of a client.
    private static let pause = TimeAmount.seconds(1)
    /// The time between two bytes of a body that is sent byte by byte.
    private static let drip = TimeAmount.milliseconds(100)

    private let group: MultiThreadedEventLoopGroup
    private let eventLoop: any EventLoop
    private let endpoint: AdminEndpoint
    private var open: [ObjectIdentifier: any Channel] = [:]
    private var isStopped = false
    private var ended = 0
    private var unconnected = 0

    init(_ endpoint: AdminEndpoint) {
        self.endpoint = endpoint
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        self.eventLoop = self.group.next()
    }

    /// Begins with all clients at once, each with another habit.
    func start(clients: Int) async throws {
        try await self.eventLoop.submit {
            for number in 0..<clients { self.connect(number) }
        }.get()
    }

    /// Returns the connections that ended since the last call, and the attempts to connect that failed.
    func take() async throws -> (ended: Int, unconnected: Int) {
        try await self.eventLoop.submit {
            defer { (self.ended, self.unconnected) = (0, 0) }
            return (self.ended, self.unconnected)
        }.get()
    }

    /// Closes all connections, and ends the thread.
    func stop() async throws {
        try await self.eventLoop.submit {
            self.isStopped = true
            for channel in self.open.values { channel.close(promise: nil) }
        }.get()
        try await self.group.shutdownGracefully()
    }

    /// - Parameter turn: increases with each connection of a client.
    private func connect(_ turn: Int) {
        guard !self.isStopped else { return }
        let habit = BadHabit.allCases[turn % BadHabit.allCases.count]
        ClientBootstrap(group: self.eventLoop)
            .connect(host: self.endpoint.address.host, port: Int(self.endpoint.address.port))
            .whenComplete { result in
                switch result {
                case .success(let channel): self.behave(habit, channel, turn)
                case .failure:
                    self.unconnected += 1
                    self.connectNext(after: turn)
                }
            }
    }

    private func behave(_ habit: BadHabit, _ channel: any Channel, _ turn: Int) {
        guard !self.isStopped else { return channel.close(promise: nil) }
        self.open[ObjectIdentifier(channel)] = channel
        channel.closeFuture.whenComplete { _ in
            self.open[ObjectIdentifier(channel)] = nil
            self.ended += 1
            self.connectNext(after: turn)
        }
        let (bytes, end) = habit.script(self.endpoint)
        // The relay's reaction, even during the write, is observed only as the end of the connection.
        channel.writeAndFlush(ByteBuffer(bytes: bytes)).whenSuccess { self.finish(end, channel) }
    }

    private func finish(_ end: BadHabit.End, _ channel: any Channel) {
        switch end {
        case .waits: break
        case .drips(let bytes): self.drip(bytes[...], channel)
        case .halfCloses: channel.close(mode: .output, promise: nil)
        case .leaves: channel.close(promise: nil)
        case .resets:
            let reset = linger(l_onoff: 1, l_linger: 0)
            (channel as? any SocketOptionProvider)?.setSoLinger(reset).whenComplete { _ in channel.close(promise: nil) }
        }
    }

    private func drip(_ bytes: ArraySlice<UInt8>, _ channel: any Channel) {
        guard let byte = bytes.first, channel.isActive else { return }
        channel.writeAndFlush(ByteBuffer(bytes: [byte]), promise: nil)
        self.eventLoop.scheduleTask(in: Self.drip) { self.drip(bytes.dropFirst(), channel) }
    }

    private func connectNext(after turn: Int) {
        guard !self.isStopped else { return }
        self.eventLoop.scheduleTask(in: Self.pause) { self.connect(turn + 1) }
    }
}
