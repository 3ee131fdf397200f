import Foundation
import TestKit
import Testing

@testable import ttms_relayd

/// `ttms-relayd --check-config`, from outside.
struct CheckConfigTests {
    private static func run(_ arguments: [String]) async throws -> (exit: RunningProgram.Exit, output: String) {
        let directory = try TemporaryDirectory()
        defer { withExtendedLifetime(directory) {} }
        let program = try RunningProgram(
            BuiltProgram.url("ttms-relayd"),
            arguments: arguments,
            log: directory.url.appending(path: "log")
        )
        return (try await program.waitForExit(), program.output)
    }

    @Test("a configuration that is valid is said to be, and printed")
    func valid() async throws {
        let checked = try await Self.run(["--check-config", "--set", "event_loops=3"])
        #expect(checked.exit == .code(0))
        #expect(checked.output.hasPrefix("configuration is valid\n"))
        #expect(checked.output.contains("command line, --set event_loops=3\n"))
    }

    @Test("one that is not is refused, with and without the option, as EX_CONFIG", arguments: [["--check-config"], []])
    func invalid(arguments: [String]) async throws {
        let checked = try await Self.run(arguments + ["--set", "event_loops=0"])
        #expect(checked.exit == .code(78))
        #expect(checked.output.contains("event_loops: \"0\" is not allowed. Allowed: 1 to 64."))
    }

    @Test("options that do not exist are wrong usage")
    func usage() async throws {
        #expect(try await Self.run(["--prot", "1"]).exit == .code(64))
    }
}
