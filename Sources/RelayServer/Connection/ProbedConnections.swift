import NIOCore

/// The connections of one event loop whose peers are probed because the relay is full, in the order of the probes' ends.
final class ProbedConnections {
    private var probed = CircularBuffer<(connection: TerminalConnection, end: NIODeadline)>(initialCapacity: 0)

    /// `connection` is probed until `end`, when its own options are set again.
    func add(_ connection: TerminalConnection, until end: NIODeadline) {
        assert(self.probed.last.map { $0.end <= end } ?? true, "Probes end in the order of their beginnings.")
        self.probed.append((connection, end))
    }

    /// Takes out the connection whose probe ended first; `nil` when all of them go on.
    func takeEnded(by now: NIODeadline) -> TerminalConnection? {
        guard let first = self.probed.first, first.end <= now else { return nil }
        return self.probed.popFirst()?.connection
    }

    /// The process is dead: nothing refers to connections any more.
    func removeAll() { self.probed = CircularBuffer(initialCapacity: 0) }
}
