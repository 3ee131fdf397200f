import NIOCore
import RelayCore
import TTMSProtocol

// Takeovers of one terminal in quick succession wait (``TakeoverPace``). A wait has the effect of a later heartbeat: it stays in
// the connection's unfinished bytes. All that wait for a terminal resume together, in their order: the newest heartbeat wins
// (PROTOCOL.md 3.5).
extension Shard {
    /// Whether `frame` is a heartbeat that would take a terminal over and has to wait. The connection is then paused.
    @inline(__always)
    func postponesTakeover(_ frame: FrameView, from connection: TerminalConnection) -> Bool {
        guard frame.command == Command.heartbeat.rawValue, frame.address != connection.session.source else { return false }
        return self.mustWait(for: frame.address, connection)
    }

    @inline(never)
    private func mustWait(for ccid: CCID, _ connection: TerminalConnection) -> Bool {
        if connection.mayTakeOver {
            connection.mayTakeOver = false
            return false
        }
        guard !self.takeoverLimiter.isEmpty else { return false }
        if connection.isEnding {
            // Its heartbeat no longer takes a terminal over, but frames follow: those of older connections come first (G1).
            while let oldest = self.takeoverLimiter.takeOldest(of: ccid, before: connection) { self.resumeTakeover(oldest) }
            return false
        }
        guard !connection.session.holds(ccid) else { return false }
        let decision = self.takeoverLimiter.decide(ccid, connection, now: self.tickTime) { self.wouldTakeOver(ccid) }
        switch decision {
        case .proceed: return false
        case .waitUntil(let due):
            self.eventLoop.assumeIsolated().scheduleTask(deadline: due) { self.endWaiting(for: ccid) }
        case .waitWithOthers: break
        case .waitAndTrim:
            // In a task of its own, not while a read of another connection is handled.
            self.eventLoop.assumeIsolated().execute { self.trimWaiting(for: ccid) }
        }
        connection.pause(for: .takeover)
        return true
    }

    /// Whether registering the terminal here would take it from a connection, as far as this shard knows.
    private func wouldTakeOver(_ ccid: CCID) -> Bool {
        guard let terminal = self.terminals[ccid] else {
            return self.home(of: ccid) != self.index || self.handover.loans[ccid] != nil
        }
        return terminal.isOnline
    }

    /// Resumes all connections that wait, in the order of their heartbeats: each is answered, and the newest has the terminal. They
    /// are removed one by one, so that a connection that resumes meanwhile still finds those before it.
    private func endWaiting(for ccid: CCID) {
        _ = self.startRead()
        while let oldest = self.takeoverLimiter.takeOldest(of: ccid) { self.resumeTakeover(oldest) }
    }

    /// Closes the oldest connections until no more than the maximum wait. A newer heartbeat waits, so each would lose the terminal
    /// before it has it; its frames are handled. Otherwise many parallel connections of one terminal would take it over at any
    /// rate.
    private func trimWaiting(for ccid: CCID) {
        _ = self.startRead()
        while let oldest = self.takeoverLimiter.takeExcess(of: ccid) {
            guard oldest.closeReason == nil, oldest.isPaused(for: .takeover), oldest.session.count == 0 else {
                self.resumeTakeover(oldest)
                continue
            }
            // The owner has lost the terminal, too: its rest comes before the frames of the newer one (G1).
            if let terminal = self.terminals[ccid], let owner = terminal.connection, terminal.isOnline {
                self.takeOver(terminal, from: owner, now: self.clock.now)
            }
            oldest.mayTakeOver = true
            self.close(oldest, .superseded)
        }
    }

    private func resumeTakeover(_ connection: TerminalConnection) {
        guard connection.closeReason == nil, connection.isPaused(for: .takeover) else { return }
        connection.mayTakeOver = true
        connection.resumeReading(after: .takeover)
        connection.handler?.resume()
    }

    /// Registers `connection`, which is lost while its heartbeat waits, after the older ones that wait: their heartbeats came before the
    /// loss. So the frames of each come before those of the next (G1).
    func registerBeforeLoss(_ connection: TerminalConnection) {
        guard let ccid = self.takeoverLimiter.terminal(awaitedBy: connection) else { return }
        while let oldest = self.takeoverLimiter.takeOldest(of: ccid) {
            self.resumeTakeover(oldest)
            if oldest === connection { return }
        }
    }
}
