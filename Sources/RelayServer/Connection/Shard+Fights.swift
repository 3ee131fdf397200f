import NIOCore
import RelayCore
import TTMSProtocol

/// A terminal that was taken over lately.
struct Fight {
    var pace: TakeoverPace
    /// Connections whose heartbeats would take it over and have to wait, in the order of their heartbeats.
    var waiting: [TerminalConnection] = []
}

// Takeovers of one terminal that follow each other too fast wait (``TakeoverPace``). To wait is as if the heartbeat came later: it stays
// in the connection's unfinished bytes. All that wait for a terminal go on together, in their order: the newest heartbeat wins, as
// PROTOCOL.md 3.5 says.
extension Shard {
    /// Terminals that are remembered at the most; the takeovers of others are immediate.
    private static let maximumFights = 16_384
    /// Connections that wait for one terminal at the most; the oldest goes on at once when there are more.
    private static let maximumWaiting = 64

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
        guard !self.fights.isEmpty, let fight = self.fights[ccid] else { return false }
        if connection.isEnding || connection.closeReason != nil {
            // Its heartbeat takes nothing over any more, but frames follow: those of older connections come first (G1).
            self.endWaiting(for: ccid, before: connection)
            return false
        }
        guard !connection.session.holds(ccid) else { return false }
        let due = fight.pace.due(now: self.tickTime)
        if fight.waiting.isEmpty {
            guard due > self.tickTime, self.wouldTakeOver(ccid) else { return false }
            self.eventLoop.assumeIsolated().scheduleTask(deadline: due) { self.decideFight(for: ccid) }
        }
        connection.pause(for: .takeover)
        self.fights[ccid]?.waiting.append(connection)
        if fight.waiting.count == Self.maximumWaiting {
            // Not while a read of another connection is handled.
            self.eventLoop.assumeIsolated().execute { self.trimWaiting(for: ccid) }
        }
        return true
    }

    /// Whether registering the terminal here would take it from a connection, as far as this shard knows.
    private func wouldTakeOver(_ ccid: CCID) -> Bool {
        guard let terminal = self.terminals[ccid] else {
            return self.home(of: ccid) != self.index || self.handover.loans[ccid] != nil
        }
        return terminal.isOnline
    }

    /// Counts a takeover, or a claim of a terminal that may be connected elsewhere.
    func noteTakeover(of ccid: CCID) {
        let now = self.tickTime
        if self.fights[ccid] == nil {
            guard self.fights.count < Self.maximumFights else { return }
            self.fights[ccid] = Fight(pace: TakeoverPace(now: now))
        }
        self.fights[ccid]?.pace.tookOver(now: now)
    }

    /// All that wait go on in the order of their heartbeats, so that each is answered and the newest has the terminal.
    private func decideFight(for ccid: CCID) {
        _ = self.startRead()
        self.endWaiting(for: ccid)
    }

    /// The oldest end until no more than ``maximumWaiting`` wait: a newer heartbeat waits, so that each loses the terminal before it has
    /// it, and what it has sent is handled. Otherwise many parallel connections of one terminal would take it over at any rate.
    private func trimWaiting(for ccid: CCID) {
        _ = self.startRead()
        while let waiting = self.fights[ccid]?.waiting, waiting.count > Self.maximumWaiting, let oldest = waiting.first {
            self.fights[ccid]?.waiting.removeFirst()
            guard oldest.closeReason == nil, oldest.isPaused(for: .takeover), oldest.session.count == 0 else {
                self.goOnTakingOver(oldest)
                continue
            }
            oldest.mayTakeOver = true
            self.close(oldest, .superseded)
        }
    }

    /// Connections that wait for `ccid` go on, one by one, so that who goes on meanwhile still finds those that come before it.
    ///
    /// - Parameter connection: where to stop; all go on when it does not wait.
    private func endWaiting(for ccid: CCID, before connection: TerminalConnection? = nil) {
        while let oldest = self.fights[ccid]?.waiting.first, oldest !== connection {
            self.fights[ccid]?.waiting.removeFirst()
            self.goOnTakingOver(oldest)
        }
    }

    private func goOnTakingOver(_ connection: TerminalConnection) {
        guard connection.closeReason == nil, connection.isPaused(for: .takeover) else { return }
        connection.mayTakeOver = true
        connection.goOnReading(after: .takeover)
        connection.handler?.goOn()
    }

    /// Forgets terminals that nobody fights for. Called often.
    func forgetFights() {
        guard !self.fights.isEmpty else { return }
        let now = self.eventLoop.now
        self.fights = self.fights.filter { !$0.value.waiting.isEmpty || !$0.value.pace.isIdle(now: now) }
    }
}
