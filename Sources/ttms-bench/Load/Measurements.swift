import Histogram

/// The counts of a load; one for each event loop, added up at the end of a phase.
struct LoadCounts: Equatable, Sendable {
    /// Frames sent to terminals that read as fast as they can.
    var sent = 0
    /// Frames of ``sent`` that arrived.
    var delivered = 0
    /// Frames sent to slow readers.
    var sentToSlow = 0
    /// Frames of ``sentToSlow`` that arrived.
    var deliveredToSlow = 0
    /// Frames for offline terminals that the server has confirmed as stored.
    var stored = 0
    /// Queued frames that their terminal has received; they are not among the delivered.
    var drained = 0
    /// Heartbeats answered.
    var heartbeats = 0
    /// Terminals that have registered and received their queued frames.
    var served = 0
    /// Frames of other runs.
    var foreign = 0
    /// Frames that arrived after a later one of the same source. Only successive frames are compared; `verify` compares all.
    var outOfOrder = 0
    /// Connections that the server closed.
    var closed = 0

    /// Whether all frames between online terminals have arrived.
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
    /// The time from a frame's due time to its arrival, or from a heartbeat to its answer.
    var latency = Measurements.histogram()
    /// The time from a frame's due time to its write: the delay of the generator itself.
    var lateness = Measurements.histogram()
    /// The time from the beginning of an arrival until a terminal was served.
    var serving = Measurements.histogram()

    /// The longest recorded time, ten minutes; longer times count as this.
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
