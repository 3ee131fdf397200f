import ArgumentParser

/// The load generator: simulated terminals that check the relay's handling of their frames, or measure its cost.
@main
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ttms-bench",
        abstract: "Simulated terminals that put a relay under load.",
        discussion: "verify checks the relay, all other commands measure it. Benchmarks.md describes the method.",
        subcommands: [
            Verify.self, Run.self, Pairs.self, ManyToOne.self, OneToMany.self, Random.self, Idle.self, Storm.self,
            BacklogLoad.self, Compare.self,
        ]
    )
}
