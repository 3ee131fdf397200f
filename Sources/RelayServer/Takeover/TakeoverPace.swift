import NIOCore

/// The rate at which one terminal may change its connection. Without it, two clients with one CCID would take it from each other
/// thousands of times a second.
///
/// A token bucket. The first takeovers are immediate; while they keep coming at a higher rate, each waits for its token.
struct TakeoverPace: Equatable, Sendable {
    /// Takeovers that are immediate after a quiet time.
    static let burst = 20
    /// The interval at which another one is allowed.
    static let interval = TimeAmount.milliseconds(50)

    /// The time at which the bucket is full again; a time in the past when it is.
    private var fullAt: NIODeadline

    init(now: NIODeadline) { self.fullAt = now }

    /// The time at which the next takeover is allowed; not after `now` when it is allowed already.
    func due(now: NIODeadline) -> NIODeadline {
        max(self.fullAt, now) - .nanoseconds(Self.interval.nanoseconds * Int64(Self.burst - 1))
    }

    mutating func tookOver(now: NIODeadline) { self.fullAt = max(self.fullAt, now) + Self.interval }

    /// Whether the pace has the state of a new one.
    func isIdle(now: NIODeadline) -> Bool { self.fullAt <= now }
}
