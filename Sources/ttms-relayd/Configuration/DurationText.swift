import NIOCore

/// Durations as operators write them: a whole number and a unit, such as `50ms`, `10s` or `7d`; `0` needs no unit.
enum DurationText {
    /// The units, the largest first; ``text(_:)`` uses the first that divides.
    private static let units: [(name: String, nanoseconds: Int64)] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
    ]

    /// Reads a duration; `nil` for any other text, and for more than 292 years.
    static func time(_ text: String) -> TimeAmount? {
        if text == "0" { return .zero }
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let unit = Self.units.first(where: { $0.name == text.dropFirst(digits.count) }), let count = Int64(digits) else {
            return nil
        }
        let (nanoseconds, overflow) = count.multipliedReportingOverflow(by: unit.nanoseconds)
        return overflow ? nil : .nanoseconds(nanoseconds)
    }

    /// Writes whole milliseconds as ``time(_:)`` reads them.
    static func text(_ time: TimeAmount) -> String {
        guard time != .zero, let unit = Self.units.first(where: { time.nanoseconds % $0.nanoseconds == 0 }) else { return "0" }
        return "\(time.nanoseconds / unit.nanoseconds)\(unit.name)"
    }
}
