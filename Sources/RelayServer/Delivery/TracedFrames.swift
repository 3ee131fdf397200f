import RelayCore
import TTMSProtocol

/// Traced frames that are on their way: the store notes all that it does itself, and has to be told of heartbeats.
final class TracedFrames {
    private var inFlight: Set<MessageID> = []
    /// Frames that have arrived, and await a heartbeat on the same connection, by its id.
    private var unconfirmed: [UInt64: [MessageID]] = [:]

    /// While it is, nothing is asked of it.
    var isEmpty: Bool { self.inFlight.isEmpty && self.unconfirmed.isEmpty }

    /// Frames that await a heartbeat on one connection at the most: a terminal may never send one.
    private static let maximumUnconfirmed = 10_000

    func written(_ ids: [MessageID]) {
        for id in ids { self.inFlight.insert(id) }
    }

    /// Takes out those of the frames that are traced: they are not in flight any more.
    @discardableResult
    func takeInFlight(_ marks: [StoredRun.Mark]) -> [MessageID] {
        guard !self.inFlight.isEmpty else { return [] }
        return marks.compactMap { self.inFlight.remove($0.id) }
    }

    func awaitHeartbeat(_ ids: [MessageID], on connection: UInt64) {
        let room = Self.maximumUnconfirmed - self.unconfirmed[connection, default: []].count
        self.unconfirmed[connection, default: []] += ids.prefix(room)
    }

    func takeUnconfirmed(of connection: UInt64) -> [MessageID] {
        self.unconfirmed.removeValue(forKey: connection) ?? []
    }

    func disconnected(_ connection: UInt64) {
        if !self.unconfirmed.isEmpty { self.unconfirmed[connection] = nil }
    }

    /// Terminals whose frames go through the store because they are traced.
    private var writtenThrough: Set<CCID> = []

    /// The frames of `ccid` go through the store from here on.
    func writeThrough(_ ccid: CCID) { self.writtenThrough.insert(ccid) }

    /// Takes out the terminals that are not traced any more.
    func endWriteThrough(unless isTraced: (CCID) -> Bool) -> [CCID] {
        guard !self.writtenThrough.isEmpty else { return [] }
        let ended = self.writtenThrough.filter { !isTraced($0) }
        self.writtenThrough.subtract(ended)
        return Array(ended)
    }
}
