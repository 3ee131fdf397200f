import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// A terminal that ends its side of the connection (FIN) while frames are on their way to it.
    struct FinishTests {
        private static let count = 30

        @Test("What arrives after a terminal's FIN is delivered, and does not come again", arguments: [1, 2])
        func arriving(eventLoops: Int) async throws {
            try await Self.withUnread(eventLoops) { relay, sender, old in
                old.finish()
                #expect(try NumberedFrames.numbers(in: old.receiveUntilClosed()) == Array(0..<Self.count))
                try await relay.waitForStatus("ledger.delivered_total", Self.count)
                try await relay.waitForStatus("ledger.imbalance", 0)

                let new = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, Self.count..<Self.count + 1))
                #expect(try new.receiveNumbers(1) == [Self.count])
                #expect(try await relay.admin.metrics()["ttms_frames_requeued_total"] == 0)
            }
        }

        @Test("What comes for a terminal after its FIN waits for its next connection, in order", arguments: [1, 2])
        func newer(eventLoops: Int) async throws {
            try await Self.withUnread(eventLoops) { relay, sender, old in
                old.finish()
                try sender.send(NumberedFrames.to(.receiver, Self.count..<Self.count + 10, size: 1_000))
                try sender.register(.sender)
                let arrived = try NumberedFrames.numbers(in: old.receiveUntilClosed())
                // What the relay had put before it saw the FIN, and what the kernels had of that.
                #expect(arrived == Array(0..<arrived.count))

                // One more, because the relay may have read all the others before the FIN.
                let new = try relay.terminal(.receiver)
                let last = Self.count + 10
                try sender.send(NumberedFrames.to(.receiver, last..<last + 1, size: 1_000))
                let first = try new.receiveNumbers(1)[0]
                #expect(first <= arrived.count, "the frames between the two connections are lost")
                #expect(try new.receiveNumbers(last - first) == Array(first + 1..<last + 1))
                try new.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("A new connection does not wait for the end of one that reads nothing after its FIN", arguments: [1, 2])
        func takeover(eventLoops: Int) async throws {
            try await Self.withUnread(eventLoops) { relay, sender, old in
                old.finish()
                let new = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, Self.count..<Self.count + 10, size: 1_000))
                let first = try new.receiveNumbers(1)[0]
                #expect((1..<Self.count).contains(first))
                #expect(try new.receiveNumbers(Self.count + 9 - first) == Array(first + 1..<Self.count + 10))
                try new.expectNothing(for: .receiver)
                let arrived = try NumberedFrames.numbers(in: old.receiveUntilClosed())
                #expect(arrived == Array(0..<arrived.count))
                #expect(first <= arrived.count, "the frames between the two connections are lost")
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        /// Has ``count`` frames put to a terminal that does not read, and whose kernel has taken only some of them.
        private static func withUnread(
            _ eventLoops: Int,
            _ body: (RelayProcess, _ sender: TerminalClient, _ old: TerminalClient) async throws -> Void
        ) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let old = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<Self.count, size: 1_000))
                let admin = try relay.admin
                try await eventually("all frames are put, and one is acknowledged") {
                    (try? await admin.terminal(.receiver))?.description ?? "the terminal is not known"
                } _: {
                    let taken = try await admin.terminal(.sender)?.at("counters.frames_received_total")?.int
                    let waiting = try await admin.terminal(.receiver)?.at("connection.unacknowledged_bytes")?.int ?? .max
                    return taken == Self.count && waiting <= (Self.count - 1) * 1_000 ? () : nil
                }
                try await body(relay, sender, old)
            }
        }
    }
}
