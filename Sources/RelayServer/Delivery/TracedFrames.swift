import RelayCore
import TTMSProtocol

/// Traced frames in flight. The store records its own steps of a trace; heartbeats have to be reported to it.
final class TracedFrames {
    private var inFlight: Set<MessageID> = []
    /// Frames that have arrived and await a heartbeat on the same connection, by its id.
    private var unconfirmed: [UInt64: [MessageID]] = [:]

    /// Whether no traced frame is in flight or unconfirmed.
    var isEmpty: Bool { self.inFlight.isEmpty && self.unconfirmed.isEmpty }

    /// The maximum number of frames that await a heartbeat on one connection: a terminal may never send one.
    private static let maximumUnconfirmed = 10_000

    func written(_ ids: [MessageID]) {
        for id in ids { self.inFlight.insert(id) }
    }

    /// Removes the traced frames among `marks`: they are no longer in flight.
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

    /// Records that the frames of `ccid` go through the store from now on.
    func writeThrough(_ ccid: CCID) { self.writtenThrough.insert(ccid) }

    /// Removes the terminals that are no longer traced.
    func endWriteThrough(unless isTraced: (CCID) -> Bool) -> [CCID] {
        guard !self.writtenThrough.isEmpty else { return [] }
        let ended = self.writtenThrough.filter { !isTraced($0) }
        self.writtenThrough.subtract(ended)
        return Array(ended)
    }
}
