import ArgumentParser

/// The load generator: simulated terminals that check what the relay does with their frames, or measure what it costs.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttms-bench",
        abstract: "Simulated terminals that put a relay under load.",
        discussion: "verify checks, everything else measures. Benchmarks.md holds the method.",
        subcommands: [
            Verify.self, Run.self, Pairs.self, ManyToOne.self, OneToMany.self, Random.self, Idle.self, Storm.self,
            BacklogLoad.self, Compare.self,
        ]
    )
}
