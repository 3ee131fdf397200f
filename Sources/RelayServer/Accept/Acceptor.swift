import CLinuxTCP
import Logging
import NIOCore
import NIOPosix
import RelayCore
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// Accepts connections on all listeners, on a thread of its own, and passes them to the first event loop.
///
/// SwiftNIO's server channel is not used. It closes itself at most errors of `accept4`, drops the peer's address that `accept4`
/// returns, and resets connections whose socket options fail.
final class Acceptor: Sendable {
    /// The maximum number of connections accepted on one listener before the next one is served.
    private static let burst = 64
    /// The number of arrivals not yet taken by the event loops at which no more are accepted.
    private static let maximumArrivals = 256
    /// The interval at which listeners are checked, and those that do not listen are opened again.
    private static let checkInterval = TimeAmount.seconds(1)

    private struct Listener {
        /// With the real port, once it is known.
        var options: ListenerOptions
        /// `nil` while it could not be opened again. Closed by the acceptor's thread only.
        var socket: ListeningSocket?
        /// The reason for which there is no socket.
        var problem = ""
        var pace = AcceptPace()
        /// The time of the next attempt.
        var due = NIODeadline.distantPast
        /// The limit on log lines about attempts to open it again: there can be one attempt per second.
        var reopenLog = LogLimit<Reopening>()
        /// Whether accepted sockets have the listener's options; `nil` before the first one.
        var isInheriting: Bool?
    }

    /// The stages of opening a listener again whose socket is gone.
    private enum Reopening { case begins, succeeds, fails }

    private struct State {
        var listeners: [Listener] = []
        var isStopping = false
        /// The time at which the kernel is next queried whether they listen.
        var checkDue = NIODeadline.distantPast
    }

    private let state = Mutex(State())
    private let shards: [Shard]
    private let limiter: ConnectionLimiter
    private let options: SocketOptions
    private let report: AcceptReport
    private let logger: Logger
    private let wake: Wake
    private let thread = NIOThreadPool(numberOfThreads: 1)

    init(shards: [Shard], limiter: ConnectionLimiter, options: SocketOptions, report: AcceptReport, logger: Logger) {
        self.shards = shards
        self.limiter = limiter
        self.options = options
        self.report = report
        self.logger = logger
        self.wake = Wake()
    }

    // MARK: Life

    /// Listens on `address`; connections wait until ``run()``.
    ///
    /// - Returns: the address with its real port.
    /// - Throws: ``ListenError``.
    func listen(on address: ListenerOptions) throws(ListenError) -> String {
        do {
            let socket = try ListeningSocket(address, self.options)
            var listener = Listener(options: address, socket: socket)
            listener.options.port = Int(socket.address.port)
            self.state.withLock { [listener] in $0.listeners.append(listener) }
            return socket.address.description
        } catch {
            throw ListenError(address: address, cause: error)
        }
    }

    /// Starts to accept.
    func run() {
        self.thread.start()
        self.thread.submit { _ in self.serve() }
    }

    /// Closes the listeners, and returns when accepting has stopped.
    func stop() async {
        self.state.withLock { $0.isStopping = true }
        self.wake.up()
        try? await self.thread.shutdownGracefully()
        self.state.withLock { state in
            for listener in state.listeners { listener.socket?.close() }
            state.listeners = []
        }
    }

    // MARK: Health

    /// The listeners that do not listen, by the kernel's current state; `nil` when all do.
    var problem: String? {
        self.state.withLock { state in
            guard !state.listeners.isEmpty else {
                return "The relay does not listen for terminals \(state.isStopping ? "any more" : "yet")."
            }
            let closed = state.listeners.filter { !($0.socket?.isListening ?? false) }
            guard !closed.isEmpty else { return nil }
            let texts = closed.map { listener in
                let why = listener.problem.isEmpty ? "its socket was closed" : listener.problem
                return "\(ListenError.text(listener.options)) (\(why))"
            }
            return
                "The relay does not listen on \(texts.joined(separator: ", ")). It tries again every second; check whether another program "
                + "uses the port or has closed the socket."
        }
    }

    /// Whether the next connection has to wait until there are files for it.
    var isOutOfFiles: Bool { !FileHeadroom.isThere(self.wake.descriptor) }

    // MARK: The thread

    private func serve() {
        linux_name_thread("ttms-accept")
        while let (descriptors, timeout) = self.prepare() {
            var polled = [pollfd(fd: self.wake.descriptor, events: Int16(POLLIN), revents: 0)]
            polled += descriptors.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
            poll(&polled, nfds_t(polled.count), CInt(clamping: max(0, timeout.nanoseconds + 999_999) / 1_000_000))
            if polled[0].revents != 0 { self.wake.clear() }
            for (entry, result) in zip(descriptors, polled.dropFirst()) where result.revents != 0 {
                self.acceptBurst(entry.index)
            }
        }
    }

    /// Opens listeners again that do not listen.
    ///
    /// - Returns: the sockets that may have connections, and the longest time until the next call; `nil` when the acceptor stops.
    private func prepare() -> (sockets: [(index: Int, descriptor: CInt)], timeout: TimeAmount)? {
        let now = NIODeadline.now()
        let isCrowded = self.shards.reduce(0) { $0 + $1.arrivals.count } >= Self.maximumArrivals
        let hasFiles = self.hasFiles(now: now)
        return self.state.withLock { state in
            guard !state.isStopping else { return nil }
            if state.checkDue <= now {
                state.checkDue = now + Self.checkInterval
                for index in state.listeners.indices where !(state.listeners[index].socket?.isListening ?? false) {
                    self.reopen(&state.listeners[index], now: now)
                }
            }
            if isCrowded { return ([], .milliseconds(1)) }
            if !hasFiles { return ([], AcceptReport.pause) }
            var timeout = Self.checkInterval
            var sockets: [(index: Int, descriptor: CInt)] = []
            for (index, listener) in state.listeners.enumerated() {
                if listener.due > now {
                    timeout = min(timeout, listener.due - now)
                } else if let socket = listener.socket {
                    sockets.append((index, socket.descriptor))
                }
            }
            return (sockets, timeout)
        }
    }

    /// Whether there are files for another connection; their absence is counted and logged as a failure.
    private func hasFiles(now: NIODeadline) -> Bool {
        let areThere = FileHeadroom.isThere(self.wake.descriptor)
        self.limiter.noteFiles(areThere)
        guard !areThere else { return true }
        self.failed(EMFILE, "few files are left to open", isPausing: true, now: now)
        return false
    }

    private func reopen(_ listener: inout Listener, now: NIODeadline) {
        if let socket = listener.socket {
            listener.socket = nil
            socket.close()
            self.log(.begins, of: &listener, .error, "A listener's socket was closed; the relay opens it again")
        }
        do {
            listener.socket = try ListeningSocket(listener.options, self.options)
            listener.problem = ""
            listener.isInheriting = nil
            self.log(.succeeds, of: &listener, .notice, "The relay listens again")
        } catch {
            if listener.problem.isEmpty {
                let cause = ListenError(address: listener.options, cause: error)
                self.log(
                    .fails,
                    of: &listener,
                    .error,
                    "The relay cannot listen; it tries again every second, and does not log this again",
                    ["error": "\(cause)"]
                )
            }
            listener.problem = ListenError.text(error)
        }
    }

    private func log(
        _ event: Reopening,
        of listener: inout Listener,
        _ level: Logger.Level,
        _ message: Logger.Message,
        _ metadata: Logger.Metadata = [:]
    ) {
        guard let heldBack = listener.reopenLog.admit(event, at: .now) else { return }
        var metadata = metadata
        metadata["listener"] = "\(ListenError.text(listener.options))"
        metadata["held_back"] = "\(heldBack)"
        self.logger.log(level: level, message, metadata: metadata)
    }

    private func acceptBurst(_ index: Int) {
        guard var listener = self.state.withLock({ $0.listeners.indices.contains(index) ? $0.listeners[index] : nil }),
            let socket = listener.socket
        else { return }
        let limit = FileHeadroom.firstReserved
        var hasAccepted = false
        accepting: for _ in 0..<Self.burst {
            let (descriptor, addresses) = socket.accept()
            guard descriptor < 0 else {
                listener.pace.accepted()
                hasAccepted = true
                self.accepted(descriptor, addresses, &listener)
                // The next connection would also get the lowest free number.
                if Int(descriptor) >= limit { break }
                continue
            }
            let number = -descriptor
            let failure = AcceptFailure(number)
            let step = listener.pace.failed(failure, isListening: socket.isListening)
            let now = NIODeadline.now()
            if failure == .lack || failure == .other || step == .pause {
                self.failed(number, String(cString: strerror(number)), isPausing: step == .pause, now: now)
            }
            switch step {
            case .next: continue
            case .wait: break accepting
            case .reopen:
                self.state.withLock { $0.checkDue = .distantPast }
                break accepting
            case .pause:
                hasAccepted = false
                listener.due = now + AcceptReport.pause
                break accepting
            }
        }
        if hasAccepted { self.report.recovered() }
        let (pace, due, isInheriting) = (listener.pace, listener.due, listener.isInheriting)
        self.state.withLock { state in
            guard state.listeners.indices.contains(index) else { return }
            state.listeners[index].pace = pace
            state.listeners[index].due = due
            state.listeners[index].isInheriting = isInheriting
        }
    }

    private func accepted(
        _ descriptor: CInt,
        _ addresses: ConnectionAddresses,
        _ listener: inout Listener
    ) {
        let arrival: Arrival
        if self.limiter.enter() {
            let isInheriting = listener.isInheriting ?? self.options.areSet(on: descriptor)
            listener.isInheriting = isInheriting
            if !isInheriting { self.options.set(on: descriptor) }
            arrival = .connection(AcceptedSocket(descriptor: descriptor, addresses: addresses, listener: listener.options))
        } else {
            self.limiter.leave()
            Glibc.close(descriptor)
            arrival = .refused(addresses, .tooManyConnections)
        }
        // One event loop reads from all connections first, so connections of one terminal come to its home in the order in which it
        // made them.
        guard let shard = self.shards.first else { return }
        if shard.arrivals.add(arrival) { shard.eventLoop.execute { shard.takeArrivals() } }
    }

    private func failed(_ number: CInt, _ error: String, isPausing: Bool, now: NIODeadline) {
        guard self.report.failed(number, isPausing: isPausing, now: now) else { return }
        self.logger.warning(
            isPausing
                ? "No connection can be accepted; the relay tries again ten times a second, and does not log this again for a minute"
                : "A connection could not be accepted; the relay continues, and does not log this again for a minute",
            metadata: ["error": "\(error)", "advice": "\(AcceptReport.advice(number))"]
        )
    }
}

/// Wakes the acceptor's thread through a pipe.
private final class Wake: Sendable {
    /// Readable after ``up()``; -1 when the system had none, so that the thread wakes only at its timeouts.
    let descriptor: CInt
    private let writer: CInt

    init() {
        var ends: [CInt] = [-1, -1]
        linux_pipe(&ends)
        (self.descriptor, self.writer) = (ends[0], ends[1])
    }

    deinit {
        for end in [self.descriptor, self.writer] where end >= 0 { Glibc.close(end) }
    }

    func up() { write(self.writer, [1] as [UInt8], 1) }

    func clear() {
        var bytes: [UInt8] = [0, 0, 0, 0]
        read(self.descriptor, &bytes, bytes.count)
    }
}
