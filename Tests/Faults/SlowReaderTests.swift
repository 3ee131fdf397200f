import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// A terminal that does not read while others send to it.
    struct SlowReaderTests {
        @Test("A stuck terminal delays nobody, and gets everything in order when it reads again", arguments: [1, 2])
        func stuck(eventLoops: Int) async throws {
            // Far more than the kernel's buffers and the relay's memory for one terminal hold.
            let (count, size) = (2_000, 8_192)
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let stuck = try relay.terminal(.receiver, receiveBuffer: 16_384)
                let other = try relay.terminal(.other)
                for first in stride(from: 0, to: count, by: 100) {
                    try sender.send(NumberedFrames.to(.receiver, first..<first + 100, size: size))
                    try sender.send(NumberedFrames.to(.other, first..<first + 1))
                    #expect(try other.receiveNumbers(1) == [first])
                }
                #expect(try stuck.receiveNumbers(count) == Array(0..<count))
                try stuck.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("What a stuck terminal was sent survives its leaving, without a gap", arguments: [1, 2])
        func stuckLeaves(eventLoops: Int) async throws {
            let (count, size) = (400, 8_192)
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let stuck = try relay.terminal(.receiver, receiveBuffer: 16_384)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: size))
                try sender.register(.sender)
                stuck.finish()
                let arrived = try NumberedFrames.numbers(in: stuck.receiveUntilClosed())
                #expect(arrived == Array(0..<arrived.count))

                let back = try relay.terminal(.receiver)
                let first = try back.receiveNumbers(1)[0]
                #expect(first <= arrived.count)
                #expect(try back.receiveNumbers(count - 1 - first) == Array(first + 1..<count))
                try back.expectNothing(for: .receiver)
            }
        }
    }
}
