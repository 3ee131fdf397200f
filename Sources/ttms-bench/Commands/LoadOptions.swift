import ArgumentParser
import Foundation
import TTMSProtocol

/// The options that name the server and its process.
struct ServerOptions: ParsableArguments {
    @Option(help: "The data directory of a relay on this machine; it names the relay's address, process, store and admin API.")
    var dataDir: String?

    @Option(help: "The address for terminals: an IPv4 address and a port, or an IPv6 address in brackets.")
    var address: SocketAddress?

    @Option(help: "The protocol of the server at --address: ttms, nats or mqtt.")
    var `protocol`: WireProtocol = .ttms

    @Option(
        help:
            "The process id of the server at --address, on this machine: its processor time and memory are measured."
    )
    var pid: Int32?

    func validate() throws {
        guard (self.dataDir == nil) != (self.address == nil) else {
            throw ValidationError("Name the server: by --data-dir for a relay on this machine, or by --address.")
        }
        guard self.dataDir == nil || self.pid == nil && self.protocol == .ttms else {
            throw ValidationError("--pid and --protocol need --address.")
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

/// The options of the generator and of its results.
struct LoadOptions: ParsableArguments {
    @Option(help: "Threads of the generator, 1...64.")
    var loops = 1

    @Option(help: "The CCID of the first terminal; the others follow.")
    var firstCCID: CCID = CCID(rawValue: 0x2000_0000)

    @Option(help: "Write all results to this file, as JSON.")
    var json: String?

    @Option(help: "Write the latency by percentile to this file, as SVG.")
    var plot: String?

    @Flag(help: "Print nothing before the results.")
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

    /// Plays a scenario. A failure is recorded in the result.
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

    /// Writes the requested files.
    func write(_ file: ResultFile, title: String) throws {
        if let json { try file.write(to: json) }
        if let plot { try file.plot(to: plot, title: title) }
    }
}

extension WireProtocol: ExpressibleByArgument {}
