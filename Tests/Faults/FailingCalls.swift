import Foundation
import TestKit
import Testing

/// System calls of a relay's store thread that fail or take long, as those of a broken disk do: strace tampers with them.
final class FailingCalls {
    /// What fails, and how.
    struct Fault: Sendable, CustomTestStringConvertible {
        /// Names of system calls, separated by commas.
        var calls: String
        /// Such as `EIO`.
        var error: String
        /// Only on the log of the queue: a thread also writes to wake others.
        var isOnLogOnly = false

        var testDescription: String { "\(self.error) from \(self.calls)" }
    }

    /// Why the tests that need it are skipped.
    static let reason: Comment = "failing system calls need strace and the right to trace"

    static let isPossible: Bool = {
        let process = Process()
        process.executableURL = strace
        process.arguments = ["-o", "/dev/null", "true"]
        guard (try? process.run()) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    private static let strace = URL(fileURLWithPath: "/usr/bin/strace")
    private let program: RunningProgram
    private let directory: TemporaryDirectory

    /// Has the calls fail from now on.
    convenience init(_ fault: Fault, of relay: RelayProcess) async throws {
        try await self.init("\(fault.calls):error=\(fault.error)", isOnLogOnly: fault.isOnLogOnly, of: relay)
    }

    /// Has each write to the log of the queue wait for so many milliseconds from now on.
    convenience init(delayingLogWrites milliseconds: Int, of relay: RelayProcess) async throws {
        try await self.init("write:delay_enter=\(milliseconds * 1_000)", isOnLogOnly: true, of: relay)
    }

    private init(_ injection: String, isOnLogOnly: Bool, of relay: RelayProcess) async throws {
        self.directory = try TemporaryDirectory()
        let thread = try Self.storeThread(of: try relay.pid)
        var arguments = ["-p", thread, "-o", "/dev/null", "-e", "inject=\(injection)"]
        if isOnLogOnly {
            // Each time the store is opened it begins a new one.
            for number in 1..<300 {
                let digits = String(1_000_000 + number).dropFirst()
                arguments += ["-P", relay.dataDirectory.appendingPathComponent("store/queue/\(digits).log").path]
            }
        }
        let program = try RunningProgram(
            Self.strace,
            arguments: arguments,
            log: self.directory.url.appendingPathComponent("strace.log")
        )
        self.program = program
        try await eventually("strace is attached", state: { program.output }) {
            program.output.contains(" attached") ? () : nil
        }
    }

    /// Lets the calls do again what they should.
    func stop() async throws {
        // What the tests start has the other signals blocked. The kernel lets go of the thread; a call under way fails once more.
        self.program.signal(SIGKILL)
        _ = try await self.program.waitForExit()
    }

    private static func storeThread(of pid: Int32) throws -> String {
        let tasks = "/proc/\(pid)/task"
        let thread = try FileManager.default.contentsOfDirectory(atPath: tasks).first { task in
            (try? String(contentsOfFile: "\(tasks)/\(task)/comm", encoding: .utf8)) == "ttms-store\n"
        }
        return try #require(thread)
    }
}
