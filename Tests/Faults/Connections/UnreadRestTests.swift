import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Frames that have arrived before their connection ends, and that the relay has not read, or not handled, by then.
    struct UnreadRestTests {
        private static func burst(_ source: CCID, _ numbers: Range<Int>, size: Int = 40) -> [UInt8] {
            WireFrame.heartbeat(of: source) + NumberedFrames.to(.receiver, numbers, size: size)
        }

        @Test("Connections that take a terminal over from each other lose no frame, and keep the order", arguments: [1, 2, 3])
        func takeovers(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                var open: [TerminalClient] = []
                let count = 20
                for index in 0..<50 {
                    let client = try relay.connect()
                    try client.send(Self.burst(.sender, index * count..<(index + 1) * count, size: 1_000))
                    open.append(client)
                }
                try await relay.waitForStatus("ledger.accepted_total", 50 * count)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(50 * count) == Array(0..<50 * count))
                try await relay.waitForStatus("ledger.imbalance", 0)
                #expect(try await relay.admin.metrics()["ttms_unread_bytes_total"] == 0)
            }
        }

        @Test(
            "Successive connections that are finished or reset at once lose no frame, and keep the order",
            arguments: [1, 2, 3]
        )
        func successive(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                for index in 0..<200 {
                    let client = try relay.connect()
                    try client.send(Self.burst(.sender, index..<index + 1))
                    if index.isMultiple(of: 2) { client.reset() } else { client.close() }
                }
                try await relay.waitForStatus("ledger.accepted_total", 200)
                let receiver = try relay.terminal(.receiver)
                let numbers = try receiver.receiveNumbers(200)
                #expect(numbers.sorted() == Array(0..<200))
                #expect(numbers == Array(0..<200))
            }
        }

        /// How every other connection of a fight ends.
        enum Leave: CaseIterable {
            case reset, finish, stay
        }

        @Test(
            "Connections that fight for a terminal, with a heartbeat between their frames, keep the order",
            arguments: Leave.allCases,
            [1, 2]
        )
        func heartbeatsBetween(leave: Leave, eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let count = 120
                var open: [TerminalClient] = []
                for index in 0..<count {
                    let client = try relay.connect()
                    let first = 3 * index
                    let rest = NumberedFrames.to(.receiver, first + 1..<first + 3, size: 40)
                    try client.send(Self.burst(.sender, first..<first + 1) + WireFrame.heartbeat(of: .sender) + rest)
                    switch leave {
                    case .reset where index.isMultiple(of: 2): client.reset()
                    case .finish where index.isMultiple(of: 2): client.close()
                    default: open.append(client)
                    }
                }
                try await relay.waitForStatus("ledger.accepted_total", 3 * count)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(3 * count) == Array(0..<3 * count))
                for client in open { client.close() }
            }
        }

        @Test("Terminals that reset their connections at once lose no frame", arguments: [1, 2, 3])
        func resets(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                for index in 0..<150 {
                    let client = try relay.connect()
                    try client.send(Self.burst(CCID(rawValue: 0x1000 + UInt32(index)), index..<index + 1))
                    client.reset()
                }
                try await relay.waitForStatus("ledger.accepted_total", 150)
            }
        }

        /// How a connection ends.
        enum End: CaseIterable {
            case takeover, kick, block, finish, reset
        }

        @Test(
            "Frames behind a heartbeat that waits for the disk are kept when the connection ends",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason),
            arguments: End.allCases,
            [1, 2]
        )
        func behindAReceipt(end: End, eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let calls = try await FailingCalls(delayingLogWrites: 3_000, of: relay)
                try sender.send(NumberedFrames.to(.receiver, 0..<1) + WireFrame.heartbeat(of: .sender))
                try await eventually("the heartbeat waits for its receipt") {
                    try await Self.isPaused(relay) ? () : nil
                }
                // Nobody reads these before the connection ends.
                try sender.send(NumberedFrames.to(.receiver, 1..<6))
                var newer: TerminalClient?
                switch end {
                case .takeover:
                    newer = try relay.connect()
                    try newer?.send(WireFrame.heartbeat(of: .sender))
                case .kick: _ = try await relay.admin.request("DELETE", "/api/v1/terminals/\(CCID.sender)/connection")
                case .block:
                    let target: JSONValue = .string("\(CCID.sender)")
                    _ = try await relay.admin.json("POST", "/api/v1/blocks", json: ["target": target], status: 201)
                case .finish: sender.finish()
                case .reset: sender.reset()
                }
                try await relay.waitForStatus("ledger.accepted_total", 6)
                try await calls.stop()
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(6) == Array(0..<6))
                newer?.close()
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        private static func isPaused(_ relay: RelayProcess) async throws -> Bool {
            let page = try await relay.admin.request("GET", "/api/v1/connections?state=open").json
            return page.at("data")?.array?.contains { $0.at("paused")?.string == "receipt_due" } ?? false
        }
    }
}
