/// Decides which changes of a health are logged, so that one that changes each second does not fill the log.
///
/// A change is logged at once unless the same health was logged within the last minute. Other changes are counted, and summarised
/// at most once a minute.
public struct HealthLog<Health: Hashable & Sendable>: Sendable {
    /// Changes that were not logged.
    public struct Summary: Equatable, Sendable {
        /// Number of them since the last line.
        public var changes: Int
        /// Present health.
        public var health: Health
    }

    /// Time within which the same health is not logged again.
    public static var interval: Duration { .seconds(60) }

    private var health: Health
    /// Time of each health's last log line.
    private var loggedAt: [Health: ContinuousClock.Instant] = [:]
    private var latest: ContinuousClock.Instant?
    private var unlogged = 0

    /// Begins with a health that is not logged.
    public init(_ health: Health) {
        self.health = health
    }

    /// Records the present health.
    ///
    /// - Returns: whether it has changed and is to be logged.
    public mutating func change(to health: Health, at now: ContinuousClock.Instant) -> Bool {
        guard health != self.health else { return false }
        self.health = health
        // While changes wait for their summary, further changes to a known health wait with them.
        if let last = self.loggedAt[health], self.unlogged > 0 || now - last < Self.interval {
            self.unlogged += 1
            return false
        }
        self.loggedAt[health] = now
        self.latest = now
        return true
    }

    /// Returns the changes that were not logged; `nil` while there are none, or the last line is too young.
    public mutating func takeSummary(at now: ContinuousClock.Instant) -> Summary? {
        guard self.unlogged > 0, self.latest.map({ now - $0 >= Self.interval }) ?? true else { return nil }
        defer { self.unlogged = 0 }
        self.loggedAt = self.loggedAt.mapValues { _ in now }
        self.loggedAt[self.health] = now
        self.latest = now
        return Summary(changes: self.unlogged, health: self.health)
    }
}
