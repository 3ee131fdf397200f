import NIOCore
import RelayCore
import TTMSProtocol

// What becomes of traced frames, and terminals whose frames all are.
extension Shard {
    /// Frames of a run have arrived; the store hears it by their removal.
    func tracedFramesArrived(_ marks: [StoredRun.Mark], on connection: TerminalConnection) {
        let ids = self.tracedFrames.takeInFlight(marks)
        guard !ids.isEmpty else { return }
        if connection.listener.confirm == .heartbeat {
            // It is a heartbeat that has this asked.
            self.store.confirm(ids)
        } else {
            self.tracedFrames.awaitHeartbeat(ids, on: connection.id)
        }
    }

    /// A heartbeat came.
    func confirmTracedFrames(of connection: TerminalConnection) {
        let ids = self.tracedFrames.takeUnconfirmed(of: connection.id)
        if !ids.isEmpty { self.store.confirm(ids) }
    }

    // MARK: Switches

    /// Has the terminal's frames go through the store while its switch is on, and no longer.
    func updateWriteThrough(_ terminal: Terminal) {
        let isTraced = self.groupCommit.traced.contains(terminal.ccid)
        if isTraced { self.tracedFrames.writeThrough(terminal.ccid) }
        let isWriteThrough = isTraced || self.options.journal == .after(.zero)
        guard terminal.mailbox.isWriteThrough != isWriteThrough else { return }
        if isWriteThrough, terminal.mailbox.mode != .offline { self.makeWay(for: terminal) }
        terminal.update { $0.setWriteThrough(isWriteThrough) }
        self.pump(terminal)
    }

    /// Looks for switches that have gone off.
    func endWriteThrough() {
        for ccid in self.tracedFrames.endWriteThrough(unless: self.groupCommit.traced.contains) {
            // A terminal that has to leave is checked again where it registers next.
            if let terminal = self.terminals[ccid], !self.handover.isRecalled(ccid) { self.updateWriteThrough(terminal) }
        }
    }
}
