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

    private static let rate = TokenBucket.Rate(burst: Self.burst, interval: Self.interval)

    private var bucket: TokenBucket

    init(now: NIODeadline) { self.bucket = TokenBucket(now: now) }

    /// The time at which the next takeover is allowed; `now` or earlier when it is already.
    func due(now: NIODeadline) -> NIODeadline { self.bucket.due(now: now, Self.rate) }

    mutating func tookOver(now: NIODeadline) { self.bucket.take(now: now, Self.rate) }

    /// Whether nothing has to be recorded.
    func isIdle(now: NIODeadline) -> Bool { self.bucket.isFull(now: now) }
}
