import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// The wall clock is set while the relay runs.
    struct ClockTests {
        private static let year: Int64 = 365 * 24 * 3_600

        @Test(
            "The reply to a heartbeat that waited for the disk says when it left",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason)
        )
        func lateReply() async throws {
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                let calls = try await FailingCalls(delayingLogWrites: 4_000, of: relay)
                let sent = UInt32(Date().timeIntervalSince1970)
                try sender.send(NumberedFrames.to(.receiver, 0..<1) + WireFrame.heartbeat(of: .sender))
                let reply = try sender.receiveFrame()
                let time = reply[12..<16].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                // The write that it waited for took 4 s, and began after that.
                #expect(time >= sent + 4)
                try await calls.stop()
            }
        }

        @Test(
            "A clock that is set a year ahead and back expires nothing early, and nothing late",
            arguments: [year, -year]
        )
        func set(ahead: Int64) async throws {
            let clock = try FalseClock()
            try await RelayProcess.with(environment: try clock.environment) { relay in
                let sender = try relay.terminal(.sender)
                for (round, offset) in [ahead, 0].enumerated() {
                    try sender.send(NumberedFrames.to(.receiver, round * 10..<(round + 1) * 10))
                    try sender.register(.sender)
                    let before = try Self.time(of: sender)
                    try clock.set(ahead: offset)
                    // The relay lives by the new time: it is what terminals get.
                    try await eventually("the clock is set") { abs(try Self.time(of: sender) - before) > 1_000_000 ? () : nil }
                    // What is to expire still does, and until then the frames have been looked at under the new time.
                    try await Self.waitForExpiry(at: relay)
                    try await relay.waitForStatus("ledger.expired_total", round + 1)
                }
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(20) == Array(0..<20))
                try receiver.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test(
            "A clock that is wrong when the relay starts expires nothing, neither then nor at the next start",
            arguments: [year, -year],
            [true, false]
        )
        func wrongAtStart(ahead: Int64, isKilled: Bool) async throws {
            let clock = try FalseClock()
            try await RelayProcess.with(environment: try clock.environment) { relay in
                for (round, offset) in [0, ahead, ahead, 0].enumerated() {
                    if round > 0 {
                        if isKilled { try await relay.kill() } else { try await relay.stop() }
                        try clock.set(ahead: offset)
                        try await relay.start()
                    }
                    let sender = try relay.terminal(.sender)
                    try sender.send(NumberedFrames.to(.receiver, round * 10..<(round + 1) * 10))
                    try sender.register(.sender)
                    try await Self.waitForExpiry(at: relay)
                    try await relay.waitForBacklog(of: .receiver, (round + 1) * 10)
                    // Shown is how long ago it was, as far as known: a day counts of what looked like a year.
                    let age = try await relay.admin.terminal(.receiver)?.at("backlog.oldest_age_seconds")?.int
                    #expect(try #require(age) <= round * 24 * 3_600 + 600)
                }
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(40) == Array(0..<40))
                try receiver.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        /// Shows that frames are looked at that may have expired: one that does is gone.
        private static func waitForExpiry(at relay: RelayProcess) async throws {
            let message: JSONValue = ["payload": "x", "payload_encoding": "utf8", "time_to_live_seconds": 1]
            _ = try await relay.admin.json("POST", "/api/v1/terminals/\(CCID.other)/messages", json: message, status: 202)
            try await relay.waitForBacklog(of: .other, 0)
        }

        /// The relay's time, as it tells it in the reply to a heartbeat.
        private static func time(of terminal: TerminalClient) throws -> Int {
            try terminal.send(WireFrame.heartbeat(of: .sender))
            return try terminal.receiveFrame()[Frame.contentOffset..<Frame.contentOffset + 4].reduce(0) { $0 << 8 | Int($1) }
        }
    }
}
