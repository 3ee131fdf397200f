import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Frames that have waited too long.
    struct ExpiryTests {
        @Test("After their time to live frames are not delivered, and are counted")
        func expired() async throws {
            try await RelayProcess.with(["time_to_live": "1s"]) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<3))
                try await relay.waitForStatus("ledger.expired_total", 3)
                try await relay.waitForBacklog(of: .receiver, 0)
                try relay.connect().expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("Time goes on while the relay is away")
        func expiredWhileAway() async throws {
            try await RelayProcess.with(["time_to_live": "2s"]) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<3))
                // Its receipt says that they are on disk, however long this takes to notice.
                try sender.register(.sender)
                try await relay.kill()
                // The test is about time that passes.
                try await Task.sleep(for: .seconds(3))
                try await relay.start()
                try relay.connect().expectNothing(for: .receiver)
            }
        }

        @Test(
            "The time to live goes on while frames are in flight, and does not begin anew with the connection's end",
            arguments: [1, 2]
        )
        func expiredInFlight(eventLoops: Int) async throws {
            let settings = ["event_loops": "\(eventLoops)", "time_to_live": "5s", "journal_after": "off"]
            try await RelayProcess.with(settings) { relay in
                let sender = try relay.terminal(.sender)
                let stuck = try relay.terminal(.receiver, receiveBuffer: 4_096)
                // More than the kernels take; the rest is in the relay's memory or on disk.
                try sender.send(NumberedFrames.to(.receiver, 0..<50, size: 8_192))
                try await relay.waitForStatus("ledger.accepted_total", 50)
                // The test is about time that passes.
                try await Task.sleep(for: .seconds(6))
                let before = try await relay.admin.json("GET", "/api/v1/status")
                let delivered = try #require(before.at("ledger.delivered_total")?.int)
                #expect(delivered < 50)
                stuck.reset()
                try await relay.waitForStatus("ledger.expired_total", 50 - delivered)
                try relay.connect().expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("A message can have a time to live of its own, and live for ever")
        func individual() async throws {
            try await RelayProcess.with(["time_to_live": "1s"]) { relay in
                let path = "/api/v1/terminals/\(CCID.receiver)/messages"
                for (payload, timeToLive) in [("short", 1), ("long", 3_600), ("ever", 0)] as [(String, Int)] {
                    let message: JSONValue = [
                        "payload": .string(payload), "payload_encoding": "utf8",
                        "time_to_live_seconds": .number(Double(timeToLive)), "source": .string("\(CCID.sender)"),
                    ]
                    _ = try await relay.admin.json("POST", path, json: message, status: 202)
                }
                try await relay.waitForStatus("ledger.expired_total", 1)
                let messages = try #require(try await relay.admin.json("GET", "\(path)?payload_encoding=utf8")["data"]?.array)
                #expect(messages.map { $0["payload"] } == ["long", "ever"])
                #expect(messages.map { $0["expires_at"] == .null } == [false, true])
                let receiver = try relay.terminal(.receiver)
                for payload in ["long", "ever"] {
                    #expect(try receiver.receiveFrame() == WireFrame.forwarded(from: .sender, Array(payload.utf8)))
                }
            }
        }
    }
}
