import AdminAPI
import Foundation
import Logging
import NIOCore
import RelayAdmin
import RelayCore
import RelayServer
import RelayStorage
import ServiceLifecycle

/// The relay put together: store, terminals, admin API. The only place that knows all three.
///
/// They start in this order, so that a terminal's frame can be kept from the first on, and the relay is found (`endpoints.json`)
/// when all of it works. They stop the other way round but for the admin API, which answers until the last frame is on disk.
final class RelayService: Service {
    let groupCommit: GroupCommitThread
    private let configuration: RelayConfiguration
    private let directory: DataDirectory
    private let server: RelayServer
    private let admin: AdminServer
    private let logger: Logger

    /// Takes the data directory and opens the store.
    init(_ configuration: RelayConfiguration, logger: Logger) throws {
        self.configuration = configuration
        self.logger = logger
        self.directory = try DataDirectory(configuration.dataDirectory)
        let openFiles = OpenFiles.raiseLimit(logger: logger)
        var options = configuration.server
        // Past the limit of open files, accepting fails anyway, and so would the store.
        options.maximumConnections = min(options.maximumConnections, max(16, openFiles - OpenFiles.reserved))
        let store = try RocksDBStore(
            directory: self.directory.store,
            limits: configuration.storeLimits,
            logger: logger
        )
        let clock = SteadyClock(continuing: store.lastReading)
        let requeued = store.foundInFlight
        self.groupCommit = try GroupCommitThread(store: store, logger: logger) { clock.now }
        self.server = RelayServer(
            options: options,
            groupCommit: self.groupCommit,
            requeuedAtStart: requeued,
            steadyClock: clock,
            logger: logger
        )
        self.admin = try AdminServer(
            options: configuration.adminOptions(directory: self.directory.path),
            operations: self.server,
            logger: logger
        )
    }

    /// Serves until a graceful shutdown is asked for, by a signal or by an operator.
    func run() async throws {
        do {
            await self.admin.enforceBlocks()
            let terminals = try await self.server.start()
            let port = try self.admin.start()
            let endpoint = Endpoint(host: self.configuration.admin.host, port: port)
            try self.announce(Endpoints(terminals: terminals, admin: "http://\(endpoint)", pid: getpid()))
        } catch {
            try? await self.stop()
            throw error
        }
        SystemdNotifier.notify("READY=1")
        for await _ in self.server.drainRequests.cancelOnGracefulShutdown() { break }
        SystemdNotifier.notify("STOPPING=1")
        self.logger.info("The relay stops")
        try await self.stop()
        self.logger.info("The relay has stopped")
    }

    /// The keys that are different in `other` and cannot change while the relay runs.
    func needsRestart(for other: RelayConfiguration) -> [String] {
        let reloadable =
            ["log_level", "time_to_live", "when_full", "maximum_terminals"]
            + ["frames", "bytes"].flatMap { unit in
                ["maximum_\(unit)", "maximum_\(unit)_per_terminal"]
            }
        return zip(self.configuration.redactedEntries, other.redactedEntries)
            .filter { $0.value != $1.value && !reloadable.contains($0.key) }
            .map(\.0.key)
    }

    private func announce(_ endpoints: Endpoints) throws {
        try self.directory.publish(endpoints)
        let curl = "curl -H \"Authorization: Bearer $(cat \(self.directory.tokenFile))\" \(endpoints.admin)/api/v1/status"
        let text = """
            ttms-relayd \(Release.version) is ready.
              terminals connect to  \(endpoints.terminals.joined(separator: ", "))
              the admin API is at   \(endpoints.admin)
              its token lies in     \(self.directory.tokenFile)
              try                   \(curl)

            """
        // Not by `print`, whose buffer a supervisor's pipe would see only at the end.
        try FileHandle.standardOutput.write(contentsOf: Data(text.utf8))
    }

    /// - Throws: `StoreError` when what was pending could not be written.
    private func stop() async throws {
        self.directory.withdraw()
        await self.server.stop()
        var failure: StoreError?
        do throws(StoreError) {
            try await self.groupCommit.shutdown(patience: self.configuration.stopPatience)
        } catch {
            failure = error
        }
        await self.admin.shutdown()
        await self.server.close()
        if let failure { throw failure }
    }
}
