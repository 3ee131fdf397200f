import RelayCore

/// The text formats that monitoring reads metrics in. They differ in little, and each refuses the other's.
enum MetricsFormat: CaseIterable {
    /// Prometheus's own, 0.0.4: for whoever does not ask for the other.
    case prometheus
    /// OpenMetrics 1.0, which Prometheus itself asks for first.
    case openMetrics

    /// What an answer's Content-Type says.
    var mediaType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// The format that a client likes best. One that likes neither gets Prometheus's, as from every other exporter: it may be a person.
    ///
    /// - Parameter accept: the values of the request's Accept headers.
    init(accept: [String]) {
        let accept = AcceptHeader(accept)
        let qualities = (
            prometheus: accept.quality(of: "text/plain", version: "0.0.4"),
            openMetrics: accept.quality(of: "application/openmetrics-text", version: "1.0.0")
        )
        self = qualities.openMetrics > qualities.prometheus ? .openMetrics : .prometheus
    }

    /// Writes all families, each with its help and type in front.
    func render(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families {
            let name = self.name(of: family)
            text += "# HELP \(name) \(self.help(family.help))\n"
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            if self == .openMetrics, let unit = Self.unit(of: name) { text += "# UNIT \(name) \(unit)\n" }
            for sample in family.samples { Self.write(sample, of: family.name, to: &text) }
        }
        if self == .openMetrics { text += "# EOF\n" }
        return text
    }

    /// In OpenMetrics, `_total` belongs to a counter's samples, and not to its name.
    private func name(of family: MetricFamily) -> String {
        guard self == .openMetrics, family.kind == .counter, family.name.hasSuffix("_total") else { return family.name }
        return String(family.name.dropLast("_total".count))
    }

    private func help(_ text: String) -> String {
        let escaped = Self.escaped(text)
        return self == .openMetrics ? escaped.replacing("\"", with: "\\\"") : escaped
    }

    private static func unit(of name: String) -> String? {
        ["seconds", "bytes"].first { name.hasSuffix("_\($0)") }
    }

    // MARK: Samples

    private static func write(_ sample: MetricFamily.Sample, of name: String, to text: inout String) {
        switch sample.value {
        case .number(let value):
            text += "\(name)\(self.labels(sample.labels)) \(self.number(value))\n"
        case .histogram(let histogram):
            var count: UInt64 = 0
            // The same text in both formats: to Prometheus another text is another bucket.
            for (bound, more) in zip(histogram.bounds.map { "\($0)" } + ["+Inf"], histogram.counts) {
                count &+= more
                text += "\(name)_bucket\(self.labels(sample.labels + [.init("le", bound)])) \(count)\n"
            }
            text += "\(name)_sum\(self.labels(sample.labels)) \(self.number(histogram.sum))\n"
            text += "\(name)_count\(self.labels(sample.labels)) \(count)\n"
        }
    }

    private static func labels(_ labels: [MetricFamily.Label]) -> String {
        if labels.isEmpty { return "" }
        let pairs = labels.map { label in
            "\(label.name)=\"\(self.escaped(label.value).replacing("\"", with: "\\\""))\""
        }
        return "{\(pairs.joined(separator: ","))}"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
    }

    /// Whole numbers without a fraction, and Go's names for what is none.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }
}
