import NIOCore

/// The connections of one event loop whose terminals are fed from disk and that have no room now: they are checked at an interval that
/// doubles while none gets room.
final class StarvedConnections {
    /// The first interval; it is also the time that a frame from disk may wait for its connection to have room.
    static let shortestInterval = TimeAmount.milliseconds(2)
    private static let longestInterval = TimeAmount.milliseconds(128)

    private var connections: [TerminalConnection] = []
    private var interval = StarvedConnections.shortestInterval
    private var isCheckScheduled = false

    var count: Int { self.connections.count }

    /// `connection` has no room.
    ///
    /// - Returns: in which time all have to be checked; `nil` when a check is scheduled.
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

    /// Takes all out for a check. Each is then fed, or put back.
    func take() -> [TerminalConnection] {
        self.isCheckScheduled = false
        defer { self.connections = [] }
        return self.connections
    }

    /// `connection`, which was taken out, is fed now; while it has no room, it is added again.
    func feeds(_ connection: TerminalConnection) {
        connection.isStarved = false
    }

    /// These have to wait for the next check.
    ///
    /// - Returns: in which time all have to be checked; `nil` when a check is scheduled.
    func putBack(_ rest: ArraySlice<TerminalConnection>) -> TimeAmount? {
        assert(rest.allSatisfy(\.isStarved))
        self.connections += rest
        return self.requestCheck()
    }

    /// The check of so many connections has ended; those without room have been added again.
    func checked(_ count: Int) {
        self.interval =
            self.connections.count < count ? Self.shortestInterval : min(self.interval * 2, Self.longestInterval)
    }

    /// The process is dead: nothing refers to connections any more.
    func removeAll() {
        self.connections = []
    }
}
