import Foundation
import TestKit

/// A program under `valgrind --tool=callgrind`, which counts the instructions that it executes outside of the kernel.
///
/// What runs is a copy without debugging information, because valgrind 3.19 dies of Swift's, with the library `SignalMask`. Nothing is
/// counted before ``begin(_:)``: that would make its start many times longer.
final class Callgrind {
    /// The tool did not do what it was asked for.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private let directory: TemporaryDirectory
    private let program: URL
    private var dumps = 0

    /// Prepares a program of this package.
    ///
    /// - Throws: ``Failure`` when a tool is missing; what ``BuiltProgram`` throws.
    init(_ name: String) async throws {
        self.directory = try TemporaryDirectory()
        self.program = self.directory.url.appendingPathComponent(name)
        try await self.run("strip", ["--strip-debug", "-o", self.program.path, BuiltProgram.url(name).path])
    }

    /// What is to be started in place of the program, in ``environment``.
    var command: RelayProcess.Command {
        get throws {
            let options = ["--tool=callgrind", "--instr-atstart=no", "--callgrind-out-file=\(self.output)", self.channel]
            return RelayProcess.Command(program: try self.tool("valgrind"), arguments: options + [self.program.path])
        }
    }

    /// What the program needs beside the environment of the tests.
    var environment: [String: String] {
        get throws { ["LD_PRELOAD": try BuiltProgram.url("libSignalMask.so").path] }
    }

    /// Begins to count.
    ///
    /// - Throws: ``Failure`` when the process is none under callgrind.
    func begin(_ pid: Int32) async throws {
        try await self.control(pid, ["instrumentation", "on"])
    }

    /// The instructions of all threads since this was asked last.
    ///
    /// - Throws: ``Failure`` when the process is none under callgrind, or does not count.
    func instructions(_ pid: Int32) async throws -> Int {
        try await self.control(pid, ["dump"])
        self.dumps += 1
        let dump = try String(contentsOfFile: "\(self.output).\(self.dumps)", encoding: .utf8)
        let sum = dump.split(separator: "\n").last { $0.hasPrefix("totals: ") }?.dropFirst("totals: ".count)
        guard let sum, let instructions = Int(sum) else { throw Failure(description: "no total in what callgrind has written") }
        return instructions
    }

    // MARK: Tools

    private var output: String { self.directory.url.appendingPathComponent("instructions").path }
    private var channel: String { "--vgdb-prefix=\(self.directory.url.appendingPathComponent("channel").path)" }

    private func control(_ pid: Int32, _ command: [String]) async throws {
        try await self.run("vgdb", [self.channel, "--pid=\(pid)"] + command)
    }

    private func tool(_ name: String) throws -> URL {
        guard let url = InstalledProgram.url(name) else { throw Failure(description: "\(name) is not installed") }
        return url
    }

    private func run(_ name: String, _ arguments: [String]) async throws {
        let log = self.directory.url.appendingPathComponent("\(name).log")
        let running = try RunningProgram(try self.tool(name), arguments: arguments, log: log)
        let exit = try await running.waitForExit()
        guard exit == .code(0) else { throw Failure(description: "\(name) \(arguments) ended with \(exit): \(running.output)") }
    }
}
