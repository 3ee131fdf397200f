import NIOCore
import RelayCore
import TTMSProtocol

// Back pressure while the store is too far behind.
extension Shard {
    /// Stops reading from a sender whose frames go to the store, or wait for it, when the store is too far behind.
    func holdBackIfBehind(_ connection: TerminalConnection) {
        guard !connection.isPaused(for: .store), !connection.isTakingRest, connection.closeReason == nil, self.isStoreBehind
        else {
            return
        }
        connection.pause(for: .store)
        self.heldSenders.pause(connection)
        self.counters.pauses += 1
        self.scheduleSweep()
    }

    var isStoreBehind: Bool {
        self.waitingBytes > self.options.outbound.storeHighWatermark
    }

    /// What frames take in memory that wait for the store: for its commits, or for what it keeps for their terminals.
    private var waitingBytes: Int {
        self.groupCommit.pendingBytes + self.store.pendingBytes + self.heldFrames.total(with: self.bytesInMemory)
    }

    /// Publishes how much waits here to the other shards: senders may be theirs.
    func publishWaitingBytes() {
        self.heldFrames.publish(self.bytesInMemory)
    }

    /// The part of it that the store has not been given: frames that are held, or wait for a terminal between two shards.
    var bytesInMemory: Int { self.heldFrames.bytes &+ self.handover.waitingBytes }

    /// Frames from another shard went to the store while it is too far behind: their senders are on one of the others.
    func holdBackElsewhere(_ sources: Set<CCID>) {
        for index in self.shards.indices where index != self.index {
            self.send(to: index) { shard in
                for ccid in sources {
                    if let connection = shard.terminals[ccid]?.connection { shard.holdBackIfBehind(connection) }
                }
            }
        }
    }

    /// Reads from the senders again once half of what was too much is durable.
    func goOnReading() {
        self.publishWaitingBytes()
        guard self.heldSenders.pausedCount > 0 else { return }
        guard self.waitingBytes <= self.options.outbound.storeHighWatermark / 2 else { return }
        // What the first ones have kept back can be enough for the store to be behind again.
        while !self.isStoreBehind, let connection = self.heldSenders.takePaused() {
            guard connection.closeReason == nil else { continue }
            connection.goOnReading(after: .store)
            connection.handler?.goOn()
        }
    }

    /// Whether the rest of a connection that ends is given to the store although that may be behind. A store that works catches up.
    /// One that fails, or hangs, would have the memory filled by senders that connect again and again; they have no receipt for it.
    var takesRests: Bool {
        self.groupCommit.health == .healthy && self.waitingBytes <= 2 * self.options.outbound.storeHighWatermark
    }
}
