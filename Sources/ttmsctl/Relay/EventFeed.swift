import AdminAPI
import Foundation
import FoundationNetworking
import Synchronization

/// The relay's events as they come, until the relay ends them.
///
/// Foundation on Linux has no asynchronous bytes; its delegate is called on a queue of the session, one call at a time.
final class EventFeed: NSObject, URLSessionDataDelegate {
    private struct State {
        var parser = ServerSentEvents()
        /// The body of an answer that is no stream, and its status.
        var refusal: (status: Int, body: Data)?
    }

    /// Bytes of a refusal that are read.
    private static let longestRefusal = 1 << 20

    private let client: AdminClient
    private let continuation: AsyncThrowingStream<ServerSentEvent, any Error>.Continuation
    private let state = Mutex(State())

    private init(client: AdminClient, continuation: AsyncThrowingStream<ServerSentEvent, any Error>.Continuation) {
        self.client = client
        self.continuation = continuation
    }

    /// Sends the request. The stream ends when the relay ends it, and throws a ``Failure`` when it refuses or cannot be reached.
    static func open(_ request: URLRequest, by client: AdminClient) -> AsyncThrowingStream<ServerSentEvent, any Error> {
        AsyncThrowingStream { continuation in
            let feed = EventFeed(client: client, continuation: continuation)
            let configuration = URLSessionConfiguration.ephemeral
            // Longer than the pauses between heartbeats.
            configuration.timeoutIntervalForRequest = 60
            let session = URLSession(configuration: configuration, delegate: feed, delegateQueue: nil)
            continuation.onTermination = { _ in session.invalidateAndCancel() }
            session.dataTask(with: request).resume()
        }
    }

    func urlSession(
        _ session: URLSession,
        dataTask: URLSessionDataTask,
        didReceive response: URLResponse,
        completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
    ) {
        let status = (response as? HTTPURLResponse)?.statusCode ?? 0
        if status != 200 { self.state.withLock { $0.refusal = (status, Data()) } }
        completionHandler(.allow)
    }

    func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
        let events = self.state.withLock { state in
            guard let refusal = state.refusal else { return state.parser.take(data) }
            if refusal.body.count < Self.longestRefusal { state.refusal?.body.append(data) }
            return []
        }
        for event in events { self.continuation.yield(event) }
    }

    func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
        if let refusal = self.state.withLock({ $0.refusal }) {
            self.continuation.finish(throwing: self.client.refusal(status: refusal.status, body: refusal.body))
        } else if let error {
            self.continuation.finish(throwing: self.client.unreachable(error))
        } else {
            self.continuation.finish()
        }
    }
}
