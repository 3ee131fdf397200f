import NIOCore

/// Schedule of one connection's samples of acknowledgements: a sample is due about one round trip after the oldest bytes were
/// written.
///
/// A sample is a system call. Before one round trip has passed, the peer has acknowledged nothing. Long after it, delivered frames
/// still take memory. A peer without progress is sampled at doubling intervals.
public struct AcknowledgementPace: Equatable, Sendable {
    /// Longest interval between two samples of a connection that has bytes in flight.
    public static let longestInterval = TimeAmount.seconds(1)
    /// Samples with progress after which the round trip is measured again, because it can become shorter.
    private static let measuredEvery: UInt8 = 16
    /// Bounds of the time that the peer has for acknowledging what is in flight after its FIN.
    private static let finishPatience = (shortest: TimeAmount.milliseconds(200), longest: TimeAmount.seconds(2))
    private static let longestRoundTrip: UInt32 = 60_000_000

    /// Kernel's smoothed round trip, µs; 0 while it is unknown.
    private var microseconds: UInt32 = 0
    /// Samples in a row without progress.
    private var misses: UInt8 = 0
    /// Samples with progress since the round trip was measured.
    private var hits: UInt8 = 0
    private var isMeasured = false

    /// Makes the schedule of a connection whose round trip is unknown.
    public init() {}

    /// Kernel's smoothed round trip; zero while it is unknown.
    public var roundTrip: TimeAmount { .microseconds(Int64(self.microseconds)) }

    /// Time after the peer's FIN for acknowledging what is in flight: two round trips, at least 200 ms and at most 2 s.
    public var finishPatience: TimeAmount {
        let roundTrips = TimeAmount.microseconds(2 * Int64(self.microseconds))
        return min(max(roundTrips, Self.finishPatience.shortest), Self.finishPatience.longest)
    }

    /// Whether the round trip is to be measured before the next call of ``next(oldest:now:shortest:)``.
    public var isMeasurementDue: Bool { !self.isMeasured || self.misses == 1 || self.hits >= Self.measuredEvery }

    /// Records the kernel's smoothed round trip.
    ///
    /// - Parameter microseconds: 0 or less when the kernel does not know it.
    public mutating func measured(microseconds: Int) {
        self.microseconds = UInt32(clamping: min(max(microseconds, 0), Int(Self.longestRoundTrip)))
        self.isMeasured = true
        self.hits = 0
    }

    /// Records the result of a sample.
    ///
    /// - Parameter isProgress: whether the peer has acknowledged more bytes than at the previous sample.
    public mutating func sampled(isProgress: Bool) {
        if isProgress {
            self.misses = 0
            self.hits = min(self.hits + 1, Self.measuredEvery)
        } else {
            self.misses = min(self.misses + 1, 16)
        }
        assert(self.misses <= 16 && self.hits <= Self.measuredEvery)
    }

    /// Whether bytes written at `time` can have been acknowledged by `now`.
    public func canBeAcknowledged(writtenAt time: NIODeadline, now: NIODeadline) -> Bool {
        now - time >= self.roundTrip
    }

    /// Returns the time of the next sample.
    ///
    /// - Parameters:
    ///   - oldest: time at which the oldest bytes in flight were written.
    ///   - shortest: least time from a write or a sample to the next sample.
    public func next(oldest: NIODeadline, now: NIODeadline, shortest: TimeAmount) -> NIODeadline {
        assert(shortest >= .zero)
        let roundTrip = self.roundTrip
        // Samples are at least half a round trip apart, so that one sample covers several writes.
        let interval = max(shortest, roundTrip / 2)
        guard self.misses > 0 else {
            return max(oldest + max(roundTrip + roundTrip / 8, shortest), now + (oldest < now ? interval : shortest))
        }
        let doubled = interval.nanoseconds << Int64(min(self.misses - 1, 7))
        return now + min(.nanoseconds(doubled), max(Self.longestInterval, roundTrip))
    }
}

extension TimeAmount {
    fileprivate static func / (amount: TimeAmount, divisor: Int64) -> TimeAmount { .nanoseconds(amount.nanoseconds / divisor) }
}
