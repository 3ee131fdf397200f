/// Decides which changes of a health are logged, so that one that comes and goes each second does not fill the log.
///
/// A change is logged at once unless the same health was logged within the last minute. Such changes are counted, and summarised
/// once a minute at the most.
public struct HealthLog<Health: Hashable & Sendable>: Sendable {
    /// The changes that were not logged.
    public struct Summary: Equatable, Sendable {
        /// How many there were since the last line.
        public var changes: Int
        /// The health now.
        public var health: Health
    }

    /// How long the same health is not logged again.
    public static var interval: Duration { .seconds(60) }

    private var health: Health
    /// When each health was logged last.
    private var loggedAt: [Health: ContinuousClock.Instant] = [:]
    private var latest: ContinuousClock.Instant?
    private var unlogged = 0

    /// Begins with a health that needs no line.
    public init(_ health: Health) {
        self.health = health
    }

    /// Notes what the health is now.
    ///
    /// - Returns: whether it has changed and is to be logged.
    public mutating func change(to health: Health, at now: ContinuousClock.Instant) -> Bool {
        guard health != self.health else { return false }
        self.health = health
        // While changes wait for their summary, the others of a known health wait with them.
        if let last = self.loggedAt[health], self.unlogged > 0 || now - last < Self.interval {
            self.unlogged += 1
            return false
        }
        self.loggedAt[health] = now
        self.latest = now
        return true
    }

    /// What has not been logged; `nil` while there is nothing, or the last line is too young.
    public mutating func takeSummary(at now: ContinuousClock.Instant) -> Summary? {
        guard self.unlogged > 0, self.latest.map({ now - $0 >= Self.interval }) ?? true else { return nil }
        defer { self.unlogged = 0 }
        self.loggedAt = self.loggedAt.mapValues { _ in now }
        self.loggedAt[self.health] = now
        self.latest = now
        return Summary(changes: self.unlogged, health: self.health)
    }
}
