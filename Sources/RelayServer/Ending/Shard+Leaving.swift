import NIOCore
import RelayCore
import TTMSProtocol

// The terminals of a connection that has ended. Until a terminal is detached, its frames go into the closed connection's window and
// are journalled at the end of the tick. They return to the queue when it is detached: their order stays (G1).
extension Shard {
    /// The delay until the next terminals are detached: the event loop serves its other connections meanwhile.
    private static let leavingInterval = TimeAmount.milliseconds(1)

    /// Detaches the terminals of `connection`, which has ended: a few at once, many in the following turns.
    func detachTerminals(of connection: TerminalConnection, now: Timestamp) {
        let ccids = connection.session.ccids
        guard ccids.count > self.leaving.directly else {
            return self.detach(.init(connection: connection, endedAt: now, ccids: ccids[...]))
        }
        // Journalled now, because the frames would miss their deadline (G4).
        self.journal(connection, since: .distantFuture)
        self.leaving.append(ccids, of: connection, endedAt: now)
        self.scheduleLeaving()
    }

    private func scheduleLeaving() {
        guard !self.leaving.isScheduled else { return }
        self.leaving.isScheduled = true
        self.eventLoop.scheduleTask(in: Self.leavingInterval) {
            self.leaving.isScheduled = false
            _ = self.startRead()
            self.detachLeaving(limit: self.leaving.atOnce)
            if !self.leaving.isEmpty { self.scheduleLeaving() }
        }
    }

    /// Detaches terminals of connections that have ended, at most `limit`.
    func detachLeaving(limit: Int = .max) {
        var limit = limit
        while let part = self.leaving.next(limit) {
            limit -= part.ccids.count
            self.detach(part)
        }
    }

    private func detach(_ part: LeavingTerminals.Part) {
        let connection = part.connection
        guard let reason = connection.closeReason else { return }
        var runs = connection.window.removeAll(of: part.ccids)
        for ccid in part.ccids {
            if let terminal = self.terminals[ccid], terminal.connection === connection {
                let own = runs.removeValue(forKey: ccid) ?? []
                self.detach(terminal, from: connection, runs: own, reason: reason, now: part.endedAt)
            }
            self.handover.abandonClaim(of: ccid, by: connection)
            // Another connection may have registered it meanwhile.
            if self.terminals[ccid]?.connection == nil { self.returnIfOffline(ccid) }
        }
    }

    /// Detaches `terminal` before its turn if its connection has ended. Code that needs the terminal's current connection calls
    /// this first.
    func detachIfEnded(_ terminal: Terminal?) {
        guard !self.leaving.isEmpty, let terminal, let connection = terminal.connection, let reason = connection.closeReason,
            let endedAt = self.leaving.end(of: connection)
        else { return }
        self.detach(terminal, from: connection, reason: reason, now: endedAt)
    }
}
