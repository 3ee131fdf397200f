import RelayCore
import RelayServer

extension RelayEvent {
    /// The last change of a traced message, at the time that the store has recorded for it.
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
