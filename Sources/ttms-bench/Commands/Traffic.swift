import ArgumentParser

/// What the commands for traffic have in common.
struct TrafficOptions: ParsableArguments {
    @Option(help: "Closed loop: frames that each sender has under way.")
    var window: Int?

    @Option(help: "Open loop: frames a second in all, at times that are fixed in advance.")
    var rate: Int?

    @Option(help: "Bytes of the payloads, such as 64 or 64,1000: a sender's frames take turns.")
    var payload: Sizes = Sizes([64])

    @Option(help: "How long it is measured.")
    var seconds = 3.0

    @Option(help: "How long it goes on before it is measured.")
    var warmup = 1.0

    @Option(help: "Pairs beside the others whose receivers take some 40 kB/s; needs --rate.")
    var slowPairs = 0

    @Option(help: "Requests a second to the relay's admin API beside the traffic; needs --data-dir.")
    var adminRate = 0

    @Option(help: "Clients beside the traffic that do to the relay's admin API what they should not; needs --data-dir.")
    var badAdminClients = 0

    func scenario(_ kind: Scenario.Kind, _ count: Int) -> Scenario {
        var scenario = Scenario(name: kind.rawValue, kind: kind, count: count)
        scenario.window = self.window
        scenario.rate = self.rate
        scenario.payloads = self.payload.values
        scenario.seconds = self.seconds
        scenario.warmup = self.warmup
        scenario.slowPairs = self.slowPairs
        scenario.adminRate = self.adminRate
        scenario.badAdminClients = self.badAdminClients
        return scenario
    }
}

/// Sizes with commas between them.
struct Sizes: ExpressibleByArgument, CustomStringConvertible {
    var values: [Int]

    init(_ values: [Int]) { self.values = values }

    init?(argument: String) {
        let values = argument.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        guard values.allSatisfy({ $0 != nil }) else { return nil }
        self.values = values.compactMap { $0 }
    }

    var description: String { self.values.map(String.init).joined(separator: ",") }
}

/// Pairs of terminals.
struct Pairs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One end of each pair sends to the other.")

    @Option(help: "Pairs.")
    var count = 50

    @OptionGroup var traffic: TrafficOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        try await self.load.play([self.traffic.scenario(.pairs, self.count)], on: try self.server.server())
    }
}

/// Many senders, one receiver.
struct ManyToOne: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Many terminals send to one.")

    @Option(help: "Terminals that send.")
    var count = 100

    @OptionGroup var traffic: TrafficOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        try await self.load.play([self.traffic.scenario(.manyToOne, self.count)], on: try self.server.server())
    }
}

/// One sender, many receivers.
struct OneToMany: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "One terminal sends to many in turn.")

    @Option(help: "Terminals that receive.")
    var count = 100

    @OptionGroup var traffic: TrafficOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        try await self.load.play([self.traffic.scenario(.oneToMany, self.count)], on: try self.server.server())
    }
}

/// Everybody to anybody.
struct Random: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Terminals send to each other at random.")

    @Option(help: "Terminals.")
    var count = 200

    @OptionGroup var traffic: TrafficOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        try await self.load.play([self.traffic.scenario(.random, self.count)], on: try self.server.server())
    }
}
