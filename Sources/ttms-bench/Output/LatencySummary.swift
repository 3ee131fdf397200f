import Histogram

/// The figures of a histogram that are printed and written; times in microseconds.
struct LatencySummary: Encodable, Equatable, Sendable {
    var count: Int
    var minimum: Double
    var mean: Double
    var p50: Double
    var p90: Double
    var p99: Double
    var p999: Double
    var p9999: Double
    var maximum: Double
    /// The curve of latency by percentile.
    var curve: [Point]

    struct Point: Encodable, Equatable, Sendable {
        /// 0...100.
        var percentile: Double
        var microseconds: Double
    }

    /// Summarises a histogram of nanoseconds; `nil` when it is empty.
    init?(_ histogram: Histogram<UInt64>) {
        guard histogram.totalCount > 0 else { return nil }
        func percentile(_ value: Double) -> Double { Double(histogram.valueAtPercentile(value)) / 1_000 }
        self.count = Int(clamping: histogram.totalCount)
        self.minimum = Double(histogram.min) / 1_000
        self.mean = histogram.mean / 1_000
        self.p50 = percentile(50)
        self.p90 = percentile(90)
        self.p99 = percentile(99)
        self.p999 = percentile(99.9)
        self.p9999 = percentile(99.99)
        self.maximum = Double(histogram.max) / 1_000
        self.curve = Self.percentiles(of: histogram.totalCount).map { Point(percentile: $0, microseconds: percentile($0)) }
    }

    /// The percentiles of the curve: about ten for each nine, as far as values exist beyond them.
    static func percentiles(of count: UInt64) -> [Double] {
        var percentiles: [Double] = []
        var beyond = 1.0
        while beyond * Double(count) >= 1, beyond > 1e-6 {
            for step in 0..<9 {
                let rest = beyond * (1 - Double(step) / 10)
                if rest * Double(count) >= 1 { percentiles.append(100 * (1 - rest)) }
            }
            beyond /= 10
        }
        return percentiles
    }

    enum CodingKeys: String, CodingKey {
        case count, mean, p50, p90, p99, curve
        case minimum = "min"
        case maximum = "max"
        case p999 = "p99_9"
        case p9999 = "p99_99"
    }
}
