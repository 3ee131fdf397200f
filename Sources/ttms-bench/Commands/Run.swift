import ArgumentParser

/// Plays the scenarios of a file.
struct Run: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Play the scenarios of a file against a running server.",
        discussion: """
            The file is YAML or JSON: {"scenarios": [{"kind": "pairs", "count": 50, "window": 256}, …]}. The keys are kind \
            (pairs, many-to-one, one-to-many, random, idle, storm, backlog), count, name, window or rate, payloads, seconds, \
            warmup, slow_pairs, admin_rate, bad_admin_clients, frames, heartbeats, senders and limit. They mean the same as \
            the options of these names.
            """
    )

    @Option(help: "The scenario file.")
    var scenario: String

    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        let scenarios = try ScenarioFile.scenarios(at: self.scenario)
        try await self.load.play(scenarios, on: try self.server.server())
    }
}
