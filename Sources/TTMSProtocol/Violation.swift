/// A breach of the framing rules by a peer's bytes. Each closes the connection, and its reason is counted, logged and shown
/// (PROTOCOL.md, 3.6).
public enum Violation: String, Error, CaseIterable, Sendable {
    /// The bytes where a frame has to begin are not `$TTMS`.
    case badHeader = "bad_header"
    /// A frame has, or announces, fewer than 13 bytes.
    case tooShort = "too_short"
    /// A frame has, or announces, more bytes than the limit.
    case tooLong = "too_long"
    /// The XOR over a frame of a length dialect is not zero.
    case checksumMismatch = "checksum_mismatch"
}
