import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// A stop while others make it wait: it has one limit, and its stages share it.
    struct StopTests {
        @Test("A terminal that reads nothing, an upload that drips and clients that follow events hold up no stop")
        func allWait() async throws {
            // Whatever waited for this limit would not end in the test's time.
            try await RelayProcess.with(["stop_timeout": "1h"]) { relay in
                let deaf = try relay.terminal(.receiver, receiveBuffer: 2_048)
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<200, size: 50_000))
                try sender.register(.sender)
                let admin = try relay.admin
                let endpoint = try #require(admin.base.port.flatMap { RelayProcess.Endpoint("127.0.0.1:\($0)") })
                func request(_ line: String, _ rest: String) throws -> TerminalClient {
                    let client = try TerminalClient(endpoint)
                    let head = "\(line) HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer \(admin.token ?? "")\r\n"
                    try client.send(Array((head + rest).utf8))
                    return client
                }
                let followers = try (0..<3).map { _ in try request("GET /api/v1/events", "\r\n") }
                let upload = try request(
                    "POST /api/v1/messages",
                    "Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"
                )
                let drip = Task {
                    while !Task.isCancelled, (try? upload.send([UInt8(ascii: " ")])) != nil {
                        try? await Task.sleep(for: .milliseconds(100))
                    }
                }
                for follower in followers {
                    try await eventually("events are followed") { follower.hasInput ? () : nil }
                }
                try await relay.stop()
                drip.cancel()
                withExtendedLifetime((deaf, followers)) {}
            }
        }

        @Test(
            "On a disk on which syncs take long, a stop makes four at the most, one after the other",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason),
            arguments: [0, 500]
        )
        func slowDisk(frames: Int) async throws {
            let relay = try await RelayProcess.start(["stop_timeout": "1h"])
            let sender = try relay.terminal(.sender)
            try sender.send(NumberedFrames.to(.receiver, 0..<frames, size: 500))
            try sender.register(.sender)
            let directory = try TemporaryDirectory()
            let calls = directory.url.appendingPathComponent("calls")
            let strace = try Self.strace(relay, "inject=fsync,fdatasync:delay_enter=300000", calls, directory)
            try await strace.attached()
            try await relay.stop()
            _ = try await strace.program.waitForExit()
            let syncs = try String(contentsOf: calls, encoding: .utf8).split(separator: "\n").filter {
                $0.contains("sync(") && !$0.contains("resumed")
            }
            // The store's two, and those of the admin API's file and of its directory.
            #expect(syncs.count <= 4, "\(syncs.joined(separator: "\n"))")
            // What was receipted is there.
            try await relay.start()
            try await relay.whileRunning { relay in
                guard frames > 0 else { return }
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(frames) == Array(0..<frames))
            }
        }

        @Test(
            "A stop that a disk keeps from its end is cut short, and says what may be lost",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason)
        )
        func stuckDisk() async throws {
            let relay = try await RelayProcess.start(["stop_timeout": "1s"])
            let directory = try TemporaryDirectory()
            let sender = try relay.terminal(.sender)
            let strace = try Self.strace(
                relay,
                "inject=fsync,fdatasync:delay_enter=3600000000",
                directory.url.appendingPathComponent("calls"),
                directory
            )
            try await strace.attached()
            try sender.send(NumberedFrames.to(.receiver, 0..<100))
            let process = try relay.pid
            Foundation.kill(process, SIGTERM)
            try await eventually("the relay gives up", state: { relay.output }) {
                relay.output.contains("longer than stop_timeout allows") ? () : nil
            }
            // The tracer holds the thread whose call takes so long, also at the end of its process.
            strace.program.signal(SIGKILL)
            let failure = await #expect(throws: RelayProcess.Failure.self) { try await relay.waitForEnd() }
            #expect(failure?.description.contains("code(1)") == true)
            // The store is whole.
            try await relay.start()
            try await relay.stop()
        }

        private struct Strace {
            let program: RunningProgram

            func attached() async throws {
                try await eventually("strace is attached", state: { self.program.output }) {
                    self.program.output.contains(" attached") ? () : nil
                }
            }
        }

        private static func strace(
            _ relay: RelayProcess,
            _ injection: String,
            _ calls: URL,
            _ directory: TemporaryDirectory
        ) throws -> Strace {
            Strace(
                program: try RunningProgram(
                    URL(fileURLWithPath: "/usr/bin/strace"),
                    arguments: [
                        "-f", "-p", "\(try relay.pid)", "-o", calls.path, "-e", "trace=fsync,fdatasync", "-e", injection,
                    ],
                    log: directory.url.appendingPathComponent("strace.log")
                )
            )
        }
    }
}
