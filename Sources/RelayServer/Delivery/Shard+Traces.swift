import NIOCore
import RelayCore
import TTMSProtocol

// The progress of traced frames, and terminals whose frames are all traced.
extension Shard {
    /// Handles the delivery of frames of a run; the store records it by their removal.
    func tracedFramesArrived(_ marks: [StoredRun.Mark], on connection: TerminalConnection) {
        let ids = self.tracedFrames.takeInFlight(marks)
        guard !ids.isEmpty else { return }
        if connection.listener.confirm == .heartbeat {
            // On this listener, delivery is sampled at a heartbeat, which confirms the frames.
            self.store.confirm(ids)
        } else {
            self.tracedFrames.awaitHeartbeat(ids, on: connection.id)
        }
    }

    /// Confirms the delivered traced frames of `connection`, from which a heartbeat came.
    func confirmTracedFrames(of connection: TerminalConnection) {
        let ids = self.tracedFrames.takeUnconfirmed(of: connection.id)
        if !ids.isEmpty { self.store.confirm(ids) }
    }

    // MARK: Switches

    /// Passes the terminal's frames through the store while its trace switch is on, and only then.
    func updateWriteThrough(_ terminal: Terminal) {
        let isTraced = self.groupCommit.traced.contains(terminal.ccid)
        if isTraced { self.tracedFrames.writeThrough(terminal.ccid) }
        let isWriteThrough = isTraced || self.options.journal == .after(.zero)
        guard terminal.mailbox.isWriteThrough != isWriteThrough else { return }
        if isWriteThrough, terminal.mailbox.mode != .offline { self.storeOlderFrames(of: terminal) }
        terminal.update { $0.setWriteThrough(isWriteThrough) }
        self.pump(terminal)
    }

    /// Ends write-through for terminals whose trace switch has been turned off.
    func endWriteThrough() {
        for ccid in self.tracedFrames.endWriteThrough(unless: self.groupCommit.traced.contains) {
            // A recalled terminal is checked again where it registers next.
            if let terminal = self.terminals[ccid], !self.handover.isRecalled(ccid) { self.updateWriteThrough(terminal) }
        }
    }
}
