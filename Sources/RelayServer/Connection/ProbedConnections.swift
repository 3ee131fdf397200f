import NIOCore

/// The connections of one event loop whose peers are probed because the relay is full, in the order in which the probes end.
final class ProbedConnections {
    private var probed = CircularBuffer<(connection: TerminalConnection, end: NIODeadline)>(initialCapacity: 0)

    /// Records that `connection` is probed until `end`, when its own options are set again.
    func add(_ connection: TerminalConnection, until end: NIODeadline) {
        assert(self.probed.last.map { $0.end <= end } ?? true, "Probes end in the order of their beginnings.")
        self.probed.append((connection, end))
    }

    /// Removes the connection whose probe ended first; `nil` when no probe has ended.
    func takeEnded(by now: NIODeadline) -> TerminalConnection? {
        guard let first = self.probed.first, first.end <= now else { return nil }
        return self.probed.popFirst()?.connection
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() { self.probed = CircularBuffer(initialCapacity: 0) }
}
