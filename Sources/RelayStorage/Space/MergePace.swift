import RelayCore

/// When a merge is attempted again after one that failed.
///
/// While room is short, a merge can succeed as soon as somebody has freed some: the first attempts follow soon. Each one reads and
/// writes files, so the pause grows while they fail.
struct MergePace {
    /// The pause after the first failure while room is short; it doubles with each further one.
    static let shortest: Duration = .seconds(1)
    /// The longest pause while room is short.
    static let longest: Duration = .seconds(5)
    /// The pause while there is room, when no one waits for more.
    static let unhurried: Duration = .seconds(10)

    private var failedAt: ContinuousClock.Instant?
    private var pause = Self.shortest

    /// An attempt has failed.
    mutating func failed(at now: ContinuousClock.Instant) {
        self.pause = self.failedAt == nil ? Self.shortest : min(self.pause * 2, Self.longest)
        self.failedAt = now
    }

    /// An attempt has succeeded.
    mutating func succeeded() { self.failedAt = nil }

    /// Whether the next attempt may be made.
    func isDue(isShortOfRoom: Bool, at now: ContinuousClock.Instant) -> Bool {
        guard let failedAt else { return true }
        return now >= failedAt + (isShortOfRoom ? self.pause : Self.unhurried)
    }
}
