import RelayCore

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// The wall clock, for heartbeat replies and what people see.
public struct RelayClock: Sendable {
    /// Makes a clock on `CLOCK_REALTIME`.
    public init() {}

    /// The time now.
    public var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}
