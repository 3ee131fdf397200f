import NIOCore

/// A token bucket: after a quiet time a burst is allowed, and then one more in each interval.
///
/// It stores a single time, so that one can be held for each terminal or network; its rate belongs to the owner.
struct TokenBucket: Equatable, Sendable {
    /// The burst, at least 1, and the interval of a bucket.
    struct Rate: Sendable {
        var burst: Int
        var interval: TimeAmount

        /// The time that a bucket with one token needs until it is full.
        fileprivate var span: TimeAmount { .nanoseconds(self.interval.nanoseconds * Int64(self.burst - 1)) }
    }

    /// The time at which the bucket is full again; in the past when it is.
    private var fullAt: NIODeadline

    /// Makes a full bucket.
    init(now: NIODeadline) { self.fullAt = now }

    /// The time of the next token; `now` or earlier when there is one.
    func due(now: NIODeadline, _ rate: Rate) -> NIODeadline { max(self.fullAt, now) - rate.span }

    /// Removes a token, also when none is due.
    mutating func take(now: NIODeadline, _ rate: Rate) { self.fullAt = max(self.fullAt, now) + rate.interval }

    /// Removes a token if one is due.
    ///
    /// - Returns: whether there was one.
    mutating func takeIfDue(now: NIODeadline, _ rate: Rate) -> Bool {
        guard self.due(now: now, rate) <= now else { return false }
        self.take(now: now, rate)
        return true
    }

    /// Whether the bucket is full, so that it need not be stored.
    func isFull(now: NIODeadline) -> Bool { self.fullAt <= now }
}
