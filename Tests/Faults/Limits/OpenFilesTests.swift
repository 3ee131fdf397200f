import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// The process has used up the files that it may open, but for those that it keeps for itself.
    struct OpenFilesTests {
        @Test(
            "Without files for terminals the relay serves whom it has, and accepts again when there are some",
            arguments: [1, 2]
        )
        func exhausted(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let other = try relay.terminal(.other)
                let admin = try relay.admin
                #expect(try await admin.metrics()["ttms_accept_failures_total"] == 0)
                // Of so low a limit the relay keeps a quarter.
                try await Self.allow(try Self.nextFile(of: relay) * 4 / 3, to: relay)

                let begin = ContinuousClock.now
                let last = try relay.terminal(CCID(rawValue: 0x21))
                // There are files for others than terminals: whoever asks what is wrong gets an answer.
                try await eventually("no more terminals are accepted") {
                    try await relay.admin.metrics()["ttms_accept_failures_total"] ?? 0 > 0 ? () : nil
                }
                let late = try relay.connect()
                try late.send(WireFrame.heartbeat(of: .receiver))
                for number in 0..<20 {
                    try sender.send(NumberedFrames.to(.other, number..<number + 1))
                    #expect(try other.receiveNumbers(1) == [number])
                }
                // What is for terminals that are away, or wait at the door, still gets to the disk.
                try sender.send(NumberedFrames.to(.receiver, 0..<100, size: 1_000))
                try sender.register(.sender)
                #expect(!late.hasInput)
                // It says so, and does not spend its time asking.
                try await eventually("the relay is not ready") {
                    let answer = try await admin.request("GET", "/readyz")
                    return answer.status == 503 && answer.text.contains("LimitNOFILE") ? () : nil
                }
                let failures = try await eventually("it tries again") {
                    try await admin.metrics()["ttms_accept_failures_total"].flatMap { $0 > 1 ? $0 : nil }
                }
                #expect(failures <= 1 + 10 * ((ContinuousClock.now - begin) / .seconds(1)))
                let warning = "No connection can be accepted"
                try await eventually("it is logged") { relay.output.contains(warning) ? () : nil }
                #expect(relay.output.components(separatedBy: warning).count == 2)

                try last.register(CCID(rawValue: 0x21))
                try await Self.allow(1_024, to: relay)
                #expect(try late.receiveFrame().count == Frame.heartbeatSize)
                #expect(try late.receiveNumbers(100) == Array(0..<100))
                try relay.connect().expectNothing(for: CCID(rawValue: 0x20))
                try await eventually("the relay is ready") {
                    try await admin.request("GET", "/readyz").status == 200 ? () : nil
                }
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        /// The number that the relay's next file would get: the limit is about numbers, not about how many there are.
        private static func nextFile(of relay: RelayProcess) throws -> Int {
            let files = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(try relay.pid)/fd").compactMap(Int.init)
            return (0...files.count).first { !files.contains($0) } ?? files.count
        }

        /// Sets the soft limit of a process that runs.
        private static func allow(_ files: Int, to relay: RelayProcess) async throws {
            let directory = try TemporaryDirectory()
            let program = try RunningProgram(
                URL(fileURLWithPath: "/usr/bin/prlimit"),
                arguments: ["--pid", "\(try relay.pid)", "--nofile=\(files):"],
                log: directory.url.appendingPathComponent("prlimit.log")
            )
            let exit = try await program.waitForExit()
            try #require(exit == .code(0), "\(program.output)")
        }
    }
}
