import RelayCore

/// The times of further attempts after a failed merge.
///
/// While space is short, a merge can succeed as soon as space is freed, so the first attempts follow soon. Each one reads and
/// writes files, so the pause grows while they fail.
struct MergePace {
    /// The pause after the first failure while space is short; it doubles with each further one.
    static let shortest: Duration = .seconds(1)
    /// The longest pause while space is short.
    static let longest: Duration = .seconds(5)
    /// The pause while there is space, when no frame waits for more.
    static let unhurried: Duration = .seconds(10)

    private var failedAt: ContinuousClock.Instant?
    private var pause = Self.shortest

    /// Records a failed attempt.
    mutating func failed(at now: ContinuousClock.Instant) {
        self.pause = self.failedAt == nil ? Self.shortest : min(self.pause * 2, Self.longest)
        self.failedAt = now
    }

    /// Records a successful attempt.
    mutating func succeeded() { self.failedAt = nil }

    /// Whether the next attempt may be made.
    func isDue(isShortOfRoom: Bool, at now: ContinuousClock.Instant) -> Bool {
        guard let failedAt else { return true }
        return now >= failedAt + (isShortOfRoom ? self.pause : Self.unhurried)
    }
}
