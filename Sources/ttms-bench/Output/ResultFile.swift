import Foundation
import Glibc

/// All measurements of a run, with the facts that are needed to repeat it.
struct ResultFile: Encodable, Sendable {
    var date: String
    var machine: String
    /// The load average of the minute before the run. If it exceeds a few processes, they were measured, too.
    var loadBefore: Double
    var command: String
    var results: [ScenarioResult]

    init(_ results: [ScenarioResult], loadBefore: Double) {
        self.loadBefore = loadBefore
        self.date = Date().formatted(.iso8601)
        self.machine = Self.thisMachine
        self.command = CommandLine.arguments.enumerated().map { $0.offset == 0 ? "ttms-bench" : $0.element }.joined(
            separator: " "
        )
        self.results = results
    }

    enum CodingKeys: String, CodingKey {
        case date, machine, command, results
        case loadBefore = "load_before"
    }

    /// The present load average; read before anything is started.
    static var load: Double {
        var averages = [0.0]
        getloadavg(&averages, 1)
        return averages[0]
    }

    /// Writes the JSON.
    func write(to path: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        try encoder.encode(self).write(to: URL(filePath: path))
    }

    /// Writes the plot: a line for each server and phase that has latencies.
    func plot(to path: String, title: String) throws {
        let isSeveral = Set(self.results.map(\.scenario.name)).count > 1
        let series = self.results.flatMap { result in
            result.phases.compactMap { phase -> LatencyPlot.Series? in
                guard let latency = phase.latency else { return nil }
                let names = [result.server, isSeveral ? result.scenario.name : "", phase.name].filter { !$0.isEmpty }
                return LatencyPlot.Series(name: names.joined(separator: ", "), points: latency.curve)
            }
        }
        let plot = LatencyPlot(title: title, note: "\(self.date), \(self.machine)", series: series)
        try Data(plot.svg.utf8).write(to: URL(filePath: path))
    }

    /// The number and model of the processors, and the kernel.
    static var thisMachine: String {
        let information = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)) ?? ""
        let model = information.split(separator: "\n").first { $0.hasPrefix("model name") }
            .flatMap { $0.split(separator: ":").last }.map { $0.trimmingCharacters(in: .whitespaces) }
        var name = utsname()
        uname(&name)
        let kernel = withUnsafeBytes(of: name.release) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        return "\(sysconf(Int32(_SC_NPROCESSORS_ONLN))) x \(model ?? "unknown processor"), Linux \(kernel)"
    }
}
