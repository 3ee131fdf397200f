import RelayCore
import RelayServer

extension RelayEvent {
    /// What happened to a traced message last, at the time that the store noted for it.
    ///
    /// - Parameter clock: the store's.
    init(_ trace: MessageTrace, on clock: SteadyClock) {
        self.init(
            at: clock.wallTime(of: trace.changedAt),
            ccid: trace.destination,
            .message(id: trace.id, state: trace.state)
        )
    }
}
