import AdminAPI
import Logging
import RelayCore
import Synchronization

/// The admin API over HTTP: an operator's way to ``RelayOperations``.
///
/// Its own thread belongs to libmicrohttpd; the requests' work is done by tasks. ``shutdown()`` has to be called before the
/// process ends: the library aborts the process when it is torn down under a waiting request.
public final class AdminServer: Sendable {
    private let options: AdminOptions
    private let access: AccessControl
    private let daemon: HTTPDaemon
    private let logger: Logger
    private let watch: Mutex<Task<Void, Never>?> = Mutex(nil)

    /// Reads who may use the relay, and prepares the routes; nothing listens yet.
    ///
    /// - Parameter clock: makes the clock by which blocks and tokens end, from its latest reading before the relay stopped.
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

    /// Shuts out whom operators have blocked before the relay stopped. To be called before terminals can connect.
    public func enforceBlocks() async {
        await self.access.blocks.start()
    }

    /// Starts to listen.
    ///
    /// - Returns: the port that it listens on.
    /// - Throws: ``AdminError`` when the address cannot be bound.
    public func start() throws(AdminError) -> Int {
        let port = try self.daemon.start()
        let watch = Task { [access] in await access.watch() }
        self.watch.withLock { $0 = watch }
        let metadata: Logger.Metadata = ["host": "\(self.options.host)", "port": "\(port)"]
        self.logger.info("The admin API listens", metadata: metadata)
        return port
    }

    /// Stops listening, answers what has begun within the drain timeout, refuses the rest with `stopping`, and ends the thread.
    /// Further calls do nothing.
    ///
    /// - Parameters:
    ///   - begin: when the relay's stop began, which the drain timeout counts from.
    ///   - end: when the stop has to be over; `nil` when nothing else bounds it.
    public func shutdown(since begin: ContinuousClock.Instant = .now, until end: ContinuousClock.Instant? = nil) async {
        self.watch.withLock { $0?.cancel() }
        await self.daemon.shutdown(since: begin, until: end)
        await self.access.close()
    }

    /// Writes when tokens were used last, which ``shutdown(since:until:)`` does otherwise.
    public func keepTokenUses() async {
        await self.access.tokens.close()
    }

    /// Reads the file `admin.token` again: an operator may have replaced it.
    ///
    /// - Throws: ``AdminError`` when it cannot be used; the former token stays in force.
    public func reload() async throws(AdminError) {
        try await self.access.tokens.reload()
    }
}
