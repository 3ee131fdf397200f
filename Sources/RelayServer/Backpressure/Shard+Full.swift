import Logging
import NIOCore
import RelayCore
import TTMSProtocol

// Senders that wait for the store (G6): while it is too far behind (`Shard+Store`), and, which is the rest of this file, with
// `when_full: push-back`. A frame that there is no room for is not taken: it stays with what its connection has not handled, in
// nobody's account, and TCP holds back what is behind it. So are heartbeats behind it. It is taken when there is room, and dropped
// as bytes are that nobody has read when its connection ends before: otherwise a sender that connects again and again would pass the
// cap. Nothing of this touches frames for terminals that are live, on whichever event loop.
extension Shard {
    /// Why a frame for `ccid` has to wait for room in the store; `nil` when it has not, or needs none.
    func missingRoom(for ccid: CCID) -> StoreLimits.Cap? {
        guard self.full.isAny, !self.isLive(ccid) else { return nil }
        return self.full.cap(for: ccid, kept: self.groupCommit.kept)
    }

    /// Whether frames for `ccid` go straight to its connection, so that they need nothing of the store.
    private func isLive(_ ccid: CCID) -> Bool {
        if let terminal = self.terminals.find(ccid) { return terminal._withUnsafeGuaranteedRef { $0.live != nil } }
        return self.liveTerminals?.contains(ccid) ?? false
    }

    /// Stops reading from `connection` if the next frame on it, for `destination`, has to wait: for room in the store, or until the
    /// store is less behind. Called while something is full, or the store is behind.
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

    /// Handles what was held back where there is room now. What becomes full again by that holds back those that follow.
    func goOnWithRoom() {
        guard !self.isStopping, self.heldSenders.beginSearch(releases: self.full.releases, now: self.tickTime) else { return }
        for id in self.heldSenders.withRoom({ self.missingRoom(for: $0) == nil }) {
            // Thousands may have waited for the same room: what they bring is bounded as that of all senders is.
            if self.isStoreBehind { return }
            // One before it may have filled the room.
            guard let destination = self.heldSenders.destination(of: id), self.missingRoom(for: destination) == nil,
                let connection = self.heldSenders.takeHeldBack(id), connection.closeReason == nil
            else { continue }
            connection.goOnReading(after: .full)
            connection.handler?.goOn()
        }
    }

    /// Logs when senders begin to be held back, and when that has ended. Called several times a second.
    func reportHeldBack() {
        switch self.heldSenders.report(now: self.eventLoop.now) {
        case .began(let held, let connections):
            self.logger.warning(
                "The store has no room for what terminals send; they are not read from until there is some.",
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
