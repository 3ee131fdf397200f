import ArgumentParser

/// The options of all commands for traffic.
struct TrafficOptions: ParsableArguments {
    @Option(help: "Closed loop: unreceived frames of each sender.")
    var window: Int?

    @Option(help: "Open loop: frames per second of all senders, at times that are fixed in advance.")
    var rate: Int?

    @Option(help: "Payload sizes in bytes, such as 64 or 64,1000; a sender's frames have them in turn.")
    var payload: Sizes = Sizes([64])

    @Option(help: "Seconds of the measurement.")
    var seconds = 3.0

    @Option(help: "Seconds of traffic before the measurement.")
    var warmup = 1.0

    @Option(help: "Further pairs whose receivers read about 40 kB/s; needs --rate.")
    var slowPairs = 0

    @Option(help: "Requests per second to the relay's admin API beside the traffic; needs --data-dir.")
    var adminRate = 0

    @Option(help: "Clients beside the traffic that misuse the relay's admin API; needs --data-dir.")
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

/// Plays pairs of terminals.
struct Pairs: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send from one end of each pair to the other.")

    @Option(help: "The number of pairs.")
    var count = 50

    @OptionGroup var traffic: TrafficOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        try await self.load.play([self.traffic.scenario(.pairs, self.count)], on: try self.server.server())
    }
}

/// Plays many senders and one receiver.
struct ManyToOne: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send from many terminals to one.")

    @Option(help: "Terminals that send.")
    var count = 100

    @OptionGroup var traffic: TrafficOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        try await self.load.play([self.traffic.scenario(.manyToOne, self.count)], on: try self.server.server())
    }
}

/// Plays one sender and many receivers.
struct OneToMany: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send from one terminal to many in turn.")

    @Option(help: "Terminals that receive.")
    var count = 100

    @OptionGroup var traffic: TrafficOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        try await self.load.play([self.traffic.scenario(.oneToMany, self.count)], on: try self.server.server())
    }
}

/// Plays terminals that send to random others.
struct Random: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Send between terminals at random.")

    @Option(help: "The number of terminals.")
    var count = 200

    @OptionGroup var traffic: TrafficOptions
    @OptionGroup var server: ServerOptions
    @OptionGroup var load: LoadOptions

    func run() async throws {
        try await self.load.play([self.traffic.scenario(.random, self.count)], on: try self.server.server())
    }
}
