import TTMSProtocol

/// A frame put together from the table of PROTOCOL.md, section 1, byte by byte, so that tests do not ask the code under test
/// what is right. Any field can be made wrong.
public struct WireFrame: Sendable {
    /// Five bytes.
    public var header: String
    /// `nil` for what the dialect says of this frame.
    public var lengthField: UInt16?
    /// Whose heartbeat it is; for whom the data is, or from whom.
    public var address: CCID
    /// `0x01` heartbeat, `0xaa` data.
    public var command: UInt8
    /// A heartbeat's time, or a payload.
    public var content: [UInt8]
    /// What the length field counts.
    public var dialect: LengthDialect

    /// Makes a frame from a terminal.
    public init(
        header: String = "$TTMS",
        lengthField: UInt16? = nil,
        address: CCID,
        command: UInt8,
        content: [UInt8],
        dialect: LengthDialect = .total
    ) {
        self.header = header
        self.lengthField = lengthField
        self.address = address
        self.command = command
        self.content = content
        self.dialect = dialect
    }

    /// The heartbeat of `ccid`.
    public static func heartbeat(
        of ccid: CCID,
        content: [UInt8] = [0, 0, 0, 0],
        dialect: LengthDialect = .total
    ) -> [UInt8] {
        WireFrame(address: ccid, command: 0x01, content: content, dialect: dialect).bytes
    }

    /// Data as a terminal sends it: `address` is the destination.
    public static func data(to address: CCID, _ payload: [UInt8], dialect: LengthDialect = .total) -> [UInt8] {
        WireFrame(address: address, command: 0xaa, content: payload, dialect: dialect).bytes
    }

    /// Data as a terminal gets it: `address` is the source, the length counts as in the dialect of the source's connection.
    public static func forwarded(from address: CCID, _ payload: [UInt8], dialect: LengthDialect = .total) -> [UInt8] {
        WireFrame(header: "$TTMX", address: address, command: 0xaa, content: payload, dialect: dialect).bytes
    }

    /// The frame with its checksum.
    public var bytes: [UInt8] {
        let length = self.lengthField ?? self.announcedLength
        var bytes = Array(self.header.utf8)
        bytes += [UInt8(length >> 8), UInt8(length & 0xff)]
        bytes += (0..<4).map { UInt8(truncatingIfNeeded: self.address.rawValue >> (24 - 8 * $0)) }
        bytes.append(self.command)
        bytes += self.content
        bytes.append(bytes.reduce(0, ^))
        return bytes
    }

    /// Takes the whole frames off the beginning of `bytes`; each says its size as in the dialect `total`.
    public static func takeFrames(from bytes: inout [UInt8]) -> [[UInt8]] {
        var frames: [[UInt8]] = []
        var rest = bytes[...]
        while rest.count >= Frame.minimumSize {
            let size = Int(rest[rest.startIndex + 5]) << 8 | Int(rest[rest.startIndex + 6])
            guard (Frame.minimumSize...rest.count).contains(size) else { break }
            frames.append(Array(rest.prefix(size)))
            rest = rest.dropFirst(size)
        }
        bytes = Array(rest)
        return frames
    }

    private var announcedLength: UInt16 {
        let content = self.content.count
        let length =
            switch self.dialect {
            case .total: 5 + 2 + 4 + 1 + content + 1
            case .afterLength: 4 + 1 + content + 1
            case .body: 4 + 1 + content
            case .content: content
            case .marker: 0
            }
        return UInt16(length)
    }
}
