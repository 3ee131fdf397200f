import FoundationEssentials

/// Times as the admin API writes them: RFC 3339 in UTC with milliseconds, such as `2023-11-14T22:13:20.000Z`.
public enum APITime {
    /// What RFC 3339's four digits of year can say, in milliseconds since 1970.
    private static let range: ClosedRange<Int64> = -62_135_596_800_000...253_402_300_799_999

    /// Writes a time; one before the year 1 or after 9999 as the nearest that can be written.
    public static func text(milliseconds: Int64) -> String {
        let clamped = min(max(milliseconds, self.range.lowerBound), self.range.upperBound)
        // Whole seconds are exact in a `Date`; milliseconds are not, and would at times be written as one less.
        let (seconds, rest) = clamped.quotientFlooring(1_000)
        let date = Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
        let fraction = String(rest + 1_000).dropFirst()
        return "\(date.dropLast()).\(fraction)Z"
    }

    /// Reads what ``text(milliseconds:)`` writes.
    ///
    /// - Returns: milliseconds since 1970; `nil` for any other text.
    public static func milliseconds(_ text: String) -> Int64? {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: true)
        guard let date = try? style.parse(text) else { return nil }
        return Int64(exactly: (date.timeIntervalSince1970 * 1_000).rounded())
    }
}

extension Int64 {
    fileprivate func quotientFlooring(_ divisor: Int64) -> (quotient: Int64, remainder: Int64) {
        let (quotient, remainder) = self.quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? (quotient - 1, remainder + divisor) : (quotient, remainder)
    }
}
