/// How often something took how long, in buckets that never change: what an event loop or the store thread adds to without asking
/// anybody, and what is added up when monitoring asks.
public struct Histogram: Equatable, Sendable {
    /// Where the buckets end, each bound included, in rising order; one more bucket lies behind the last.
    public let bounds: [Double]
    /// How many values fell into each bucket, and into that bucket alone; one more than there are bounds.
    public private(set) var counts: [UInt64]
    /// The sum of all values.
    public private(set) var sum: Double = 0

    /// 100 µs to 10 s: for what ought to take milliseconds.
    public static let latencies: [Double] = [
        0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
    ]

    /// 10 ms to a week: for what waits until a terminal comes back.
    public static let absences: [Double] = [
        0.01, 0.1, 1, 10, 60, 600, 3_600, 6 * 3_600, 24 * 3_600, 3 * 24 * 3_600, 7 * 24 * 3_600,
    ]

    /// Makes an empty histogram.
    ///
    /// - Parameter bounds: in rising order.
    public init(_ bounds: [Double]) {
        self.bounds = bounds
        self.counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// How many values there are.
    public var count: UInt64 { self.counts.reduce(0, &+) }

    /// Adds `value`, in seconds, as often as `times` says. A negative one, as a clock that is set back makes it, counts as 0.
    public mutating func record(_ value: Double, times: Int = 1) {
        let value = max(value, 0)
        // From the lowest on: there are few, and what is recorded most often is short.
        var bucket = 0
        while bucket < self.bounds.count, value > self.bounds[bucket] { bucket += 1 }
        self.counts[bucket] &+= UInt64(clamping: times)
        self.sum += value * Double(times)
    }

    /// Adds what another one with the same bounds has counted; one with others is none of ours, and is left out.
    public mutating func add(_ other: Histogram) {
        guard other.bounds == self.bounds else { return }
        for bucket in self.counts.indices { self.counts[bucket] &+= other.counts[bucket] }
        self.sum += other.sum
    }
}
