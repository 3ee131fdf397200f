import ArgumentParser
import Foundation
import Glibc

/// Compares the relay with its peers.
struct Compare: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Start the relay and its peers one after the other, give them the same work, and compare the results.",
        discussion: """
            Each scenario is played by each server in turn, each time by a newly started one, over the loopback. The figure to \
            compare is the work per CPU-second of the server: the generator has the same processors, and limits the rates of \
            fast servers. Machines differ and are noisy: only ratios within one run are meaningful.
            """
    )

    @Option(help: "The relay's program.")
    var relayd: String

    @Option(help: "A setting of the relay, such as event_loops=2; can be given several times.")
    var set: [String] = []

    @Option(
        help: ArgumentHelp(
            "Another server: its name, its protocol (ttms, nats, mqtt) and its command line. Can be given several times.",
            valueName: "name=protocol:program {port}"
        )
    )
    var server: [ServerLaunch] = []

    @Flag(help: "Leave out nats-server and mosquitto.")
    var alone = false

    @Option(help: "A file of scenarios instead of the default ones; see run --help.")
    var scenario: String?

    @Option(help: "Only scenarios with these names, with commas between them.")
    var only: String?

    @Option(help: "The number of runs of each scenario; the median run counts.")
    var times = 1

    @Option(help: "A directory for results.json and the plots; it is created.")
    var output: String?

    @Option(help: "A Markdown page whose results are replaced.")
    var page: String?

    @OptionGroup var load: LoadOptions

    func validate() throws {
        guard (1...25).contains(self.times) else { throw ValidationError("--times has to be 1...25.") }
    }

    func run() async throws {
        let scenarios = try self.scenarios()
        let launches = self.launches()
        // The servers inherit the limit.
        _ = OpenFiles.raiseLimit()
        var results: [ScenarioResult] = []
        let loadBefore = ResultFile.load
        for scenario in scenarios {
            let played = await self.play(scenario, launches)
            for line in ResultTable.lines(played) { print(line) }
            print()
            // Each table is written at once, also into a file: a comparison takes minutes.
            fflush(nil)
            results += played
        }
        let file = ResultFile(results, loadBefore: loadBefore)
        try self.load.write(file, title: "Latency")
        if let output { try self.write(file, to: output) }
        if let page { try ResultPage.replace(in: page, with: file) }
    }

    private func scenarios() throws -> [Scenario] {
        let all =
            try self.scenario.map { path throws(ScenarioError) in try ScenarioFile.scenarios(at: path) } ?? Scenario.comparison
        guard let only else { return all }
        let names = only.split(separator: ",").map(String.init)
        if let unknown = names.first(where: { name in !all.contains { $0.name == name } }) {
            throw ValidationError("There is no scenario \"\(unknown)\". There are: \(all.map(\.name).joined(separator: ", ")).")
        }
        return all.filter { names.contains($0.name) }
    }

    private func launches() -> [ServerLaunch] {
        var launches = self.server + [ServerLaunch.relay(self.relayd, settings: self.set)]
        guard !self.alone else { return launches }
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        for (name, launch) in [("nats-server", ServerLaunch.nats), ("mosquitto", ServerLaunch.mosquitto)] {
            if let program = ServerLaunch.find(name, path: path) {
                launches.append(launch(program))
            } else {
                print("\(name) is not installed, and is left out. On Debian: apt-get install \(name)\n")
            }
        }
        return launches
    }

    /// Plays a scenario with all servers in turn, `times` times, so that a disturbance of the machine affects all of them.
    private func play(_ scenario: Scenario, _ launches: [ServerLaunch]) async -> [ScenarioResult] {
        var runs: [String: [ScenarioResult]] = [:]
        for _ in 0..<self.times {
            for launch in launches { runs[launch.name, default: []].append(await self.play(scenario, launch)) }
        }
        return launches.compactMap { ScenarioResult.median(of: runs[$0.name] ?? []) }
    }

    private func play(_ scenario: Scenario, _ launch: ServerLaunch) async -> ScenarioResult {
        if !launch.isRelay, scenario.needsStore || scenario.adminRate > 0 || scenario.badAdminClients > 0 {
            return ScenarioResult(server: launch.name, scenario: scenario, failure: "not played: only the relay supports it")
        }
        do {
            let launched = try await LaunchedServer(launch)
            let result = await self.load.play(scenario, on: launched.server)
            await launched.stop()
            return result
        } catch {
            return ScenarioResult(server: launch.name, scenario: scenario, failure: "\(error)")
        }
    }

    private func write(_ file: ResultFile, to output: String) throws {
        try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
        try file.write(to: output + "/results.json")
        for scenario in Set(file.results.map(\.scenario.name)).sorted() {
            var part = file
            part.results = file.results.filter { $0.scenario.name == scenario }
            // The latency of a closed loop depends on its window more than on the server.
            guard part.results.contains(where: { $0.scenario.rate != nil && !$0.phases.isEmpty }) else { continue }
            let name = scenario.map { $0.isLetter || $0.isNumber ? String($0) : "-" }.joined()
            try part.plot(to: "\(output)/latency-\(name).svg", title: "Latency: \(scenario)")
        }
        print("Written to \(output): results.json, and a plot for each scenario with a rate.")
    }
}

extension ServerLaunch: ExpressibleByArgument {}
