/// Holds back log lines of a kind that was logged within the last minute, and counts them.
///
/// Belongs to one owner; the kinds have to be few, such as codes of errors.
public struct LogLimit<Kind: Hashable & Sendable>: Sendable {
    /// How long one line of a kind is enough.
    public static var interval: Duration { .seconds(60) }

    private struct Tally {
        var loggedAt: ContinuousClock.Instant
        /// Lines since then.
        var heldBack = 0
    }

    private var tallies: [Kind: Tally] = [:]

    /// Begins with no line logged.
    public init() {}

    /// Counts a line.
    ///
    /// - Returns: how many of its kind were held back since the last one that was not; `nil` to hold this one back.
    public mutating func admit(_ kind: Kind, at now: ContinuousClock.Instant) -> Int? {
        if let last = self.tallies[kind], now - last.loggedAt < Self.interval {
            self.tallies[kind]?.heldBack += 1
            return nil
        }
        return self.tallies.updateValue(Tally(loggedAt: now), forKey: kind)?.heldBack ?? 0
    }
}
