import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// The caps of the store: what gives way, and that it is counted.
    struct LimitTests {
        /// One cap that ten frames of 8 KiB, or eight, reach.
        struct Cap: Sendable, CustomTestStringConvertible {
            let key: String
            let value: String
            let kept: Int

            var testDescription: String { "\(self.key)=\(self.value)" }

            static let perTerminal = [
                Cap(key: "maximum_frames_per_terminal", value: "10", kept: 10),
                Cap(key: "maximum_bytes_per_terminal", value: "65536", kept: 8),
            ]
            static let total = [
                Cap(key: "maximum_frames", value: "10", kept: 10),
                Cap(key: "maximum_bytes", value: "65536", kept: 8),
            ]
        }

        private static let size = 8_192
        private static let sent = 15

        @Test("drop-oldest: the oldest frames give way, and are counted", arguments: Cap.perTerminal + Cap.total)
        func dropOldest(cap: Cap) async throws {
            try await RelayProcess.with([cap.key: cap.value, "when_full": "drop-oldest"]) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<Self.sent, size: Self.size))
                try await relay.waitForStatus("ledger.evicted_total", Self.sent - cap.kept)
                try await relay.waitForBacklog(of: .receiver, cap.kept)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(cap.kept) == Array(Self.sent - cap.kept..<Self.sent))
                try receiver.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test(
            "reject-newest: the frames that would pass the cap are not kept, and are counted",
            arguments: Cap.perTerminal + Cap.total
        )
        func rejectNewest(cap: Cap) async throws {
            try await RelayProcess.with([cap.key: cap.value, "when_full": "reject-newest"]) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<Self.sent, size: Self.size))
                try await relay.waitForStatus("store.rejected_total", Self.sent - cap.kept)
                try await relay.waitForBacklog(of: .receiver, cap.kept)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(cap.kept) == Array(0..<cap.kept))
                try receiver.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test(
            "A receipt at a cap: of the frames before it, each is on disk or counted as refused",
            arguments: Cap.perTerminal + Cap.total
        )
        func receipt(cap: Cap) async throws {
            try await RelayProcess.with([cap.key: cap.value, "when_full": "reject-newest"]) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<Self.sent, size: Self.size))
                // At once, although no more than the first frames can be kept.
                try sender.register(.sender)
                let status = try await relay.admin.json("GET", "/api/v1/status")
                #expect(status.at("store.rejected_total")?.int == Self.sent - cap.kept)
                // A refused frame is no accepted one, wherever it is counted.
                #expect(status.at("ledger.evicted_total")?.int == 0)
                #expect(status.at("ledger.accepted_total")?.int == cap.kept)
                #expect(try await relay.admin.metrics()["ttms_frames_accepted_total"] == Double(cap.kept))
                try await relay.kill()
                try await relay.start()
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(cap.kept) == Array(0..<cap.kept))
                try receiver.expectNothing(for: .receiver)
                #expect(
                    try await relay.admin.json("GET", "/api/v1/status").at("store.rejected_total")?.int == Self.sent - cap.kept
                )
            }
        }

        @Test("An operator's message that is refused is neither accepted nor evicted, in no account", arguments: [1, 2])
        func refusedMessage(eventLoops: Int) async throws {
            let settings = ["event_loops": "\(eventLoops)", "maximum_frames": "2", "when_full": "reject-newest"]
            try await RelayProcess.with(settings) { relay in
                let message: JSONValue = ["payload": "x", "payload_encoding": "utf8", "source": .string("\(CCID.sender)")]
                for number in 0..<5 {
                    let path = "/api/v1/terminals/\(CCID.receiver)/messages"
                    let response = try await relay.admin.request("POST", path, json: message)
                    #expect((response.status == 202) == (number < 2))
                }
                let status = try await relay.admin.json("GET", "/api/v1/status")
                #expect(status.at("ledger.accepted_total")?.int == 2)
                #expect(status.at("ledger.evicted_total")?.int == 0)
                #expect(status.at("ledger.imbalance")?.int == 0)
                #expect(status.at("store.appended_total")?.int == 2)
                #expect(status.at("store.evicted_total")?.int == 0)
                #expect(status.at("store.rejected_total")?.int == 3)
                let metrics = try await relay.admin.metrics()
                #expect(metrics["ttms_frames_accepted_total"] == 2)
                #expect(metrics["ttms_store_frames_evicted_total"] == 0)
                #expect(metrics["ttms_store_frames_rejected_total"] == 3)
                try await relay.stop()
                try await relay.expectSoundStore()
            }
        }

        @Test("A terminal's cap does not concern the others", arguments: Cap.perTerminal)
        func perTerminal(cap: Cap) async throws {
            try await RelayProcess.with([cap.key: cap.value]) { relay in
                let sender = try relay.terminal(.sender)
                for destination in [CCID.receiver, .other] {
                    try sender.send(NumberedFrames.to(destination, 0..<cap.kept, size: Self.size))
                }
                try await relay.waitForBacklog(of: .receiver, cap.kept)
                try await relay.waitForBacklog(of: .other, cap.kept)
                try await relay.waitForStatus("ledger.evicted_total", 0)
            }
        }

        @Test("At the cap over all, the oldest of all terminals give way", arguments: Cap.total)
        func total(cap: Cap) async throws {
            try await RelayProcess.with([cap.key: cap.value, "when_full": "drop-oldest"]) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<5, size: Self.size))
                try await relay.waitForBacklog(of: .receiver, 5)
                try sender.send(NumberedFrames.to(.other, 0..<cap.kept - 2, size: Self.size))
                try await relay.waitForBacklog(of: .receiver, 2)
                try await relay.waitForBacklog(of: .other, cap.kept - 2)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(2) == [3, 4])
            }
        }

        @Test("Frames in flight go to disk whatever the cap on terminals says, and arrive")
        func inFlight() async throws {
            let count = 30
            try await RelayProcess.with(["maximum_terminals": "1"]) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.other, 0..<1))
                try await relay.waitForBacklog(of: .other, 1)
                let stuck = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 1_000))
                try await relay.waitForStatus("ledger.accepted_total", count + 1)
                for _ in 0..<20 { try await relay.waitForStatus("ledger.imbalance", 0) }
                #expect(try stuck.receiveNumbers(count) == Array(0..<count))
                try await relay.waitForStatus("ledger.delivered_total", count)
                try await relay.waitForStatus("ledger.imbalance", 0)
                try await relay.waitForStatus("store.rejected_total", 0)
            }
        }

        @Test("When frames have been delivered there is room again")
        func roomAgain() async throws {
            try await RelayProcess.with(["maximum_frames": "10", "when_full": "reject-newest"]) { relay in
                let sender = try relay.terminal(.sender)
                for round in 0..<3 {
                    try sender.send(NumberedFrames.to(.receiver, round * 10..<(round + 1) * 10))
                    try await relay.waitForBacklog(of: .receiver, 10)
                    let receiver = try relay.terminal(.receiver)
                    #expect(try receiver.receiveNumbers(10) == Array(round * 10..<(round + 1) * 10))
                    try await relay.waitForStatus("store.frames", 0)
                    receiver.finish()
                    _ = try receiver.receiveUntilClosed()
                }
                try await relay.waitForStatus("store.rejected_total", 0)
            }
        }

        @Test("An injection that a cap refuses is answered so")
        func injection() async throws {
            try await RelayProcess.with(["maximum_frames_per_terminal": "1", "when_full": "reject-newest"]) { relay in
                let path = "/api/v1/terminals/\(CCID.receiver)/messages"
                let message: JSONValue = ["payload": "hi", "payload_encoding": "utf8"]
                _ = try await relay.admin.json("POST", path, json: message, status: 202)
                let problem = try await relay.admin.json("POST", path, json: message, status: 507)
                #expect(problem["code"] == "queue_full")
            }
        }
    }
}
