/// Suppresses log lines of a kind that was logged within the last minute, and counts them.
///
/// Has one owner. The kinds have to be few, such as codes of errors.
public struct LogLimit<Kind: Hashable & Sendable>: Sendable {
    /// Time within which a kind is logged once.
    public static var interval: Duration { .seconds(60) }

    private struct Tally {
        var loggedAt: ContinuousClock.Instant
        /// Lines suppressed since then.
        var heldBack = 0
    }

    private var tallies: [Kind: Tally] = [:]

    /// Makes a limit without logged lines.
    public init() {}

    /// Counts a line.
    ///
    /// - Returns: the number of suppressed lines of its kind since the last logged one; `nil` to suppress this one.
    public mutating func admit(_ kind: Kind, at now: ContinuousClock.Instant) -> Int? {
        if let last = self.tallies[kind], now - last.loggedAt < Self.interval {
            self.tallies[kind]?.heldBack += 1
            return nil
        }
        return self.tallies.updateValue(Tally(loggedAt: now), forKey: kind)?.heldBack ?? 0
    }
}
