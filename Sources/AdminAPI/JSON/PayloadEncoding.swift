import FoundationEssentials

/// The encoding of a payload, which may be any bytes, in a JSON string.
public enum PayloadEncoding: String, Codable, JSONWritable, CaseIterable, Sendable {
    /// RFC 4648, section 4, with padding.
    case base64
    /// Two lower-case digits per byte; upper-case digits are also decoded.
    case hex
    /// The text itself, for payloads that are UTF-8.
    case utf8

    /// Encodes `payload`; in base64 when UTF-8 is requested and the payload is not UTF-8.
    ///
    /// - Returns: the text and its encoding.
    public func encode(_ payload: some Collection<UInt8>) -> (text: String, encoding: PayloadEncoding) {
        switch self {
        case .base64: break
        case .hex: return (Self.hexDigits(payload), .hex)
        case .utf8:
            if let text = String(validating: payload, as: UTF8.self) { return (text, .utf8) }
        }
        return (Data(payload).base64EncodedString(), .base64)
    }

    /// Decodes a payload.
    ///
    /// - Returns: `nil` when `text` is not in this encoding.
    public func decode(_ text: String) -> [UInt8]? {
        switch self {
        case .base64: Data(base64Encoded: text).map { Array($0) }
        case .hex: Self.bytes(hexDigits: text)
        case .utf8: Array(text.utf8)
        }
    }

    private static func hexDigits(_ bytes: some Collection<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }

    private static func bytes(hexDigits text: String) -> [UInt8]? {
        let digits = Array(text.utf8)
        guard digits.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(digits.count / 2)
        for index in stride(from: 0, to: digits.count, by: 2) {
            guard let high = Self.value(of: digits[index]), let low = Self.value(of: digits[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func value(of digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
