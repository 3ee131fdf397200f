import NIOCore
import RelayCore
import TTMSProtocol

// Takeovers of one terminal that follow each other too fast wait (``TakeoverPace``). To wait is as if the heartbeat came later: it stays
// in the connection's unfinished bytes. All that wait for a terminal go on together, in their order: the newest heartbeat wins, as
// PROTOCOL.md 3.5 says.
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
        guard !self.fights.isEmpty else { return false }
        if connection.isEnding {
            // Its heartbeat takes nothing over any more, but frames follow: those of older connections come first (G1).
            while let oldest = self.fights.takeOldest(of: ccid, before: connection) { self.goOnTakingOver(oldest) }
            return false
        }
        guard !connection.session.holds(ccid) else { return false }
        let decision = self.fights.decide(ccid, connection, now: self.tickTime) { self.wouldTakeOver(ccid) }
        switch decision {
        case .goOn: return false
        case .waitUntil(let due):
            self.eventLoop.assumeIsolated().scheduleTask(deadline: due) { self.endWaiting(for: ccid) }
        case .waitWithOthers: break
        case .waitAndTrim:
            // Not while a read of another connection is handled.
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

    /// All that wait go on in the order of their heartbeats, so that each is answered and the newest has the terminal. One by one, so
    /// that who goes on meanwhile still finds those that come before it.
    private func endWaiting(for ccid: CCID) {
        _ = self.startRead()
        while let oldest = self.fights.takeOldest(of: ccid) { self.goOnTakingOver(oldest) }
    }

    /// The oldest end until no more wait than may: a newer heartbeat waits, so that each loses the terminal before it has it, and what
    /// it has sent is handled. Otherwise many parallel connections of one terminal would take it over at any rate.
    private func trimWaiting(for ccid: CCID) {
        _ = self.startRead()
        while let oldest = self.fights.takeExcess(of: ccid) {
            guard oldest.closeReason == nil, oldest.isPaused(for: .takeover), oldest.session.count == 0 else {
                self.goOnTakingOver(oldest)
                continue
            }
            oldest.mayTakeOver = true
            self.close(oldest, .superseded)
        }
    }

    private func goOnTakingOver(_ connection: TerminalConnection) {
        guard connection.closeReason == nil, connection.isPaused(for: .takeover) else { return }
        connection.mayTakeOver = true
        connection.goOnReading(after: .takeover)
        connection.handler?.goOn()
    }
}
