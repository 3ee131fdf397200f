import AdminAPI
import Foundation
import Logging
import NIOCore
import RelayAdmin
import RelayCore
import RelayServer
import RelayStorage
import ServiceLifecycle

/// The composition of the relay: store, server for terminals, admin API. No other type uses all three.
///
/// They start in this order, so that the first frame of a terminal can be stored. The relay publishes its addresses
/// (`endpoints.json`) when all parts work. They stop in the opposite order, except for the admin API, which answers until the
/// last frame is on disk.
final class RelayService: Service {
    private let groupCommit: GroupCommitThread
    private let settings: RunningSettings
    private let configuration: RelayConfiguration
    private let directory: DataDirectory
    private let server: RelayServer
    private let admin: AdminServer
    private let log: LogQueue
    private let logger: Logger

    /// Locks the data directory and opens the store.
    ///
    /// - Parameters:
    ///   - options: the command line, from which a reload makes the configuration again.
    ///   - level: the log level, which operators can change.
    ///   - log: prints the relay's addresses.
    init(
        _ configuration: RelayConfiguration,
        options: RelaydOptions,
        level: LogLevel,
        log: LogQueue,
        logger: Logger
    ) throws {
        self.configuration = configuration
        self.log = log
        self.logger = logger
        self.directory = try DataDirectory(configuration.dataDirectory)
        let openFiles = OpenFiles.raiseLimit(logger: logger)
        try OpenFiles.require(openFiles, eventLoops: configuration.server.eventLoops)
        var server = configuration.server
        // Above the limit of open files, accepting would fail, and the store's files, too.
        server.connectionsWithFiles = max(16, openFiles - OpenFiles.reserved(of: openFiles))
        let store = try RocksDBStore(
            directory: self.directory.store,
            limits: configuration.storeLimits,
            logger: logger
        )
        if store.isNew {
            // The directory existed: the mount point of a disk that is not mounted is such a directory.
            logger.log(
                level: self.directory.isNew ? .notice : .warning,
                """
                A new, empty store was made. If messages are expected in it, stop the relay: the disk or volume with them is \
                not mounted, or data_dir names another directory
                """,
                metadata: ["data_dir": "\(configuration.dataDirectory)"]
            )
        }
        let clock = SteadyClock(continuing: store.lastReading)
        let requeued = store.foundInFlight
        let watch = MessageWatch()
        let events = EventLog()
        self.groupCommit = try GroupCommitThread(
            store: store,
            logger: logger,
            clock: { clock.now },
            observer: { traces in
                watch.changed(traces)
                for trace in traces { events.publish(RelayEvent(trace, on: clock)) }
            }
        )
        self.server = RelayServer(
            options: server,
            groupCommit: self.groupCommit,
            requeuedAtStart: requeued,
            steadyClock: clock,
            watch: watch,
            events: events,
            logger: logger
        )
        self.settings = RunningSettings(
            configuration,
            options: options,
            level: level,
            groupCommit: self.groupCommit,
            log: log,
            logger: logger
        )
        var admin = configuration.adminOptions(directory: self.directory.path)
        admin.maximumConnections = min(admin.maximumConnections, OpenFiles.adminConnections(of: openFiles))
        self.admin = try AdminServer(
            options: admin,
            operations: self.server,
            settings: self.settings,
            clock: { reading in
                let clock = SteadyClock(continuing: reading)
                return AccessClock(now: { clock.now }, wallTime: { clock.wallTime(of: $0) })
            },
            logger: logger
        )
    }

    /// Serves until a graceful shutdown is requested, by a signal or by an operator, or until the store is lost.
    ///
    /// - Throws: the error that prevented the start; `StoreError` when the store was lost, or when pending frames could not
    ///   be written.
    func run() async throws {
        do {
            await self.admin.enforceBlocks()
            let terminals = try await self.server.start(skippingMissingFamilies: self.configuration.listensByDefault)
            let port = try self.admin.start()
            let endpoint = Endpoint(host: self.configuration.admin.host, port: port)
            try self.announce(Endpoints(terminals: terminals, admin: "http://\(endpoint)", pid: getpid()))
        } catch {
            try? await self.stop()
            throw error
        }
        SystemdNotifier.notify("READY=1")
        let loss = await self.waitForEnd()
        SystemdNotifier.notify("STOPPING=1")
        self.logger.info("The relay stops")
        try await self.stop()
        if let loss { throw loss }
        self.logger.info("The relay has stopped")
    }

    /// Waits for a graceful shutdown, an operator's drain, or the loss of the store.
    ///
    /// - Returns: the reason why the store is lost; `nil` for a shutdown or a drain.
    private func waitForEnd() async -> StoreError? {
        let (drains, losses) = (self.server.drainRequests, self.groupCommit.losses)
        return await withTaskGroup(of: StoreError?.self) { group in
            group.addTask {
                for await _ in drains.cancelOnGracefulShutdown() { break }
                return nil
            }
            group.addTask {
                for await loss in losses.cancelOnGracefulShutdown() { return loss }
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    /// Reads the settings and the admin token again, as at `SIGHUP`, and logs the result.
    func reload() async {
        do {
            _ = try await self.settings.reload()
        } catch let error as StoreError {
            self.logger.error("The store has not applied its settings", metadata: ["error": "\(error)"])
        } catch {
            // The settings have logged all errors.
        }
        do {
            try await self.admin.reload()
        } catch {
            self.logger.error("The admin token was not read again; the former one stays", metadata: ["error": "\(error)"])
        }
    }

    private func announce(_ endpoints: Endpoints) throws {
        try self.directory.publish(endpoints)
        let curl = "curl -H \"Authorization: Bearer $(cat \(self.directory.tokenFile))\" \(endpoints.admin)/api/v1/status"
        let text = """
            ttms-relayd \(Release.version) is ready.
              terminals connect to  \(endpoints.terminals.joined(separator: ", "))
              the admin API is at   \(endpoints.admin)
              its token is in      \(self.directory.tokenFile)
              try                   \(curl)

            """
        // On the log's thread: standard output may be a pipe without a reader, and often is the same as the log.
        self.log.print(text)
    }

    /// - Throws: `StoreError` when pending frames could not be written.
    private func stop() async throws {
        let schedule = StopSchedule(begin: .now, limit: self.configuration.stopPatience)
        self.endProcess(at: schedule)
        self.directory.withdraw()
        // Concurrent with the rest: on a slow disk each of its syncs takes seconds.
        async let tokenUses: Void = self.admin.keepTokenUses()
        await self.server.stop(grace: .nanoseconds(Int64(schedule.grace / .nanoseconds(1))))
        var failure: StoreError?
        do throws(StoreError) {
            try await self.groupCommit.shutdown(patience: max(.zero, schedule.end - .now))
        } catch {
            failure = error
        }
        await self.server.answerInjections()
        await tokenUses
        await self.admin.shutdown(since: schedule.begin, until: schedule.end)
        await self.server.close()
        if let failure { throw failure }
    }

    /// Ends the process when the stop takes too long. This has a thread of its own, because a system call that does not return
    /// may block all others.
    private func endProcess(at schedule: StopSchedule) {
        let thread = Thread {
            while case let rest = schedule.abandonment - .now, rest > .zero {
                Thread.sleep(forTimeInterval: rest / .seconds(1))
            }
            StandardStream.error.write(
                """
                ttms-relayd: the stop has taken \(schedule.abandonment - schedule.begin), longer than stop_timeout allows, because the \
                disk does not answer; the process ends now. The data on disk is whole. Frames that were only in memory (about \
                \(self.groupCommit.pendingBytes) bytes) may be lost; no sender has a receipt for them. Check the disk and the \
                kernel's log.

                """,
                within: .milliseconds(200)
            )
            _exit(EXIT_FAILURE)
        }
        thread.name = "ttms-stop"
        thread.start()
    }
}
