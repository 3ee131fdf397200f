import ArgumentParser
import Foundation
import TTMSProtocol

/// Where the server is, and what is measured of it.
struct ServerOptions: ParsableArguments {
    @Option(help: "The data directory of a relay on this machine: its address, process, queue and admin API are found there.")
    var dataDir: String?

    @Option(help: "Where terminals connect: an IPv4 address and a port, or an IPv6 address in brackets.")
    var address: SocketAddress?

    @Option(help: "What the server at --address speaks: ttms, nats or mqtt.")
    var `protocol`: WireProtocol = .ttms

    @Option(
        help:
            "The process of the server at --address, when it runs on this machine: its processor time and memory are measured."
    )
    var pid: Int32?

    func validate() throws {
        guard (self.dataDir == nil) != (self.address == nil) else {
            throw ValidationError("Say where the server is: by --data-dir for a relay on this machine, or by --address.")
        }
        guard self.dataDir == nil || self.pid == nil && self.protocol == .ttms else {
            throw ValidationError("--pid and --protocol go with --address.")
        }
    }

    func server() throws -> Server {
        if let dataDir { return try Server.relay(in: dataDir) }
        let address = self.address ?? SocketAddress(host: "127.0.0.1", port: 7222)
        var server = Server(
            name: self.protocol == .ttms ? "relay" : self.protocol.rawValue,
            protocol: self.protocol,
            address: address
        )
        server.process = self.pid.map { ServerProcess(pid: $0) }
        return server
    }
}

/// How the load is made, and where its results go.
struct LoadOptions: ParsableArguments {
    @Option(help: "Threads of the generator, 1...64.")
    var loops = 1

    @Option(help: "The CCID of the first terminal; the others follow.")
    var firstCCID: CCID = CCID(rawValue: 0x2000_0000)

    @Option(help: "Write all results to this file, as JSON.")
    var json: String?

    @Option(help: "Write latency by percentile to this file, as SVG.")
    var plot: String?

    @Flag(help: "Say nothing until the results are there.")
    var quiet = false

    func validate() throws {
        guard (1...64).contains(self.loops) else { throw ValidationError("--loops has to be 1...64.") }
    }

    /// Plays scenarios one after the other, prints a table for each, and writes the files.
    func play(_ scenarios: [Scenario], on server: Server) async throws {
        var results: [ScenarioResult] = []
        let loadBefore = ResultFile.load
        for scenario in scenarios {
            let result = await self.play(scenario, on: server)
            results.append(result)
            for line in ResultTable.lines([result]) { print(line) }
        }
        try self.write(ResultFile(results, loadBefore: loadBefore), title: "Latency: \(server.name)")
        if results.contains(where: { $0.failure != nil }) { throw ExitCode.failure }
    }

    /// Plays a scenario; what goes wrong is in the result.
    func play(_ scenario: Scenario, on server: Server) async -> ScenarioResult {
        var result = ScenarioResult(server: server.name, scenario: scenario)
        do {
            result.phases = try await ScenarioRun.play(
                scenario,
                on: server,
                loops: self.loops,
                firstCCID: self.firstCCID,
                isQuiet: self.quiet
            )
        } catch {
            result.failure = "\(error)"
        }
        return result
    }

    /// Writes the files that are wanted.
    func write(_ file: ResultFile, title: String) throws {
        if let json { try file.write(to: json) }
        if let plot { try file.plot(to: plot, title: title) }
    }
}

extension WireProtocol: ExpressibleByArgument {}
