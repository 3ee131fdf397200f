import ArgumentParser

/// The load generator: simulated terminals that check what the relay does with their frames.
@main
struct Bench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttms-bench",
        abstract: "Simulated terminals that put a relay under load.",
        subcommands: [Verify.self]
    )
}
