import ArgumentParser

/// Measures idle terminals.
struct Idle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measure the cost of an idle terminal.",
        discussion: """
            Terminals connect and register. Then each sends one frame to itself. Then each sends heartbeats, eight at once, \
            the next after these are answered: as many as in a day, within minutes. The server's memory is measured after each \
            step.
            """
    )

    @Option(help: "The number of terminals.")
    var count = 15_000

    @Option(help: "Heartbeats of each terminal; 1440 are those of a day, one per minute.")
    var heartbeats = 1_440

    @Option(help: "Seconds after which an unfinished step is given up.")
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

/// Measures the reconnection of a fleet.
struct Storm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Reconnect a fleet at once, let it drain its queues beside pairs that send, and close it at once.",
        discussion: "The latencies are those of the pairs: before, while the fleet connects, and while it closes."
    )

    @Option(help: "Terminals of the fleet.")
    var count = 15_000

    @Option(help: "Frames queued for each.")
    var frames = 10

    @Option(help: "Pairs that send all the time.")
    var senders = 100

    @Option(help: "Frames per second of all these pairs.")
    var rate = 5_000

    @Option(help: "Seconds for which the pairs are measured before the fleet connects, and after it closes.")
    var seconds = 3.0

    @Option(help: "Seconds after which an unfinished step is given up.")
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

/// Measures the queues of offline terminals.
struct BacklogLoad: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backlog",
        abstract: "Fill the queues of offline terminals, drain them while others are filled, and drain those.",
        discussion: """
            A frame counts as stored when the relay has answered a later heartbeat, which it does when the frame is durable. \
            It counts as drained when its terminal has received it.
            """
    )

    @Option(help: "Terminals of each half.")
    var count = 10_000

    @Option(help: "Frames for each terminal.")
    var frames = 100

    @Option(help: "Terminals that send.")
    var senders = 100

    @Option(help: "Payload sizes in bytes, such as 64 or 64,1000; a sender's frames have them in turn.")
    var payload: Sizes = Sizes([64])

    @Option(help: "Seconds after which an unfinished step is given up.")
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
