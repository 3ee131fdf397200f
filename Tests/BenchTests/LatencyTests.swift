import Foundation
import Histogram
import Testing

@testable import ttms_bench

struct LatencyTests {
    private func summary(_ nanoseconds: some Sequence<UInt64>) throws -> LatencySummary {
        var histogram = Measurements.histogram()
        for value in nanoseconds { histogram.record(from: 1_000, to: 1_000 + value) }
        return try #require(LatencySummary(histogram))
    }

    @Test("Percentiles are those of the values, within the histogram's three digits")
    func percentiles() throws {
        let summary = try self.summary((1...10_000).map { UInt64($0) * 1_000 })
        let expected: [(Double, Double)] = [
            (summary.p50, 5_000), (summary.p90, 9_000), (summary.p99, 9_900), (summary.p999, 9_990), (summary.p9999, 9_999),
            (summary.minimum, 1), (summary.maximum, 10_000), (summary.mean, 5_000.5),
        ]
        for (is_, shouldBe) in expected { #expect(abs(is_ - shouldBe) <= shouldBe / 500) }
        #expect(summary.count == 10_000)
    }

    @Test("One slow frame in a thousand shows at the percentiles behind it, and only there")
    func tail() throws {
        let summary = try self.summary((1...1_000).map { $0 == 500 ? 1_000_000_000 : 50_000 })
        #expect(summary.p99 < 51)
        #expect(summary.maximum > 999_000)
        #expect((summary.curve.last?.percentile ?? 0) <= 99.9 + 1e-9, "the curve ends where values end")
    }

    @Test("The curve rises, and has points only where there are values", arguments: [1, 9, 10, 1_000, 1_000_000])
    func curve(count: Int) {
        let percentiles = LatencySummary.percentiles(of: UInt64(count))
        #expect(percentiles.first == 0)
        #expect(zip(percentiles, percentiles.dropFirst()).allSatisfy { $0 < $1 })
        #expect(percentiles.allSatisfy { (1 - $0 / 100) * Double(count) > 0.999 })
    }

    @Test("Nothing measured is nothing said; times that cannot be are none, or the longest")
    func extremes() throws {
        #expect(LatencySummary(Measurements.histogram()) == nil)
        var histogram = Measurements.histogram()
        histogram.record(from: 5, to: 4)
        histogram.record(from: 0, to: .max)
        #expect(histogram.totalCount == 2)
        #expect(histogram.min == 0)
        #expect(histogram.valueAtPercentile(100) >= Measurements.longest)
    }

    @Test("Measurements of several event loops add up")
    func adding() {
        var (sum, other) = (Measurements(), Measurements())
        other.counts.delivered = 3
        other.counts.drained = 4
        other.latency.record(from: 0, to: 10)
        sum.add(other)
        sum.add(other)
        #expect(sum.counts == LoadCounts(delivered: 6, drained: 8))
        #expect(sum.latency.totalCount == 2)
    }

    // MARK: The plot

    private func plot(_ series: [LatencyPlot.Series]) -> String {
        LatencyPlot(title: "A < B", note: "here & now", series: series).svg
    }

    @Test("A nine more is always as far to the right", arguments: [(0.0, 0.0), (90, 1), (99, 2), (99.9, 3), (99.99, 4)])
    func nines(percentile: Double, nines: Double) {
        #expect(abs(LatencyPlot.nines(percentile) - nines) < 1e-6)
        #expect(LatencyPlot.nines(100).isFinite)
    }

    @Test("Points stand where both logarithms say")
    func places() throws {
        let series = LatencyPlot.Series(
            name: "relay",
            points: [
                .init(percentile: 0, microseconds: 10), .init(percentile: 90, microseconds: 100),
                .init(percentile: 99, microseconds: 1_000),
            ]
        )
        let svg = self.plot([series])
        // Two decades and two nines: the second point is in the middle of both axes.
        #expect(svg.contains("points=\"80.0,480.0 385.0,275.0 690.0,70.0\""))
        for label in [">10 µs<", ">100 µs<", ">1 ms<", ">0<", ">90<", ">99<", ">relay<"] { #expect(svg.contains(label)) }
    }

    @Test("It is well-formed XML with a line for each series, whatever they are called")
    func wellFormed() throws {
        let names = ["relay", "<&>\"'", "empty"]
        let svg = self.plot(
            names.map { LatencyPlot.Series(name: $0, points: $0 == "empty" ? [] : [.init(percentile: 50, microseconds: 3)]) }
        )
        #expect(svg.components(separatedBy: "<polyline").count == 3)
        #expect(svg.contains("A &lt; B") && svg.contains("here &amp; now") && svg.contains("&lt;&amp;&gt;"))
        #expect(!svg.contains("nan") && !svg.contains("inf"))
        #expect(self.plot([]).hasSuffix("</svg>\n"))
    }
}
