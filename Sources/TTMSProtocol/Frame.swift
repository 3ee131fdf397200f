/// The frame layout of PROTOCOL.md, section 1: the offsets of the fields, and the constants.
///
///     offset 0        5        7         11        12          last
///            header   length   address   command   content     checksum
///            $TTMS    2, BE    4, CCID   1         n           1, XOR of all before it
public enum Frame {
    /// Offset of the length field: two bytes, big-endian.
    public static let lengthOffset = 5
    /// Offset of the address: the four bytes of a CCID.
    public static let addressOffset = 7
    /// Offset of the command byte.
    public static let commandOffset = 11
    /// Offset of the content: a heartbeat's time, or a data frame's payload.
    public static let contentOffset = 12
    /// Bytes of the header.
    public static let headerSize = 5
    /// Bytes of a frame without content, the smallest complete frame.
    public static let minimumSize = 13
    /// Bytes of a heartbeat whose content is the four bytes of a time.
    public static let heartbeatSize = 17
    /// Bytes of the largest frame: the largest 16-bit length.
    public static let maximumSize = 65_535

    /// `$TTMS`: frames from terminals, and heartbeat replies.
    public static let terminalHeader: StaticString = "$TTMS"
    /// `$TTMX`: data that the relay forwards.
    public static let forwardHeader: StaticString = "$TTMX"

    /// The header's first four bytes `$TTM`, loaded as a big-endian integer.
    @usableFromInline static let headerPrefix: UInt32 = 0x2454_544d
    /// The header's last byte in frames from terminals and in heartbeat replies.
    @usableFromInline static let terminalMark = UInt8(ascii: "S")
    /// The header's last byte in data that the relay forwards.
    @usableFromInline static let forwardMark = UInt8(ascii: "X")
}

/// The command byte of a frame.
public enum Command: UInt8, Sendable {
    /// Registers the terminal in the address field, and shows that it is alive; the relay replies with its time.
    case heartbeat = 0x01
    /// A payload for the terminal in the address field.
    case data = 0xaa
}
