import RelayCore

/// The time by which blocks and tokens begin and end: one that no setting of the wall clock moves, so that a quarter of an hour is one
/// on a machine that starts in 1970, too.
public struct AccessClock: Sendable {
    /// The time now.
    let now: @Sendable () -> Timestamp
    /// What the wall clock shows, or would have shown, at a time of this clock.
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

    /// Both clocks now, to go on from after a restart.
    var reading: ClockReading { ClockReading(steady: self.now(), wall: .now) }
}
