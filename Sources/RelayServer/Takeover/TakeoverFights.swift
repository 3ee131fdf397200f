import NIOCore
import TTMSProtocol

/// The terminals of one event loop that were taken over lately, and the connections whose takeovers wait (``TakeoverPace``).
final class TakeoverFights {
    /// Terminals that are remembered at most; the takeovers of others are immediate.
    private static let maximumTerminals = 16_384
    /// Connections that wait for one terminal at most; the oldest goes on at once when there are more.
    private static let maximumWaiting = 64

    private struct Fight {
        var pace: TakeoverPace
        /// In the order of their heartbeats.
        var waiting = CircularBuffer<TerminalConnection>(initialCapacity: 0)
    }

    /// What a heartbeat that would take a terminal over has to do.
    enum Decision: Equatable {
        case goOn
        /// It waits; all that wait for the terminal go on at this time.
        case waitUntil(NIODeadline)
        /// It waits like others before it.
        case waitWithOthers
        /// It waits like others before it, and the oldest of them goes on soon: they are too many.
        case waitAndTrim
    }

    private var fights: [CCID: Fight] = [:]

    var isEmpty: Bool { self.fights.isEmpty }

    /// Connections that wait for `ccid`.
    func waitingCount(for ccid: CCID) -> Int { self.fights[ccid]?.waiting.count ?? 0 }

    /// The terminal was taken over, or claimed where that cannot be known.
    func tookOver(_ ccid: CCID, now: NIODeadline) {
        if self.fights[ccid] == nil {
            guard self.fights.count < Self.maximumTerminals else { return }
            self.fights[ccid] = Fight(pace: TakeoverPace(now: now))
        }
        self.fights[ccid]?.pace.tookOver(now: now)
    }

    /// A heartbeat of `ccid` came on `connection`. Unless it goes on, the connection is among those that wait.
    ///
    /// - Parameter takesOver: whether registering it would take the terminal from a connection.
    func decide(_ ccid: CCID, _ connection: TerminalConnection, now: NIODeadline, takesOver: () -> Bool) -> Decision {
        guard let fight = self.fights[ccid] else { return .goOn }
        let due = fight.pace.due(now: now)
        // Those that wait come first, also when the terminal is offline meanwhile.
        if fight.waiting.isEmpty {
            guard due > now, takesOver() else { return .goOn }
        }
        self.fights[ccid]?.waiting.append(connection)
        if fight.waiting.isEmpty { return .waitUntil(due) }
        return fight.waiting.count == Self.maximumWaiting ? .waitAndTrim : .waitWithOthers
    }

    /// Takes out the connection that has waited longest for `ccid`.
    func takeOldest(of ccid: CCID) -> TerminalConnection? {
        self.fights[ccid]?.waiting.popFirst()
    }

    /// Takes out the connection that has waited longest, if it is another one than `connection`.
    func takeOldest(of ccid: CCID, before connection: TerminalConnection) -> TerminalConnection? {
        guard let oldest = self.fights[ccid]?.waiting.first, oldest !== connection else { return nil }
        return self.takeOldest(of: ccid)
    }

    /// Takes out the connection that has waited longest, if too many wait.
    func takeExcess(of ccid: CCID) -> TerminalConnection? {
        guard let count = self.fights[ccid]?.waiting.count, count > Self.maximumWaiting else { return nil }
        return self.takeOldest(of: ccid)
    }

    /// Forgets terminals that nobody fights for.
    func forgetIdle(now: NIODeadline) {
        self.fights = self.fights.filter { !$0.value.waiting.isEmpty || !$0.value.pace.isIdle(now: now) }
    }

    /// The process is dead: nothing refers to connections any more.
    func removeAll() { self.fights = [:] }
}
