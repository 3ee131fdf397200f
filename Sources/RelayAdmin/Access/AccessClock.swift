import RelayCore

/// The clock by which blocks and tokens begin and end. Settings of the wall clock do not change it, so that a duration is exact
/// also on a machine that starts in 1970.
public struct AccessClock: Sendable {
    /// The time now.
    let now: @Sendable () -> Timestamp
    /// The wall-clock time that belongs to a time of this clock.
    let wallTime: @Sendable (Timestamp) -> Timestamp

    /// Makes a clock.
    public init(
        now: @escaping @Sendable () -> Timestamp,
        wallTime: @escaping @Sendable (Timestamp) -> Timestamp
    ) {
        self.now = now
        self.wallTime = wallTime
    }

    /// The wall clock itself.
    public static let wall = AccessClock(now: { .now }, wallTime: { $0 })

    /// Both clocks now, from which a restarted relay continues.
    var reading: ClockReading { ClockReading(steady: self.now(), wall: .now) }
}
