/// A metric with all its samples, named by Prometheus's conventions: base units, `_total` on counters.
public struct MetricFamily: Equatable, Sendable {
    /// What the samples are.
    public enum Kind: String, Sendable {
        /// Only rises, from 0 at the start of the process.
        case counter
        /// Goes up and down.
        case gauge
        /// Counts values by their size, from the start of the process.
        case histogram
    }

    /// One value.
    public struct Sample: Equatable, Sendable {
        /// What a sample says.
        public enum Value: Equatable, Sendable {
            /// Of a counter or a gauge.
            case number(Double)
            /// Of a histogram.
            case histogram(Histogram)
        }

        /// Label names and values; no label may have a value per terminal.
        public var labels: [Label]
        /// The value, of the family's kind.
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
        /// `[a-z_]+`.
        public var name: String
        /// Any text.
        public var value: String

        /// Makes a label.
        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The full name, such as `ttms_frames_accepted_total`.
    public var name: String
    /// One sentence.
    public var help: String
    /// What the samples are.
    public var kind: Kind
    /// At least one.
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
