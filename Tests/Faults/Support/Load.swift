import Foundation
import TestKit

/// `ttms-bench verify`, running against a relay.
struct Load {
    /// It found something wrong.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let program: RunningProgram
    private let directory: TemporaryDirectory

    /// Starts it.
    ///
    /// - Throws: what starting a program throws.
    init(_ address: RelayProcess.Endpoint, _ arguments: [String]) throws {
        self.directory = try TemporaryDirectory()
        self.program = try RunningProgram(
            BuiltProgram.url("ttms-bench"),
            arguments: ["verify", "--address", "\(address.host):\(address.port)"] + arguments,
            log: self.directory.url.appendingPathComponent("bench.log")
        )
    }

    /// Has it send nothing more. However long a test takes for what it does to the relay, the load lasts until then.
    func endSending() {
        self.program.signal(SIGINT)
    }

    /// Frames of a load that is ended by ``endSending()``: the most there can be.
    static let endless = "10000000"

    /// Waits until a relay has taken so many frames since its start.
    ///
    /// - Throws: ``DeadlineExceeded``; ``Failure`` when the load has ended before.
    func waitForAccepted(_ frames: Int, at relay: RelayProcess) async throws {
        let admin = try relay.admin
        try await eventually("\(frames) frames are accepted", state: { self.program.output }) {
            if let exit = self.program.exit {
                throw Failure(description: "the load ended with \(exit)\n\(self.program.output)")
            }
            let accepted = try await admin.json("GET", "/api/v1/status").at("ledger.accepted_total")?.int ?? 0
            return accepted >= frames ? () : nil
        }
    }

    /// Whether it still runs.
    var isRunning: Bool { self.program.exit == nil }

    /// Waits until it has ended.
    ///
    /// - Returns: also what it has printed.
    /// - Throws: ``DeadlineExceeded``.
    func waitForExit() async throws -> (exit: RunningProgram.Exit, output: String) {
        let exit = try await self.program.waitForExit(within: .seconds(Soak.rounds(120)))
        return (exit, self.program.output)
    }

    /// Waits until everything is accounted for; a failure shows why the relay has closed connections.
    ///
    /// - Throws: ``Failure`` with its report when anything is wrong; ``DeadlineExceeded``.
    func expectClean(at relay: RelayProcess) async throws {
        let (exit, output) = try await self.waitForExit()
        guard exit == .code(0) else {
            let closings = try await relay.admin.metrics().filter {
                $0.key.hasPrefix("ttms_connections_closed_total") && $0.value > 0
            }
            throw Failure(description: "the load ended with \(exit)\n\(output)\(closings)")
        }
    }
}
