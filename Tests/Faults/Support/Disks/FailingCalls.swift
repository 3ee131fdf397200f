import Foundation
import TestKit
import Testing

/// System calls of a relay that fail or take long, as those of a broken disk do: strace tampers with them.
final class FailingCalls {
    /// What fails, and how.
    struct Fault: Sendable, CustomTestStringConvertible {
        /// Names of system calls, separated by commas.
        var calls: String
        /// Such as `EIO`.
        var error: String
        /// Where they fail.
        var reach = Reach.storeThread

        var testDescription: String { "\(self.error) from \(self.calls), \(self.reach)" }
    }

    /// Where calls fail.
    enum Reach: Sendable {
        /// On all files, when the store's thread makes them.
        case storeThread
        /// On the log of the queue, when the store's thread makes them: a thread also writes to wake others.
        case log
        /// On all files of the store, whichever thread makes them.
        case store
        /// On the files of its database only, whichever thread makes them: the relay's own probe of the disk does not fail.
        case queue
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
        try await self.init("\(fault.calls):error=\(fault.error)", fault.reach, of: relay)
    }

    /// Has each write to the log of the queue wait for so many milliseconds from now on.
    convenience init(delayingLogWrites milliseconds: Int, of relay: RelayProcess) async throws {
        try await self.init("write:delay_enter=\(milliseconds * 1_000)", .log, of: relay)
    }

    /// Has calls of the thread that accepts connections fail from now on.
    ///
    /// - Parameter injections: as strace's `inject=` takes them, such as `accept4:error=EPROTO:when=1`.
    convenience init(ofAcceptor relay: RelayProcess, _ injections: String...) async throws {
        try await self.init(injections.joined(separator: " "), .storeThread, thread: "ttms-accept", of: relay)
    }

    private init(
        _ injection: String,
        _ reach: Reach,
        thread name: String = "ttms-store",
        of relay: RelayProcess
    ) async throws {
        self.directory = try TemporaryDirectory()
        let target =
            reach == .store || reach == .queue
            ? ["-f", "-p", "\(try relay.pid)"] : ["-p", try await Self.thread(name, of: try relay.pid)]
        var arguments = target + ["-o", "/dev/null"]
        for injection in injection.split(separator: " ") { arguments += ["-e", "inject=\(injection)"] }
        for path in Self.paths(reach) {
            arguments += ["-P", relay.dataDirectory.appendingPathComponent("store/\(path)").path]
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

    /// Files by the names that they have or will have: strace knows no patterns.
    private static func paths(_ reach: Reach) -> [String] {
        // Each time the database is opened it begins new files.
        let numbers = (1..<300).map { String(1_000_000 + $0).dropFirst() }
        return switch reach {
        case .storeThread: []
        case .log: numbers.map { "queue/\($0).log" }
        case .store: ["", "format", "committed", "reserve", "probe"] + self.paths(.queue)
        case .queue:
            ["queue", "queue/CURRENT", "queue/IDENTITY", "queue/LOCK", "queue/LOG"]
                + numbers.flatMap { number in
                    ["\(number).log", "\(number).sst", "\(number).dbtmp", "MANIFEST-\(number)", "OPTIONS-\(number)"]
                        .map { "queue/\($0)" } + ["queue/OPTIONS-\(number).dbtmp"]
                }
        }
    }

    /// A thread has its name a moment after it has begun.
    private static func thread(_ name: String, of pid: Int32) async throws -> String {
        let tasks = "/proc/\(pid)/task"
        return try await eventually("there is a thread \(name)") {
            try FileManager.default.contentsOfDirectory(atPath: tasks).first { task in
                (try? String(contentsOfFile: "\(tasks)/\(task)/comm", encoding: .utf8)) == "\(name)\n"
            }
        }
    }
}
