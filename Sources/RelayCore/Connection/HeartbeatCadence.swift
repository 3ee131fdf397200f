import NIOCore

/// Cadence of a terminal's heartbeats, learned from them, and the time at which the next one is overdue.
///
/// The mean interval and the mean deviation are learned as TCP learns its round-trip time (RFC 6298). Each new interval moves both
/// by a part of its difference.
///
/// A heartbeat is overdue after the mean and four deviations. It is never overdue before one and a half times the mean, nor within
/// two seconds after the mean. So one retransmission does not make a very regular terminal late.
///
/// The cadence is unknown before three intervals. An interval between heartbeats of two connections does not count. An outage
/// counts as at most twice the time to its detection, so a new cadence is learned within a few intervals.
///
/// Pure; time is an argument. 32 bytes, because every terminal has one: intervals are in milliseconds, and frames are counted
/// modulo 2^32, since only differences matter.
public struct HeartbeatCadence: Equatable, Sendable {
    /// Time of the last heartbeat.
    private var last = NIODeadline.uptimeNanoseconds(0)
    /// Mean interval between heartbeats, ms.
    private var mean: Float = 0
    /// Mean deviation from `mean`, ms.
    private var deviation: Float = 0
    /// Interval between the last two heartbeats, ms; 0 when this connection had fewer than two.
    private var lastInterval: UInt32 = 0
    /// Frames counted at the last heartbeat, and at the one before.
    private var framesAtLast: UInt32 = 0
    private var framesBefore: UInt32 = 0
    /// Number of learned intervals, at most 255.
    private var intervals: UInt8 = 0
    /// Whether this connection had a heartbeat.
    private var isRunning = false
    /// Whether the terminal has been reported as late; its next heartbeat clears it.
    public var isReportedLate = false

    /// Number of intervals from which on the cadence is known.
    static let enough: UInt8 = 3
    /// Shortest time beyond the mean after which a heartbeat is overdue, ms.
    static let shortestAllowance: Float = 2_000

    /// Makes an unknown cadence.
    public init() {}

    /// Learned interval of a terminal's heartbeats.
    public struct Habit: Equatable, Sendable {
        /// Mean time between heartbeats.
        public var interval: TimeAmount
        /// Mean deviation from it.
        public var deviation: TimeAmount

        /// Makes a habit.
        public init(interval: TimeAmount, deviation: TimeAmount) {
            self.interval = interval
            self.deviation = deviation
        }
    }

    /// Learned interval; `nil` before enough intervals are known.
    public var habit: Habit? {
        guard self.intervals >= Self.enough else { return nil }
        return Habit(
            interval: .milliseconds(Int64(self.mean)),
            deviation: .milliseconds(Int64(self.deviation))
        )
    }

    /// Time from which on the next heartbeat is overdue; `nil` while the cadence is unknown.
    public var due: NIODeadline? {
        self.intervals >= Self.enough ? self.last + .milliseconds(Int64(self.patience)) : nil
    }

    /// Whether a heartbeat is overdue by the terminal's cadence.
    public func isLate(now: NIODeadline) -> Bool {
        self.due.map { now > $0 } ?? false
    }

    /// Time from a heartbeat until the next one is overdue, ms.
    private var patience: Float {
        self.mean + max(4 * self.deviation, self.mean / 2, Self.shortestAllowance)
    }

    /// Records a heartbeat.
    ///
    /// - Parameter frames: number of data frames that the terminal has sent and received so far.
    /// - Returns: whether the terminal had been reported as late.
    public mutating func heartbeat(now: NIODeadline, frames: UInt64) -> Bool {
        let elapsed = max((now - self.last).nanoseconds / 1_000_000, 0)
        if self.isRunning { self.learn(Float(elapsed)) }
        self.lastInterval = self.isRunning ? UInt32(clamping: elapsed) : 0
        self.framesBefore = self.isRunning ? self.framesAtLast : UInt32(truncatingIfNeeded: frames)
        self.framesAtLast = UInt32(truncatingIfNeeded: frames)
        self.last = now
        self.isRunning = true
        defer { self.isReportedLate = false }
        return self.isReportedLate
    }

    private mutating func learn(_ interval: Float) {
        if self.intervals == 0 {
            self.mean = interval
            self.deviation = interval / 2
        } else {
            let interval = self.intervals >= Self.enough ? min(interval, 2 * self.patience) : interval
            self.deviation += (abs(interval - self.mean) - self.deviation) / 4
            self.mean += (interval - self.mean) / 8
        }
        assert(self.mean >= 0 && self.deviation >= 0, "intervals are not negative")
        if self.intervals < .max { self.intervals += 1 }
    }

    /// Records the end of the terminal's connection: the time until the next one is no interval.
    public mutating func disconnected() {
        self.isRunning = false
        self.lastInterval = 0
        self.isReportedLate = false
    }

    /// Returns the data frames per second that the terminal has sent and received since its last heartbeat but one, or since its
    /// connection began.
    ///
    /// - Parameter frames: number of data frames that it has sent and received so far.
    public func framesPerSecond(now: NIODeadline, frames: UInt64) -> Double {
        guard self.isRunning else { return 0 }
        let milliseconds = Double(self.lastInterval) + Double(max((now - self.last).nanoseconds, 0)) / 1_000_000
        let moved = UInt32(truncatingIfNeeded: frames) &- self.framesBefore
        // Over less than a second, one frame would yield a high rate.
        return Double(moved) / max(milliseconds / 1_000, 1)
    }
}
