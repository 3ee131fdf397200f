import Foundation
import Logging
import ServiceLifecycle

/// Does what signals ask for while the relay runs: returns at the first that asks for a stop, and reloads at `SIGHUP`.
struct SignalService: Service {
    let signals: ProcessSignals
    let relay: RelayService
    let logger: Logger

    func run() async throws {
        for await request in self.signals.requests.cancelOnGracefulShutdown() {
            switch request {
            case .stop(let number):
                self.logger.info("A signal asks the relay to stop", metadata: ["signal": "\(Self.name(number))"])
                return
            case .reload: await self.relay.reload()
            case .nothing(let number):
                self.logger.notice(
                    "A signal that means nothing to the relay is ignored",
                    metadata: ["signal": "\(Self.name(number))"]
                )
            }
        }
    }

    private static func name(_ number: CInt) -> String {
        strsignal(number).map { "\(number) (\(String(cString: $0)))" } ?? "\(number)"
    }
}
