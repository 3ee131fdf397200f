import Foundation

/// Latency by percentile as SVG. Each vertical line is one more nine, each horizontal line ten times the latency.
///
/// Both axes are logarithmic because rare, long latencies matter: one frame in a thousand may take a hundred times as long.
struct LatencyPlot {
    struct Series: Equatable {
        var name: String
        var points: [LatencySummary.Point]
    }

    var title: String
    /// The text below the title: date and machine of the measurement.
    var note: String
    var series: [Series]

    private static let size = (width: 900.0, height: 540.0)
    private static let plot = (left: 80.0, right: 690.0, top: 70.0, bottom: 480.0)
    /// Colours that people with a colour vision deficiency can distinguish, too (Okabe and Ito).
    private static let colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"]

    /// The number of nines of a percentile: 0 at 0, 1 at 90, 2 at 99.
    static func nines(_ percentile: Double) -> Double {
        -log10(max(1 - percentile / 100, 1e-9))
    }

    /// The plot as SVG.
    var svg: String {
        let points = self.series.flatMap(\.points)
        let times = points.map { max($0.microseconds, 0.1) }
        let decades = (
            low: floor(log10(times.min() ?? 1)), high: max(ceil(log10(times.max() ?? 10)), floor(log10(times.min() ?? 1)) + 1)
        )
        let nines = max(1, ceil(points.map { Self.nines($0.percentile) }.max() ?? 1))
        func x(_ percentile: Double) -> Double {
            Self.plot.left + (Self.plot.right - Self.plot.left) * Self.nines(percentile) / nines
        }
        func y(_ microseconds: Double) -> Double {
            let height = (log10(max(microseconds, 0.1)) - decades.low) / (decades.high - decades.low)
            return Self.plot.bottom - (Self.plot.bottom - Self.plot.top) * height
        }
        var lines = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(Self.size.width)) \(Int(Self.size.height))" \
            font-family="sans-serif" font-size="13">
            """,
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
            Self.text(self.title, x: Self.plot.left, y: 28, "font-size=\"18\""),
            Self.text(self.note, x: Self.plot.left, y: 50, "fill=\"#555\""),
        ]
        for nine in 0...Int(nines) {
            let percentile = 100 * (1 - pow(10, -Double(nine)))
            let label =
                nine == 0 ? "0" : nine < 3 ? "\(Int(percentile.rounded()))" : "99." + String(repeating: "9", count: nine - 2)
            lines.append(Self.line(x(percentile), Self.plot.top, x(percentile), Self.plot.bottom))
            lines.append(Self.text(label, x: x(percentile), y: Self.plot.bottom + 20, "text-anchor=\"middle\""))
        }
        for decade in Int(decades.low)...Int(decades.high) {
            let time = pow(10, Double(decade))
            lines.append(Self.line(Self.plot.left, y(time), Self.plot.right, y(time)))
            lines.append(Self.text(Self.label(time), x: Self.plot.left - 8, y: y(time) + 4, "text-anchor=\"end\""))
        }
        let middle = (Self.plot.left + Self.plot.right) / 2
        lines.append(
            Self.text("per cent of the frames that took at most this time", x: middle, y: 520, "text-anchor=\"middle\"")
        )
        for (index, series) in self.series.enumerated() where !series.points.isEmpty {
            let colour = Self.colours[index % Self.colours.count]
            let path = series.points.map { "\(Self.number(x($0.percentile))),\(Self.number(y($0.microseconds)))" }
            lines.append(
                "<polyline fill=\"none\" stroke=\"\(colour)\" stroke-width=\"2\" points=\"\(path.joined(separator: " "))\"/>"
            )
            let row = Self.plot.top + 20 * Double(index)
            lines.append("<rect x=\"706\" y=\"\(Self.number(row - 10))\" width=\"14\" height=\"4\" fill=\"\(colour)\"/>")
            lines.append(Self.text(series.name, x: 726, y: row - 3))
        }
        return lines.joined(separator: "\n") + "\n</svg>\n"
    }

    private static func label(_ microseconds: Double) -> String {
        switch microseconds {
        case ..<1: String(format: "%.1f µs", microseconds)
        case ..<1_000: "\(Int(microseconds)) µs"
        case ..<1_000_000: "\(Int(microseconds / 1_000)) ms"
        default: "\(Int(microseconds / 1_000_000)) s"
        }
    }

    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }

    private static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double) -> String {
        "<line x1=\"\(Self.number(x1))\" y1=\"\(Self.number(y1))\" x2=\"\(Self.number(x2))\" y2=\"\(Self.number(y2))\" stroke=\"#ddd\"/>"
    }

    private static func text(_ text: String, x: Double, y: Double, _ attributes: String = "") -> String {
        let escaped = text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
            .replacingOccurrences(of: ">", with: "&gt;")
        let place = "x=\"\(Self.number(x))\" y=\"\(Self.number(y))\""
        return "<text \(place)\(attributes.isEmpty ? "" : " " + attributes)>\(escaped)</text>"
    }
}
