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

        @Test("A terminal that reads 1 kB/s gets everything once and in order, and holds up nobody", arguments: [1, 2])
        func trickle(eventLoops: Int) async throws {
            // Most of it has to wait in the relay, and some of that on disk.
            let (count, size, pieces) = (150, 1_000, 60)
            let settings = [
                "event_loops": "\(eventLoops)", "outbound_high_watermark": "64KiB", "outbound_low_watermark": "16KiB",
            ]
            try await RelayProcess.with(settings) { relay in
                let sender = try relay.terminal(.sender)
                let slow = try relay.terminal(.receiver, receiveBuffer: 4_096)
                let pair = (ask: try relay.terminal(.other), answer: try relay.terminal(CCID(rawValue: 4)))
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: size))
                var bytes: [UInt8] = []
                var exchanges = 0
                for _ in 0..<pieces {
                    bytes += try slow.receive(100)
                    // Until it reads again the others exchange what they like, one frame at the least.
                    let next = ContinuousClock.now + .milliseconds(100)
                    repeat {
                        try pair.ask.send(NumberedFrames.to(CCID(rawValue: 4), exchanges..<exchanges + 1))
                        #expect(try pair.answer.receiveNumbers(1, from: .other) == [exchanges])
                        try pair.answer.send(NumberedFrames.to(.other, exchanges..<exchanges + 1))
                        #expect(try pair.ask.receiveNumbers(1, from: CCID(rawValue: 4)) == [exchanges])
                        exchanges += 1
                    } while ContinuousClock.now < next
                }
                let terminal = try #require(try await relay.admin.terminal(.receiver))
                #expect(try #require(terminal.at("counters.frames_delivered_total")?.int) < count)
                #expect(terminal.at("connection.spilled") == true)

                bytes += try slow.receive(count * size - bytes.count)
                #expect(try NumberedFrames.numbers(in: bytes) == Array(0..<count))
                try slow.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.delivered_total", count + 2 * exchanges)
                try await relay.waitForStatus("ledger.requeued_total", 0)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        /// What the kernel takes is not the relay's any more: it comes again when the connection breaks. Its own sizes are here to see
        /// that the test can fail.
        @Test(
            "The kernel holds no more for a stuck terminal than it may",
            arguments: [("32KiB", "0"), ("0", "8KiB"), ("0", "0")]
        )
        func kernelBuffers(sendBuffer: String, unsentLimit: String) async throws {
            let settings = [
                "tcp_send_buffer": sendBuffer, "tcp_unsent_limit": unsentLimit, "outbound_high_watermark": "8MiB",
                "outbound_low_watermark": "4MiB",
            ]
            try await RelayProcess.with(settings) { relay in
                let (count, size) = (4_000, 1_000)
                let sender = try relay.terminal(.sender)
                let stuck = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: size))
                try await relay.waitForStatus("ledger.accepted_total", count)
                let socket = try #require(KernelSocket(local: relay.terminals[0].port, remote: stuck.localPort))
                // Twice the buffer, as the kernel counts it, or the limit and what is sent or added at once beyond it.
                if (sendBuffer, unsentLimit) == ("0", "0") {
                    #expect(socket.unacknowledged > 160 << 10)
                } else {
                    #expect((1...96 << 10).contains(socket.unacknowledged))
                }
                #expect(try stuck.receiveNumbers(count) == Array(0..<count))
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
