import Foundation
import TestKit
import Testing

extension Faults {
    /// Paths that the relay cannot use as it should: what it says about them, and that it does not begin anew where data are missing.
    struct PathTests {
        private static let isPossible = geteuid() == 0 && InstalledProgram.url("setpriv") != nil
        private static let nobody: UInt32 = 65_534

        /// Starts the relay by `command`, which ends with the relay's own arguments, and gives back what it says when it refuses.
        private static func refusal(_ command: [String], data: URL) async throws -> String {
            let relay = try BuiltProgram.url("ttms-relayd").path
            let arguments = ["-c", "exec \(command.joined(separator: " ")) \"$@\"", "sh", relay]
            let process = try RelayProcess(
                dataDirectory: data,
                command: .init(program: URL(fileURLWithPath: "/bin/sh"), arguments: arguments)
            )
            #expect(try await process.launch(listeners: ["127.0.0.1:0"]).waitForExit() == .code(1))
            return process.output
        }

        /// A directory that other users can reach.
        private static func directory() throws -> TemporaryDirectory {
            let directory = try TemporaryDirectory()
            try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.url.path)
            return directory
        }

        @Test(
            "A file of another user's is named, with who may not use it and what to do",
            .enabled(if: isPossible, "needs root, to become another user"),
            arguments: [
                "", "lock", "admin.token", "audit", "store/format", "store/committed", "store/queue", "store/queue/CURRENT",
            ]
        )
        func othersFile(name: String) async throws {
            let directory = try Self.directory()
            let data = directory.url.appendingPathComponent("data")
            let relay = try await RelayProcess.start(dataDirectory: data)
            try await relay.stop()
            let paths = try FileManager.default.subpathsOfDirectory(atPath: data.path)
            for path in [""] + paths where path != name {
                chown(data.path + "/" + path, Self.nobody, Self.nobody)
            }
            let path = name.isEmpty ? data.path : data.path + "/" + name
            chown(path, 0, 0)
            chmod(path, 0o700)
            let text = try await Self.refusal(
                ["setpriv", "--reuid", "\(Self.nobody)", "--regid", "\(Self.nobody)", "--clear-groups"],
                data: data
            )
            #expect(text.contains("Permission denied") && text.contains("User \(Self.nobody) is not allowed to"), "\(text)")
            #expect(text.contains(name.isEmpty || name == "lock" ? data.path : path), "\(text)")
            #expect(!text.contains("NSCocoaErrorDomain") && !text.contains("or its driver"), "\(text)")
        }

        @Test(
            "A file system without locks is not taken for one on which another relay works",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason)
        )
        func withoutLocks() async throws {
            let directory = try TemporaryDirectory()
            let data = directory.url.appendingPathComponent("data")
            let text = try await Self.refusal(
                ["strace", "-f", "-o", "/dev/null", "-e", "inject=flock:error=ENOLCK"],
                data: data
            )
            #expect(text.contains("No locks available") && text.contains("local disk") && !text.contains("in use"), "\(text)")
        }

        @Test(
            "A first start on a disk that is full says so, on which path, and what to do",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason),
            arguments: SmallDisk.mountable([.ext4(block: 1_024)]),
            [0, 1, 4, 32]
        )
        func firstStart(kind: SmallDisk.Kind, kibibytes: Int) async throws {
            let disk = try SmallDisk(kind)
            disk.fill(leaving: kibibytes << 10)
            let data = disk.url.appendingPathComponent("data")
            let text = try await Self.refusal(["env"], data: data)
            #expect(text.contains("No space left on device") && text.contains(data.path), "\(text)")
            #expect(text.localizedCaseInsensitiveContains("free disk space"), "\(text)")
            #expect(!text.contains("NSCocoaErrorDomain") && !text.contains("could not be completed"), "\(text)")
            #expect(!text.contains("wait in memory"), "\(text)")
        }

        @Test(
            "A change that a read-only file system refuses is answered with its cause, and no other",
            .enabled(if: ReadOnlyDisk.isPossible, ReadOnlyDisk.reason)
        )
        func readOnly() async throws {
            let disk = try ReadOnlyDisk()
            try await RelayProcess.with(dataDirectory: disk.url.appendingPathComponent("data")) { relay in
                try disk.turnReadOnly()
                let changes = [
                    ("/api/v1/tokens", "tokens.json", #"{"name": "t", "scopes": ["read"]}"#),
                    ("/api/v1/blocks", "blocks.json", #"{"target": "192.0.2.1"}"#),
                ]
                for (path, file, body) in changes {
                    let answer = try await relay.admin.request(
                        "POST",
                        path,
                        body: Data(body.utf8),
                        contentType: "application/json"
                    )
                    #expect(answer.status == 503, "\(answer.text)")
                    #expect(answer.text.contains(file) && answer.text.contains("mount it writable"), "\(answer.text)")
                    #expect(!answer.text.contains("room"), "\(answer.text)")
                }
                try await relay.kill()
            }
        }

        @Test("A path through a file is called one")
        func throughFile() async throws {
            let directory = try TemporaryDirectory()
            let file = directory.url.appendingPathComponent("file")
            try Data().write(to: file)
            let text = try await Self.refusal(["env"], data: file.appendingPathComponent("data"))
            #expect(text.contains("A part of the path is a file") && text.contains("--data-dir"), "\(text)")
        }

        @Test(
            "Where /etc/fstab mounts a disk that is not mounted, no new store is begun in its place",
            .enabled(
                if: geteuid() == 0 && InstalledProgram.url("unshare") != nil
                    && FileManager.default.fileExists(atPath: "/etc/fstab"),
                "needs root, to have an fstab of its own"
            )
        )
        func notMounted() async throws {
            let directory = try TemporaryDirectory()
            let point = directory.url.appendingPathComponent("disk")
            try FileManager.default.createDirectory(at: point, withIntermediateDirectories: false)
            let table = directory.url.appendingPathComponent("fstab")
            try Data("# a disk\nUUID=1\t\(point.path)/ ext4 defaults 0 2\n".utf8).write(to: table)
            let data = point.appendingPathComponent("data")
            let mount = "unshare -m sh -c 'mount --bind \(table.path) /etc/fstab && exec \"$@\"' sh"
            let text = try await Self.refusal([mount], data: data)
            #expect(text.contains("the file system that /etc/fstab mounts on \(point.path) is not mounted"), "\(text)")
            #expect(!FileManager.default.fileExists(atPath: data.appendingPathComponent("store").path))
        }

        @Test("A new store in a directory that was there already is warned of, once", arguments: [true, false])
        func newStore(isThere: Bool) async throws {
            let directory = try TemporaryDirectory()
            let data = directory.url.appendingPathComponent("data")
            if isThere { try FileManager.default.createDirectory(at: data, withIntermediateDirectories: false) }
            let relay = try await RelayProcess.start(dataDirectory: data)
            try await relay.stop()
            try await relay.start()
            try await relay.stop()
            let lines = relay.output.split(separator: "\n").filter { $0.contains("A new, empty store was made") }
            #expect(
                lines.count == 1 && lines[0].contains(" \(isThere ? "warning" : "notice") ") && lines[0].contains(data.path)
            )
        }
    }
}
