import NIOCore

/// The connections of one event loop without room for the frames that the store has for their terminals. They are checked at an
/// interval that doubles while none gets room.
final class StarvedConnections {
    /// The first interval. A frame from disk may wait that long for its connection to have room.
    static let shortestInterval = TimeAmount.milliseconds(2)
    private static let longestInterval = TimeAmount.milliseconds(128)

    private var connections: [TerminalConnection] = []
    private var interval = StarvedConnections.shortestInterval
    private var isCheckScheduled = false

    var count: Int { self.connections.count }

    /// Adds `connection`, which has no room.
    ///
    /// - Returns: the delay until all have to be checked; `nil` when a check is scheduled.
    func add(_ connection: TerminalConnection) -> TimeAmount? {
        guard !connection.isStarved else { return nil }
        connection.isStarved = true
        self.connections.append(connection)
        return self.requestCheck()
    }

    private func requestCheck() -> TimeAmount? {
        guard !self.isCheckScheduled else { return nil }
        self.isCheckScheduled = true
        return self.interval
    }

    /// Removes all for a check. Each is then fed, or put back.
    func take() -> [TerminalConnection] {
        self.isCheckScheduled = false
        defer { self.connections = [] }
        return self.connections
    }

    /// Marks `connection`, which was removed for a check, as being fed. If it has no room, it is added again.
    func feeds(_ connection: TerminalConnection) {
        connection.isStarved = false
    }

    /// Puts back connections that have to wait for the next check.
    ///
    /// - Returns: the delay until all have to be checked; `nil` when a check is scheduled.
    func putBack(_ rest: ArraySlice<TerminalConnection>) -> TimeAmount? {
        assert(rest.allSatisfy(\.isStarved))
        self.connections += rest
        return self.requestCheck()
    }

    /// Records the end of a check of `count` connections; those without room have been added again.
    func checked(_ count: Int) {
        self.interval =
            self.connections.count < count ? Self.shortestInterval : min(self.interval * 2, Self.longestInterval)
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() {
        self.connections = []
    }
}
