import NIOCore
import TTMSProtocol

/// The terminals of one event loop that were taken over recently, and the connections whose takeovers wait (``TakeoverPace``).
final class TakeoverLimiter {
    /// The maximum number of terminals recorded; the takeovers of others are immediate.
    private static let maximumTerminals = 16_384
    /// The maximum number of connections that wait for one terminal; with more, the oldest no longer waits.
    private static let maximumWaiting = 64

    private struct Entry {
        var pace: TakeoverPace
        /// In the order of their heartbeats.
        var waiting = CircularBuffer<TerminalConnection>(initialCapacity: 0)
    }

    /// The decision on a heartbeat that would take a terminal over.
    enum Decision: Equatable {
        case proceed
        /// It waits; all that wait for the terminal resume at this time.
        case waitUntil(NIODeadline)
        /// It waits like others before it.
        case waitWithOthers
        /// It waits like others before it; they are too many, so the oldest soon stops waiting.
        case waitAndTrim
    }

    private var entries: [CCID: Entry] = [:]
    /// The terminal that each waiting connection waits for, by the connections' ids.
    private var waitingFor: [UInt64: CCID] = [:]

    var isEmpty: Bool { self.entries.isEmpty }

    /// Connections that wait for `ccid`.
    func waitingCount(for ccid: CCID) -> Int { self.entries[ccid]?.waiting.count ?? 0 }

    /// Records that the terminal was taken over, or claimed where a takeover cannot be detected.
    func tookOver(_ ccid: CCID, now: NIODeadline) {
        if self.entries[ccid] == nil {
            guard self.entries.count < Self.maximumTerminals else { return }
            self.entries[ccid] = Entry(pace: TakeoverPace(now: now))
        }
        self.entries[ccid]?.pace.tookOver(now: now)
    }

    /// Decides on a heartbeat of `ccid` on `connection`. Unless it may proceed, the connection is added to those that wait.
    ///
    /// - Parameter takesOver: whether registering it would take the terminal from a connection.
    func decide(_ ccid: CCID, _ connection: TerminalConnection, now: NIODeadline, takesOver: () -> Bool) -> Decision {
        guard let entry = self.entries[ccid] else { return .proceed }
        let due = entry.pace.due(now: now)
        // Connections that wait come first, also when the terminal is offline meanwhile.
        if entry.waiting.isEmpty {
            guard due > now, takesOver() else { return .proceed }
        }
        self.entries[ccid]?.waiting.append(connection)
        self.waitingFor[connection.id] = ccid
        if entry.waiting.isEmpty { return .waitUntil(due) }
        return entry.waiting.count == Self.maximumWaiting ? .waitAndTrim : .waitWithOthers
    }

    /// Removes the connection that has waited longest for `ccid`.
    func takeOldest(of ccid: CCID) -> TerminalConnection? {
        guard let oldest = self.entries[ccid]?.waiting.popFirst() else { return nil }
        self.waitingFor[oldest.id] = nil
        return oldest
    }

    /// Removes the connection that has waited longest, if it is another one than `connection`.
    func takeOldest(of ccid: CCID, before connection: TerminalConnection) -> TerminalConnection? {
        guard let oldest = self.entries[ccid]?.waiting.first, oldest !== connection else { return nil }
        return self.takeOldest(of: ccid)
    }

    /// The terminal that `connection` waits for; `nil` when it does not wait.
    func terminal(awaitedBy connection: TerminalConnection) -> CCID? { self.waitingFor[connection.id] }

    /// Removes the connection that has waited longest, if too many wait.
    func takeExcess(of ccid: CCID) -> TerminalConnection? {
        guard let count = self.entries[ccid]?.waiting.count, count > Self.maximumWaiting else { return nil }
        return self.takeOldest(of: ccid)
    }

    /// Removes terminals for which no connection waits and that were not taken over recently.
    func forgetIdle(now: NIODeadline) {
        self.entries = self.entries.filter { !$0.value.waiting.isEmpty || !$0.value.pace.isIdle(now: now) }
    }

    /// Drops every reference to a connection, when the shard is released.
    func removeAll() {
        self.entries = [:]
        self.waitingFor = [:]
    }
}
