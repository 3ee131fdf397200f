/// What two clocks said in the same moment: the relay's steady one, by which times to live end, and the wall's.
///
/// Noted by the store while it runs, so that the next start knows how long the relay was away: by the difference on the wall clock,
/// which may have been set in between, and is believed for so much only.
public struct ClockReading: Equatable, Sendable {
    /// By the relay's steady clock.
    public var steady: Timestamp
    /// By the wall clock.
    public var wall: Timestamp

    /// Makes a reading.
    public init(steady: Timestamp, wall: Timestamp) {
        self.steady = steady
        self.wall = wall
    }
}
