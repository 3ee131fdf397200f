import NIOCore

/// Connections that are not read from because the store is behind. The first one paused is the first to resume, and each has its
/// turn.
struct PausedSenders {
    private var connections: [UInt64: TerminalConnection] = [:]
    /// Their ids in the order in which they were paused, with ids of some that are no longer paused.
    private var order = CircularBuffer<UInt64>(initialCapacity: 0)

    var count: Int { self.connections.count }
    var isEmpty: Bool { self.connections.isEmpty }

    /// Adds a connection that is not among them.
    mutating func append(_ connection: TerminalConnection) {
        self.connections[connection.id] = connection
        // A terminal that reconnects repeatedly while the disk fails is here once; the ids of its former connections are removed.
        if self.order.count > 2 * self.connections.count + 64 { self.order.removeAll { self.connections[$0] == nil } }
        self.order.append(connection.id)
    }

    /// Removes a connection, if it is among them. By id, because thousands can close at once.
    mutating func remove(_ connection: TerminalConnection) {
        self.connections[connection.id] = nil
    }

    /// Removes the one that was paused first.
    mutating func popFirst() -> TerminalConnection? {
        while let id = self.order.popFirst() {
            if let connection = self.connections.removeValue(forKey: id) { return connection }
        }
        return nil
    }
}
