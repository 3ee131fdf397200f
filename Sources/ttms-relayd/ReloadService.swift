import ServiceLifecycle
import UnixSignals

/// Has the relay read its configuration again at `SIGHUP`.
struct ReloadService: Service {
    let relay: RelayService

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await self.relay.reload()
        }
    }
}
