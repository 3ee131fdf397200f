import RelayCore
import Testing

@Suite struct HistogramTests {
    @Test(
        "A value falls into the first bucket that ends at it or behind it",
        arguments: [
            (-1, 0), (0, 0), (0.5, 0), (0.500001, 1), (1, 1), (4, 2), (4.1, 3), (1e300, 3),
        ]
    )
    func buckets(value: Double, bucket: Int) {
        var histogram = Histogram([0.5, 1, 4])
        histogram.record(value)
        #expect(histogram.counts.firstIndex(of: 1) == bucket)
        #expect(histogram.count == 1)
        #expect(histogram.sum == max(value, 0))
    }

    @Test("Many values at once are as many one by one")
    func times() {
        var once = Histogram(Histogram.latencies)
        var oneByOne = once
        once.record(0.25, times: 3)
        for _ in 0..<3 { oneByOne.record(0.25) }
        #expect(once == oneByOne)
        once.record(1, times: 0)
        #expect(once == oneByOne)
    }

    @Test("Shards add up")
    func sum() {
        var sum = Histogram([1, 2])
        for value in [0.5, 1.5, 8] {
            var shard = Histogram([1, 2])
            shard.record(value)
            sum.add(shard)
        }
        #expect(sum.counts == [1, 1, 1])
        #expect(sum.sum == 10)
        var other = Histogram([3])
        other.record(1)
        sum.add(other)
        #expect(sum.count == 3)
    }

    @Test("The bounds that are used rise", arguments: [Histogram.latencies, Histogram.absences])
    func bounds(bounds: [Double]) {
        #expect(zip(bounds, bounds.dropFirst()).allSatisfy(<))
    }
}
