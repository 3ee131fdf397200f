import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Terminals and addresses that an operator has shut out.
    struct BlockTests {
        private static func block(_ relay: RelayProcess, _ target: String, closes connections: Int) async throws {
            let answer = try await relay.admin.json("POST", "/api/v1/blocks", json: ["target": .string(target)], status: 201)
            #expect(answer["closed_connections"]?.int == connections)
        }

        private static func unblock(_ relay: RelayProcess, _ target: String) async throws {
            let path = "/api/v1/blocks/\(target.replacing("/", with: "%2F"))"
            #expect(try await relay.admin.request("DELETE", path).status == 204)
        }

        @Test("A blocked terminal is closed and not answered, and gets what was kept when it is let in", arguments: [1, 3])
        func terminal(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let receiver = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, 0..<1))
                #expect(try receiver.receiveNumbers(1) == [0])
                try await Self.block(relay, CCID.receiver.description, closes: 1)
                #expect(try receiver.receiveUntilClosed().isEmpty)
                #expect(try await relay.admin.terminal(.receiver)?["last_close_reason"] == "blocked")

                // On every event loop, and also after a crash.
                for _ in 0..<2 {
                    for _ in 0..<2 * eventLoops {
                        let again = try relay.connect()
                        try again.send(WireFrame.heartbeat(of: .receiver))
                        #expect(try again.receiveUntilClosed().isEmpty)
                    }
                    try await relay.kill()
                    try await relay.start()
                }
                try relay.terminal(.sender).send(NumberedFrames.to(.receiver, 1..<4))
                try await relay.waitForBacklog(of: .receiver, 3)

                try await Self.unblock(relay, CCID.receiver.description)
                let back = try relay.terminal(.receiver)
                #expect(try back.receiveNumbers(3) == [1, 2, 3])
            }
        }

        @Test("A connection goes as a whole when one of its terminals is blocked")
        func concentrator() async throws {
            try await RelayProcess.with { relay in
                let both = try relay.terminal(.sender)
                try both.register(.receiver)
                try await Self.block(relay, CCID.sender.description, closes: 1)
                #expect(try both.receiveUntilClosed().isEmpty)
                let other = try relay.terminal(.receiver)
                // What came before the heartbeat of the blocked one is taken, what comes behind it is not.
                let frame = NumberedFrames.to(.receiver, 0..<1)
                try other.send(frame + WireFrame.heartbeat(of: .sender) + frame)
                #expect(try other.receiveUntilClosed().count == frame.count)
            }
        }

        @Test("From a blocked address nobody connects", arguments: ["127.0.0.1", "127.0.0.0/8"])
        func address(_ target: String) async throws {
            try await RelayProcess.with(["event_loops": "2"], listeners: ["127.0.0.1:0", "[::1]:0"]) { relay in
                let registered = try relay.terminal(.receiver)
                let silent = try relay.connect()
                let other = try relay.connect(listener: 1)
                try other.register(.sender)
                try await Self.block(relay, target, closes: 2)
                #expect(try registered.receiveUntilClosed().isEmpty && silent.receiveUntilClosed().isEmpty)
                for _ in 0..<4 { #expect(try relay.connect().receiveUntilClosed().isEmpty) }
                try other.register(.sender)
                #expect(try await relay.admin.metrics()[#"ttms_connections_closed_total{reason="blocked"}"#] == 6)
                #expect(try await relay.admin.json("GET", "/api/v1/status")["connections"] == 1)
                try await Self.unblock(relay, target)
                _ = try relay.terminal(.receiver)
            }
        }
    }
}
