import CMicroHTTPD
import Synchronization

/// A body that comes piece by piece, and may have to wait for its next piece.
protocol HTTPStream: AnyObject, Sendable {
    /// The transport begins to send it. When ``next(maximum:)`` has said `wait`, `wake` has it asked again.
    func begin(wake: @escaping @Sendable () -> Void)
    /// The next piece of at most `maximum` bytes. Called on the transport's thread: it must not block.
    func next(maximum: Int) -> HTTPStreamStep
    /// The client has ended its side: something is to be said soon, so that one that has gone altogether is found out.
    func probe()
    /// The server stops: the stream says what it has to say at its end, and nothing after that.
    func close()
    /// It is over, whether it began or not. May be called more than once.
    func end()
}

/// What a stream has to say.
enum HTTPStreamStep: Equatable {
    /// These bytes, at least one.
    case bytes([UInt8])
    /// Nothing yet.
    case wait
    /// Nothing any more.
    case end
}

/// A stream as the library reads it. While the stream has nothing to say, its connection is suspended, and costs nothing.
///
/// The library reads on its own thread, and a wake may come from any other. Whether the connection is suspended changes under a
/// lock, together with the suspending and resuming itself: so it is resumed exactly once per suspension, a wake that comes while it
/// reads is not lost, and from ``close()`` on it is never suspended again. The library frees no connection that is suspended.
///
/// Unchecked: the connection is touched on the library's thread, or while it is suspended; the rest is constant or locked.
final class HTTPStreaming: @unchecked Sendable {
    private struct State {
        var isSuspended = false
        /// There may be more than the last read brought.
        var isWoken = false
        var isClosing = false
        /// The client has sent its FIN, and was sent something to find out whether it still reads.
        var isProbed = false
    }

    private let stream: any HTTPStream
    private let connection: OpaquePointer
    private let descriptor: Int32
    private unowned let daemon: HTTPDaemon
    private let state = Mutex(State())

    init(_ stream: any HTTPStream, connection: OpaquePointer, descriptor: Int32, daemon: HTTPDaemon) {
        self.stream = stream
        self.connection = connection
        self.descriptor = descriptor
        self.daemon = daemon
    }

    /// The answer to hand to the library, which keeps this object until it is done with it.
    func makeResponse() -> OpaquePointer? {
        self.stream.begin { [weak self] in self?.wake() }
        self.daemon.begin(self)
        return ttms_http_response_create_stream(Unmanaged.passRetained(self).toOpaque(), readStream, releaseStream)
    }

    /// The server stops.
    func close() {
        self.stream.close()
        self.state.withLock { $0.isClosing = true }
        self.wake()
    }

    /// Ends when the client has gone: nobody looks at a connection that is suspended, and the place that it takes is another's. A client
    /// that has only ended its side reads on; one that has gone answers with a reset what it is sent.
    func endIfAbandoned() {
        switch self.daemon.connections.end(of: self.descriptor) {
        case nil: return
        case .half:
            let isFirst = self.state.withLock { state in
                defer { state.isProbed = true }
                return !state.isProbed
            }
            guard isFirst else { return }
            self.stream.probe()
        case .whole:
            self.stream.end()
            self.state.withLock { $0.isClosing = true }
            self.wake()
        }
    }

    private func wake() {
        self.state.withLock { state in
            if state.isSuspended {
                state.isSuspended = false
                ttms_http_resume(self.connection)
            } else {
                state.isWoken = true
            }
        }
    }

    /// - Returns: how many bytes there are; 0 when the connection is suspended; -1 at the end.
    fileprivate func read(into buffer: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
        while true {
            switch self.stream.next(maximum: size) {
            case .bytes(let bytes):
                // From here on it is the client's turn: one that does not read is cut off like any other.
                self.daemon.connections.begin(.answer, self.descriptor)
                let count = min(bytes.count, size)
                buffer.update(from: bytes, count: count)
                return count
            case .end: return -1
            case .wait:
                let isClosing = self.state.withLock { state -> Bool? in
                    if state.isWoken || state.isClosing {
                        state.isWoken = false
                        return state.isClosing
                    }
                    ttms_http_suspend(self.connection)
                    state.isSuspended = true
                    return nil
                }
                if isClosing == true { return -1 }
                if isClosing == nil {
                    self.daemon.connections.begin(.silence, self.descriptor)
                    return 0
                }
            }
        }
    }

    fileprivate func release() {
        self.stream.end()
        self.daemon.complete(self)
    }
}

private func readStream(context: UnsafeMutableRawPointer, buffer: UnsafeMutablePointer<UInt8>, size: Int) -> Int {
    Unmanaged<HTTPStreaming>.fromOpaque(context).takeUnretainedValue().read(into: buffer, size)
}

private func releaseStream(context: UnsafeMutableRawPointer) {
    Unmanaged<HTTPStreaming>.fromOpaque(context).takeRetainedValue().release()
}
