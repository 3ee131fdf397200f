import NIOCore

/// When one connection is sampled for its peer's acknowledgements: about one round trip after the oldest bytes were written.
///
/// A sample is a system call. Sampled sooner, a peer far away has acknowledged nothing yet; sampled much later, delivered frames stay in
/// memory. A peer that acknowledges nothing is sampled at doubling intervals.
public struct AcknowledgementPace: Equatable, Sendable {
    /// The longest interval between two samples of a connection that has bytes in flight.
    public static let longestInterval = TimeAmount.seconds(1)
    /// Samples with progress after which the round trip is measured again: networks become faster, too.
    private static let measuredEvery: UInt8 = 16
    /// The shortest and the longest time that what is in flight has after the peer's FIN.
    private static let finishPatience = (shortest: TimeAmount.milliseconds(200), longest: TimeAmount.seconds(2))
    private static let longestRoundTrip: UInt32 = 60_000_000

    /// The kernel's smoothed round trip, µs; 0 while it is not known.
    private var microseconds: UInt32 = 0
    /// Samples in a row without progress.
    private var misses: UInt8 = 0
    /// Samples with progress since the round trip was measured.
    private var hits: UInt8 = 0
    private var isMeasured = false

    /// Makes the pace of a connection whose round trip is not known.
    public init() {}

    /// The kernel's smoothed round trip; zero while it is not known.
    public var roundTrip: TimeAmount { .microseconds(Int64(self.microseconds)) }

    /// How long the peer has for acknowledging what is in flight when its FIN comes: two round trips, at least 200 ms and at most 2 s.
    public var finishPatience: TimeAmount {
        let roundTrips = TimeAmount.microseconds(2 * Int64(self.microseconds))
        return min(max(roundTrips, Self.finishPatience.shortest), Self.finishPatience.longest)
    }

    /// Whether the round trip should be measured before ``next(oldest:now:shortest:)`` is asked for.
    public var isMeasurementDue: Bool { !self.isMeasured || self.misses == 1 || self.hits >= Self.measuredEvery }

    /// Records the kernel's smoothed round trip.
    ///
    /// - Parameter microseconds: not positive when the kernel does not know it.
    public mutating func measured(microseconds: Int) {
        self.microseconds = UInt32(clamping: min(max(microseconds, 0), Int(Self.longestRoundTrip)))
        self.isMeasured = true
        self.hits = 0
    }

    /// Records a sample.
    ///
    /// - Parameter isProgress: whether the peer has acknowledged more than at the sample before.
    public mutating func sampled(isProgress: Bool) {
        if isProgress {
            self.misses = 0
            self.hits = min(self.hits + 1, Self.measuredEvery)
        } else {
            self.misses = min(self.misses + 1, 16)
        }
    }

    /// Whether bytes written at `time` can have been acknowledged by `now`.
    public func canBeAcknowledged(writtenAt time: NIODeadline, now: NIODeadline) -> Bool {
        now - time >= self.roundTrip
    }

    /// When the next sample is worth its cost.
    ///
    /// - Parameters:
    ///   - oldest: when the oldest bytes in flight were written.
    ///   - shortest: the shortest time from a write, or a sample, to the next sample.
    public func next(oldest: NIODeadline, now: NIODeadline, shortest: TimeAmount) -> NIODeadline {
        let roundTrip = self.roundTrip
        // Half a round trip apart, so that one sample finds what several writes have brought.
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
