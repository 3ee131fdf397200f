import RelayCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The wall clock without its jumps, for when frames were taken and when their time to live is over.
///
/// A clock that is set a year ahead would otherwise expire every queue at once. This one begins where the store says that it ended,
/// and goes on with the time since boot. It follows the wall clock as long as that goes its way (NTP's corrections are small), and
/// goes on alone when the wall clock has jumped, until that comes back. Of the time that the relay was away, the wall clock is
/// believed a day at the most: a machine that starts in 1970, or a year ahead, throws no queue away, and what it keeps too long it
/// keeps for the time that it was off. Heartbeat replies and what people see follow the wall clock at once (``RelayClock``,
/// ``wallTime(of:)``).
public final class SteadyClock: Sendable {
    /// How much of an absence counts, in microseconds: enough for what is to expire in hours, little beside the week for which
    /// frames are kept by default.
    private static let longestAbsence: Int64 = 24 * 3_600 * 1_000_000

    /// How far the wall clock may be from the time expected to be followed, in microseconds: more than NTP steps in normal work,
    /// less than any time to live that a jump should not end.
    private static let tolerance: Int64 = 10_000_000

    private struct Anchor {
        var wall: Int64
        var boot: Int64
    }

    private let anchor: Mutex<Anchor>
    /// How far this clock is ahead of the wall clock while it follows that, in microseconds.
    private let offset: Int64
    private let wall: @Sendable () -> Int64
    private let boot: @Sendable () -> Int64

    /// Makes a clock on the system's clocks.
    ///
    /// - Parameter reading: the last one before the relay stopped; `nil` when nothing is kept that could expire.
    public convenience init(continuing reading: ClockReading? = nil) {
        self.init(continuing: reading, wall: { RelayClock().now.microseconds }, boot: Self.sinceBoot)
    }

    /// - Parameters:
    ///   - reading: the last one before the relay stopped; `nil` when nothing is kept that could expire.
    ///   - wall: microseconds since 1970, as the wall clock says.
    ///   - boot: microseconds since some moment, whatever is set.
    init(continuing reading: ClockReading? = nil, wall: @escaping @Sendable () -> Int64, boot: @escaping @Sendable () -> Int64)
    {
        self.wall = wall
        self.boot = boot
        let anchor = Anchor(wall: wall(), boot: boot())
        self.anchor = Mutex(anchor)
        self.offset = reading.map { Self.offset(continuing: $0, wall: anchor.wall) } ?? 0
    }

    private static func offset(continuing reading: ClockReading, wall: Int64) -> Int64 {
        let away = min(max(wall &- reading.wall.microseconds, 0), Self.longestAbsence)
        let offset = reading.steady.microseconds &+ away &- wall
        // That little is the age of the reading, and would add up from start to start.
        return offset.magnitude <= Self.tolerance.magnitude ? 0 : offset
    }

    /// The time now. It never goes back by more than the tolerance.
    public var now: Timestamp {
        let (wall, boot) = (self.wall(), self.boot())
        return self.anchor.withLock { anchor in
            let expected = anchor.wall &+ (boot &- anchor.boot)
            guard abs(wall.subtractingReportingOverflow(expected).partialValue) <= Self.tolerance else {
                return Timestamp(microseconds: expected &+ self.offset)
            }
            anchor = Anchor(wall: wall, boot: boot)
            return Timestamp(microseconds: wall &+ self.offset)
        }
    }

    /// What the wall clock shows, or would have shown, at `time` of this clock: for people. To the second where the two differ.
    public func wallTime(of time: Timestamp) -> Timestamp {
        let difference = self.wall() &- self.now.microseconds
        guard difference.magnitude > Self.tolerance.magnitude else { return time }
        return time.advanced(bySeconds: difference / 1_000_000)
    }

    private static func sinceBoot() -> Int64 {
        var time = timespec()
        #if canImport(Darwin)
        clock_gettime(CLOCK_MONOTONIC, &time)
        #else
        // It goes on while the machine sleeps.
        clock_gettime(CLOCK_BOOTTIME, &time)
        #endif
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
