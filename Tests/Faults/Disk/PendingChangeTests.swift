import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Operators' changes while the store cannot be written: the answer says what holds.
    @Suite(.enabled(if: FailingCalls.isPossible, FailingCalls.reason))
    struct PendingChangeTests {
        private static let count = 20
        private static let messages = "/api/v1/terminals/\(CCID.receiver)/messages"
        private static let trace = "/api/v1/terminals/\(CCID.receiver)/trace"

        /// A relay with messages, whose commits fail from here on.
        private static func fail(_ relay: RelayProcess, isNoticed: Bool) async throws -> (FailingCalls, ids: [String]) {
            let sender = try relay.terminal(.sender)
            try sender.send(NumberedFrames.to(.receiver, 0..<Self.count) + NumberedFrames.to(.other, 0..<Self.count))
            try sender.register(.sender)
            let page = try await relay.admin.json("GET", "/api/v1/terminals/\(CCID.other)/messages")
            let ids = try #require(page["data"]?.array?.compactMap { $0["id"]?.string })
            let calls = try await FailingCalls(FailingDiskTests.faults[0], of: relay)
            if isNoticed {
                try sender.send(NumberedFrames.to(CCID(rawValue: 0x20), 0..<1))
                try await relay.waitForFailures(1)
            }
            return (calls, ids)
        }

        @Test(
            "What is answered as done while commits fail says that it is pending, and is done when they go on",
            arguments: [false, true]
        )
        func done(isNoticed: Bool) async throws {
            try await RelayProcess.with { relay in
                let (calls, ids) = try await Self.fail(relay, isNoticed: isNoticed)
                let all = try await relay.admin.json("DELETE", Self.messages, status: 202)
                #expect(all["deleted"]?.int == Self.count && all["pending"] == true)
                let one = try await relay.admin.json("DELETE", "/api/v1/messages/\(ids[3])", status: 202)
                #expect(one["deleted"] == 1 && one["pending"] == true)
                let put = try await relay.admin.json("PUT", Self.trace, json: ["for_seconds": 600], status: 202)
                #expect(put["tracing"] == true && put["pending"] == true)
                // Everybody sees it so already.
                try await relay.waitForBacklog(of: .receiver, 0)
                #expect(try await relay.admin.json("GET", Self.trace)["tracing"] == true)
                let audit = try await relay.admin.json("GET", "/api/v1/audit")
                let entries = try #require(audit["data"]?.array).filter { $0["status"] == 202 }
                #expect(entries.count == 3)
                #expect(entries.allSatisfy { $0["outcome"] == "done" && $0.at("details.pending") == "true" })

                try await calls.stop()
                try await FailingDiskTests.waitUntilReady(relay, true, reason: "")
                try await relay.stop()
                try await relay.start()
                try await relay.waitForBacklog(of: .receiver, 0)
                try await relay.waitForBacklog(of: .other, Self.count - 1)
                let after = try await relay.admin.json("GET", Self.trace)
                #expect(after["tracing"] == true && after["pending"] == nil)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("What was pending is undone when the relay is killed before the disk recovers, and nothing is lost")
        func undone() async throws {
            try await RelayProcess.with { relay in
                let (calls, _) = try await Self.fail(relay, isNoticed: true)
                _ = try await relay.admin.json("DELETE", Self.messages, status: 202)
                try await relay.kill()
                try await calls.stop()
                try await relay.start()
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(Self.count) == Array(0..<Self.count))
            }
        }

        @Test("A message whose sender still waits when the relay stops is answered by what the last commit came to")
        func messageAtStop() async throws {
            try await RelayProcess.with(["stop_timeout": "60s"]) { relay in
                let (calls, _) = try await Self.fail(relay, isNoticed: true)
                async let answer = relay.admin.request(
                    "POST",
                    Self.messages,
                    json: ["payload": "x", "payload_encoding": "utf8", "source": .string("\(CCID.sender)")]
                )
                try await relay.waitForStatus("ledger.accepted_total", 2 * Self.count + 2)
                async let stopped: Void = relay.stop()
                try await eventually("the relay stops", state: { relay.output }) {
                    relay.output.contains("it goes on trying until the stop has taken too long") ? () : nil
                }
                try await calls.stop()
                #expect(try await answer.status == 202)
                try await stopped
                try await relay.start()
                try await relay.waitForBacklog(of: .receiver, Self.count + 1)
            }
        }
    }
}
