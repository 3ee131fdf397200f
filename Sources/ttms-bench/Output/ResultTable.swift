/// Results under aligned columns, one table for each scenario, the servers below each other.
enum ResultTable {
    private static let titles = [
        "server", "phase", "work", "per s", "per server CPU-s", "CPU", "p50", "p99", "p99.9", "max", "resident",
    ]

    /// The lines of the table of one scenario.
    static func lines(_ results: [ScenarioResult]) -> [String] {
        guard let scenario = results.first?.scenario else { return [] }
        let rows = results.flatMap { result in result.phases.map { Self.row(result.server, $0) } }
        var lines = ["\(scenario.name) (\(Self.text(scenario)))"]
        if !rows.isEmpty { lines += Self.align([Self.titles] + rows) }
        for result in results {
            for phase in result.phases where !phase.figures.isEmpty {
                let figures = phase.figures.sorted { $0.key < $1.key }.map { "\($0.key) \(Quantity.short($0.value))" }
                let name = phase.name.isEmpty ? result.server : "\(result.server), \(phase.name)"
                lines.append("  \(name): \(figures.joined(separator: ", "))")
            }
            if let failure = result.failure { lines.append("  \(result.server): \(failure)") }
        }
        return lines
    }

    private static func row(_ server: String, _ phase: PhaseResult) -> [String] {
        let times = [phase.latency?.p50, phase.latency?.p99, phase.latency?.p999, phase.latency?.maximum]
        let processor = phase.serverCPUSeconds.map { "\(Int((100 * $0 / max(phase.seconds, 0.001)).rounded())) %" }
        return [
            server, phase.name, "\(Quantity.count(phase.work)) \(phase.unit)", Quantity.short(phase.rate),
            phase.ratePerCPUSecond.map(Quantity.short) ?? "-", processor ?? "-",
        ] + times.map { $0.map(Quantity.time) ?? "-" }
            + [phase.server.map { "\(Quantity.short(Double($0.residentBytes) / 1e6)) MB" } ?? "-"]
    }

    /// The first two columns are words, the others numbers.
    private static func align(_ rows: [[String]]) -> [String] {
        let widths = Self.titles.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = row.enumerated().map { column, text in
                let padding = String(repeating: " ", count: widths[column] - text.count)
                return column < 2 ? text + padding : padding + text
            }
            return "  " + cells.joined(separator: "  ")
        }
    }

    private static func text(_ scenario: Scenario) -> String {
        var parts = ["\(scenario.kind.rawValue), \(Quantity.count(scenario.count))"]
        if let window = scenario.window { parts.append("window \(window)") }
        if let rate = scenario.rate { parts.append("\(Quantity.count(rate)) frames/s") }
        parts.append("payload \(scenario.payloads.map(String.init).joined(separator: "+")) bytes")
        if scenario.slowPairs > 0 { parts.append("\(scenario.slowPairs) slow pairs") }
        if scenario.adminRate > 0 { parts.append("\(scenario.adminRate) admin requests/s") }
        return parts.joined(separator: ", ")
    }
}
