/// A terminal's number: four opaque bytes on the wire, eight hex digits for people.
///
/// Every value is an ordinary number, `00000000` and `ffffffff` included (PROTOCOL.md, section 1).
public struct CCID: RawRepresentable, Hashable, Comparable, Sendable {
    /// The four wire bytes read as a big-endian integer.
    public let rawValue: UInt32

    /// Makes the CCID whose four wire bytes, read big-endian, are `rawValue`.
    @inlinable
    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// Reads eight hex digits, upper or lower case, with nothing before or after them.
    ///
    /// - Returns: `nil` for any other text.
    public init?(_ text: some StringProtocol) {
        let digits = text.utf8
        guard digits.count == 8, digits.allSatisfy(\.isHexDigit), let value = UInt32(text, radix: 16) else { return nil }
        self.rawValue = value
    }

    /// Compares by number, which is also the order of the hex digits.
    @inlinable
    public static func < (left: CCID, right: CCID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension CCID: CustomStringConvertible {
    /// Eight lower-case hex digits.
    public var description: String {
        let digits = String(self.rawValue, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

extension CCID: Codable {
    /// Decodes the eight hex digits that ``encode(to:)`` writes.
    ///
    /// - Throws: `DecodingError.dataCorrupted` when the string is anything else.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let ccid = CCID(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "A CCID is 8 hex digits.")
        }
        self = ccid
    }

    /// Encodes eight lower-case hex digits.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self.description)
    }
}

extension UInt8 {
    fileprivate var isHexDigit: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
