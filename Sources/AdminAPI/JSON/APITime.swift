import FoundationEssentials

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// Times of the admin API: RFC 3339 in UTC with milliseconds, such as `2023-11-14T22:13:20.000Z`.
public enum APITime {
    /// The last millisecond that RFC 3339 can express with four digits of year.
    private static let latest: Int64 = 253_402_300_799_999

    /// Formats milliseconds since 1970; earlier times as 1970, later ones than 9999 as the end of 9999.
    public static func text(milliseconds: Int64) -> String {
        let (seconds, rest) = min(max(milliseconds, 0), self.latest).quotientAndRemainder(dividingBy: 1_000)
        // Not by Foundation's formatter, which takes most of the time of a page with thousands of times.
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        return String(unsafeUninitializedCapacity: 24) { text in
            var end = 0
            func write(_ value: Int, digits: Int, before separator: Unicode.Scalar) {
                var value = value
                for index in (end..<end + digits).reversed() {
                    text[index] = UInt8(ascii: "0") + UInt8(value % 10)
                    value /= 10
                }
                text[end + digits] = UInt8(ascii: separator)
                end += digits + 1
            }
            write(Int(parts.tm_year) + 1_900, digits: 4, before: "-")
            write(Int(parts.tm_mon) + 1, digits: 2, before: "-")
            write(Int(parts.tm_mday), digits: 2, before: "T")
            write(Int(parts.tm_hour), digits: 2, before: ":")
            write(Int(parts.tm_min), digits: 2, before: ":")
            write(Int(parts.tm_sec), digits: 2, before: ".")
            write(Int(rest), digits: 3, before: "Z")
            return end
        }
    }

    /// Parses RFC 3339, of which ``text(milliseconds:)`` writes one form. Any offset is allowed, and any fraction of a second, which
    /// is cut to milliseconds.
    ///
    /// - Returns: milliseconds since 1970; `nil` for any other text.
    public static func milliseconds(_ text: String) -> Int64? {
        guard let parts = text.wholeMatch(of: /(.{19})(?:\.([0-9]{1,9}))?(?:[Zz]|([+-][0-9]{2}):([0-9]{2}))/),
            Self.isDate(parts.1),
            let date = try? Date.ISO8601FormatStyle().parse(parts.1.uppercased() + "Z"),
            let local = Int64(exactly: date.timeIntervalSince1970.rounded()),
            // Foundation accepts no offset beyond 18 hours, but the document's format does.
            let hours = Int64(parts.3 ?? "0"), (-23...23).contains(hours),
            let minutes = Int64(parts.4 ?? "0"), minutes < 60
        else { return nil }
        let offset = abs(hours) * 3_600 + minutes * 60
        let seconds = parts.3?.hasPrefix("-") == true ? local + offset : local - offset
        // A Date's own fraction is binary, and therefore not exact.
        let fraction = Int64((parts.2.map(String.init) ?? "0").padded(to: 3)) ?? 0
        return seconds * 1_000 + fraction
    }

    /// Whether the day and the time exist: Foundation accepts February 30 as March 2. A leap second is refused.
    private static func isDate(_ text: Substring) -> Bool {
        let numbers = text.split { "-:Tt ".contains($0) }.compactMap { Int($0) }
        guard numbers.count == 6, (1...12).contains(numbers[1]) else { return false }
        let (year, month) = (numbers[0], numbers[1])
        let isLeap = year.isMultiple(of: 4) && (!year.isMultiple(of: 100) || year.isMultiple(of: 400))
        let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1]
        return (1...days).contains(numbers[2]) && numbers[3] < 24 && numbers[4] < 60 && numbers[5] < 60
    }
}

extension String {
    /// Its first `width` characters, followed by zeros where it has fewer.
    fileprivate func padded(to width: Int) -> String {
        String((self + String(repeating: "0", count: width)).prefix(width))
    }
}
