import Logging
import RelayCore
import RelayStorage
import ServiceLifecycle
import UnixSignals

/// Reads the configuration again at `SIGHUP`, and puts in force what can change while the relay runs: the log level, and the
/// store's caps, policy and time to live. Everything else says that it needs a restart. A wrong configuration changes nothing.
struct ReloadService: Service {
    let options: RelaydOptions
    let logLevel: LogLevel
    let relay: RelayService
    let logger: Logger

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await self.reload()
        }
    }

    private func reload() async {
        do {
            let configuration = try RelayConfiguration.load(options: self.options)
            self.logLevel.current = configuration.logLevel
            let limits = configuration.storeLimits
            try await self.relay.groupCommit.perform { $0.limits = limits }
            let waiting = self.relay.needsRestart(for: configuration)
            self.logger.notice(
                "The configuration was read again",
                metadata: ["needs_restart": "\(waiting.joined(separator: ","))"]
            )
        } catch {
            self.logger.error("The configuration was not read again; the former one stays", metadata: ["error": "\(error)"])
        }
    }
}
