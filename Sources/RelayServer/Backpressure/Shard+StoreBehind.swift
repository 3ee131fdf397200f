import NIOCore
import RelayCore
import TTMSProtocol

// Back pressure while the store is too far behind.
extension Shard {
    /// Stops reading from a sender whose frames are stored, or wait for the store, when the store is too far behind.
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

    /// The memory of frames that wait for the store, in bytes: for its commits, or for older frames of their terminals.
    private var waitingBytes: Int {
        self.groupCommit.pendingBytes + self.store.pendingBytes + self.heldFrames.total(with: self.bytesInMemory)
    }

    /// Publishes the bytes that wait here to the other shards, which may have their senders.
    func publishWaitingBytes() {
        self.heldFrames.publish(self.bytesInMemory)
    }

    /// Bytes of frames that are not submitted: they are held, or wait for a terminal between two shards.
    var bytesInMemory: Int { self.heldFrames.bytes &+ self.handover.waitingBytes }

    /// Holds back senders on other shards whose frames were stored here while the store is too far behind.
    func holdBackOnOtherShards(_ sources: Set<CCID>) {
        for index in self.shards.indices where index != self.index {
            self.send(to: index) { shard in
                for ccid in sources {
                    if let connection = shard.terminals[ccid]?.connection { shard.holdBackIfBehind(connection) }
                }
            }
        }
    }

    /// Resumes reading from the senders once at most half of the high watermark waits.
    func resumePausedSenders() {
        self.publishWaitingBytes()
        guard self.heldSenders.pausedCount > 0 else { return }
        guard self.waitingBytes <= self.options.outbound.storeHighWatermark / 2 else { return }
        // The bytes of the first ones can put the store behind again.
        while !self.isStoreBehind, let connection = self.heldSenders.takePaused() {
            guard connection.closeReason == nil else { continue }
            connection.resumeReading(after: .store)
            connection.handler?.resume()
        }
    }

    /// Whether the remaining frames of a connection that ends are stored although the store is behind. A store that works catches
    /// up. With one that fails or hangs, senders that reconnect repeatedly would fill the memory; they have no receipt for these
    /// frames.
    var takesRests: Bool {
        self.groupCommit.health == .healthy && self.waitingBytes <= 2 * self.options.outbound.storeHighWatermark
    }
}
