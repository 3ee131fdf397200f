import Foundation
import Synchronization

/// A program that was started, its output going to a file.
public final class RunningProgram: Sendable {
    /// How a program ended.
    public enum Exit: Equatable, Sendable {
        /// It returned this code.
        case code(Int32)
        /// This signal ended it.
        case signal(Int32)
    }

    /// The number of the process.
    public let pid: Int32
    private let process: Mutex<Process>
    private let log: URL

    /// Starts a program; what it prints is appended to `log`.
    ///
    /// - Parameters:
    ///   - environment: what it gets beside the environment of the tests.
    ///   - directory: where it works; by default where the tests do.
    /// - Throws: what `Process` and `FileHandle` throw.
    public init(
        _ program: URL,
        arguments: [String],
        environment: [String: String] = [:],
        directory: URL? = nil,
        log: URL
    ) throws {
        if !FileManager.default.fileExists(atPath: log.path) {
            try Data().write(to: log)
        }
        let output = try FileHandle(forWritingTo: log)
        defer { try? output.close() }
        // A pipe has no end to go to.
        _ = try? output.seekToEnd()
        let process = Process()
        process.executableURL = program
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { _, given in given }
        if let directory { process.currentDirectoryURL = directory }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = output
        process.standardError = output
        try process.run()
        self.pid = process.processIdentifier
        self.log = log
        self.process = Mutex(process)
    }

    deinit {
        if self.exit == nil { _ = Foundation.kill(self.pid, SIGKILL) }
    }

    /// How it ended; `nil` while it runs.
    public var exit: Exit? {
        self.process.withLock { process in
            guard !process.isRunning else { return nil }
            return process.terminationReason == .exit
                ? .code(process.terminationStatus) : .signal(process.terminationStatus)
        }
    }

    /// What it has printed so far.
    public var output: String {
        (try? String(contentsOf: self.log, encoding: .utf8)) ?? ""
    }

    /// Sends a signal, unless it has ended.
    public func signal(_ signal: Int32) {
        if self.exit == nil { _ = Foundation.kill(self.pid, signal) }
    }

    /// Waits until it has ended.
    ///
    /// - Throws: ``DeadlineExceeded``.
    public func waitForExit(within limit: Duration = patience) async throws -> Exit {
        try await eventually("process \(self.pid) ends", within: limit) { self.exit }
    }
}
