/// Results under aligned columns: one table for each scenario, with a row for each server and phase.
enum ResultTable {
    /// The titles of the columns; the first two columns are words, the others numbers.
    static let titles = [
        "server", "phase", "work", "per s", "per server CPU-s", "CPU", "p50", "p99", "p99.9", "max", "resident",
    ]

    /// The lines of the table of one scenario.
    static func lines(_ results: [ScenarioResult]) -> [String] {
        let rows = results.flatMap { self.rows($0) }
        return [self.heading(results)] + (rows.isEmpty ? [] : self.align([self.titles] + rows))
            + self.remarks(results).map { "  " + $0 }
    }

    /// A scenario's name and its parameters.
    static func heading(_ results: [ScenarioResult]) -> String {
        results.first.map { "\($0.scenario.name) (\(self.text($0.scenario)))" } ?? ""
    }

    /// A row for each phase.
    static func rows(_ result: ScenarioResult) -> [[String]] {
        result.phases.map { self.row(result.server, $0) }
    }

    /// The lines below the table: ratios, further figures and failures.
    static func remarks(_ results: [ScenarioResult]) -> [String] {
        var lines = self.ratios(results).map { [$0] } ?? []
        for result in results {
            for phase in result.phases where !phase.figures.isEmpty {
                let figures = phase.figures.sorted { $0.key < $1.key }.map { "\($0.key) \(Quantity.short($0.value))" }
                let name = phase.name.isEmpty ? result.server : "\(result.server), \(phase.name)"
                lines.append("\(name): \(figures.joined(separator: ", "))")
            }
            if let failure = result.failure { lines.append("\(result.server): \(failure)") }
        }
        return lines
    }

    /// The work per processor time of each server, in per cent of the first one's.
    private static func ratios(_ results: [ScenarioResult]) -> String? {
        let rates = results.compactMap { result in result.phases.first?.ratePerCPUSecond.map { (result.server, $0) } }
        guard let first = rates.first, rates.count > 1, results.first?.scenario.isTraffic == true else { return nil }
        let ratios = rates.dropFirst().map { "\($0.0) \(Int((100 * $0.1 / first.1).rounded())) %" }
        return "per server CPU-second, of \(first.0): \(ratios.joined(separator: ", "))"
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
        if scenario.badAdminClients > 0 { parts.append("\(Quantity.count(scenario.badAdminClients)) bad admin clients") }
        return parts.joined(separator: ", ")
    }
}
