import Foundation

/// Numbers for people.
enum Quantity {
    /// A count with a comma at each thousand.
    static func count(_ value: Int) -> String {
        var digits = Array(String(value.magnitude))
        for position in stride(from: digits.count - 3, to: 0, by: -3) { digits.insert(",", at: position) }
        return (value < 0 ? "-" : "") + String(digits)
    }

    /// A number with about three digits.
    static func short(_ value: Double) -> String {
        guard value.isFinite else { return "-" }
        let size = abs(value)
        if size >= 100 || value == 0 { return Self.count(Int(value.rounded())) }
        return String(format: size >= 10 ? "%.1f" : "%.2f", value)
    }

    /// A time in microseconds, with its unit.
    static func time(_ microseconds: Double) -> String {
        switch microseconds {
        case ..<1_000: Self.short(microseconds) + " µs"
        case ..<1_000_000: Self.short(microseconds / 1_000) + " ms"
        default: Self.short(microseconds / 1_000_000) + " s"
        }
    }
}
