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
/// Life: ``init(options:groupCommit:logger:)``, ``start()``, serve, ``stop()``. `RelayServer+Operations` is what operators see.
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
    /// By the wall clock, as it was then, and by one that is not set.
    let startedAtFirst: Timestamp
    let start = NIODeadline.now()
    /// What the store held, and had counted, when the relay started.
    let totalsAtStart: StoreTotals
    /// The highest count of accepted frames that a scrape has been given.
    let publishedAccepted = Mutex(UInt64(0))
    /// Frames found at the start that may come twice.
    let requeuedAtStart: Int
    let state = ServerState()
    /// What happens here, and, where the same log is given to them, in the store and elsewhere.
    public let events: EventLog
    /// Who waits for messages is told of them here.
    let watch: MessageWatch
    let keys = KeysInUse()
    /// Yields when an operator has the relay drained; whoever runs it then stops it.
    public let drainRequests: AsyncStream<Void>
    let drainRequest: AsyncStream<Void>.Continuation
    let terminalIndex = ListIndex<TerminalQuery, ListPosition>()
    let connectionIndex = ListIndex<ConnectionQuery, ConnectionRow>()
    private let group: MultiThreadedEventLoopGroup
    private let logger: Logger

    /// Makes a server that does not listen yet.
    ///
    /// - Parameters:
    ///   - requeuedAtStart: frames that were in flight when the relay before this one ended.
    ///   - steadyClock: the one that the store has its times to live end by.
    ///   - watch: is told by the store what becomes of traced messages.
    ///   - events: where the server publishes what happens.
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
    /// - Parameter skippingMissingFamilies: whether addresses of a family that this machine does not have, such as IPv6 without the
    ///   kernel's module, are left out, as long as others are left.
    /// - Returns: the addresses with their real ports, in the order of the options.
    /// - Throws: ``ListenError`` naming the first address that could not be had; the others are closed again.
    public func start(skippingMissingFamilies: Bool = false) async throws -> [String] {
        let shards = self.shards
        for shard in shards {
            try await shard.eventLoop.submit {
                shard.meet(shards, movesConnections: shards.count > 1)
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
                        are served. Name the addresses with --listen to be rid of this message
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

    /// Stops accepting, ends all waiting for messages, lets what has been put be acknowledged for at most `grace`, puts what is not
    /// acknowledged back into the queues, and ends all connections and event loops. Everything given to the store before it returns has been submitted.
    public func stop(grace: TimeAmount = .seconds(2)) async {
        self.watch.close()
        self.state.stop()
        await self.acceptor.stop()
        let deadline = NIODeadline.now() + grace
        // All at once: a shard that still reads would keep the others from draining.
        let drains = self.shards.map { $0.drain(until: deadline) }
        for drain in drains { try? await drain.get() }
        for shard in self.shards { try? await shard.stop().get() }
        // A frame is at most two steps from the shard that stores it: its home, and the borrower.
        for _ in 0..<3 {
            for shard in self.shards { try? await shard.passOn().get() }
        }
        for shard in self.shards { try? await shard.storeWaiting().get() }
        let end = NIODeadline.now() + grace
        for settling in self.shards.map({ $0.settle(until: end) }) { try? await settling.get() }
    }

    /// Answers operators whose messages waited for the store's last commit. Only after the store has been closed.
    public func answerInjections() async {
        for shard in self.shards { try? await shard.answerInjections().get() }
    }

    /// Ends the event loops. Only after the store has answered everything.
    public func close() async {
        try? await self.group.shutdownGracefully()
    }
}

/// An address could not be listened on.
public struct ListenError: Error, CustomStringConvertible {
    /// The address.
    public let address: ListenerOptions
    /// What the system said.
    public let cause: any Error

    /// Whether `error` says that the machine has no addresses of this family, or has switched them off.
    static func isFamilyMissing(_ error: any Error) -> Bool {
        guard let error = error as? IOError else { return false }
        return [EAFNOSUPPORT, EADDRNOTAVAIL, EPROTONOSUPPORT].contains(error.errnoCode)
    }

    /// What happened and what to do.
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

    /// What the system said, in its words.
    static func text(_ cause: any Error) -> String {
        (cause as? IOError).map { SystemError($0.errnoCode).text } ?? "\(cause)"
    }

    /// An address and a port as people write them.
    static func text(_ address: ListenerOptions) -> String {
        address.host.contains(":") ? "[\(address.host)]:\(address.port)" : "\(address.host):\(address.port)"
    }
}
