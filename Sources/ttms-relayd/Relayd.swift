import ArgumentParser
import CSwiftRuntime
import Foundation
import Logging
import RelayCore
import ServiceLifecycle

/// The relay daemon's entry: reads the configuration, and runs the relay until it is told to stop.
@main
struct Relayd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttms-relayd",
        abstract: "Relays frames between field terminals, and keeps them for terminals that are away.",
        discussion: """
            Settings come from a YAML file (--config), TTMS_... environment variables and the command line; the later win.
            SIGTERM and SIGINT (SIGQUIT, SIGPWR and SIGXCPU, too) stop the relay: what is not delivered is on disk, and the exit
            code is 0. A stop takes stop_timeout at the most. SIGHUP reads the configuration again. SIGUSR1 and SIGUSR2 do nothing.
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

    /// Caught before anything else is done, and known to ``run()``, which ArgumentParser calls.
    private static let signals = ProcessSignals()

    /// Makes what the process was started with fit to work with, then parses the command line and runs.
    static func main() async {
        _ = Self.signals
        await Self.main(nil)
    }

    func run() async throws {
        Self.skipExclusivityChecks()
        let configuration = try self.load()
        if self.options.checkConfig {
            guard let error = StandardStream.output.write(configuration.report + "\n") else { return }
            let reason = SystemError(error)
            StandardStream.error.write("ttms-relayd: The configuration is valid, but it cannot be printed: \(reason)\n")
            throw ExitCode.failure
        }
        let logLevel = LogLevel(configuration.logLevel)
        let log = LogQueue()
        LoggingSystem.bootstrap { label in
            LeveledLogHandler(StreamLogHandler.standardError(label: label), level: logLevel, queue: log)
        }
        var logger = Logger(label: "ttms-relayd")
        logger.logLevel = .trace

        if let text = configuration.text, !configuration.readsSomething {
            logger.warning(
                "The configuration file sets nothing, so that every setting has its default where nothing else sets it",
                metadata: ["file": "\(self.options.config ?? "")", "bytes": "\(text.bytes.count)"]
            )
        }

        let relay: RelayService
        do {
            relay = try RelayService(configuration, options: self.options, level: logLevel, log: log, logger: logger)
        } catch {
            throw await Self.failure("cannot start: \(error)", log)
        }
        let group = ServiceGroupConfiguration(
            services: [
                // It returns by itself when an operator drains it.
                .init(service: relay, successTerminationBehavior: .gracefullyShutdownGroup),
                .init(
                    service: SignalService(signals: Self.signals, relay: relay, logger: logger),
                    successTerminationBehavior: .gracefullyShutdownGroup
                ),
            ],
            logger: Logger(label: "services") { _ in SwiftLogNoOpLogHandler() }
        )
        Self.signals.begin()
        do {
            try await ServiceGroup(configuration: group).run()
        } catch {
            throw await Self.failure("\(error)", log)
        }
        await Self.finish(log, .success)
    }

    /// How long the end waits for somebody to read the log.
    private static let logPatience: Duration = .seconds(1)

    private func load() throws -> RelayConfiguration {
        do {
            return try RelayConfiguration.load(options: self.options)
        } catch {
            StandardStream.error.write("ttms-relayd: \(error)\n")
            throw RelaydOptions.configurationExitCode
        }
    }

    private static func failure(_ text: String, _ log: LogQueue) async -> ExitCode {
        await self.finish(log, .failure)
        StandardStream.error.write("ttms-relayd: \(text)\n")
        return .failure
    }

    /// Has the log written. When nobody reads it, the process ends here: `exit` would wait for the stream that the log's thread holds.
    private static func finish(_ log: LogQueue, _ code: ExitCode) async {
        if await !log.flush(within: self.logPatience) { _exit(code.rawValue) }
    }
}
