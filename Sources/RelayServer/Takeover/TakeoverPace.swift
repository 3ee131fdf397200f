import NIOCore

/// How often one terminal may change its connection: two clients with one CCID would otherwise take it from each other thousands of times a second.
///
/// A token bucket. The first takeovers are immediate; while they keep coming at a higher rate, each waits for its token.
struct TakeoverPace: Equatable, Sendable {
    /// Takeovers that are immediate after a quiet time.
    static let burst = 20
    /// How often another one is allowed.
    static let interval = TimeAmount.milliseconds(50)

    /// When the bucket is full again; a time in the past when it is.
    private var fullAt: NIODeadline

    init(now: NIODeadline) { self.fullAt = now }

    /// When the next takeover is allowed; not after `now` when it is already.
    func due(now: NIODeadline) -> NIODeadline {
        max(self.fullAt, now) - .nanoseconds(Self.interval.nanoseconds * Int64(Self.burst - 1))
    }

    mutating func tookOver(now: NIODeadline) { self.fullAt = max(self.fullAt, now) + Self.interval }

    /// Whether nothing has to be remembered.
    func isIdle(now: NIODeadline) -> Bool { self.fullAt <= now }
}
