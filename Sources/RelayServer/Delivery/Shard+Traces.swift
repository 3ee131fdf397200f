import NIOCore
import RelayCore
import TTMSProtocol

/// Traced frames that are on their way: the store notes all that it does itself, and has to be told of heartbeats.
struct TracedFrames {
    private var inFlight: Set<MessageID> = []
    /// Frames that have arrived, and await a heartbeat on the same connection, by its id.
    private var unconfirmed: [UInt64: [MessageID]] = [:]

    /// While it is, nothing is asked of it.
    var isEmpty: Bool { self.inFlight.isEmpty && self.unconfirmed.isEmpty }

    /// Frames that await a heartbeat on one connection at the most: a terminal may never send one.
    private static let maximumUnconfirmed = 10_000

    mutating func written(_ ids: [MessageID]) {
        for id in ids { self.inFlight.insert(id) }
    }

    /// Takes out those of the frames that are traced: they are not in flight any more.
    @discardableResult
    mutating func takeInFlight(_ marks: [StoredRun.Mark]) -> [MessageID] {
        guard !self.inFlight.isEmpty else { return [] }
        return marks.compactMap { self.inFlight.remove($0.id) }
    }

    mutating func awaitHeartbeat(_ ids: [MessageID], on connection: UInt64) {
        let room = Self.maximumUnconfirmed - self.unconfirmed[connection, default: []].count
        self.unconfirmed[connection, default: []] += ids.prefix(room)
    }

    mutating func takeUnconfirmed(of connection: UInt64) -> [MessageID] {
        self.unconfirmed.removeValue(forKey: connection) ?? []
    }

    mutating func disconnected(_ connection: UInt64) {
        if !self.unconfirmed.isEmpty { self.unconfirmed[connection] = nil }
    }
}

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
        if isTraced { self.writtenThrough.insert(terminal.ccid) }
        let isWriteThrough = isTraced || self.options.journal == .after(.zero)
        guard terminal.mailbox.isWriteThrough != isWriteThrough else { return }
        if isWriteThrough, terminal.mailbox.mode != .offline { self.makeWay(for: terminal) }
        terminal.update { $0.setWriteThrough(isWriteThrough) }
        self.pump(terminal)
    }

    /// Looks for switches that have gone off.
    func endWriteThrough() {
        for ccid in self.writtenThrough where !self.groupCommit.traced.contains(ccid) {
            self.writtenThrough.remove(ccid)
            // A terminal that has to leave is looked at again where it registers next.
            if let terminal = self.terminals[ccid], !self.handover.isRecalled(ccid) { self.updateWriteThrough(terminal) }
        }
    }
}
