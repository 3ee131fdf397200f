import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// What the relay promises for frames that are on their way to a terminal that is online.
    struct GuaranteeTests {
        @Test(
            "Answered means safe: what was sent before a heartbeat's reply survives kill -9, though its terminal reads nothing",
            arguments: ["10ms", "off", "0"],
            [1, 2]
        )
        func receipt(journalAfter: String, eventLoops: Int) async throws {
            let count = 300
            let settings = ["event_loops": "\(eventLoops)", "journal_after": journalAfter]
            try await RelayProcess.with(settings) { relay in
                let sender = try relay.terminal(.sender)
                // It reads nothing, and its kernel takes little: most frames stay unacknowledged.
                let stuck = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 1_000))
                try sender.register(.sender)
                try await relay.kill()
                let arrived = try NumberedFrames.numbers(in: stuck.receiveUntilClosed())
                #expect(arrived == Array(0..<arrived.count))

                try await relay.start()
                let back = try relay.terminal(.receiver)
                let first = try back.receiveNumbers(1)[0]
                #expect(first <= arrived.count, "the frames in between are lost")
                #expect(try back.receiveNumbers(count - 1 - first) == Array(first + 1..<count))
                try back.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("A frame in flight goes to disk by itself, and survives kill -9", arguments: [1, 2])
        func journal(eventLoops: Int) async throws {
            let count = 100
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let stuck = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 1_000))
                let admin = try relay.admin
                try await eventually("all \(count) frames are delivered or on disk") {
                    (try? await admin.metrics())?.description ?? "there are no metrics"
                } _: {
                    let metrics = try await admin.metrics()
                    let delivered = metrics["ttms_frames_delivered_total"] ?? 0
                    return delivered + (metrics["ttms_store_frames"] ?? 0) >= Double(count) ? () : nil
                }
                try await relay.waitForStatus("ledger.imbalance", 0)
                let inFlight = try await relay.admin.json("GET", "/api/v1/status").at("ledger.in_flight")?.int
                try await relay.kill()
                let arrived = try NumberedFrames.numbers(in: stuck.receiveUntilClosed())

                try await relay.start()
                // They may come twice, and the relay knows it.
                #expect(try await relay.admin.json("GET", "/api/v1/status").at("ledger.requeued_total")?.int == inFlight)
                let back = try relay.terminal(.receiver)
                let first = try back.receiveNumbers(1)[0]
                #expect(first <= arrived.count, "the frames in between are lost")
                #expect(try back.receiveNumbers(count - 1 - first) == Array(first + 1..<count))
            }
        }

        @Test("Terminals that acknowledge in time never touch the disk", arguments: [1, 2])
        func healthy(eventLoops: Int) async throws {
            // So much time that a busy machine does not matter.
            let settings = ["event_loops": "\(eventLoops)", "journal_after": "60s", "heartbeat_receipt": "off"]
            try await RelayProcess.with(settings) { relay in
                let sender = try relay.terminal(.sender)
                let receiver = try relay.terminal(.receiver)
                for first in stride(from: 0, to: 1_000, by: 10) {
                    try sender.send(NumberedFrames.to(.receiver, first..<first + 10))
                    #expect(try receiver.receiveNumbers(10) == Array(first..<first + 10))
                }
                try await relay.waitForStatus("ledger.delivered_total", 1_000)
                let metrics = try await relay.admin.metrics()
                #expect(metrics["ttms_store_frames_queued_total"] == 0)
                #expect(metrics["ttms_frames_journaled_total"] == 0)
            }
        }

        @Test("On the defaults, what a terminal has acknowledged in time was not written to disk", arguments: [1, 2])
        func acknowledgedInTime(eventLoops: Int) async throws {
            // What is read within this time is acknowledged before the relay asks, which is 2 ms before journal_after is over. A busy
            // machine takes longer now and then; the journal is right to take such a batch, and the next one is judged alone.
            let limit = Duration.milliseconds(5)
            let (batch, wanted) = (10, 50)
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let receiver = try relay.terminal(.receiver)
                let end = ContinuousClock.now + patience
                var (next, inTime) = (0, 0)
                while inTime < wanted, ContinuousClock.now < end {
                    let before = try await Self.writes(relay)
                    let frames = NumberedFrames.to(.receiver, next..<next + batch)
                    let start = ContinuousClock.now
                    try sender.send(frames)
                    let bytes = try receiver.receive(frames.count)
                    let time = start.duration(to: .now)
                    #expect(try NumberedFrames.numbers(in: bytes) == Array(next..<next + batch))
                    next += batch
                    try await relay.waitForStatus("ledger.delivered_total", next)
                    try await relay.waitForStatus("store.frames", 0)
                    guard time < limit else { continue }
                    inTime += 1
                    #expect(try await Self.writes(relay) == before, "a batch that was acknowledged after \(time)")
                }
                #expect(inTime == wanted, "the machine is too slow to tell")
            }
        }

        /// Frames that were written to disk since the relay's start, and those of them that were in flight.
        private static func writes(_ relay: RelayProcess) async throws -> [Double?] {
            let metrics = try await relay.admin.metrics()
            return [metrics["ttms_store_frames_queued_total"], metrics["ttms_frames_journaled_total"]]
        }

        @Test(
            "With journal_after off, or long, a frame in flight goes to disk for a receipt, and not by itself",
            arguments: ["off", "1m"],
            [1, 2]
        )
        func withoutJournal(journalAfter: String, eventLoops: Int) async throws {
            let count = 100
            try await RelayProcess.with(["event_loops": "\(eventLoops)", "journal_after": journalAfter]) { relay in
                let sender = try relay.terminal(.sender)
                let stuck = try relay.terminal(.receiver, receiveBuffer: 4_096)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 1_000))
                try await relay.waitForStatus("ledger.accepted_total", count)
                // The test is about time that passes: with a journal all would be on disk long since.
                try await Task.sleep(for: .seconds(1))
                #expect(try await Self.writes(relay) == [0, 0])
                #expect(try await relay.admin.json("GET", "/api/v1/status").at("ledger.in_flight")?.int ?? 0 > 0)

                try sender.send(WireFrame.heartbeat(of: .sender))
                // Before a journal of a minute would take it.
                #expect(try sender.receiveFrame(within: .seconds(50)).count == Frame.heartbeatSize)
                #expect(try await relay.admin.metrics()["ttms_frames_journaled_total"] ?? 0 > 0)
                #expect(try stuck.receiveNumbers(count) == Array(0..<count))
                try await relay.waitForStatus("ledger.delivered_total", count)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("With journal_after 0 every frame is on disk before its terminal gets it")
        func writeThrough() async throws {
            try await RelayProcess.with(["journal_after": "0"]) { relay in
                let sender = try relay.terminal(.sender)
                let receiver = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, 0..<50))
                #expect(try receiver.receiveNumbers(50) == Array(0..<50))
                #expect(try await relay.admin.metrics()["ttms_store_frames_queued_total"] == 50)
                try await relay.waitForStatus("ledger.delivered_total", 50)
                try await relay.waitForStatus("store.frames", 0)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("With confirm=heartbeat only a later heartbeat makes a frame delivered")
        func confirmation() async throws {
            try await RelayProcess.with(listeners: ["127.0.0.1:0?confirm=heartbeat"]) { relay in
                let sender = try relay.terminal(.sender)
                let first = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, 0..<2))
                #expect(try first.receiveNumbers(2) == [0, 1])
                first.close()
                try await relay.waitForBacklog(of: .receiver, 2)

                let second = try relay.terminal(.receiver)
                #expect(try second.receiveNumbers(2) == [0, 1])
                try second.register(.receiver)
                try await relay.waitForStatus("ledger.delivered_total", 2)
                second.close()

                let third = try relay.terminal(.receiver)
                try third.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("A peer that sends heartbeats and reads no reply does not fill the memory")
        func unreadReplies() async throws {
            try await RelayProcess.with(["outbound_high_watermark": "64KiB", "outbound_low_watermark": "16KiB"]) { relay in
                let flood = try relay.terminal(.other, receiveBuffer: 4_096)
                let heartbeats = (0..<1_000).flatMap { _ in WireFrame.heartbeat(of: .other) }
                // Far more than the kernel's buffers and the relay's limit hold: at some point it is not read from any more.
                #expect(throws: TerminalClient.Failure.self) {
                    for _ in 0..<10_000 { try flood.send(heartbeats, within: .seconds(2)) }
                }
                let waiting = try await relay.admin.terminal(.other)?.at("connection.unacknowledged_bytes")?.int
                // The limit, and what one read can bring.
                #expect(try #require(waiting) < 1 << 20)
                let sender = try relay.terminal(.sender)
                try sender.expectNothing(for: .sender)
            }
        }
    }
}
