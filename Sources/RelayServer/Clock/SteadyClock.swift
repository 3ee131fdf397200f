import RelayCore
import Synchronization

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The wall clock without its jumps, for the times at which frames are accepted and expire.
///
/// A clock that is set a year ahead would otherwise expire every queue at once. This one begins at its end as the store has it, and
/// advances with the time since boot. It follows the wall clock while that advances at the same rate (NTP's corrections are small).
/// When the wall clock has jumped, this one advances alone until that returns. For the time that the relay was off, the wall clock
/// counts for at most a day. A machine that starts in 1970, or a year ahead, thus drops no queue. Frames are retained too long only
/// by the time that it was off. Heartbeat replies and times that people see follow the wall clock at once (``RelayClock``,
/// ``wallTime(of:)``).
public final class SteadyClock: Sendable {
    /// The longest absence that counts, in microseconds: enough for frames that expire within hours, little beside the default time
    /// to live of a week.
    private static let longestAbsence: Int64 = 24 * 3_600 * 1_000_000

    /// The largest difference between the wall clock and the expected time at which it is followed, in microseconds. It is more
    /// than NTP steps in normal work, and less than any time to live that a jump should not end.
    private static let tolerance: Int64 = 10_000_000

    private struct Anchor {
        var wall: Int64
        var boot: Int64
    }

    private let anchor: Mutex<Anchor>
    /// The lead of this clock over the wall clock while it follows that, in microseconds.
    private let offset: Int64
    private let wall: @Sendable () -> Int64
    private let boot: @Sendable () -> Int64

    /// Makes a clock on the system's clocks.
    ///
    /// - Parameter reading: the last reading before the relay stopped; `nil` when the store has no frame that could expire.
    public convenience init(continuing reading: ClockReading? = nil) {
        self.init(continuing: reading, wall: { RelayClock().now.microseconds }, boot: Self.sinceBoot)
    }

    /// - Parameters:
    ///  - reading: the last reading before the relay stopped; `nil` when the store has no frame that could expire.
    ///   - wall: microseconds since 1970 by the wall clock.
    ///   - boot: microseconds since a fixed moment, by a clock that is not set.
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
        // Such a small offset is the age of the reading, and would add up from start to start.
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

    /// The wall clock's time, actual or extrapolated, at `time` of this clock, for people. It is exact to the second where the two
    /// differ.
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
        // It advances while the machine sleeps.
        clock_gettime(CLOCK_BOOTTIME, &time)
        #endif
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}
