/// The unit of the time in heartbeat replies (PROTOCOL.md, 3.2).
public enum HeartbeatTime: String, CaseIterable, Sendable {
    /// Unix seconds: what the original's code sends, and terminals live with.
    case seconds
    /// The low 32 bits of Unix milliseconds: what the original's table says.
    case milliseconds

    /// The reply's content, to be sent big-endian.
    ///
    /// - Parameter unixMilliseconds: the relay's clock; before 1970 it counts as 1970.
    public func content(unixMilliseconds: Int64) -> UInt32 {
        let clock = UInt64(max(unixMilliseconds, 0))
        switch self {
        case .seconds: return UInt32(truncatingIfNeeded: clock / 1_000)
        case .milliseconds: return UInt32(truncatingIfNeeded: clock)
        }
    }
}
