import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// A disk with no space left, on which much is stored (G10): it can be delivered and deleted, and that gives the room back.
    struct FullDiskTests {
        private static let terminals = (0..<12).map { CCID(rawValue: 0x100 + $0) }
        private static let stayTerminals = terminals.suffix(4)
        private static let goTerminals = terminals.prefix(8)
        private static let size = 16_384
        private static let batch = 48

        /// Data frames that do not compress, each with its number in front.
        private static func frames(_ numbers: Range<Int>) -> [UInt8] {
            numbers.flatMap { number in
                var random = SeededGenerator(seed: UInt64(number))
                let digits = (0..<4).map { UInt8(truncatingIfNeeded: number >> (24 - 8 * $0)) }
                let fill = (0..<size / MemoryLayout<UInt64>.size).map { _ in random.next() }
                return WireFrame.data(to: terminals[number % terminals.count], digits + fill.withUnsafeBytes(Array.init))
            }
        }

        /// Sends until the relay has no room for more.
        ///
        /// - Returns: how many frames have a receipt, and how many were sent.
        private static func sendUntilFull(_ relay: RelayProcess) async throws -> (receipted: Int, sent: Int) {
            let sender = try relay.terminal(.sender)
            var sent = 0
            while true {
                try sender.send(frames(sent..<sent + batch) + WireFrame.heartbeat(of: .sender))
                sent += batch
                let isReceipted: Bool = try await eventually("a receipt, or a reason why there is none") {
                    if sender.hasInput { return true }
                    return try await relay.admin.request("GET", "/readyz").status == 503 ? false : nil
                }
                guard isReceipted else { return (sent - batch, sent) }
                _ = try sender.receiveFrame()
            }
        }

        /// What a terminal gets of `count` frames that were sent, of which those below `receipted` have a receipt.
        private static func expect(_ ccid: CCID, receives receipted: Int, of relay: RelayProcess) throws {
            let client = try relay.terminal(ccid)
            let index = try #require(terminals.firstIndex(of: ccid))
            for number in stride(from: index, to: receipted, by: terminals.count) {
                let frame = try client.receiveFrame()
                let digits = frame[Frame.contentOffset..<Frame.contentOffset + 4].reduce(0) { $0 << 8 | Int($1) }
                guard digits == number else {
                    Issue.record("\(ccid) got frame \(digits) in place of \(number)")
                    return
                }
            }
            client.close()
        }

        /// How frames leave the store.
        enum Way: CaseIterable, Sendable {
            case delivered, deleted
        }

        @Test(
            "What is stored on a full disk is delivered and deleted, and then there is room again",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason),
            arguments: SmallDisk.kinds,
            Way.allCases
        )
        func full(kind: SmallDisk.Kind, way: Way) async throws {
            let disk = try SmallDisk(kind)
            try await RelayProcess.with(dataDirectory: disk.url.appendingPathComponent("data")) { relay in
                let (receipted, sent) = try await Self.sendUntilFull(relay)
                disk.fill()
                for ccid in Self.goTerminals {
                    switch way {
                    case .delivered: try Self.expect(ccid, receives: receipted, of: relay)
                    case .deleted:
                        let answer = try await relay.admin.request("DELETE", "/api/v1/terminals/\(ccid)/messages")
                        #expect(answer.status == 200, "\(answer.text)")
                    }
                }
                // Not because somebody else has freed any.
                try await eventually("there is room again", state: { "\(disk.available) bytes" }) {
                    try await relay.admin.request("GET", "/readyz").status == 200 ? () : nil
                }
                for ccid in Self.stayTerminals { try Self.expect(ccid, receives: sent, of: relay) }
                try await relay.waitForStatus("ledger.imbalance", 0)
                try await relay.stop()
                try await relay.expectSoundStore()
            }
        }

        @Test(
            "Room that deletions free comes back while senders fill it again, and the log stays short",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason),
            arguments: SmallDisk.mountable([.ext4(block: 1_024), .ext4(block: 1_024, mebibytes: 96), .ext4(block: 4_096)])
        )
        func refilled(kind: SmallDisk.Kind) async throws {
            let disk = try SmallDisk(kind)
            try await RelayProcess.with(dataDirectory: disk.url.appendingPathComponent("data")) { relay in
                // Each round finds the room of the one before again, and uses it up.
                var freed = 0
                for _ in 0..<3 {
                    let (receipted, _) = try await Self.sendUntilFull(relay)
                    #expect(receipted * Self.size > freed / 2, "\(freed) bytes were freed")
                    let full = disk.available
                    freed = 0
                    for ccid in Self.goTerminals {
                        let answer = try await relay.admin.request("DELETE", "/api/v1/terminals/\(ccid)/messages")
                        #expect(answer.status == 200, "\(answer.text)")
                        freed += (try answer.json["deleted"]?.int ?? 0) * Self.size
                    }
                    try await eventually("half of \(freed) bytes is there again", state: { "\(disk.available) bytes" }) {
                        disk.available - full > freed / 2 ? () : nil
                    }
                    try await eventually("the relay is ready") {
                        try await relay.admin.request("GET", "/readyz").status == 200 ? () : nil
                    }
                }
                // It has been full three times and more, within few minutes.
                let lines = relay.output.split(separator: "\n").filter { $0.contains("The store cannot commit") }
                #expect(lines.count < 10)
                try await relay.waitForStatus("ledger.imbalance", 0)
                try await relay.stop()
                try await relay.expectSoundStore()
            }
        }

        @Test(
            "A relay that is started with no space left delivers what is stored",
            .enabled(if: SmallDisk.isPossible, SmallDisk.reason),
            arguments: SmallDisk.kinds
        )
        func started(kind: SmallDisk.Kind) async throws {
            let disk = try SmallDisk(kind)
            try await RelayProcess.with(dataDirectory: disk.url.appendingPathComponent("data")) { relay in
                let (receipted, _) = try await Self.sendUntilFull(relay)
                disk.fill()
                try await relay.kill()
                try await relay.expectSoundStore()
                try await relay.start()
                for ccid in Self.terminals { try Self.expect(ccid, receives: receipted, of: relay) }
                try await relay.waitForStatus("ledger.imbalance", 0)
                try await relay.stop()
                try await relay.expectSoundStore()
            }
        }
    }
}
