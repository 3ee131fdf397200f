extension Collection<UInt8> {
    /// Two lower-case digits per byte, a space between bytes.
    public var hex: String {
        self.map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }
        .joined(separator: " ")
    }
}

/// The bytes of hex text such as `24 54 54 4d`, which stands in the source of a test.
///
/// Anything that is not two hex digits between spaces ends the test run: the test itself is wrong.
public func bytes(_ hex: String) -> [UInt8] {
    hex.split(whereSeparator: \.isWhitespace).map { digits in
        guard digits.count == 2, let byte = UInt8(digits, radix: 16) else {
            preconditionFailure("'\(digits)' in '\(hex)' is not a byte in hex")
        }
        return byte
    }
}
