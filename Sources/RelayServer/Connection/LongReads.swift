import NIOCore
import TTMSProtocol

/// Connections whose reads brought more heartbeats than one turn of the event loop handles. A read holds up to 15,000 heartbeats,
/// and each can register a terminal, or take one over.
final class LongReads {
    /// The cost of a heartbeat of a terminal that is registered on the connection.
    static let heartbeat = 1
    /// The cost of a heartbeat that registers a terminal.
    static let registration = 8
    /// The cost of heartbeats at which one turn ends: about 5 ms.
    static let limit = 2_048

    var limit = LongReads.limit
    /// The cost of the heartbeats since the turn began.
    var spent = 0
    var waiting = CircularBuffer<TerminalConnection>(initialCapacity: 0)
    var isScheduled = false

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() {
        self.waiting = CircularBuffer(initialCapacity: 0)
    }
}
