/// The unit of the time in heartbeat replies (PROTOCOL.md, 3.2).
public enum HeartbeatTime: String, CaseIterable, Sendable {
    /// Unix seconds: the content that the original's code sends and terminals accept.
    case seconds
    /// The low 32 bits of Unix milliseconds: the content that the original's documentation states.
    case milliseconds

    /// The content of a reply, to be sent big-endian.
    ///
    /// - Parameter unixMilliseconds: the relay's clock; a time before 1970 counts as 1970.
    public func content(unixMilliseconds: Int64) -> UInt32 {
        let clock = UInt64(max(unixMilliseconds, 0))
        switch self {
        case .seconds: return UInt32(truncatingIfNeeded: clock / 1_000)
        case .milliseconds: return UInt32(truncatingIfNeeded: clock)
        }
    }
}
