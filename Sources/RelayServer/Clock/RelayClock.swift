import RelayCore

/// The wall clock, for heartbeat replies and times that people see.
public struct RelayClock: Sendable {
    private let microseconds: @Sendable () -> Int64

    /// Makes a clock on `CLOCK_REALTIME`.
    public init() {
        self.init { Timestamp.now.microseconds }
    }

    /// Makes a clock with the times that `microseconds` returns, counted from 1970.
    init(microseconds: @escaping @Sendable () -> Int64) {
        self.microseconds = microseconds
    }

    /// The time now.
    public var now: Timestamp { Timestamp(microseconds: self.microseconds()) }
}
