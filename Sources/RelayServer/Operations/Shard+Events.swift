import NIOCore
import RelayCore
import TTMSProtocol

// Events for clients that follow them. They are not made while there are no such clients.
extension Shard {
    func reportOnline(_ terminal: Terminal, on connection: TerminalConnection, now: Timestamp) {
        self.events.publish(
            RelayEvent(
                at: now,
                ccid: terminal.ccid,
                .terminalOnline(connection: connection.id, remoteAddress: connection.addresses.remote.description)
            )
        )
    }

    func reportOffline(_ terminal: Terminal, from connection: TerminalConnection, reason: CloseReason, now: Timestamp) {
        let content: RelayEvent.Content =
            reason == .superseded
            ? .terminalSuperseded(connection: connection.id)
            : .terminalOffline(connection: connection.id, reason: reason)
        self.events.publish(RelayEvent(at: now, ccid: terminal.ccid, content))
    }

    /// - Parameter ccid: the terminal that the connection must not register.
    func reportRejected(
        _ id: UInt64,
        _ remoteAddress: PeerAddress,
        _ reason: CloseReason,
        detail: String? = nil,
        ccid: CCID?,
        now: Timestamp
    ) {
        guard self.events.isRecording, self.rejectionPace.admits(remoteAddress.subnet, now: self.eventLoop.now) else { return }
        self.events.publish(
            RelayEvent(
                at: now,
                ccid: ccid,
                .connectionRejected(connection: id, remoteAddress: remoteAddress.description, reason: reason, detail: detail)
            )
        )
    }

    /// Handles a heartbeat of a terminal of this shard.
    func heartbeat(of terminal: Terminal, now: Timestamp) {
        // Its rate is counted from one heartbeat to the next.
        if let connection = terminal.connection { self.settleCounters(of: connection) }
        if terminal.heartbeat(now: now, tick: self.tickTime) {
            self.events.publish(RelayEvent(at: now, ccid: terminal.ccid, .terminalPunctual))
        }
    }

    // MARK: Late terminals

    /// The maximum number of connections and terminals that one search passes, except for the last connection's terminals. It takes
    /// about 100 µs, and 6 s for 100,000 connections.
    private static let lateSearchLength = 4_096

    /// Reports terminals whose heartbeat is overdue by their own cadence. Called often; each call checks a part of the connections.
    func reportLateTerminals() {
        guard self.events.isRecording, !self.connections.isEmpty else { return }
        let now = self.eventLoop.now
        if self.reported.lateSearch >= self.connections.count { self.reported.lateSearch = 0 }
        let start = self.reported.lateSearch
        var passed = 0
        while passed < Self.lateSearchLength,
            self.reported.lateSearch < min(start + Self.lateSearchLength, self.connections.count)
        {
            let connection = self.connections[self.reported.lateSearch]
            self.reported.lateSearch += 1
            passed += max(connection.session.count, 1)
            for ccid in connection.session.ccids {
                guard let terminal = self.terminals[ccid], terminal.connection === connection else { continue }
                self.reportIfLate(terminal, now: now)
            }
        }
    }

    private func reportIfLate(_ terminal: Terminal, now: NIODeadline) {
        guard terminal.cadence.isLate(now: now), !terminal.cadence.isReportedLate, let due = terminal.cadence.due,
            let last = terminal.lastHeartbeatAt
        else { return }
        terminal.cadence.isReportedLate = true
        let wall = self.clock.now
        self.events.publish(
            RelayEvent(
                at: wall,
                ccid: terminal.ccid,
                .terminalLate(lastHeartbeatAt: last, dueAt: self.wallTime(of: due, now: wall))
            )
        )
    }

    // MARK: The store

    /// Reports when the store has begun to fail, or has recovered. The first shard reports for all.
    func reportStore() {
        guard self.index == 0 else { return }
        let health = self.groupCommit.health
        guard self.reported.changes(to: health) else { return }
        self.events.publish(RelayEvent(at: self.clock.now, .store(health)))
    }
}
