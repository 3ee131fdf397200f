import NIOCore

/// Connections that are not read from, because the store is behind: who was paused first goes on first, and all have their turn.
struct PausedSenders {
    private var connections: [UInt64: TerminalConnection] = [:]
    /// Their numbers in the order in which they were paused, and those of some that are not paused any more.
    private var order = CircularBuffer<UInt64>(initialCapacity: 0)

    var count: Int { self.connections.count }
    var isEmpty: Bool { self.connections.isEmpty }

    /// Adds one that is not among them.
    mutating func append(_ connection: TerminalConnection) {
        self.connections[connection.id] = connection
        // Whoever connects again and again while the disk fails is here once, and so should its numbers be.
        if self.order.count > 2 * self.connections.count + 64 { self.order.removeAll { self.connections[$0] == nil } }
        self.order.append(connection.id)
    }

    /// Takes one out, be it among them or not: when thousands close at once, each has to be found.
    mutating func remove(_ connection: TerminalConnection) {
        self.connections[connection.id] = nil
    }

    /// Takes out the one that was paused first.
    mutating func popFirst() -> TerminalConnection? {
        while let id = self.order.popFirst() {
            if let connection = self.connections.removeValue(forKey: id) { return connection }
        }
        return nil
    }
}
