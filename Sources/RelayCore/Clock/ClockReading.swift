/// Readings of two clocks at the same moment: the relay's steady clock, by which times to live end, and the wall clock.
///
/// The store records it while it runs, so that the next start knows how long the relay was not running. The difference on the wall
/// clock, which may have been set in between, counts up to a limit only.
public struct ClockReading: Equatable, Sendable {
    /// Time of the relay's steady clock.
    public var steady: Timestamp
    /// Time of the wall clock.
    public var wall: Timestamp

    /// Makes a reading.
    public init(steady: Timestamp, wall: Timestamp) {
        self.steady = steady
        self.wall = wall
    }
}
