import Glibc

/// The only clock of a load: monotonic, in nanoseconds.
enum LoadClock {
    static let second: UInt64 = 1_000_000_000

    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) &* Self.second &+ UInt64(time.tv_nsec)
    }
}
