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
/// A clock that is set a year ahead would otherwise expire every queue at once. This one begins at the wall clock's time and goes on
/// with the time since boot. It follows the wall clock as long as that goes its way (NTP's corrections are small), and goes on
/// alone when the wall clock has jumped, until that comes back or the relay is restarted. Heartbeat replies and what people see
/// follow the wall clock at once (``RelayClock``).
public final class SteadyClock: Sendable {
    /// How far the wall clock may be from the time expected to be followed, in microseconds: more than NTP steps in normal work,
    /// less than any time to live that a jump should not end.
    private static let tolerance: Int64 = 10_000_000

    private struct Anchor {
        var wall: Int64
        var boot: Int64
    }

    private let anchor: Mutex<Anchor>
    private let wall: @Sendable () -> Int64
    private let boot: @Sendable () -> Int64

    /// Makes a clock on the system's clocks.
    public convenience init() {
        self.init(wall: { RelayClock().now.microseconds }, boot: Self.sinceBoot)
    }

    /// - Parameters:
    ///   - wall: microseconds since 1970, as the wall clock says.
    ///   - boot: microseconds since some moment, whatever is set.
    init(wall: @escaping @Sendable () -> Int64, boot: @escaping @Sendable () -> Int64) {
        self.wall = wall
        self.boot = boot
        self.anchor = Mutex(Anchor(wall: wall(), boot: boot()))
    }

    /// The time now. It never goes back by more than the tolerance.
    public var now: Timestamp {
        let (wall, boot) = (self.wall(), self.boot())
        return self.anchor.withLock { anchor in
            let expected = anchor.wall &+ (boot &- anchor.boot)
            guard abs(wall.subtractingReportingOverflow(expected).partialValue) <= Self.tolerance else {
                return Timestamp(microseconds: expected)
            }
            anchor = Anchor(wall: wall, boot: boot)
            return Timestamp(microseconds: wall)
        }
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
