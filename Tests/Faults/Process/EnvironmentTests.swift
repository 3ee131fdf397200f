import Foundation
import TTMSProtocol
import TestKit
import Testing

#if canImport(Glibc)
import Glibc
#endif

extension Faults {
    /// What the relay has from whoever starts it: descriptors, signals, limits, a machine without IPv6.
    struct EnvironmentTests {
        /// A shell that starts the relay with redirections or limits of its own.
        private static func shell(_ before: String, _ redirections: String = "") throws -> RelayProcess.Command {
            let relay = try BuiltProgram.url("ttms-relayd").path
            return .init(
                program: URL(fileURLWithPath: "/bin/sh"),
                arguments: ["-c", "\(before)exec \"$@\" \(redirections)", "sh", relay]
            )
        }

        @Test(
            "Descriptors that are closed, full or without a reader keep no relay from its work",
            arguments: [
                "<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>&1", "</dev/full",
            ]
        )
        func descriptors(redirections: String) async throws {
            let relay = try RelayProcess(command: try Self.shell("", redirections))
            try await relay.start()
            try await relay.whileRunning { relay in
                // No socket has the number of a standard stream, where whatever is printed would go to a terminal.
                for descriptor in 0...2 {
                    let link = "/proc/\(try relay.pid)/fd/\(descriptor)"
                    let path = try FileManager.default.destinationOfSymbolicLink(atPath: link)
                    #expect(path.hasPrefix("/"), "\(descriptor) is \(path)")
                }
                try Self.expectService(of: relay)
            }
        }

        @Test(
            "A standard output that is a pipe without a reader, or a full one, keeps no relay from its work",
            arguments: [true, false]
        )
        func pipe(hasReader: Bool) async throws {
            let directory = try TemporaryDirectory()
            let pipe = directory.url.appendingPathComponent("output")
            try #require(mkfifo(pipe.path, 0o600) == 0)
            let reader = open(pipe.path, O_RDONLY | O_NONBLOCK)
            let writer = open(pipe.path, O_WRONLY | O_NONBLOCK)
            defer { for descriptor in [reader, writer] { close(descriptor) } }
            let block = [UInt8](repeating: 0, count: 4_096)
            while hasReader, write(writer, block, block.count) > 0 {}
            // The shell opens it while there is a reader, and `read` waits for the test to have closed that one.
            let open = directory.url.appendingPathComponent("open").path
            let wait = "exec >\(pipe.path); : >\(open); while [ -e \(open) ]; do sleep 0.01; done; "
            let relay = try RelayProcess(command: try Self.shell(wait))
            async let started: Void = relay.start()
            try await eventually("the pipe is open") { FileManager.default.fileExists(atPath: open) ? () : nil }
            if !hasReader { close(reader) }
            try FileManager.default.removeItem(atPath: open)
            try await started
            try await relay.whileRunning { try Self.expectService(of: $0) }
        }

        @Test(
            "A wrong setting is reported by the exit code where it cannot be printed",
            arguments: ["2>&-", "<&- >&- 2>&-", "2>/dev/full", ">&- 2>/dev/full"]
        )
        func wrongSetting(redirections: String) async throws {
            let relay = try RelayProcess(["event_loops": "0"], command: try Self.shell("", redirections))
            #expect(try await relay.launch(listeners: []).waitForExit() == .code(78))
        }

        @Test("A report of the configuration that cannot be printed is a failure, and not a crash")
        func unprinted() async throws {
            let directory = try TemporaryDirectory()
            let command = try Self.shell("", ">/dev/full")
            let program = try RunningProgram(
                command.program,
                arguments: command.arguments + ["--check-config"],
                log: directory.url.appendingPathComponent("log")
            )
            #expect(try await program.waitForExit() == .code(1))
            #expect(program.output.contains("valid, but it cannot be printed: No space left on device"))
        }

        @Test(
            "Log messages that the disk refuses are counted, and the log says so when it can be written again",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason)
        )
        func logOnFullDisk() async throws {
            let disk = try SmallDisk()
            let log = disk.url.appendingPathComponent("relay.log")
            let relay = try RelayProcess(["log_level": "trace"])
            try await relay.start(log: log)
            try await relay.whileRunning { relay in
                disk.fill()
                while try await relay.admin.metrics()["ttms_log_messages_lost_total"] ?? 0 == 0 { try relay.connect().reset() }
                try Self.expectService(of: relay)
                disk.free()
                try await eventually("the log says it") {
                    try relay.connect().reset()
                    return (try? String(contentsOf: log, encoding: .utf8))?.contains("standard error could not be written")
                        == true
                        ? () : nil
                }
            }
        }

        @Test(
            "Signals that ask for nothing do not end the relay",
            arguments: [SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGCHLD]
        )
        func ignored(signal: Int32) async throws {
            try await RelayProcess.with { relay in
                Foundation.kill(try relay.pid, signal)
                try Self.expectService(of: relay)
            }
        }

        @Test("Signals that ask for an end are stops", arguments: [SIGTERM, SIGINT, SIGQUIT, SIGPWR, SIGXCPU])
        func stops(signal: Int32) async throws {
            let relay = try await RelayProcess.start()
            Foundation.kill(try relay.pid, signal)
            try await relay.waitForEnd()
        }

        @Test(
            "A signal that comes early in the start is not lost, and SIGHUP does not end it",
            arguments: [SIGHUP, SIGTERM, SIGINT]
        )
        func early(signal: Int32) async throws {
            // The relay waits for its configuration when the signal comes.
            let directory = try TemporaryDirectory()
            let configuration = directory.url.appendingPathComponent("relay.yaml")
            try #require(mkfifo(configuration.path, 0o600) == 0)
            let relay = try RelayProcess(configurationFile: configuration)
            let program = try relay.launch(listeners: ["127.0.0.1:0"])
            try await eventually("it catches signals") { try Self.catches(SIGHUP, program.pid) ? () : nil }
            program.signal(signal)
            guard signal == SIGHUP else {
                #expect(try await program.waitForExit() == .code(0))
                return
            }
            try Data("time_to_live: 1h\n".utf8).write(to: configuration)
            let endpoints = relay.dataDirectory.appendingPathComponent("endpoints.json")
            try await eventually("it is ready") { FileManager.default.fileExists(atPath: endpoints.path) ? () : nil }
            try await eventually("it has obeyed, as far as a pipe can be read again") {
                relay.output.contains("it is not a regular file") ? () : nil
            }
            program.signal(SIGTERM)
            #expect(try await program.waitForExit() == .code(0))
        }

        @Test(
            "As the first process of a container it stops when it is told, with whatever signals its parent ignored or blocked",
            .enabled(if: InstalledProgram.url("unshare") != nil && geteuid() == 0, "needs unshare, and root")
        )
        func firstProcess() async throws {
            let unshare = try #require(InstalledProgram.url("unshare"))
            let relay = try BuiltProgram.url("ttms-relayd").path
            let process = try RelayProcess(
                command: .init(
                    program: unshare,
                    arguments: ["-pf", "/bin/sh", "-c", "trap '' HUP TERM INT PIPE; exec \"$@\"", "sh", relay]
                )
            )
            let program = try process.launch(listeners: ["127.0.0.1:0"])
            let endpoints = process.dataDirectory.appendingPathComponent("endpoints.json")
            try await eventually("it is ready") { FileManager.default.fileExists(atPath: endpoints.path) ? () : nil }
            let children = "/proc/\(program.pid)/task/\(program.pid)/children"
            let child = try #require(
                Int32(try String(contentsOfFile: children, encoding: .utf8).trimmingCharacters(in: .whitespaces))
            )
            Foundation.kill(child, SIGTERM)
            #expect(try await program.waitForExit() == .code(0))
            #expect(process.output.contains("The relay has stopped"))
        }

        @Test("A supervisor that reads nothing from its socket does not hold up the relay")
        func deafSupervisor() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.url.appendingPathComponent("notify").path
            let socket = Foundation.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
            defer { close(socket) }
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            try #require(path.utf8.count < MemoryLayout.size(ofValue: address.sun_path))
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            let size = socklen_t(MemoryLayout<sockaddr_un>.size)
            withUnsafePointer(to: &address) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                    _ = bind(socket, address, size)
                    while sendto(socket, "x", 1, 0, address, size) == 1 {}
                }
            }
            try await RelayProcess.with(environment: ["NOTIFY_SOCKET": path]) { try Self.expectService(of: $0) }
        }

        @Test(
            "Modes, limits and a directory of others' making do not keep the relay from its work",
            arguments: [
                "umask 777; ", "umask 0; ", "ulimit -S -s 64; ", "ulimit -f 64; ", "ulimit -S -n 64; ", "ulimit -c 0; ",
                "mkdir gone$$ && cd gone$$ && rmdir ../gone$$; ",
                "unset HOME PATH LANG TZ; TMPDIR=/nonexistent; export TMPDIR; ",
                "LC_ALL=xx_YY.none; TZ=:/nonexistent; HOME=; export LC_ALL TZ HOME; ",
                "LISTEN_FDS=3; LISTEN_PID=$$; export LISTEN_FDS LISTEN_PID; ",
            ]
        )
        func surroundings(before: String) async throws {
            let relay = try RelayProcess(command: try Self.shell("cd /tmp; " + before))
            try await relay.start()
            try await relay.whileRunning { try Self.expectService(of: $0) }
        }

        @Test(
            "Too few files for a start are refused with the number that is needed, and the way to it",
            arguments: [("18", "1", "43"), ("20", "1", "43"), ("42", "1", "43"), ("64", "24", "112")]
        )
        func fewFiles(limit: String, eventLoops: String, needed: String) async throws {
            let relay = try RelayProcess(["event_loops": eventLoops], command: try Self.shell("ulimit -n \(limit); "))
            let program = try relay.launch(listeners: ["127.0.0.1:0"])
            #expect(try await program.waitForExit() == .code(1))
            #expect(relay.output.contains("may open \(limit) files, and needs \(needed)"), "\(relay.output)")
            #expect(relay.output.contains("LimitNOFILE"))
        }

        @Test("The least number of files is enough to serve")
        func leastFiles() async throws {
            let relay = try RelayProcess(command: try Self.shell("ulimit -n 48; "))
            try await relay.start()
            try await relay.whileRunning { relay in
                let answer = try await relay.admin.request("GET", "/livez")
                #expect(answer.status == 200)
            }
        }

        @Test(
            "A sandbox that refuses system calls of the database does not end the relay",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason),
            arguments: [
                "sync_file_range:error=EPERM", "sync_file_range:error=EIO", "fallocate:error=EOPNOTSUPP",
                "fadvise64:error=EPERM",
            ]
        )
        func refusedCalls(injection: String) async throws {
            let calls = injection.prefix { $0 != ":" }
            // `-D`: the relay is the test's child, and strace is not.
            let strace = "set -- strace -D -f -qq -o /dev/null -e trace=\(calls) -e inject=\(injection) \"$@\"; "
            let relay = try RelayProcess(command: try Self.shell(strace))
            try await relay.start()
            try await relay.whileRunning { try Self.expectService(of: $0) }
        }

        @Test(
            "Without IPv6 the defaults serve IPv4 and say so; an IPv6 address that was asked for is an error",
            .enabled(if: InstalledProgram.url("unshare") != nil && geteuid() == 0, "needs unshare, and root")
        )
        func withoutIPv6() async throws {
            // A network of its own, where the default port is free.
            let unshare = try #require(InstalledProgram.url("unshare"))
            let relay = try BuiltProgram.url("ttms-relayd").path
            let command = RelayProcess.Command(
                program: unshare,
                arguments: ["-n", "/bin/sh", "-c", "ip link set lo up; exec \"$@\"", "sh", relay]
            )
            let process = try RelayProcess(
                environment: ["LD_PRELOAD": try BuiltProgram.url("libNoIPv6.so").path],
                command: command
            )
            try await process.start(listeners: [])
            #expect(try process.terminals == [try #require(RelayProcess.Endpoint("0.0.0.0:7222"))])
            #expect(process.output.contains("this machine has none of its family"))
            try await process.stop()
            let refused = try process.launch(listeners: ["127.0.0.1:0", "[::]:0"])
            #expect(try await refused.waitForExit() == .code(1))
            #expect(process.output.contains("Address family not supported"))
        }

        // MARK: -

        private static func expectService(of relay: RelayProcess) throws {
            let terminal = try relay.terminal(.sender)
            try terminal.send(NumberedFrames.to(.sender, 0..<1))
            #expect(try terminal.receiveNumbers(1, from: .sender) == [0])
        }

        private static func catches(_ signal: Int32, _ pid: Int32) throws -> Bool {
            let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
            let caught = status.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }?.split(separator: "\t").last
            return UInt64(caught ?? "", radix: 16).map { $0 & 1 << UInt64(signal - 1) != 0 } ?? false
        }
    }
}
