import AsyncHTTPClient
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import NIOPosix

/// HTTP to one relay. The token is sent to the given address only: no proxy of the environment is used, and no redirect is
/// followed.
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

    /// Seconds without a byte after which the relay counts as gone. It exceeds the relay's own deadline for a request, so that
    /// the relay's answer is received. It also exceeds the interval of the event stream's heartbeats.
    static let silence: Int64 = 60
    /// Bytes of an answer at most: a page of 1,000 of the largest messages has fewer.
    private static let largestAnswer = 256 << 20

    /// One client for the whole process; it is never shut down.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: .seconds(10), read: .seconds(Self.silence))
        )
        configuration.httpVersion = .http1Only
        // A refused connection is reported at once; the default tries again until the deadline.
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

    /// Sends a request, and returns when the head of the answer has arrived.
    static func open(_ request: HTTPClientRequest) async throws(TransportError) -> HTTPClientResponse {
        do {
            // A request ends by silence, not by its duration: a large page may arrive slowly.
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
