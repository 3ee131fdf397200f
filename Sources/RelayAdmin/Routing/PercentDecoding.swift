/// Decodes RFC 3986's percent-encoding of one path segment, or one name or value of a query.
enum PercentDecoding {
    /// Decodes a name or value of a query in the form that HTML forms and most client libraries use: `+` is a space.
    static func decodeForm(_ text: some StringProtocol) -> String? {
        self.decode(String(text.map { $0 == "+" ? " " : $0 }))
    }

    /// - Returns: `nil` for an incomplete escape, a byte that has to be escaped, a NUL, and bytes that are not UTF-8.
    static func decode(_ text: some StringProtocol) -> String? {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        var rest = text.utf8.makeIterator()
        while let byte = rest.next() {
            guard byte < 0x80 else { return nil }
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.next().flatMap(self.value), let low = rest.next().flatMap(self.value) else { return nil }
            bytes.append(high << 4 | low)
        }
        guard !bytes.contains(0) else { return nil }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func value(of digit: UInt8) -> UInt8? {
        Character(Unicode.Scalar(digit)).hexDigitValue.flatMap { UInt8(exactly: $0) }
    }
}
