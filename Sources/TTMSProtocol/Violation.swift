/// How a peer's bytes can break the rules of framing. Each closes the connection, with its reason counted, logged and shown
/// (PROTOCOL.md, 3.6).
public enum Violation: String, Error, CaseIterable, Sendable {
    /// A frame does not begin with `$TTMS`.
    case badHeader = "bad_header"
    /// A frame has, or announces, fewer than 13 bytes.
    case tooShort = "too_short"
    /// A frame has, or announces, more bytes than the limit.
    case tooLong = "too_long"
    /// In a length dialect, the XOR over the frame does not hold.
    case checksumMismatch = "checksum_mismatch"
}
