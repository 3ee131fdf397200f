import AdminAPI
import Logging
import RelayCore
import Synchronization

/// The admin API over HTTP, which exposes ``RelayOperations`` to operators.
///
/// Its own thread belongs to libmicrohttpd; requests are carried out by tasks. ``shutdown()`` has to be called before the process
/// ends: the library aborts the process when it is destroyed while a request waits.
public final class AdminServer: Sendable {
    private let options: AdminOptions
    private let access: AccessControl
    private let daemon: HTTPDaemon
    private let logger: Logger
    private let watch: Mutex<Task<Void, Never>?> = Mutex(nil)

    /// Reads tokens and blocks, and prepares the routes; does not listen yet.
    ///
    /// - Parameter clock: makes the clock by which blocks and tokens end, from its latest reading before the restart.
    /// - Throws: ``AdminError`` when one of the files cannot be used.
    public init(
        options: AdminOptions,
        operations: any RelayOperations,
        settings: any RelaySettings,
        clock: (ClockReading?) -> AccessClock = { _ in .wall },
        logger: Logger
    ) throws(AdminError) {
        let hosts = HostPolicy(listeningOn: options.host)
        let access = try AccessControl(options: options, operations: operations, clock: clock, logger: logger)
        let events = EventHub(log: operations.events, options: options)
        let connections = ClientConnections(timeout: options.clientTimeout, places: options.places)
        let routes = RouteTable.routes(
            operations,
            settings: settings,
            access: access,
            events: events,
            connections: connections
        )
        let router = Router(routes: routes)
        let service = AdminService(router: router, access: access, hosts: hosts, logger: logger)
        self.options = options
        self.access = access
        self.daemon = HTTPDaemon(service: service, connections: connections, options: options, logger: logger)
        self.logger = logger
    }

    /// Enforces the blocks made before the restart. To be called before terminals can connect.
    public func enforceBlocks() async {
        await self.access.blocks.start()
    }

    /// Starts listening.
    ///
    /// - Returns: the port.
    /// - Throws: ``AdminError`` when the address cannot be bound.
    public func start() throws(AdminError) -> Int {
        let port = try self.daemon.start()
        let watch = Task { [access] in await access.watch() }
        self.watch.withLock { $0 = watch }
        let metadata: Logger.Metadata = ["host": "\(self.options.host)", "port": "\(port)"]
        self.logger.info("The admin API listens", metadata: metadata)
        return port
    }

    /// Stops listening, answers begun requests within the drain timeout, refuses others with `stopping`, and ends the thread.
    /// Further calls have no effect.
    ///
    /// - Parameters:
    ///   - begin: the begin of the relay's stop, from which the drain timeout counts.
    ///   - end: the time at which the stop has to be over; `nil` when it has no other limit.
    public func shutdown(since begin: ContinuousClock.Instant = .now, until end: ContinuousClock.Instant? = nil) async {
        self.watch.withLock { $0?.cancel() }
        await self.daemon.shutdown(since: begin, until: end)
        await self.access.close()
    }

    /// Writes the times at which tokens were used last, as ``shutdown(since:until:)`` does.
    public func keepTokenUses() async {
        await self.access.tokens.close()
    }

    /// Reads the file `admin.token` again, which an operator may have replaced.
    ///
    /// - Throws: ``AdminError`` when it cannot be used; the former token stays valid.
    public func reload() async throws(AdminError) {
        try await self.access.tokens.reload()
    }
}
