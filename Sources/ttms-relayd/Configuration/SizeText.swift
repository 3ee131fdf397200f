/// Sizes as operators write them: a whole number of bytes, or of a unit, such as `65535` or `1MiB`.
enum SizeText {
    /// The units, the largest first; ``text(_:)`` uses the first that divides.
    private static let units: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40),
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("B", 1),
    ]

    /// Reads a size; `nil` for any other text, and for more than a 64-bit number of bytes.
    static func bytes(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let unitName = text.dropFirst(digits.count)
        guard let count = Int(digits), let unit = Self.units.first(where: { $0.name == (unitName.isEmpty ? "B" : unitName) })
        else {
            return nil
        }
        let (bytes, overflow) = count.multipliedReportingOverflow(by: unit.bytes)
        return overflow ? nil : bytes
    }

    /// Writes a size as ``bytes(_:)`` reads it; bytes without a unit.
    static func text(_ bytes: Int) -> String {
        guard let unit = Self.units.dropLast().first(where: { bytes != 0 && bytes.isMultiple(of: $0.bytes) }) else {
            return String(bytes)
        }
        return "\(bytes / unit.bytes)\(unit.name)"
    }
}
