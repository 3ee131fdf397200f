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
            .message(id: trace.id, state: MessageState(trace.state))
        )
    }
}

extension RelayEvent.MessageState {
    init(_ state: MessageTrace.State) {
        switch state {
        case .accepted: self = .accepted
        case .queued: self = .queued
        case .inFlight: self = .inFlight
        case .acknowledged: self = .acknowledged
        case .confirmed: self = .confirmed
        case .expired: self = .expired
        case .deleted: self = .deleted
        case .evicted: self = .evicted
        }
    }
}
