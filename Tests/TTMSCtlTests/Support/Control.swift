import AdminAPI
import Foundation
import TestKit

/// Runs the real `ttmsctl` against a real relay.
struct Control {
    /// What a run of it came to.
    struct Outcome: Equatable {
        var exit: RunningProgram.Exit
        /// Both of its streams.
        var output: String
    }

    let relay: RelayProcess
    private let directory: TemporaryDirectory

    init(_ relay: RelayProcess) throws {
        self.relay = relay
        self.directory = try TemporaryDirectory()
    }

    /// Starts it on the relay's data directory.
    func start(_ arguments: String...) throws -> RunningProgram {
        try self.launch(arguments + ["--data-dir", self.relay.dataDirectory.path])
    }

    /// Runs it on the relay's data directory until it ends.
    func run(_ arguments: String...) async throws -> Outcome {
        try await self.run(arguments)
    }

    /// Runs it on the relay's data directory until it ends.
    func run(_ arguments: [String]) async throws -> Outcome {
        try await self.finish(try self.launch(arguments + ["--data-dir", self.relay.dataDirectory.path]))
    }

    /// Runs it with nothing but these arguments until it ends.
    func runAlone(_ arguments: String...) async throws -> Outcome {
        try await self.finish(try self.launch(arguments))
    }

    /// Runs a script of bash, in which `$ttmsctl` is the program and `$data` the relay's data directory.
    func shell(_ script: String, environment: [String: String] = [:]) async throws -> Outcome {
        let variables = ["ttmsctl": try BuiltProgram.url("ttmsctl").path, "data": self.relay.dataDirectory.path]
        let shell = try RunningProgram(
            URL(filePath: "/bin/bash"),
            arguments: ["-c", script],
            environment: variables.merging(environment) { _, given in given },
            log: self.directory.url.appending(path: UUID().uuidString)
        )
        return try await self.finish(shell)
    }

    /// Runs it for its JSON, and reads that.
    func json<Value: Decodable>(_ type: Value.Type, _ arguments: String...) async throws -> Value {
        let all = arguments + ["--output", "json", "--data-dir", self.relay.dataDirectory.path]
        return try APIJSON.decode(type, from: Data(try await self.finish(try self.launch(all)).output.utf8))
    }

    /// Waits until a terminal is online.
    func waitUntilOnline(_ ccid: String) async throws {
        try await eventually("terminal \(ccid) is online") {
            let online = try await self.json([TerminalResource].self, "terminals", "--state", "online", "--prefix", ccid)
            return online.isEmpty ? nil : ()
        }
    }

    private func launch(_ arguments: [String]) throws -> RunningProgram {
        let log = self.directory.url.appending(path: UUID().uuidString)
        return try RunningProgram(BuiltProgram.url("ttmsctl"), arguments: arguments, log: log)
    }

    private func finish(_ program: RunningProgram) async throws -> Outcome {
        Outcome(exit: try await program.waitForExit(), output: program.output)
    }
}
