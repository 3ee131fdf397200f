/// The time of the store thread's turn for its work.
///
/// Reading the clock costs as much as a small step, so it is read once for several small steps.
struct TurnTime {
    private static let stepsPerReading = 16

    private let end: ContinuousClock.Instant?
    private var steps = 0

    /// - Parameter end: `nil` for no limit: the store is being closed.
    init(until end: ContinuousClock.Instant?) {
        self.end = end
    }

    /// Whether the time is over.
    var isOver: Bool { self.end.map { ContinuousClock.now >= $0 } ?? false }

    /// Counts a step of a few microseconds.
    ///
    /// - Returns: whether the time is over, as far as the clock has been read.
    mutating func isOverAfterStep() -> Bool {
        self.steps &+= 1
        return self.steps.isMultiple(of: Self.stepsPerReading) && self.isOver
    }
}
