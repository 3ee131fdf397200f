import Histogram

/// What a load counts; one for each event loop, added up at the end of a phase.
struct LoadCounts: Equatable, Sendable {
    /// Frames sent to terminals that read as fast as they can.
    var sent = 0
    /// Those of them that arrived.
    var delivered = 0
    /// Frames sent to slow readers.
    var sentToSlow = 0
    /// Those of them that arrived.
    var deliveredToSlow = 0
    /// Frames for terminals that are away, of which the server has said that it keeps them.
    var stored = 0
    /// Frames that were waiting for a terminal and that it got; they are not among the delivered.
    var drained = 0
    /// Heartbeats answered.
    var heartbeats = 0
    /// Terminals that have come, and got what was waiting for them.
    var served = 0
    /// Frames that this run has not sent.
    var foreign = 0
    /// Frames that came after a later one of the same source. Neighbours are compared; `verify` compares all.
    var outOfOrder = 0
    /// Connections that the server closed.
    var closed = 0

    /// Nothing is under way between terminals that are there.
    var isComplete: Bool { self.delivered >= self.sent && self.deliveredToSlow >= self.sentToSlow }

    static func += (left: inout LoadCounts, right: LoadCounts) {
        left.sent += right.sent
        left.delivered += right.delivered
        left.sentToSlow += right.sentToSlow
        left.deliveredToSlow += right.deliveredToSlow
        left.stored += right.stored
        left.drained += right.drained
        left.heartbeats += right.heartbeats
        left.served += right.served
        left.foreign += right.foreign
        left.outOfOrder += right.outOfOrder
        left.closed += right.closed
    }
}

/// Counts and times of a phase, in nanoseconds.
struct Measurements: Sendable {
    var counts = LoadCounts()
    /// From when a frame was due to its arrival; of heartbeats, to their answer.
    var latency = Measurements.histogram()
    /// From when a frame was due to when it was written: what the generator itself has added.
    var lateness = Measurements.histogram()
    /// From the beginning of an arrival to when a terminal was served.
    var serving = Measurements.histogram()

    /// Longer times count as this: ten minutes.
    static let longest: UInt64 = 600 * LoadClock.second

    static func histogram() -> Histogram<UInt64> {
        Histogram(highestTrackableValue: Self.longest, numberOfSignificantValueDigits: .three)
    }

    mutating func add(_ other: Measurements) {
        self.counts += other.counts
        self.latency.add(other.latency)
        self.lateness.add(other.lateness)
        self.serving.add(other.serving)
    }
}

extension Histogram<UInt64> {
    /// Records the time from `start` to `end`; a start in the future, which only a foreign frame can have, counts as none.
    @inline(__always)
    mutating func record(from start: UInt64, to end: UInt64) {
        self.record(end > start ? Swift.min(end &- start, Measurements.longest) : 0)
    }
}
