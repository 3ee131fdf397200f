import NIOCore
import RelayCore
import TTMSProtocol

// Frames that change their path: from a slow connection to the store, and from memory to a connection that has caught up.
extension Shard {
    func releaseHeld(_ terminal: Terminal) {
        guard !terminal.held.isEmpty else { return }
        let held = self.takeHeld(of: terminal)
        // The frames are put now, but receipts have waited for them since they were held.
        if let since = self.heldFrames.ended(terminal.ccid) {
            self.receipts.put(terminal.ccid, heldSince: since, at: self.tickTime)
        }
        held.forEach { entry, frame in self.deliver(rewritten: frame, entry, bypassesSync: true) }
    }

    /// Prepares the append of a frame that must stay in order: the terminal's frames in flight and its held frames are appended
    /// before it.
    func storeOlderFrames(of terminal: Terminal) {
        self.journal(terminal)
        self.storeHeld(terminal)
        terminal.update { $0.spill() }
    }

    /// Relieves a connection above its high watermark; its acknowledged bytes may merely not be sampled yet. The kernel is queried
    /// once per read. Each other terminal of the connection is spilled by its own next frame, so that no frame costs a pass over
    /// thousands of terminals.
    ///
    /// - Parameter terminal: the destination of the frame that was put; `nil` for heartbeat replies.
    @inline(never)
    func relieve(_ connection: TerminalConnection, _ terminal: Terminal?) {
        if connection.relievedAt != self.tickTime {
            connection.relievedAt = self.tickTime
            // A broken connection is closed at the end of the tick, not while the read that put the frame is handled.
            guard connection.flush() else { return }
            self.sampleAcknowledged(connection)
            guard connection.outbound.unacknowledged > self.options.outbound.highWatermark else { return }
            self.counters.spills += 1
            self.journal(connection, since: .distantFuture)
        }
        guard let terminal, terminal.mailbox.mode != .offline else { return }
        self.storeOlderFrames(of: terminal)
        self.awaitRoom(connection)
    }

    /// Sends the terminal's frames to the store from now on. Older ones are appended first: those in flight, then those held
    /// (``Mailbox``, invariants 1 and 2).
    func spill(_ terminal: Terminal) {
        self.storeOlderFrames(of: terminal)
        self.pump(terminal)
    }

    private func journal(_ terminal: Terminal) {
        guard let connection = terminal.connection else { return }
        connection.window.journal(owner: terminal.ccid) { self.enqueue($0, inFlightOn: connection) }
    }

    /// Journals the frames that were put on `connection` no later than `deadline` and are not delivered (G4).
    func journal(_ connection: TerminalConnection, since deadline: NIODeadline) {
        guard connection.window.hasUnjournaled(since: deadline) else { return }
        connection.window.journal(since: deadline) { self.enqueue($0, inFlightOn: connection) }
    }

    func takeHeld(of terminal: Terminal) -> AppendBatch {
        let held = terminal.takeHeld()
        self.heldFrames.count(-held.cost)
        return held
    }
}
