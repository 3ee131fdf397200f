import Foundation
import TestKit
import Testing

/// A network of two ends, one of them in a network namespace of its own, with a cable between that can be pulled: what is on the
/// far end then vanishes without FIN or RST.
final class Cable {
    /// Why the tests that need one are skipped.
    static let reason: Comment = "pulling a cable needs root and iproute2, to make a network namespace"

    static let isPossible = geteuid() == 0 && (try? Cable()) != nil

    /// The near end's address, for the far one to connect to.
    let address: String
    private let name: String
    private let holder: Process

    private struct Unavailable: Error {}

    /// Lays a cable to a new namespace.
    init() throws {
        // Of the addresses for links without configuration, ones that two runs of the tests will hardly pick both.
        let subnet = Int.random(in: 1..<64) * 4
        let prefix = "169.254.\(Int.random(in: 1..<255))"
        self.address = "\(prefix).\(subnet + 1)"
        self.name = "ttms\(UInt16.random(in: .min ... .max))"
        self.holder = try Self.start("/usr/bin/unshare", ["--net", "sleep", "600"])
        try self.waitForNamespace()
        let pid = "\(self.holder.processIdentifier)"
        try self.ip("link", "add", self.name, "type", "veth", "peer", "name", "far", "netns", pid)
        try self.ip("address", "add", "\(self.address)/30", "dev", self.name)
        try self.ip("link", "set", self.name, "up")
        try self.run(["ip", "address", "add", "\(prefix).\(subnet + 2)/30", "dev", "far"])
        try self.run(["ip", "link", "set", "far", "up"])
    }

    deinit {
        // A namespace outlives its processes as long as a connection in it waits for an answer; its cable need not.
        try? self.ip("link", "delete", self.name)
        Foundation.kill(self.holder.processIdentifier, SIGKILL)
        self.holder.waitUntilExit()
    }

    /// What a command is called with to run it on the far end.
    var farEnd: [String] { ["--target", "\(self.holder.processIdentifier)", "--net"] }

    /// Nothing gets through any more, and nobody is told.
    func pull() throws {
        try self.ip("link", "set", self.name, "down")
    }

    /// `unshare` makes the namespace after it has started.
    private func waitForNamespace() throws {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/net")
        let path = "/proc/\(self.holder.processIdentifier)/ns/net"
        let end = ContinuousClock.now + patience
        while ContinuousClock.now < end, self.holder.isRunning {
            if let other = try? FileManager.default.destinationOfSymbolicLink(atPath: path), other != own { return }
            usleep(1_000)
        }
        throw Unavailable()
    }

    private func ip(_ arguments: String...) throws {
        try Self.finish(try Self.start("/usr/bin/env", ["ip"] + arguments))
    }

    private func run(_ command: [String]) throws {
        try Self.finish(try Self.start("/usr/bin/nsenter", self.farEnd + command))
    }

    private static func start(_ program: String, _ arguments: [String]) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        return process
    }

    private static func finish(_ process: Process) throws {
        process.waitUntilExit()
        guard process.terminationStatus == 0 else { throw Unavailable() }
    }
}
