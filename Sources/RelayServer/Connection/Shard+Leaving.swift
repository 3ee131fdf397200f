import NIOCore
import RelayCore
import TTMSProtocol

/// Terminals whose connection has ended and that are not detached yet.
///
/// A connection with few terminals detaches them when it ends. One with many detaches a bounded number in each turn of the event loop,
/// in the order in which the connections ended.
struct LeavingTerminals {
    /// Terminals that one turn detaches: some 2 ms.
    static let atOnce = 512
    /// Terminals that a connection detaches when it ends.
    static let directly = 16

    /// Some terminals of one connection.
    struct Part {
        var connection: TerminalConnection
        /// When the connection ended.
        var endedAt: Timestamp
        var ccids: ArraySlice<CCID>
    }

    var atOnce = Self.atOnce
    var directly = Self.directly
    private var waiting = CircularBuffer<Part>(initialCapacity: 0)
    /// When the connections in `waiting` ended, by their numbers.
    private var endings: [UInt64: Timestamp] = [:]
    var isScheduled = false

    var isEmpty: Bool { self.waiting.isEmpty }

    /// Terminals that are not detached yet.
    var count: Int { self.waiting.reduce(0) { $0 + $1.ccids.count } }

    /// When `connection` ended; `nil` when none of its terminals waits here.
    func end(of connection: TerminalConnection) -> Timestamp? { self.endings[connection.id] }

    mutating func append(_ ccids: [CCID], of connection: TerminalConnection, endedAt: Timestamp) {
        guard !ccids.isEmpty else { return }
        self.endings[connection.id] = endedAt
        self.waiting.append(Part(connection: connection, endedAt: endedAt, ccids: ccids[...]))
    }

    /// Removes the next terminals, all of one connection, at most `limit`.
    mutating func next(_ limit: Int) -> Part? {
        guard limit > 0, var first = self.waiting.popFirst() else { return nil }
        var part = first
        part.ccids = first.ccids.prefix(limit)
        first.ccids = first.ccids.dropFirst(limit)
        if first.ccids.isEmpty {
            self.endings[first.connection.id] = nil
        } else {
            self.waiting.prepend(first)
        }
        return part
    }
}

// The terminals of a connection that has ended. Until a terminal is detached, frames for it go into the closed connection's window, are
// journalled at the end of the tick, and return to the queue when it is detached: their order stays (G1).
extension Shard {
    /// How soon the next terminals are detached: the event loop serves its other connections in between.
    private static let leavingInterval = TimeAmount.milliseconds(1)

    /// Detaches the terminals of `connection`, which has ended: all of a few at once, many in the following turns.
    func detachTerminals(of connection: TerminalConnection, now: Timestamp) {
        let ccids = connection.session.ccids
        guard ccids.count > self.leaving.directly else {
            return self.detach(.init(connection: connection, endedAt: now, ccids: ccids[...]))
        }
        // They would miss their time for the journal (G4).
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
            if self.terminals[ccid]?.connection == nil { self.giveBackIfOffline(ccid) }
        }
    }

    /// Detaches `terminal` before its turn if its connection has ended. Whoever needs to know where the terminal is calls this first.
    func detachIfLeft(_ terminal: Terminal?) {
        guard !self.leaving.isEmpty, let terminal, let connection = terminal.connection, let reason = connection.closeReason,
            let endedAt = self.leaving.end(of: connection)
        else { return }
        self.detach(terminal, from: connection, reason: reason, now: endedAt)
    }
}
