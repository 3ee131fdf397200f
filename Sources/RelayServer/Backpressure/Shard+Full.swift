import Logging
import NIOCore
import RelayCore
import TTMSProtocol

/// A connection that is not read from because there is no room for the next frame on it.
struct HeldBack {
    var connection: TerminalConnection
    /// The terminal that the frame is for.
    var destination: CCID
}

/// When somebody looked after the senders that are held back.
struct HeldBackLooks {
    /// When it was looked last whether there is room for them, and ``FullTerminals/releases`` then.
    var time = NIODeadline.uptimeNanoseconds(0)
    var releases: UInt64 = 0
    /// When somebody was held back last; `nil` when the log says that nobody is. A store at its cap should not fill the log, too.
    var reported: NIODeadline?
}

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
        self.heldBack[connection.id] = HeldBack(connection: connection, destination: destination)
        self.scheduleSweep()
        return true
    }

    /// How often it is looked after senders while nothing that was full has got room: a terminal may have become live.
    private static let lookInterval = TimeAmount.milliseconds(20)

    /// Handles what was held back where there is room now. What becomes full again by that holds back those that follow.
    ///
    /// Called often, and looks seldom: thousands can be held back.
    func goOnWithRoom() {
        guard !self.heldBack.isEmpty, !self.isStopping else { return }
        let releases = self.full.releases
        guard releases != self.heldBackLooks.releases || self.tickTime - self.heldBackLooks.time >= Self.lookInterval else {
            return
        }
        self.heldBackLooks.releases = releases
        self.heldBackLooks.time = self.tickTime
        for (id, held) in self.heldBack where self.missingRoom(for: held.destination) == nil {
            // Thousands may have waited for the same room: what they bring is bounded as that of all senders is.
            if self.isStoreBehind { return }
            // Another may have ended it.
            guard self.heldBack.removeValue(forKey: id) != nil, held.connection.closeReason == nil else { continue }
            held.connection.goOnReading(after: .full)
            held.connection.handler?.goOn()
        }
    }

    // MARK: What the log is told

    /// How long nobody has to be held back until the log says so: senders at a cap go on and stop many times a second.
    private static let reportPatience = TimeAmount.seconds(10)

    /// Tells the log when senders begin to be held back, and when that has ended. Called some times a second.
    func reportHeldBack() {
        let now = self.eventLoop.now
        if let held = self.heldBack.values.first {
            if self.heldBackLooks.reported == nil {
                self.logger.warning(
                    "The store has no room for what terminals send; they are not read from until there is some.",
                    metadata: [
                        "limit": "\(self.missingRoom(for: held.destination)?.rawValue ?? "")",
                        "destination": "\(held.destination)", "connections": "\(self.heldBack.count)",
                    ]
                )
            }
            self.heldBackLooks.reported = now
        } else if let latest = self.heldBackLooks.reported, now - latest >= Self.reportPatience {
            self.heldBackLooks.reported = nil
            self.logger.notice("The store has room again; all terminals are read from.")
        }
    }
}
