import Foundation
import Logging
import ServiceLifecycle

/// Handles signals while the relay runs: returns at the first request for a stop, and reloads at `SIGHUP`.
struct SignalService: Service {
    let signals: ProcessSignals
    let relay: RelayService
    let logger: Logger

    func run() async throws {
        for await request in self.signals.requests.cancelOnGracefulShutdown() {
            switch request {
            case .stop(let number):
                self.logger.info("The relay stops because of a signal", metadata: ["signal": "\(Self.name(number))"])
                return
            case .reload: await self.relay.reload()
            case .nothing(let number):
                self.logger.notice(
                    "A signal without a meaning for the relay is ignored",
                    metadata: ["signal": "\(Self.name(number))"]
                )
            }
        }
    }

    private static func name(_ number: CInt) -> String {
        strsignal(number).map { "\(number) (\(String(cString: $0)))" } ?? "\(number)"
    }
}
