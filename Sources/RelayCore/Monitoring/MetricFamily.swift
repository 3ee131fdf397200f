/// Metric with all its samples, named by Prometheus's conventions: base units, `_total` on counters.
public struct MetricFamily: Equatable, Sendable {
    /// Type of a metric.
    public enum Kind: String, Sendable {
        /// Value that only rises, from 0 at the start of the process.
        case counter
        /// Value that rises and falls.
        case gauge
        /// Counts of values by their size, from the start of the process.
        case histogram
    }

    /// One value.
    public struct Sample: Equatable, Sendable {
        /// Value of a sample.
        public enum Value: Equatable, Sendable {
            /// Value of a counter or a gauge.
            case number(Double)
            /// Value of a histogram.
            case histogram(Histogram)
        }

        /// Labels; none may have a value per terminal.
        public var labels: [Label]
        /// Value, of the family's kind.
        public var value: Value

        /// Makes a sample of a counter or a gauge.
        public init(_ value: Double, labels: [Label] = []) {
            self.labels = labels
            self.value = .number(value)
        }

        /// Makes a sample of a histogram.
        public init(_ histogram: Histogram, labels: [Label] = []) {
            self.labels = labels
            self.value = .histogram(histogram)
        }
    }

    /// A label of a sample.
    public struct Label: Equatable, Sendable {
        /// Name, `[a-z_]+`.
        public var name: String
        /// Value, any text.
        public var value: String

        /// Makes a label.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// Full name, such as `ttms_frames_accepted_total`.
    public var name: String
    /// Description in one sentence.
    public var help: String
    /// Type of the metric.
    public var kind: Kind
    /// Samples, at least one.
    public var samples: [Sample]

    /// Makes a family.
    public init(_ name: String, _ kind: Kind, help: String, samples: [Sample]) {
        self.name = name
        self.help = help
        self.kind = kind
        self.samples = samples
    }

    /// Makes a family with one sample without labels.
    public init(_ name: String, _ kind: Kind, help: String, value: some BinaryInteger) {
        self.init(name, kind, help: help, samples: [Sample(Double(value))])
    }

    /// Makes a family with one sample without labels.
    public init(_ name: String, _ kind: Kind, help: String, value: Double) {
        self.init(name, kind, help: help, samples: [Sample(value)])
    }

    /// Makes a histogram without labels.
    public init(_ name: String, help: String, _ histogram: Histogram) {
        self.init(name, .histogram, help: help, samples: [Sample(histogram)])
    }
}
