import Logging
import NIOCore
import NIOPosix
import RelayCore
import Synchronization
import TTMSProtocol

#if canImport(Glibc)
import Glibc
#endif

/// The relay path as a whole: event loops, their shards, and the listeners.
///
/// Life: ``init(options:groupCommit:logger:)``, ``start()``, serve, ``stop()``. `RelayServer+Operations` serves operators.
public final class RelayServer: Sendable {
    let options: ServerOptions
    let groupCommit: any GroupCommit
    let shards: [Shard]
    let cuts = CutQueue()
    let limiter: ConnectionLimiter
    let acceptReport = AcceptReport()
    let acceptor: Acceptor
    let socketOptions: SocketOptions
    let clock = RelayClock()
    let steadyClock: SteadyClock
    /// The start by the wall clock as it was set then; ``start`` is the same by a clock that is not set.
    let startedAtFirst: Timestamp
    let start = NIODeadline.now()
    /// The store's totals when the relay started.
    let totalsAtStart: StoreTotals
    /// The highest number of accepted frames that a scrape has received.
    let publishedAccepted = Mutex(UInt64(0))
    /// Frames in flight found at the start, which may be delivered twice.
    let requeuedAtStart: Int
    let state = ServerState()
    /// The events of the relay path, and of the store and other parts if they have the same log.
    public let events: EventLog
    /// The operators' waits for messages.
    let watch: MessageWatch
    let keys = KeysInUse()
    /// Yields when an operator has requested a drain; the program that runs the server then stops it.
    public let drainRequests: AsyncStream<Void>
    let drainRequest: AsyncStream<Void>.Continuation
    let terminalIndex = ListIndex<TerminalQuery, ListPosition>()
    let connectionIndex = ListIndex<ConnectionQuery, ConnectionRow>()
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger

    /// Makes a server that does not listen yet.
    ///
    /// - Parameters:
    ///  - requeuedAtStart: frames that were in flight when the previous relay process ended.
    ///   - steadyClock: the clock by which the store's frames expire.
    ///   - watch: receives the states of traced messages from the store.
    ///   - events: the log that the server publishes to.
    public init(
        options: ServerOptions,
        groupCommit: any GroupCommit,
        requeuedAtStart: Int = 0,
        steadyClock: SteadyClock,
        watch: MessageWatch = MessageWatch(),
        events: EventLog = EventLog(),
        logger: Logger
    ) {
        self.watch = watch
        self.options = options
        self.events = events
        self.groupCommit = groupCommit
        self.logger = logger
        self.steadyClock = steadyClock
        self.requeuedAtStart = requeuedAtStart
        self.startedAtFirst = self.clock.now
        (self.drainRequests, self.drainRequest) = AsyncStream.makeStream()
        self.totalsAtStart = groupCommit.statistics.totals
        self.group = MultiThreadedEventLoopGroup(numberOfThreads: max(options.eventLoops, 1))
        let limiter = ConnectionLimiter(maximum: options.maximumConnections, files: options.connectionsWithFiles)
        self.limiter = limiter
        let clock = self.clock
        self.shards = self.group.makeIterator().enumerated().map { index, eventLoop in
            Shard(
                index: index,
                eventLoop: eventLoop,
                options: options,
                groupCommit: groupCommit,
                limiter: limiter,
                clock: clock,
                steadyClock: steadyClock,
                events: events,
                logger: logger
            )
        }
        self.socketOptions = SocketOptions(options.tcp, logger: logger)
        self.acceptor = Acceptor(
            shards: self.shards,
            limiter: limiter,
            options: self.socketOptions,
            report: self.acceptReport,
            logger: logger
        )
    }

    /// Listens on all addresses.
    ///
    /// - Parameter skippingMissingFamilies: whether addresses of a family that this machine does not have are left out, as long as
    ///   others are left. One example is IPv6 without the kernel's module.
    /// - Returns: the addresses with their real ports, in the order of the options.
    /// - Throws: ``ListenError`` with the first address that could not be opened; the others are closed again.
    public func start(skippingMissingFamilies: Bool = false) async throws -> [String] {
        let shards = self.shards
        for shard in shards {
            try await shard.eventLoop.submit {
                shard.connect(to: shards, movesConnections: shards.count > 1)
                shard.startTimer()
            }.get()
        }
        var missing: ListenError?
        do {
            for address in self.options.listeners {
                do {
                    self.state.opened(try self.acceptor.listen(on: address))
                } catch {
                    guard skippingMissingFamilies, ListenError.isFamilyMissing(error.cause) else { throw error }
                    missing = error
                    self.logger.warning(
                        """
                        Terminals cannot connect to one of the default addresses, since this machine has none of its family; the others \
                        are served. Name the addresses with --listen to avoid this message
                        """,
                        metadata: ["address": "\(address.host)", "port": "\(address.port)", "error": "\(error.cause)"]
                    )
                }
            }
            if self.state.addresses.isEmpty, let missing { throw missing }
        } catch {
            self.state.stop()
            await self.acceptor.stop()
            throw error
        }
        self.acceptor.run()
        return self.state.addresses
    }

    /// Stops accepting, ends all waits for messages, and waits at most `grace` for the acknowledgement of all bytes that were put.
    /// Then requeues frames that are not acknowledged, and closes all connections. All items for the store have been submitted when
    /// it returns.
    public func stop(grace: TimeAmount = .seconds(2)) async {
        self.watch.close()
        self.state.stop()
        await self.acceptor.stop()
        let deadline = NIODeadline.now() + grace
        // All shards drain at once: one that still reads would prevent the others from draining.
        let drains = self.shards.map { $0.drain(until: deadline) }
        for drain in drains { try? await drain.get() }
        for shard in self.shards { try? await shard.stop().get() }
        // A frame is at most two steps from the shard that stores it: its home, and the borrower.
        for _ in 0..<3 {
            for shard in self.shards { try? await shard.handOverRemaining().get() }
        }
        for shard in self.shards { try? await shard.storeWaiting().get() }
        let end = NIODeadline.now() + grace
        for settling in self.shards.map({ $0.settle(until: end) }) { try? await settling.get() }
    }

    /// Answers operators whose messages waited for the store's last commit. Called only after the store has been closed.
    public func answerInjections() async {
        for shard in self.shards { try? await shard.answerInjections().get() }
    }

    /// Ends the event loops. Called only after the store has answered everything.
    public func close() async {
        try? await self.group.shutdownGracefully()
    }
}

/// A failure to listen on an address.
public struct ListenError: Error, CustomStringConvertible {
    /// The address.
    public let address: ListenerOptions
    /// The system's error.
    public let cause: any Error

    /// Whether `error` means that the machine has no addresses of this family, or has disabled them.
    static func isFamilyMissing(_ error: any Error) -> Bool {
        guard let error = error as? IOError else { return false }
        return [EAFNOSUPPORT, EADDRNOTAVAIL, EPROTONOSUPPORT].contains(error.errnoCode)
    }

    /// The failure and its remedy.
    public var description: String {
        "cannot listen for terminals on \(Self.text(self.address)): \(Self.text(self.cause)). \(self.advice)"
    }

    private var advice: String {
        switch (self.cause as? IOError)?.errnoCode {
        case EADDRINUSE: "Another process uses the port: end it, or choose another port with --listen."
        case EADDRNOTAVAIL: "The address is not this machine's: choose another with --listen."
        case EACCES, EPERM: "This user may not listen there: choose a port from 1024 on with --listen."
        case EMFILE, ENFILE: SystemError((self.cause as? IOError)?.errnoCode ?? 0).advice
        default:
            "Another process may use the port, or the address is not this machine's: choose another with --listen."
        }
    }

    /// The system's text of the error.
    static func text(_ cause: any Error) -> String {
        (cause as? IOError).map { SystemError($0.errnoCode).text } ?? "\(cause)"
    }

    /// An address and a port in their usual notation.
    static func text(_ address: ListenerOptions) -> String {
        address.host.contains(":") ? "[\(address.host)]:\(address.port)" : "\(address.host):\(address.port)"
    }
}
