import NIOCore

/// How often a terminal sends heartbeats by its own habit, and whether the next one is overdue by it.
///
/// Learned as TCP learns its round-trip time (RFC 6298): a mean, and the mean deviation from it, both moving by a part of each
/// new interval's difference. A heartbeat is due after the mean and four deviations, and never sooner than after one and a half
/// times the mean and two seconds beyond it, so that a terminal with a perfect clock is not called late for one retransmission.
/// Nothing is said before three intervals are known. An interval that spans two connections is no habit and teaches nothing; one
/// outage teaches no more than twice the time after which it was noticed, while a new habit is learned within a few intervals.
///
/// Pure; time is an argument. 32 bytes, because every terminal has one: the intervals are in milliseconds, and frames are counted
/// modulo 2^32, of which only differences matter.
public struct HeartbeatCadence: Equatable, Sendable {
    /// When the last heartbeat came.
    private var last = NIODeadline.uptimeNanoseconds(0)
    /// Milliseconds between heartbeats.
    private var mean: Float = 0
    /// Mean deviation from the mean, ms.
    private var deviation: Float = 0
    /// Milliseconds between the last heartbeat and the one before; 0 when there was none on this connection.
    private var lastInterval: UInt32 = 0
    /// Frames as of the last heartbeat, and as of the one before.
    private var framesAtLast: UInt32 = 0
    private var framesBefore: UInt32 = 0
    /// Intervals that taught something, up to 255.
    private var intervals: UInt8 = 0
    /// There was a heartbeat on this connection.
    private var isRunning = false
    /// Somebody has been told that it is late; the next heartbeat ends that.
    public var isReportedLate = false

    /// Intervals that have to be known before a habit is one.
    static let enough: UInt8 = 3
    /// The shortest time beyond the mean after which a heartbeat is late, ms.
    static let shortestAllowance: Float = 2_000

    /// A terminal of which nothing is known yet.
    public init() {}

    /// What has been learned of a terminal's heartbeats.
    public struct Habit: Equatable, Sendable {
        /// Time between heartbeats.
        public var interval: TimeAmount
        /// How much it varies: the mean deviation.
        public var deviation: TimeAmount

        /// Makes a habit.
        public init(interval: TimeAmount, deviation: TimeAmount) {
            self.interval = interval
            self.deviation = deviation
        }
    }

    /// The terminal's habit; `nil` before enough intervals are known.
    public var habit: Habit? {
        guard self.intervals >= Self.enough else { return nil }
        return Habit(
            interval: .milliseconds(Int64(self.mean)),
            deviation: .milliseconds(Int64(self.deviation))
        )
    }

    /// When the next heartbeat is overdue; `nil` before the terminal's habit is known.
    public var due: NIODeadline? {
        self.intervals >= Self.enough ? self.last + .milliseconds(Int64(self.patience)) : nil
    }

    /// Whether a heartbeat is overdue by the terminal's own habit.
    public func isLate(now: NIODeadline) -> Bool {
        self.due.map { now > $0 } ?? false
    }

    /// Milliseconds from a heartbeat until the next one is overdue.
    private var patience: Float {
        self.mean + max(4 * self.deviation, self.mean / 2, Self.shortestAllowance)
    }

    /// A heartbeat came.
    ///
    /// - Parameter frames: data frames that the terminal has sent and got so far.
    /// - Returns: whether it ends a time in which the terminal was reported late.
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
        if self.intervals < .max { self.intervals += 1 }
    }

    /// The terminal's connection has ended: how long it stays away is no habit.
    public mutating func disconnected() {
        self.isRunning = false
        self.lastInterval = 0
        self.isReportedLate = false
    }

    /// Data frames per second that the terminal has sent and got since its last heartbeat but one, or since it connected.
    ///
    /// - Parameter frames: data frames that it has sent and got so far.
    public func framesPerSecond(now: NIODeadline, frames: UInt64) -> Double {
        guard self.isRunning else { return 0 }
        let milliseconds = Double(self.lastInterval) + Double(max((now - self.last).nanoseconds, 0)) / 1_000_000
        let moved = UInt32(truncatingIfNeeded: frames) &- self.framesBefore
        // Over less than a second, a single frame would look like a flood.
        return Double(moved) / max(milliseconds / 1_000, 1)
    }
}
