import NIOCore
import RelayCore
import TTMSProtocol

/// A terminal as a row of a list.
struct TerminalRow: Sendable {
    var ccid: CCID
    /// Whether it matches the query, as far as its shard knows.
    var isMatch: Bool
    var key: Int64 = 0
}

/// A connection as a row of a list.
struct ConnectionRow: Sendable {
    var position: ListPosition
    /// The index of an open one in its shard's list; `nil` for one that has ended.
    var hint: Int?
    var shard: Int
}

// The gathering of lists. Each call is one slice of a walk: the event loop serves its terminals in between.
extension Shard {
    /// The number of terminals or connections that one slice passes: about 200 µs.
    static let slice = 2_048
    /// The number of terminals or connections that one slice shows: about 1 µs each.
    static let shownSlice = 128

    /// The number of CCIDs that one slice passes without their terminals: about 100 µs.
    static let ccidSlice = 8_192

    /// The number of parts of the table that hold about `size` terminals.
    func parts(of size: Int) -> Int {
        max(1, TerminalTable.parts * size / max(self.terminals.count, 1))
    }

    /// The CCIDs in `range` of a slice of the table that begins with the part `start`, and the start of the next slice.
    func ccids(in range: ClosedRange<UInt32>, from start: Int) -> (ccids: [UInt32], next: Int) {
        let end = min(start + self.parts(of: Self.ccidSlice), TerminalTable.parts)
        var ccids: [UInt32] = []
        ccids.reserveCapacity(min(self.terminals.count, Self.ccidSlice))
        for part in start..<end {
            self.terminals.forEachCCID(inPart: part) { if range.contains($0) { ccids.append($0) } }
        }
        return (ccids, end)
    }

    /// The terminals of some parts of the table with a CCID in the query's range, matching or not.
    func rows(inParts parts: Range<Int>, _ query: TerminalQuery) -> [TerminalRow] {
        let ccids = query.range
        let now = self.eventLoop.now
        var rows: [TerminalRow] = []
        for part in parts {
            self.terminals.forEach(inPart: part) { terminal in
                guard ccids.contains(terminal.ccid.rawValue) else { return }
                if query.sort == .rate, let connection = terminal.connection { self.settleCounters(of: connection) }
                rows.append(
                    TerminalRow(
                        ccid: terminal.ccid,
                        isMatch: self.matches(terminal, query, now: now),
                        key: self.key(of: terminal, query.sort, now: now)
                    )
                )
            }
        }
        return rows
    }

    private func matches(_ terminal: Terminal, _ query: TerminalQuery, now: NIODeadline) -> Bool {
        if let isOnline = query.isOnline, isOnline != terminal.isOnline { return false }
        if let isLate = query.isLate, isLate != terminal.cadence.isLate(now: now) { return false }
        if let dialect = query.dialect, terminal.connection?.parser.dialect != dialect { return false }
        if let range = query.remoteAddress {
            guard let addresses = terminal.connection?.addresses else { return false }
            return range.contains(addresses.remote)
        }
        return true
    }

    private func key(of terminal: Terminal, _ sort: TerminalQuery.Sort, now: NIODeadline) -> Int64 {
        switch sort {
        case .ccid, .backlog, .oldestAge: 0
        case .rate:
            Int64(terminal.cadence.framesPerSecond(now: now, frames: terminal.counters.frames) * 1_000)
        case .lastHeartbeat: terminal.lastHeartbeatAt?.microseconds ?? .min
        case .inFlightBytes: Int64(terminal.connection?.outbound.unacknowledged ?? 0)
        }
    }

    /// The snapshots of those of `ccids` that are here.
    func snapshots(of ccids: ArraySlice<CCID>) -> [TerminalSnapshot] {
        ccids.compactMap { self.terminals[$0].map { self.snapshot(of: $0) } }
    }

    func snapshot(of terminal: Terminal, withHistory: Bool = false) -> TerminalSnapshot {
        self.detachIfEnded(terminal)
        if let connection = terminal.connection { self.settleCounters(of: connection) }
        let now = self.eventLoop.now
        let cadence = terminal.cadence.habit.flatMap { habit in
            terminal.cadence.due.map { due in
                TerminalSnapshot.Cadence(
                    intervalMilliseconds: habit.interval.nanoseconds / 1_000_000,
                    deviationMilliseconds: habit.deviation.nanoseconds / 1_000_000,
                    dueAt: self.wallTime(of: due, now: self.clock.now),
                    isLate: now > due
                )
            }
        }
        return TerminalSnapshot(
            ccid: terminal.ccid,
            connection: terminal.connection.map(self.snapshot(of:)),
            since: terminal.since,
            lastHeartbeatAt: terminal.lastHeartbeatAt,
            cadence: cadence,
            framesPerSecond: terminal.cadence.framesPerSecond(now: now, frames: terminal.counters.frames),
            lastCloseReason: terminal.lastCloseReason,
            counters: terminal.counters,
            history: withHistory ? terminal.history.entries : []
        )
    }

    // MARK: Connections

    /// Open connections below `end` in the list, one slice of them, and the end of the next slice.
    ///
    /// The walk goes from the end of the list to its beginning. When a connection ends, the last one takes its place: one that
    /// stays open may be met twice, but is never missed.
    func rows(below end: Int, _ query: ConnectionQuery) -> (rows: [ConnectionRow], next: Int) {
        let end = min(end, self.connections.count)
        let start = max(end - Self.slice, 0)
        guard start < end else { return ([], 0) }
        let now = self.clock.now
        let rows = (start..<end).compactMap { index -> ConnectionRow? in
            let connection = self.connections[index]
            self.settleCounters(of: connection)
            guard self.matches(connection, query) else { return nil }
            let key: Int64 =
                switch query.sort {
                case .id: 0
                case .lastReceived: self.wallTime(of: connection.lastReceived, now: now).microseconds
                case .closed: .min
                case .bytesReceived: Int64(clamping: connection.counters.bytesReceived)
                case .bytesDelivered: Int64(clamping: connection.counters.bytesDelivered)
                case .inFlightBytes: Int64(connection.outbound.unacknowledged)
                }
            return ConnectionRow(position: .init(key: key, id: connection.id), hint: index, shard: self.index)
        }
        return (rows, start)
    }

    private func matches(_ connection: TerminalConnection, _ query: ConnectionQuery) -> Bool {
        if let ccid = query.ccid, !connection.session.holds(ccid) { return false }
        if let dialect = query.dialect, connection.parser.dialect != dialect { return false }
        if let range = query.remoteAddress, !range.contains(connection.addresses.remote) { return false }
        return true
    }

    /// The snapshots of those of `rows` that are still open at their index.
    func snapshots(of rows: ArraySlice<ConnectionRow>) -> [ConnectionSnapshot] {
        rows.compactMap { row in
            guard let hint = row.hint, hint < self.connections.count, self.connections[hint].id == row.position.id else {
                return nil
            }
            return self.snapshot(of: self.connections[hint])
        }
    }

    /// The connections with these ids among those below `end`, one slice of them, and the end of the next slice.
    func connections(_ ids: Set<UInt64>, below end: Int) -> (found: [TerminalConnection], next: Int) {
        let end = min(end, self.connections.count)
        let start = max(end - Self.slice, 0)
        guard start < end else { return ([], 0) }
        return (self.connections[start..<end].filter { ids.contains($0.id) }, start)
    }

    func snapshot(of connection: TerminalConnection) -> ConnectionSnapshot {
        self.settleCounters(of: connection)
        let (ccids, ccidCount) = connection.session.shownCCIDs(ConnectionSnapshot.maximumCCIDs)
        var snapshot = ConnectionSnapshot(
            id: connection.id,
            remoteAddress: connection.addresses.remote,
            listener: connection.addresses.local,
            openedAt: connection.openedAt,
            dialect: connection.parser.dialect,
            ccids: ccids,
            ccidCount: ccidCount,
            lastReceivedAt: self.wallTime(of: connection.lastReceived, now: self.clock.now),
            counters: connection.counters,
            unacknowledgedBytes: connection.outbound.unacknowledged,
            isSpilled: connection.spilledTerminals > 0,
            pause: connection.pause
        )
        snapshot.confirm = connection.listener.confirm
        snapshot.unfinishedBytes = connection.unfinished.readableBytes
        return snapshot
    }

}

extension TerminalCounters {
    /// Data frames that the terminal has sent and received.
    var frames: UInt64 { self.framesReceived &+ self.framesDelivered }
}

extension TerminalQuery {
    /// The CCIDs that begin with the prefix.
    var range: ClosedRange<UInt32> {
        let missing = 8 - min(self.prefix.utf8.count, 8)
        let lowest = UInt32(self.prefix + String(repeating: "0", count: missing), radix: 16) ?? 0
        let highest = UInt32(self.prefix + String(repeating: "f", count: missing), radix: 16) ?? .max
        return lowest...max(lowest, highest)
    }
}
