import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix

/// HTTP to one relay. The token goes to the address that was named and nowhere else: through no proxy that the environment
/// names, and after no redirect.
struct AdminTransport: Sendable {
    /// A complete answer.
    struct Answer: Sendable {
        /// The HTTP status.
        var status: Int
        /// The header fields.
        var headers: HTTPHeaders
        /// The content.
        var body: Data
    }

    /// Seconds without a byte after which the relay counts as gone: more than the relay's own deadline for a request, so that its
    /// answer is the one that is seen, and more than between two heartbeats of the event stream.
    static let silence: Int64 = 60
    /// Bytes of an answer: a page of 1,000 of the largest messages has fewer.
    private static let largestAnswer = 256 << 20

    /// One for the process, to whose end it lives.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(10), read: .seconds(Self.silence))
        )
        configuration.httpVersion = .http1Only
        // A relay that refuses a connection is not there; the default tries again until the deadline.
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: .singletonMultiThreadedEventLoopGroup, configuration: configuration)
    }()

    /// Sends a request, and collects the answer.
    static func send(_ request: HTTPClientRequest) async throws(TransportError) -> Answer {
        let response = try await self.open(request)
        return Answer(
            status: Int(response.status.code),
            headers: response.headers,
            body: try await self.collect(response, limit: self.largestAnswer)
        )
    }

    /// Sends a request, and returns when the head of the answer is there.
    static func open(_ request: HTTPClientRequest) async throws(TransportError) -> HTTPClientResponse {
        do {
            // Silence ends a request, its length does not: a large page may come slowly.
            return try await self.client.execute(request, deadline: .distantFuture)
        } catch {
            throw TransportError(error)
        }
    }

    /// The content of an answer.
    static func collect(_ response: HTTPClientResponse, limit: Int) async throws(TransportError) -> Data {
        do {
            return Data(buffer: try await response.body.collect(upTo: limit))
        } catch {
            throw TransportError(error)
        }
    }
}
