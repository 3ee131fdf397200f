import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// A terminal that comes back on a new connection before its old one is known to be dead (PROTOCOL.md, 3.5), or after that was
    /// ended with frames on their way.
    struct TakeoverTests {
        @Test(
            "What the old connection has not acknowledged goes to the new one, in order, before anything newer",
            arguments: [1, 2]
        )
        func unacknowledged(eventLoops: Int) async throws {
            let count = 300
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                // It reads nothing, and its kernel takes little: most frames stay unacknowledged.
                let old = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 1_000))
                try await Self.waitForTwoAcknowledged(relay, of: count)
                let kernel = old.receiveBuffer

                let new = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, count..<count + 10, size: 1_000))
                let first = try new.receiveNumbers(1)[0]
                #expect(try new.receiveNumbers(count + 9 - first) == Array(first + 1..<count + 10))
                try new.expectNothing(for: .receiver)

                let acknowledged = try NumberedFrames.numbers(in: old.receiveUntilClosed())
                #expect(acknowledged == Array(0..<acknowledged.count))
                #expect(first <= acknowledged.count, "the frames between the two connections are lost")
                // All of them came there in the end, but the relay could not know of more than the kernel had room for.
                #expect((2...kernel / 1_000).contains(first))
            }
        }

        @Test("What a reset connection has not acknowledged comes on the next one, in order", arguments: [1, 2])
        func reset(eventLoops: Int) async throws {
            let count = 300
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let old = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 1_000))
                try await Self.waitForTwoAcknowledged(relay, of: count)
                #expect(try old.receiveNumbers(2) == [0, 1])
                let kernel = old.receiveBuffer
                old.reset()
                try await relay.waitForStatus("ledger.in_flight", 0)
                try await relay.waitForStatus("ledger.imbalance", 0)

                let new = try relay.terminal(.receiver)
                let first = try new.receiveNumbers(1)[0]
                // The kernel of the old connection may have taken some more than were read, as many as it has room for.
                #expect((2...2 + kernel / 1_000).contains(first))
                #expect(try new.receiveNumbers(count - 1 - first) == Array(first + 1..<count))
                try new.expectNothing(for: .receiver)
            }
        }

        @Test("What a kicked terminal has not acknowledged comes on its next connection, in order", arguments: [1, 2])
        func kicked(eventLoops: Int) async throws {
            let count = 300
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let old = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 1_000))
                try await Self.waitForTwoAcknowledged(relay, of: count)
                let kernel = old.receiveBuffer
                let kick = try await relay.admin.request("DELETE", "/api/v1/terminals/\(CCID.receiver)/connection")
                #expect(kick.status == 204)
                try await relay.waitForStatus("ledger.in_flight", 0)
                try await relay.waitForStatus("ledger.imbalance", 0)

                let new = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, count..<count + 10, size: 1_000))
                let first = try new.receiveNumbers(1)[0]
                // What the kernel of the old connection had room for, and no more, can have been acknowledged.
                #expect((2...kernel / 1_000).contains(first))
                #expect(try new.receiveNumbers(count + 9 - first) == Array(first + 1..<count + 10))
                try new.expectNothing(for: .receiver)

                let arrived = try NumberedFrames.numbers(in: old.receiveUntilClosed())
                #expect(arrived == Array(0..<arrived.count))
                #expect(first <= arrived.count, "the frames between the two connections are lost")
            }
        }

        /// Waits until the relay has taken all frames, and knows that the receiver's kernel has two of them: it acknowledges late
        /// when it acknowledges little.
        private static func waitForTwoAcknowledged(_ relay: RelayProcess, of count: Int) async throws {
            let admin = try relay.admin
            try await eventually("of \(count) frames the relay has taken all, and knows two to be acknowledged") {
                (try? await admin.terminal(.receiver))?.description ?? "the terminal is not known"
            } _: {
                let taken = try await admin.terminal(.sender)?.at("counters.frames_received_total")?.int
                let waiting = try await admin.terminal(.receiver)?.at("connection.unacknowledged_bytes")?.int ?? .max
                return taken == count && waiting <= (count - 2) * 1_000 ? () : nil
            }
        }
    }
}
