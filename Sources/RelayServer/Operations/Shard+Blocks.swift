import NIOCore
import RelayCore

// Whom operators have shut out.
extension Shard {
    /// Connections that one slice closes at the most: some 3 ms.
    private static let blockedSlice = 64

    /// Puts `blocks` in force on this event loop.
    ///
    /// - Returns: where the walk begins that closes what they shut out (``closeBlocked(below:)``); 0 when there is nothing to close.
    func enforce(_ blocks: BlockList) -> Int {
        self.use(blocks)
        return blocks.isEmpty ? 0 : self.connections.count
    }

    /// Closes what is shut out among the connections below `end` in the list, one slice of them. The walk goes to the beginning of the
    /// list: where a connection ends, one takes its place that was checked before.
    ///
    /// - Returns: how many connections were closed, and where the next slice ends.
    func closeBlocked(below end: Int) -> (closed: Int, next: Int) {
        let now = self.clock.now
        var closed = 0
        var passed = 0
        var next = end
        while next > 0, closed < Self.blockedSlice, passed < Self.slice {
            next -= 1
            guard next < self.connections.count else { continue }
            let connection = self.connections[next]
            passed += max(self.blocks.hasTerminals ? connection.session.count : 0, 1)
            guard self.isBlocked(connection, now: now) else { continue }
            self.close(connection, .blocked)
            closed += 1
        }
        return (closed, next)
    }

    /// A connection that holds a blocked CCID goes as a whole, with all others that it holds: a frame's source is its connection's
    /// latest heartbeat, so that without the heartbeat of a blocked CCID its frames would be taken for another terminal's.
    private func isBlocked(_ connection: TerminalConnection, now: Timestamp) -> Bool {
        self.blocks.hasNetworks && self.blocks.contains(connection.addresses.remote, at: now)
            || self.blocks.hasTerminals && connection.session.ccids.contains { self.blocks.contains($0, at: now) }
    }
}
