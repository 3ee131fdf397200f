import NIOCore
import RelayCore

// Blocked terminals and networks.
extension Shard {
    /// The maximum number of connections that one slice closes: about 3 ms.
    private static let blockedSlice = 64

    /// Enforces `blocks` on this event loop.
    ///
    /// - Returns: the start of the walk that closes blocked connections (``closeBlocked(below:)``); 0 when there is none to close.
    func enforce(_ blocks: BlockList) -> Int {
        self.use(blocks)
        return blocks.isEmpty ? 0 : self.connections.count
    }

    /// Closes blocked connections among those below `end` in the list, one slice of them. The walk goes to the beginning of the
    /// list: the place of a closed connection is taken by one that was checked before.
    ///
    /// - Returns: the number of closed connections, and the end of the next slice.
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

    /// A connection with a blocked CCID is closed with all its CCIDs. A frame's source is its connection's latest heartbeat:
    /// without the blocked CCID's heartbeat, its frames would count as another terminal's.
    private func isBlocked(_ connection: TerminalConnection, now: Timestamp) -> Bool {
        self.blocks.hasNetworks && self.blocks.contains(connection.addresses.remote, at: now)
            || self.blocks.hasTerminals && connection.session.ccids.contains { self.blocks.contains($0, at: now) }
    }
}
