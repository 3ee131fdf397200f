import Logging
import NIOCore
import RelayCore
import TTMSProtocol

// Senders that wait for the store (G6): in `Shard+StoreBehind` while it is too far behind, and in this file with `when_full:
// push-back`. A frame for which there is no room is not accepted: it stays in its connection's unhandled bytes, and the ledger does
// not count it. TCP holds back the bytes after it, heartbeats included. It is accepted when there is room. If its connection ends
// before, it is dropped like unread bytes: otherwise a sender that reconnects repeatedly would exceed the cap. Frames for live
// terminals, on any event loop, are not affected.
extension Shard {
    /// The cap for which a frame for `ccid` has to wait for room in the store; `nil` when it need not wait.
    func missingRoom(for ccid: CCID) -> StoreLimits.Cap? {
        guard self.full.isAny, !self.isLive(ccid) else { return nil }
        return self.full.cap(for: ccid, kept: self.groupCommit.kept)
    }

    /// Whether frames for `ccid` go straight to its connection, without the store.
    private func isLive(_ ccid: CCID) -> Bool {
        if let terminal = self.terminals.find(ccid) { return terminal._withUnsafeGuaranteedRef { $0.live != nil } }
        return self.liveTerminals?.contains(ccid) ?? false
    }

    /// Stops reading from `connection` if the next frame on it, for `destination`, has to wait. It waits for room in the store, or
    /// until the store is less behind. Called while the store or a queue is full, or the store is behind.
    ///
    /// - Returns: whether the frame has to wait.
    @inline(never)
    func holdBack(_ connection: TerminalConnection, for destination: CCID) -> Bool {
        guard !self.isLive(destination) else { return false }
        if !connection.isTakingRest, self.isStoreBehind {
            self.holdBackIfBehind(connection)
            return true
        }
        guard self.missingRoom(for: destination) != nil else { return false }
        if !connection.isPaused(for: .full) {
            connection.pause(for: .full)
            self.counters.fullPauses += 1
        }
        self.heldSenders.holdBack(connection, for: destination)
        self.scheduleSweep()
        return true
    }

    /// Handles held-back frames for which there is room now. If they use the room up, later ones stay held back.
    func resumeHeldBackSenders() {
        guard !self.isStopping, self.heldSenders.beginSearch(releases: self.full.releases, now: self.tickTime) else { return }
        for id in self.heldSenders.withRoom({ self.missingRoom(for: $0) == nil }) {
            // Thousands may have waited for the same room: their frames are bounded as those of all senders are.
            if self.isStoreBehind { return }
            // An earlier connection may have used the room.
            guard let destination = self.heldSenders.destination(of: id), self.missingRoom(for: destination) == nil,
                let connection = self.heldSenders.takeHeldBack(id), connection.closeReason == nil
            else { continue }
            connection.resumeReading(after: .full)
            connection.handler?.resume()
        }
    }

    /// Logs when senders begin to be held back, and when that has ended. Called several times a second.
    func reportHeldBack() {
        switch self.heldSenders.report(now: self.eventLoop.now) {
        case .began(let held, let connections):
            self.logger.warning(
                "The store has no room for frames from terminals; their senders are not read from until there is room.",
                metadata: [
                    "limit": "\(self.missingRoom(for: held.destination)?.rawValue ?? "")",
                    "destination": "\(held.destination)", "connections": "\(connections)",
                ]
            )
        case .ended:
            self.logger.notice("The store has room again; all terminals are read from.")
        case nil:
            break
        }
    }
}
