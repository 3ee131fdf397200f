import ArgumentParser

/// A crowd that does nothing.
struct Idle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What does an idle terminal cost?",
        discussion: """
            Terminals connect and register; each sends one frame, to itself; then each sends heartbeats, eight at \
            once, the next when these are answered: a day's worth in minutes. The server's memory is measured after each of these.
            """
    )

    @Option(help: "Terminals.")
    var count = 15_000

    @Option(help: "Heartbeats of each; 1440 are a day, one a minute.")
    var heartbeats = 1_440

    @Option(help: "Seconds after which a step that is not done is given up.")
    var limit = 600.0

    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        var scenario = Scenario(name: "idle", kind: .idle, count: self.count)
        scenario.heartbeats = self.heartbeats
        scenario.limit = self.limit
        try await self.load.play([scenario], on: try self.server.server())
    }
}

/// A fleet that comes back.
struct Storm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "A fleet comes back at once, and drains what was kept for it, while pairs go on; then all close at once.",
        discussion: "The latencies are those of the pairs: before, while the fleet comes, and while it goes."
    )

    @Option(help: "Terminals that come back.")
    var count = 15_000

    @Option(help: "Frames kept for each.")
    var frames = 10

    @Option(help: "Pairs that go on meanwhile.")
    var senders = 100

    @Option(help: "Frames a second of these pairs, together.")
    var rate = 5_000

    @Option(help: "How long the pairs are measured before the fleet comes, and after it goes.")
    var seconds = 3.0

    @Option(help: "Seconds after which a step that is not done is given up.")
    var limit = 120.0

    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        var scenario = Scenario(name: "storm", kind: .storm, count: self.count)
        scenario.frames = self.frames
        scenario.senders = self.senders
        scenario.rate = self.rate
        scenario.seconds = self.seconds
        scenario.limit = self.limit
        try await self.load.play([scenario], on: try self.server.server())
    }
}

/// Queues for terminals that are away.
struct BacklogLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backlog",
        abstract: "Fill the queues of terminals that are away, drain them while others are filled, and drain those.",
        discussion: """
            A frame counts as stored when the relay has answered a heartbeat behind it, which it does when it is on disk; as \
            drained when its terminal has it.
            """
    )

    @Option(help: "Terminals of each half.")
    var count = 10_000

    @Option(help: "Frames for each.")
    var frames = 100

    @Option(help: "Terminals that send.")
    var senders = 100

    @Option(help: "Bytes of the payloads, such as 64 or 64,1000: a sender's frames take turns.")
    var payload: Sizes = Sizes([64])

    @Option(help: "Seconds after which a step that is not done is given up.")
    var limit = 120.0

    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        var scenario = Scenario(name: "backlog", kind: .backlog, count: self.count)
        scenario.frames = self.frames
        scenario.senders = self.senders
        scenario.payloads = self.payload.values
        scenario.limit = self.limit
        try await self.load.play([scenario], on: try self.server.server())
    }
}
