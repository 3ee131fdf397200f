import NIOCore
import NIOPosix

/// A server on the loopback that answers whatever comes with the same bytes, and closes the connection.
enum CannedServer {
    /// Runs `use` with the server's port.
    static func with<Result>(_ answer: [UInt8], _ use: (Int) async throws -> Result) async throws -> Result {
        let server = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(CannedAnswer(answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let result: Result
        do {
            result = try await use(server.localAddress?.port ?? 0)
        } catch {
            try await server.close()
            throw error
        }
        try await server.close()
        return result
    }
}

/// Answers the first bytes of a connection.
private final class CannedAnswer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private let answer: [UInt8]
    private var isAnswered = false

    init(_ answer: [UInt8]) {
        self.answer = answer
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !self.isAnswered else { return }
        self.isAnswered = true
        context.writeAndFlush(Self.wrapOutboundOut(ByteBuffer(bytes: self.answer)), promise: nil)
        context.close(promise: nil)
    }
}
