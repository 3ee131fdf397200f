import NIOCore
import NIOHTTP1
import NIOPosix

/// The address of a relay's admin API, and the token for it.
struct AdminEndpoint: Equatable, Sendable {
    var address: SocketAddress
    /// The text after `Bearer`.
    var token: String
}

/// A connection to the admin API with at most one request at a time.
///
/// Confined to its event loop; `@unchecked Sendable` because channel initializers have to be `Sendable`.
final class AdminClient: ChannelInboundHandler, @unchecked Sendable {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundOut = HTTPClientRequestPart

    /// The relay's answer.
    struct Answer: Sendable {
        var status: Int
        var body: ByteBuffer
    }

    let eventLoop: any EventLoop
    private let endpoint: AdminEndpoint
    private var context: ChannelHandlerContext?
    private var promise: EventLoopPromise<Answer>?
    private var answer = Answer(status: 0, body: ByteBuffer())

    private init(_ endpoint: AdminEndpoint, on eventLoop: any EventLoop) {
        self.endpoint = endpoint
        self.eventLoop = eventLoop
    }

    static func connect(_ endpoint: AdminEndpoint, on eventLoop: any EventLoop) async throws -> AdminClient {
        let client = AdminClient(endpoint, on: eventLoop)
        _ = try await ClientBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    try channel.pipeline.syncOperations.addHandler(client)
                }
            }
            .connect(host: endpoint.address.host, port: Int(endpoint.address.port)).get()
        return client
    }

    /// Requests a path; called on the event loop, when no other request is open.
    func get(_ path: String) -> EventLoopFuture<Answer> {
        let promise = self.eventLoop.makePromise(of: Answer.self)
        guard let context, self.promise == nil else {
            promise.fail(LoadFailure("the admin API at \(self.endpoint.address) has closed the connection"))
            return promise.futureResult
        }
        self.promise = promise
        let headers: HTTPHeaders = [
            "Host": self.endpoint.address.description, "Authorization": "Bearer \(self.endpoint.token)",
        ]
        context.write(
            self.wrapOutboundOut(.head(HTTPRequestHead(version: .http1_1, method: .GET, uri: path, headers: headers))),
            promise: nil
        )
        context.writeAndFlush(self.wrapOutboundOut(.end(nil)), promise: nil)
        return promise.futureResult
    }

    func close() -> EventLoopFuture<Void> {
        self.eventLoop.flatSubmit { self.context?.close() ?? self.eventLoop.makeSucceededVoidFuture() }
    }

    // MARK: Channel

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        self.promise?.fail(LoadFailure("the admin API at \(self.endpoint.address) has closed the connection without an answer"))
        self.promise = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.promise?.fail(error)
        self.promise = nil
        context.close(promise: nil)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch self.unwrapInboundIn(data) {
        case .head(let head): self.answer = Answer(status: Int(head.status.code), body: ByteBuffer())
        case .body(var bytes): self.answer.body.writeBuffer(&bytes)
        case .end:
            let promise = self.promise
            self.promise = nil
            promise?.succeed(self.answer)
        }
    }
}
