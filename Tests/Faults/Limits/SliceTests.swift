import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Work of the store that grows with what it keeps.
    struct SliceTests {
        @Test("A lowered cap is reached step by step, while others go on, and nothing is lost from the account")
        func loweredCap() async throws {
            let (count, cap) = (30_000, 100)
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                for first in stride(from: 0, to: count, by: 1_000) {
                    try sender.send(NumberedFrames.to(.receiver, first..<first + 1_000, size: 24))
                }
                try sender.register(.sender)
                try await relay.stop()
                try await relay.start(environment: ["TTMS_MAXIMUM_FRAMES": "\(cap)"])
                try await relay.waitForBacklog(of: .receiver, count)

                let again = try relay.terminal(.sender)
                try again.send(NumberedFrames.to(.receiver, count..<count + 1, size: 24))
                try again.register(.sender)
                try await relay.waitForBacklog(of: .receiver, cap)
                try await relay.waitForStatus("ledger.evicted_total", count + 1 - cap)
                try await relay.waitForStatus("ledger.imbalance", 0)
                let metrics = try await relay.admin.metrics()
                #expect(metrics["ttms_store_turn_seconds_count"] ?? 0 > 0)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(cap) == Array(count + 1 - cap...count))
                try await relay.stop()
                try await relay.expectSoundStore()
            }
        }

        @Test("All messages of a long queue that are traced can be deleted in one request")
        func deleteTraced() async throws {
            let count = 3_500
            try await RelayProcess.with { relay in
                let trace = "/api/v1/terminals/\(CCID.receiver)/trace"
                _ = try await relay.admin.json("PUT", trace, json: ["for_seconds": 600])
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<count, size: 24))
                try await relay.waitForBacklog(of: .receiver, count)
                let deleted = try await relay.admin.json("DELETE", "/api/v1/terminals/\(CCID.receiver)/messages")
                #expect(deleted["deleted"]?.int == count)
                try await relay.waitForBacklog(of: .receiver, 0)
                try await relay.waitForStatus("ledger.deleted_total", count)
                try await relay.waitForStatus("ledger.imbalance", 0)
                try await relay.stop()
                try await relay.expectSoundStore()
            }
        }
    }

    /// The store's small files, as somebody, or a repair of the file system, leaves them.
    struct StoreFileTests {
        @Test("A store that may have lost its end is refused with what to do, and taken when that is accepted")
        func refused() async throws {
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                for number in 0..<50 {
                    try sender.send(NumberedFrames.to(.receiver, number..<number + 1))
                    try sender.register(.sender)
                }
                try await relay.kill()
                let store = relay.dataDirectory.appendingPathComponent("store")
                try FileManager.default.removeItem(at: store.appendingPathComponent("committed"))
                await #expect(throws: RelayProcess.Failure.self) { try await relay.start() }
                #expect(relay.output.contains("ttmsctl store accept"))
                let directory = try TemporaryDirectory()
                let accept = try RunningProgram(
                    BuiltProgram.url("ttmsctl"),
                    arguments: ["store", "accept", "--data-dir", relay.dataDirectory.path],
                    log: directory.url.appendingPathComponent("accept.log")
                )
                #expect(try await accept.waitForExit() == .code(0))
                #expect(accept.output.contains("50 frames"))
                try await relay.start()
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(50) == Array(0..<50))
            }
        }
    }
}
