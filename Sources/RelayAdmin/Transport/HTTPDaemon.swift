import AdminAPI
import CMicroHTTPD
import Glibc
import Logging
import RelayCore
import Synchronization

/// libmicrohttpd's daemon: one thread that accepts, parses and answers, and its safe shutdown.
///
/// The library aborts the process when it is stopped while a connection is suspended. A suspension is therefore decided under the lock
/// that also guards `isStopping`. From then on no connection is suspended, suspended ones are resumed with an answer, and only then
/// the library is stopped. Continuous answers (``HTTPStreaming``) wait in the same way, each under its own lock.
final class HTTPDaemon: Sendable {
    private struct State {
        /// The library's handle, as a number since pointers are not `Sendable`; `nil` before start and after stop.
        var handle: UInt?
        var isStopping = false
        /// The library's messages while it starts; `nil` at any other time.
        var startMessage: String?
        /// Requests from their head to their last byte.
        var active = 0
        /// The active requests that are not completely received.
        var receiving = 0
        var suspended: [ObjectIdentifier: HTTPExchange] = [:]
        var streams: [ObjectIdentifier: HTTPStreaming] = [:]
        var sweeper: Task<Void, Never>?
    }

    /// The interval of the checks of deadlines, and so their greatest delay.
    private static let sweepInterval = Duration.seconds(1)
    /// The time for answers to be sent after the drain timeout.
    private static let answerTimeout = Duration.seconds(1)
    /// The detail of the answer to a request that had begun when the relay stopped.
    static let stopDetail = "The relay stops; the request may still be carried out."
    /// Bytes per connection, half of which bounds the head of a request; the library's own default.
    private static let connectionMemory = 32 << 10

    let service: any HTTPService
    let options: AdminOptions
    let logger: Logger
    let connections: ClientConnections
    let messages = LibraryMessages()
    private let state = Mutex(State())

    init(service: any HTTPService, connections: ClientConnections, options: AdminOptions, logger: Logger) {
        self.service = service
        self.options = options
        self.logger = logger
        self.connections = connections
    }

    /// - Returns: the port that it listens on.
    /// - Throws: ``AdminError``.
    func start() throws(AdminError) -> Int {
        let host = self.options.host == "localhost" ? "127.0.0.1" : self.options.host
        guard let port = UInt16(exactly: self.options.port) else {
            throw AdminError("The admin API cannot listen on port \(self.options.port): ports are 0 to 65535.")
        }
        // Held by the library's thread until `shutdown` has joined it.
        let context = Unmanaged.passRetained(self)
        var callbacks = HTTPCallbacks.table(context: context.toOpaque())
        var error: Int32 = 0
        self.state.withLock { $0.startMessage = "" }
        let handle = host.withCString { host in
            var options = ttms_http_options(
                host: host,
                port: port,
                connection_limit: UInt32(clamping: self.connections.places.all),
                connection_memory: Self.connectionMemory
            )
            return ttms_http_start(&options, &callbacks, &error)
        }
        let message = self.state.withLock { state in
            defer { state.startMessage = nil }
            return state.startMessage ?? ""
        }
        guard let handle else {
            context.release()
            let reason = error == 0 ? "libmicrohttpd refused it: \(message)" : SystemError(error).text
            throw AdminError(
                "The admin API cannot listen on \(host), port \(port): \(reason). \(Self.advice(listening: error))"
            )
        }
        let sweeper = Task { [weak self] in
            while (try? await Task.sleep(for: Self.sweepInterval)) != nil { self?.sweep(now: .now) }
        }
        self.state.withLock { state in
            state.handle = UInt(bitPattern: handle)
            state.sweeper = sweeper
        }
        return Int(ttms_http_port(handle))
    }

    /// The remedy when the API cannot listen; `error` is the system's number, 0 without one.
    private static func advice(listening error: Int32) -> String {
        switch error {
        case EADDRINUSE: "Another process listens there: end it, or choose another port with --admin."
        case EADDRNOTAVAIL: "This machine has no such address: choose one of its own with --admin."
        case EACCES, EPERM: "This user may not listen there: choose a port from 1024 on with --admin."
        default: "Set a numeric address of this machine and a free port."
        }
    }

    /// Stops listening, waits for begun requests, answers those that take too long, and joins the thread.
    ///
    /// - Parameters:
    ///   - begin: the time from which the drain timeout counts.
    ///   - end: the time at which all waiting ends.
    func shutdown(since begin: ContinuousClock.Instant = .now, until end: ContinuousClock.Instant? = nil) async {
        let start = self.state.withLock { state -> (handle: UInt, sweeper: Task<Void, Never>?)? in
            guard !state.isStopping, let handle = state.handle else { return nil }
            state.isStopping = true
            return (handle, state.sweeper)
        }
        guard let start, let handle = OpaquePointer(bitPattern: start.handle) else { return }
        ttms_http_quiesce(handle)
        // No more streams are added.
        for stream in self.state.withLock({ Array($0.streams.values) }) { stream.close() }
        func bounded(_ instant: ContinuousClock.Instant) -> ContinuousClock.Instant { end.map { min($0, instant) } ?? instant }
        await self.wait(until: bounded(max(begin + self.options.drainTimeout, .now + Self.answerTimeout / 4))) {
            $0.active == 0
        }
        for exchange in self.state.withLock({ Array($0.suspended.values) }) {
            exchange.finish(
                exchange.problem(.stopping, detail: Self.stopDetail)
            )
        }
        // A task that stores its answer at this moment resumes its connection itself, a few instructions later.
        while self.state.withLock({ !$0.suspended.isEmpty }) { await Task.yield() }
        // A request that is incomplete by now would be refused, and a slow upload may never end.
        await self.wait(until: bounded(.now + Self.answerTimeout)) { $0.active == $0.receiving }
        ttms_http_stop(handle)
        start.sweeper?.cancel()
        self.state.withLock { $0.handle = nil }
        Unmanaged.passUnretained(self).release()
    }

    /// Ends requests that have exceeded their deadline. One timer for each request would take two tasks, and wake the dispatcher's
    /// thread.
    private func sweep(now: ContinuousClock.Instant) {
        self.connections.sweep(now: now)
        let (exchanges, streams) = self.state.withLock { (Array($0.suspended.values), Array($0.streams.values)) }
        for exchange in exchanges { exchange.expire(now: now) }
        for stream in streams { stream.endIfAbandoned() }
    }

    /// Whether no new request may begin.
    var isStopping: Bool { self.state.withLock { $0.isStopping } }

    /// Suspends the connection in the library.
    ///
    /// - Returns: `false` when the daemon stops, and no connection may wait any more.
    func suspend(_ exchange: HTTPExchange) -> Bool {
        let isSuspended = self.state.withLock { state in
            guard !state.isStopping else { return false }
            ttms_http_suspend(exchange.connection)
            state.suspended[ObjectIdentifier(exchange)] = exchange
            return true
        }
        if isSuspended { self.connections.begin(.relay, exchange.descriptor) }
        return isSuspended
    }

    /// Resumes the connection, once for each suspension.
    func resume(_ exchange: HTTPExchange) {
        // Not under the lock, which the library's thread acquires as soon as it is woken. The library is not stopped before the
        // exchange is removed.
        ttms_http_resume(exchange.connection)
        _ = self.state.withLock { $0.suspended.removeValue(forKey: ObjectIdentifier(exchange)) }
    }

    /// Registers a continuous answer.
    func begin(_ stream: HTTPStreaming) {
        let isStopping = self.state.withLock { state in
            state.streams[ObjectIdentifier(stream)] = stream
            return state.isStopping
        }
        if isStopping { stream.close() }
    }

    /// Removes a continuous answer.
    func complete(_ stream: HTTPStreaming) {
        _ = self.state.withLock { $0.streams.removeValue(forKey: ObjectIdentifier(stream)) }
    }

    /// Records a message of the library.
    ///
    /// - Returns: whether it is about to start, and the message belongs to the error that ``start()`` throws.
    func noteAtStart(_ message: String) -> Bool {
        self.state.withLock { state in
            guard state.startMessage != nil else { return false }
            state.startMessage = message
            return true
        }
    }

    /// Registers a new connection.
    func opened(_ descriptor: Int32, from address: String) {
        guard self.connections.opened(descriptor, from: address) else { return }
        guard let heldBack = self.messages.admit(LibraryMessages.eviction) else { return }
        self.logger.warning(
            """
            The admin API has as many connections without a valid token as it takes; for each new one the one that was idle longest is \
            closed
            """,
            metadata: [
                "limit": "\(self.connections.places.withoutToken)", "latest_address": "\(address)", "held_back": "\(heldBack)",
            ]
        )
    }

    /// Counts a request that has begun.
    func begin(_ exchange: HTTPExchange) {
        self.state.withLock { state in
            state.active += 1
            state.receiving += 1
        }
    }

    /// Counts a request that is completely received.
    func received(_ exchange: HTTPExchange) {
        self.state.withLock { $0.receiving -= 1 }
    }

    /// Counts a request that has ended.
    func complete(_ exchange: HTTPExchange) {
        self.state.withLock { $0.active -= 1 }
        self.connections.awaitRequest(exchange.descriptor)
    }

    /// Waits by polling, because it ends with a deadline and happens once in a process.
    private func wait(until deadline: ContinuousClock.Instant, for isDone: (State) -> Bool) async {
        while !self.state.withLock({ isDone($0) }), ContinuousClock.now < deadline {
            guard (try? await Task.sleep(for: .milliseconds(5))) != nil else { return }
        }
    }
}
