import NIOCore
import RelayCore

// Whom operators have shut out.
extension Shard {
    /// Puts `blocks` in force on this event loop, and closes what they shut out.
    ///
    /// A connection that holds a blocked CCID goes as a whole, with all others that it holds: a frame's source is its connection's
    /// latest heartbeat, so that without the heartbeat of a blocked CCID its frames would be taken for another terminal's.
    ///
    /// - Returns: how many connections were closed.
    func enforce(_ blocks: BlockList) -> Int {
        self.blocks = blocks
        guard !blocks.isEmpty else { return 0 }
        let now = self.clock.now
        let blocked = self.connections.filter { connection in
            blocks.hasNetworks && blocks.contains(connection.addresses.remote, at: now)
                || blocks.hasTerminals && connection.session.ccids.contains { blocks.contains($0, at: now) }
        }
        for connection in blocked { self.close(connection, .blocked) }
        return blocked.count
    }
}
