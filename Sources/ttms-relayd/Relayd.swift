import ArgumentParser
import CSwiftRuntime
import Foundation
import Logging
import RelayCore
import ServiceLifecycle

/// The entry of the relay daemon: reads the configuration, and runs the relay until a stop is requested.
@main
struct Relayd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttms-relayd",
        abstract: "Relay frames between field terminals, and queue them for offline terminals.",
        discussion: """
            Settings are read from a YAML file (--config), TTMS_... environment variables and the command line; later sources
            have precedence. SIGTERM and SIGINT (SIGQUIT, SIGPWR and SIGXCPU, too) stop the relay: all that is not delivered is on
            disk, and the exit code is 0. A stop takes at most stop_timeout. SIGHUP reads the configuration again. SIGUSR1 and
            SIGUSR2 have no effect.
            Exit codes: 0 stopped on request, 1 could not start or continue, 64 wrong usage, 78 wrong configuration.
            """,
        version: "ttms-relayd \(Release.version)"
    )

    @OptionGroup var options: RelaydOptions

    /// Disables the exclusivity checks of SwiftNIO's modules, which are a quarter of the instructions of an un-pipelined frame.
    /// The relay's own modules have them only in debug builds, where the tests run.
    private static func skipExclusivityChecks() {
        #if !DEBUG
        swift_runtime_skip_exclusivity_checks()
        #endif
    }

    /// The signals; caught first of all, and static because ArgumentParser calls ``run()``.
    private static let signals = ProcessSignals()

    /// Prepares the signals, the descriptors and the limits of the process, then parses the command line and runs.
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
                "The configuration file sets nothing: a setting without another source has its default",
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
                // It returns by itself after an operator's drain.
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

    /// The longest wait for a reader of the log, at the end.
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

    /// Waits until the log is written. Without a reader the process ends here: `exit` would wait for the stream that the log's
    /// thread holds.
    private static func finish(_ log: LogQueue, _ code: ExitCode) async {
        if await !log.flush(within: self.logPatience) { _exit(code.rawValue) }
    }
}
