import RelayCore

/// The text formats of metrics. They differ little, and clients of one refuse the other.
enum MetricsFormat: CaseIterable {
    /// Prometheus's own, 0.0.4: for clients that do not prefer the other.
    case prometheus
    /// OpenMetrics 1.0, which Prometheus itself prefers.
    case openMetrics

    /// The Content-Type of an answer.
    var mediaType: String {
        switch self {
        case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// Chooses the format that a client prefers. A client that accepts neither gets Prometheus's, because it may be a browser.
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

    /// Renders all families, each after its help and type.
    func render(_ families: [MetricFamily]) -> String {
        var text = ""
        for family in families {
            let name = self.name(of: family)
            text += "# HELP \(name) \(Self.escaped(family.help, quotes: self == .openMetrics))\n"
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

    private static func unit(of name: String) -> String? {
        ["seconds", "bytes"].first { name.hasSuffix("_\($0)") }
    }

    // MARK: Samples

    private static func write(_ sample: MetricFamily.Sample, of name: String, to text: inout String) {
        // Piece by piece: building a string for each of several hundred lines would be most of their cost.
        func line(_ suffix: String, bound: String? = nil, _ value: String) {
            text += name
            text += suffix
            Self.write(sample.labels, bound: bound, to: &text)
            text += " "
            text += value
            text += "\n"
        }
        switch sample.value {
        case .number(let value): line("", self.number(value))
        case .histogram(let histogram):
            var count: UInt64 = 0
            for (index, more) in histogram.counts.enumerated() {
                count &+= more
                // The same text in both formats: Prometheus takes another text for another bucket.
                let bound = histogram.bounds.indices.contains(index) ? histogram.bounds[index].description : "+Inf"
                line("_bucket", bound: bound, String(count))
            }
            line("_sum", self.number(histogram.sum))
            line("_count", String(count))
        }
    }

    /// - Parameter bound: a bucket's bound, written as a label.
    private static func write(_ labels: [MetricFamily.Label], bound: String?, to text: inout String) {
        var separator = "{"
        func write(_ name: String, _ value: String) {
            text += separator
            text += name
            text += "=\""
            text += value
            text += "\""
            separator = ","
        }
        for label in labels { write(label.name, self.escaped(label.value, quotes: true)) }
        if let bound { write("le", bound) }
        if separator == "," { text += "}" }
    }

    private static func escaped(_ text: String, quotes: Bool) -> String {
        // Nearly always there is nothing to escape, and this check is faster than `replacing`.
        guard text.utf8.contains(where: { $0 == UInt8(ascii: "\\") || $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\"") })
        else { return text }
        let escaped = text.replacing("\\", with: "\\\\").replacing("\n", with: "\\n")
        return quotes ? escaped.replacing("\"", with: "\\\"") : escaped
    }

    /// Formats whole numbers without a fraction, and NaN and infinity by Go's names.
    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return String(value)
    }
}
