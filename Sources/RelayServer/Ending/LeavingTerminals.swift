import NIOCore
import RelayCore
import TTMSProtocol

/// Terminals whose connection has ended and that are not detached yet.
///
/// A connection with few terminals detaches them when it ends. One with many detaches a bounded number in each turn of the event loop,
/// in the order in which the connections ended.
final class LeavingTerminals {
    /// The number of terminals that one turn detaches: about 2 ms.
    static let atOnce = 512
    /// The most terminals of a connection that are detached when it ends.
    static let directly = 16

    /// Some terminals of one connection.
    struct Part {
        var connection: TerminalConnection
        /// The time at which the connection ended.
        var endedAt: Timestamp
        var ccids: ArraySlice<CCID>
    }

    var atOnce = LeavingTerminals.atOnce
    var directly = LeavingTerminals.directly
    private var waiting = CircularBuffer<Part>(initialCapacity: 0)
    /// The times at which the connections in `waiting` ended, by their ids.
    private var endings: [UInt64: Timestamp] = [:]
    var isScheduled = false

    var isEmpty: Bool { self.waiting.isEmpty }

    /// Terminals that are not detached yet.
    var count: Int { self.waiting.reduce(0) { $0 + $1.ccids.count } }

    /// The time at which `connection` ended; `nil` when none of its terminals waits here.
    func end(of connection: TerminalConnection) -> Timestamp? { self.endings[connection.id] }

    func append(_ ccids: [CCID], of connection: TerminalConnection, endedAt: Timestamp) {
        guard !ccids.isEmpty else { return }
        self.endings[connection.id] = endedAt
        self.waiting.append(Part(connection: connection, endedAt: endedAt, ccids: ccids[...]))
    }

    /// Removes the next terminals, all of one connection, at most `limit`.
    func next(_ limit: Int) -> Part? {
        guard limit > 0, var first = self.waiting.popFirst() else { return nil }
        var part = first
        part.ccids = first.ccids.prefix(limit)
        first.ccids = first.ccids.dropFirst(limit)
        if first.ccids.isEmpty {
            self.endings[first.connection.id] = nil
        } else {
            self.waiting.prepend(first)
        }
        return part
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() {
        self.waiting = CircularBuffer(initialCapacity: 0)
        self.endings = [:]
    }
}
