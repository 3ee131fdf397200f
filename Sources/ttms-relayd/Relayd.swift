import ArgumentParser
import CSwiftRuntime
import Foundation
import Logging
import ServiceLifecycle
import UnixSignals

/// The relay daemon's entry: reads the configuration, and runs the relay until it is told to stop.
@main
struct Relayd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttms-relayd",
        abstract: "Relays frames between field terminals, and keeps them for terminals that are away.",
        discussion: """
            Settings come from a YAML file (--config), TTMS_... environment variables and the command line; the later win.
            SIGTERM and SIGINT stop the relay: what is not delivered is on disk, and the exit code is 0. SIGHUP reads the
            configuration again.
            Exit codes: 0 stopped as told, 1 could not start or go on, 64 wrong usage, 78 wrong configuration.
            """,
        version: "ttms-relayd \(Release.version)"
    )

    @OptionGroup var options: RelaydOptions

    /// Our own modules are built without these checks in release builds, and with them in debug builds, where the tests run. SwiftNIO's
    /// are built as its package says, and make a quarter of the instructions of a frame that comes alone.
    private static func skipExclusivityChecks() {
        #if !DEBUG
        swift_runtime_skip_exclusivity_checks()
        #endif
    }

    func run() async throws {
        Self.skipExclusivityChecks()
        let configuration = try self.load()
        if self.options.checkConfig {
            print(configuration.report)
            return
        }
        let logLevel = LogLevel(configuration.logLevel)
        let log = LogQueue()
        LoggingSystem.bootstrap { label in
            LeveledLogHandler(StreamLogHandler.standardError(label: label), level: logLevel, queue: log)
        }
        var logger = Logger(label: "ttms-relayd")
        logger.logLevel = .trace

        let relay: RelayService
        do {
            relay = try RelayService(configuration, options: self.options, level: logLevel, logger: logger)
        } catch {
            throw await Self.failure("cannot start: \(error)", log)
        }
        var group = ServiceGroupConfiguration(
            services: [
                // It returns by itself when an operator drains it.
                .init(service: relay, successTerminationBehavior: .gracefullyShutdownGroup),
                .init(service: ReloadService(relay: relay)),
            ],
            gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
        )
        // A relay that cannot finish its stop in this time is worth more dead: what it holds is what a crash would lose too.
        group.maximumGracefulShutdownDuration = configuration.stopPatience + Self.stopMargin
        do {
            try await ServiceGroup(configuration: group).run()
        } catch {
            throw await Self.failure("\(error)", log)
        }
        await Self.finish(log, .success)
    }

    /// How long the end waits for somebody to read the log.
    private static let logPatience: Duration = .seconds(2)

    /// What a stop takes beside the store's last attempts: connections that drain, answers that are still read.
    private static let stopMargin: Duration = .seconds(20)

    private func load() throws -> RelayConfiguration {
        do {
            return try RelayConfiguration.load(options: self.options)
        } catch {
            FileHandle.standardError.write(Data("ttms-relayd: \(error)\n".utf8))
            throw RelaydOptions.configurationExitCode
        }
    }

    private static func failure(_ text: String, _ log: LogQueue) async -> ExitCode {
        await self.finish(log, .failure)
        FileHandle.standardError.write(Data("ttms-relayd: \(text)\n".utf8))
        return .failure
    }

    /// Has the log written. When nobody reads it, the process ends here: `exit` would wait for the stream that the log's thread holds.
    private static func finish(_ log: LogQueue, _ code: ExitCode) async {
        if await !log.flush(within: self.logPatience) { _exit(code.rawValue) }
    }
}
