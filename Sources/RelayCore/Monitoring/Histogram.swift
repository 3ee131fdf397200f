/// Distribution of values over fixed buckets. An event loop or the store's thread records without synchronisation; a scrape adds
/// the histograms of all.
public struct Histogram: Equatable, Sendable {
    /// Upper bounds of the buckets, each inclusive, in rising order; one more bucket has no bound.
    public let bounds: [Double]
    /// Number of values in each bucket alone; one more than there are bounds.
    public private(set) var counts: [UInt64]
    /// Sum of all values.
    public private(set) var sum: Double = 0

    /// Bounds from 100 µs to 10 s, for work that takes milliseconds.
    public static let latencies: [Double] = [
        0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// Bounds from 10 ms to a week, for waits until a terminal is online again.
    public static let absences: [Double] = [
        0.01, 0.1, 1, 10, 60, 600, 3_600, 6 * 3_600, 24 * 3_600, 3 * 24 * 3_600, 7 * 24 * 3_600,
    ]

    /// Makes an empty histogram.
    ///
    /// - Parameter bounds: upper bounds in rising order.
    public init(_ bounds: [Double]) {
        assert(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "bounds out of order")
        self.bounds = bounds
        self.counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// Number of values.
    public var count: UInt64 { self.counts.reduce(0, &+) }

    /// Adds `value`, in seconds, `times` times. A negative value, which a clock that is set back yields, counts as 0.
    public mutating func record(_ value: Double, times: Int = 1) {
        assert(times >= 0 && self.counts.count == self.bounds.count + 1)
        let value = max(value, 0)
        // Linear from the lowest bucket on: there are few buckets, and the most frequent values are short.
        var bucket = 0
        while bucket < self.bounds.count, value > self.bounds[bucket] { bucket += 1 }
        self.counts[bucket] &+= UInt64(clamping: times)
        self.sum += value * Double(times)
    }

    /// Adds the counts of another histogram with the same bounds. One with other bounds is ignored.
    public mutating func add(_ other: Histogram) {
        guard other.bounds == self.bounds else { return }
        for bucket in self.counts.indices { self.counts[bucket] &+= other.counts[bucket] }
        self.sum += other.sum
    }
}
