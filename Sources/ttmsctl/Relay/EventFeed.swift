import AsyncHTTPClient
import NIOCore

/// The relay's events, until the relay ends the stream.
struct EventFeed: AsyncSequence, Sendable {
    typealias Element = ServerSentEvent

    fileprivate let body: HTTPClientResponse.Body
    /// Makes the failure for a broken connection.
    fileprivate let failure: @Sendable (TransportError) -> Failure

    init(_ body: HTTPClientResponse.Body, failure: @escaping @Sendable (TransportError) -> Failure) {
        self.body = body
        self.failure = failure
    }

    func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(pieces: self.body.makeAsyncIterator(), failure: self.failure)
    }

    /// Iterates over the events as they arrive.
    struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var pieces: HTTPClientResponse.Body.AsyncIterator
        fileprivate let failure: @Sendable (TransportError) -> Failure
        private var parser = ServerSentEvents()
        private var events: ArraySlice<ServerSentEvent> = []

        fileprivate init(
            pieces: HTTPClientResponse.Body.AsyncIterator,
            failure: @escaping @Sendable (TransportError) -> Failure
        ) {
            self.pieces = pieces
            self.failure = failure
        }

        /// The next event; `nil` when the relay has ended the stream.
        ///
        /// - Throws: a ``Failure`` when the connection breaks.
        mutating func next() async throws -> ServerSentEvent? {
            while self.events.isEmpty {
                do {
                    guard let piece = try await self.pieces.next() else { return nil }
                    self.events = self.parser.take(piece.readableBytesView)[...]
                    if self.parser.isOverlong { throw TransportError.tooLarge }
                } catch {
                    throw self.failure(TransportError(error))
                }
            }
            return self.events.popFirst()
        }
    }
}
