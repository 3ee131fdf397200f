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
    private let microseconds: @Sendable () -> Int64

    /// Makes a clock on `CLOCK_REALTIME`.
    public init() {
        self.init {
            var time = timespec()
            clock_gettime(CLOCK_REALTIME, &time)
            return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
        }
    }

    /// Makes a clock that says what `microseconds` returns, counted from 1970.
    init(microseconds: @escaping @Sendable () -> Int64) {
        self.microseconds = microseconds
    }

    /// The time now.
    public var now: Timestamp { Timestamp(microseconds: self.microseconds()) }
}
