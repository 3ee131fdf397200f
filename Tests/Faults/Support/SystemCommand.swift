import Foundation

/// Commands of the system that tests need.
enum SystemCommand {
    /// It is not there, or has failed.
    struct Failure: Error {}

    /// Runs a command to its end.
    ///
    /// - Parameter status: the highest with which it may end.
    /// - Throws: ``Failure``; what `Process` throws.
    static func run(_ command: String..., atMost status: Int32 = 0) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = command
        // Where these commands are is not in every user's path.
        process.environment = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        guard process.terminationStatus <= status else { throw Failure() }
    }
}
