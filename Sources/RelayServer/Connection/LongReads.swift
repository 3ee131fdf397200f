import NIOCore
import TTMSProtocol

/// Connections whose reads brought more heartbeats than one turn of the event loop handles. A read holds up to 15,000, and each can
/// register a terminal, or take one over.
final class LongReads {
    /// What a heartbeat of a terminal of the connection costs.
    static let heartbeat = 1
    /// What a heartbeat costs that registers a terminal.
    static let registration = 8
    /// What heartbeats may cost in one turn: some 5 ms.
    static let limit = 2_048

    var limit = LongReads.limit
    /// What they have cost since the turn began.
    var spent = 0
    var waiting = CircularBuffer<TerminalConnection>(initialCapacity: 0)
    var isScheduled = false

    /// The process is dead: nothing refers to connections any more.
    func removeAll() {
        self.waiting = CircularBuffer(initialCapacity: 0)
    }
}
