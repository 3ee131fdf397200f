import FoundationEssentials

/// Times as the admin API writes them: RFC 3339 in UTC with milliseconds, such as `2023-11-14T22:13:20.000Z`.
public enum APITime {
    /// The last millisecond that RFC 3339's four digits of year can say.
    private static let latest: Int64 = 253_402_300_799_999

    /// Writes a time, given in milliseconds since 1970; one before that as 1970, one after 9999 as the end of 9999.
    public static func text(milliseconds: Int64) -> String {
        let clamped = min(max(milliseconds, 0), self.latest)
        // Whole seconds are exact in a `Date`; milliseconds are not, and would at times be written as one less.
        let (seconds, rest) = clamped.quotientAndRemainder(dividingBy: 1_000)
        let date = Date(timeIntervalSince1970: TimeInterval(seconds)).formatted(.iso8601)
        let fraction = String(rest + 1_000).dropFirst()
        return "\(date.dropLast()).\(fraction)Z"
    }

    /// Reads what ``text(milliseconds:)`` writes, and the same with another fraction of a second or none.
    ///
    /// - Returns: milliseconds since 1970; `nil` for any other text.
    public static func milliseconds(_ text: String) -> Int64? {
        let style = Date.ISO8601FormatStyle(includingFractionalSeconds: text.contains("."))
        guard let date = try? style.parse(text) else { return nil }
        return Int64(exactly: (date.timeIntervalSince1970 * 1_000).rounded())
    }
}
