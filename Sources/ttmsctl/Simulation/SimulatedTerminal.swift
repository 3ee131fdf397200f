import NIOCore
import NIOPosix
import TTMSProtocol

/// A terminal of the dialect `total`. It connects, registers by a heartbeat, sends its messages after the reply, and repeats
/// the heartbeat.
struct SimulatedTerminal: Sendable {
    /// The end of a simulation.
    enum Ending: Equatable, Sendable {
        /// The requested number of frames has arrived.
        case receivedAll
        /// The lifetime is over.
        case timeIsUp
        /// The relay closed the connection, or it broke.
        case closed
        /// The connection ended before the first heartbeat was answered.
        case rejected
    }

    /// The terminal's number.
    var ccid: CCID
    /// The messages that it sends after its registration.
    var messages: [Outgoing]
    /// The interval of heartbeats; `nil` to send only the first.
    var heartbeat: Duration?
    /// The number of data frames after which it ends; `nil` for no limit.
    var receive: Int?
    /// The time after which it ends; `nil` for no limit.
    var lifetime: Duration?

    /// One message to another terminal.
    struct Outgoing: Equatable, Sendable {
        var destination: CCID
        var payload: [UInt8]
    }

    /// Runs the terminal to its end.
    ///
    /// - Parameter report: called for each event.
    func run(
        host: String,
        port: Int,
        report: @escaping @Sendable (SimulationEvent) throws -> Void
    ) async throws -> Ending {
        let channel: NIOAsyncChannel<ReceivedFrame, ByteBuffer>
        do {
            channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(host: host, port: port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(FrameReceiver())
                        return try NIOAsyncChannel(wrappingChannelSynchronously: channel)
                    }
                }
        } catch {
            throw Failure(
                .unavailable,
                "No terminal can connect to \(host):\(port) (\(Self.reason(error))). Is the relay running, and does it listen there?"
            )
        }
        let address = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        try report(SimulationEvent(.connected, detail: address))
        return try await channel.executeThenClose { inbound, outbound in
            try await withThrowingTaskGroup(of: Ending.self) { group in
                group.addTask { try await self.converse(inbound, outbound, report: report) }
                if let heartbeat = self.heartbeat {
                    group.addTask {
                        while true {
                            try await Task.sleep(for: heartbeat)
                            do {
                                try await outbound.write(self.heartbeatFrame)
                            } catch let error where error is IOError || error is ChannelError {
                                return .closed
                            }
                        }
                    }
                }
                if let lifetime = self.lifetime {
                    group.addTask {
                        try await Task.sleep(for: lifetime)
                        return .timeIsUp
                    }
                }
                defer { group.cancelAll() }
                return try await group.next() ?? .closed
            }
        }
    }

    private func converse(
        _ inbound: NIOAsyncChannelInboundStream<ReceivedFrame>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>,
        report: @Sendable (SimulationEvent) throws -> Void
    ) async throws -> Ending {
        var isRegistered = false
        var received = 0
        do {
            try await outbound.write(self.heartbeatFrame)
            for try await frame in inbound {
                switch frame {
                case .heartbeatReply(_, let time):
                    try report(SimulationEvent(.heartbeatAnswered, time: time))
                    guard !isRegistered else { continue }
                    isRegistered = true
                    for message in self.messages {
                        var buffer = ByteBuffer()
                        buffer.writeFrame(address: message.destination, command: .data, content: message.payload)
                        try await outbound.write(buffer)
                        try report(SimulationEvent(.sent, ccid: message.destination, payload: message.payload))
                    }
                case .data(let source, let payload):
                    try report(SimulationEvent(.received, ccid: source, payload: payload))
                    received += 1
                }
                if isRegistered, received == self.receive { return .receivedAll }
            }
        } catch let error where error is IOError || error is ChannelError {
            // A reset, or a write after the connection's end, means the same as the end.
        }
        return isRegistered ? .closed : .rejected
    }

    /// The reason why connecting failed, in the system's words.
    private static func reason(_ error: any Error) -> String {
        if case .notConnected(let reason) = TransportError(error) { return reason }
        return "it was closed at once"
    }

    private var heartbeatFrame: ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeFrame(address: self.ccid, command: .heartbeat, content: [0, 0, 0, 0])
        return buffer
    }
}
