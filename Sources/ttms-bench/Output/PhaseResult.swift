/// The measurements of one phase of a scenario. Latencies are in microseconds.
struct PhaseResult: Encodable, Equatable, Sendable {
    /// The name of the phase; empty when the scenario has only one.
    var name: String
    /// The unit of the work, such as `frames`.
    var unit: String
    /// The amount of work.
    var work: Int
    /// The duration of the phase.
    var seconds: Double
    /// Processor time that the server used during the phase; `nil` when it is not known.
    var serverCPUSeconds: Double?
    /// Processor time that the generator used during the phase.
    var generatorCPUSeconds: Double
    /// The server's memory, threads and files at the end.
    var server: ServerUse?
    var latency: LatencySummary?
    /// The delay of the generator itself, in an open loop.
    var lateness: LatencySummary?
    /// Further figures by name.
    var figures: [String: Double] = [:]

    struct ServerUse: Encodable, Equatable, Sendable {
        var residentBytes: Int
        var proportionalBytes: Int?
        var threads: Int
        var openFiles: Int?
        var storeBytes: Int?

        init(_ sample: ServerSample) {
            self.residentBytes = sample.residentBytes
            self.proportionalBytes = sample.proportionalBytes
            self.threads = sample.threads
            self.openFiles = sample.openFiles
            self.storeBytes = sample.storeBytes
        }

        enum CodingKeys: String, CodingKey {
            case threads
            case residentBytes = "resident_bytes"
            case proportionalBytes = "proportional_bytes"
            case openFiles = "open_files"
            case storeBytes = "store_bytes"
        }
    }

    /// Work per second.
    var rate: Double { self.seconds > 0 ? Double(self.work) / self.seconds : 0 }

    /// Work per second of the server's processor time: the figure to compare. `nil` when too little time was used to be
    /// counted.
    var ratePerCPUSecond: Double? {
        self.serverCPUSeconds.flatMap { $0 >= 0.05 ? Double(self.work) / $0 : nil }
    }

    enum CodingKeys: String, CodingKey {
        case name, unit, work, seconds, rate, server, latency, lateness, figures
        case ratePerCPUSecond = "rate_per_server_cpu_second"
        case serverCPUSeconds = "server_cpu_seconds"
        case generatorCPUSeconds = "generator_cpu_seconds"
    }

    func encode(to encoder: any Encoder) throws {
        var keys = encoder.container(keyedBy: CodingKeys.self)
        try keys.encode(self.name, forKey: .name)
        try keys.encode(self.unit, forKey: .unit)
        try keys.encode(self.work, forKey: .work)
        try keys.encode(self.seconds, forKey: .seconds)
        try keys.encode(self.rate, forKey: .rate)
        try keys.encodeIfPresent(self.ratePerCPUSecond, forKey: .ratePerCPUSecond)
        try keys.encodeIfPresent(self.serverCPUSeconds, forKey: .serverCPUSeconds)
        try keys.encode(self.generatorCPUSeconds, forKey: .generatorCPUSeconds)
        try keys.encodeIfPresent(self.server, forKey: .server)
        try keys.encodeIfPresent(self.latency, forKey: .latency)
        try keys.encodeIfPresent(self.lateness, forKey: .lateness)
        try keys.encode(self.figures, forKey: .figures)
    }
}

/// The result of a scenario with one server.
struct ScenarioResult: Encodable, Equatable, Sendable {
    var server: String
    var scenario: Scenario
    var phases: [PhaseResult] = []
    /// The reason why it was not played, or not to its end.
    var failure: String?

    /// The value by which runs of the same scenario are ordered: the sum of the phases' rates, by the server's processor time
    /// if that is known.
    var merit: Double {
        self.phases.reduce(0) { $0 + ($1.ratePerCPUSecond ?? $1.rate) }
    }

    /// The median of several runs; failed runs count only when all failed.
    static func median(of results: [ScenarioResult]) -> ScenarioResult? {
        let whole = results.filter { $0.failure == nil }.sorted { $0.merit < $1.merit }
        return whole.isEmpty ? results.first : whole[(whole.count - 1) / 2]
    }
}
