import CMicroHTTPD
import Synchronization

/// A body that is produced in pieces, and may have to wait for the next one.
protocol HTTPStream: AnyObject, Sendable {
    /// Begins the transmission. After ``next(maximum:)`` has returned `wait`, `wake` causes another call.
    func begin(wake: @escaping @Sendable () -> Void)
    /// The next piece of at most `maximum` bytes. Called on the transport's thread, and must not block.
    func next(maximum: Int) -> HTTPStreamStep
    /// Sends bytes soon, because the client has ended its side: a client that is gone answers them with a reset.
    func probe()
    /// Ends the stream after its last bytes, because the server stops.
    func close()
    /// Releases the stream, whether it began or not. May be called more than once.
    func end()
}

/// A step of a stream.
enum HTTPStreamStep: Equatable {
    /// These bytes, at least one.
    case bytes([UInt8])
    /// No bytes yet.
    case wait
    /// No more bytes.
    case end
}

/// A stream in the library's hands. While the stream waits, its connection is suspended, and needs no time.
///
/// The library reads on its own thread, and a wake may come from any other. The suspended state changes under a lock, together with the
/// suspension and the resumption. A connection is therefore resumed exactly once per suspension, a wake during a read is not lost, and
/// no connection is suspended after ``close()``. The library frees no connection that is suspended.
///
/// Unchecked: the connection is touched on the library's thread, or while it is suspended; the rest is constant or locked.
final class HTTPStreaming: @unchecked Sendable {
    private struct State {
        var isSuspended = false
        /// Whether there may be more bytes than the last read returned.
        var isWoken = false
        var isClosing = false
        /// Whether the client has sent its FIN, and bytes were sent to determine whether it still reads.
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

    /// Makes the library's response, which owns this object until the library releases it.
    func makeResponse() -> OpaquePointer? {
        self.stream.begin { [weak self] in self?.wake() }
        self.daemon.begin(self)
        return ttms_http_response_create_stream(Unmanaged.passRetained(self).toOpaque(), readStream, releaseStream)
    }

    /// Ends the stream, because the server stops.
    func close() {
        self.stream.close()
        self.state.withLock { $0.isClosing = true }
        self.wake()
    }

    /// Ends the stream when the client is gone, because the library does not poll a suspended connection, which would keep its place. A
    /// client that has only ended its own side still reads; one that is gone answers further bytes with a reset.
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

    /// - Returns: the number of bytes; 0 when the connection is suspended; -1 at the end.
    fileprivate func read(into buffer: UnsafeMutablePointer<UInt8>, _ size: Int) -> Int {
        while true {
            switch self.stream.next(maximum: size) {
            case .bytes(let bytes):
                // From here it is the client's turn: one that does not read is disconnected like any other.
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
