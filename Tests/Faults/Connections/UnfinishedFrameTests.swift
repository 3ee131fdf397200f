import Foundation
import TTMSProtocol
import TestKit
import Testing

extension RelayProcess {
    /// The most memory, in bytes, that the process has had resident.
    fileprivate var peakMemory: Int {
        get throws {
            let text = try String(contentsOfFile: "/proc/\(self.pid)/status", encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
            return 1_024
                * (try #require(line.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }))
        }
    }
}

extension Faults {
    /// Frames that are begun and not finished (G6).
    struct UnfinishedFrameTests {
        /// A frame of the largest size, without its last bytes.
        private static let half = Array(WireFrame.data(to: .other, [UInt8](repeating: 7, count: 65_000)).dropLast(10))

        @Test("A frame that is not finished in time ends its connection, and one that is does not", arguments: [1, 2])
        func timeout(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)", "frame_timeout": "300ms"]) { relay in
                let sound = try relay.terminal(.receiver)
                let stalled = try relay.terminal(.sender)
                try stalled.send(Self.half)
                _ = try stalled.receiveUntilClosed()
                #expect(try await relay.admin.metrics()[#"ttms_connections_closed_total{reason="unfinished_frame"}"#] == 1)
                try await eventually("nothing is unfinished") {
                    try await relay.admin.metrics()["ttms_unfinished_bytes"] == 0 ? () : nil
                }
                try sound.register(.receiver)
            }
        }

        @Test("What a held-back sender has sent is not an unfinished frame", arguments: [1, 2])
        func heldBack(eventLoops: Int) async throws {
            let settings = [
                "event_loops": "\(eventLoops)", "frame_timeout": "300ms", "maximum_terminals": "1", "when_full": "push-back",
            ]
            try await RelayProcess.with(settings) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<1))
                try sender.register(.sender)
                // No room for the first of these, and the rest of the second comes later.
                let two = NumberedFrames.to(.other, 0..<2)
                try sender.send(Array(two.dropLast(3)))
                try await relay.waitForHeldBack(1)

                let stalled = try relay.terminal(CCID(rawValue: 0x20))
                try stalled.send(Self.half)
                _ = try stalled.receiveUntilClosed()
                let metrics = try await relay.admin.metrics()
                #expect(metrics[#"ttms_connections_closed_total{reason="unfinished_frame"}"#] == 1)
                #expect(metrics["ttms_unfinished_bytes"] == 0)
                #expect((metrics["ttms_held_back_bytes"] ?? 0) > 0)

                try sender.send(Array(two.suffix(3)))
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(1) == [0])
                try await relay.waitForBacklog(of: .other, 2)
                try sender.register(.sender)
                try await eventually("nothing is held back") {
                    try await relay.admin.metrics()["ttms_held_back_bytes"] == 0 ? () : nil
                }
            }
        }

        @Test("However many unfinished frames come at once, memory stays near its limit")
        func peak() async throws {
            let (count, limit) = (600, 4 << 20)
            try await RelayProcess.with(["event_loops": "1", "maximum_unfinished_bytes": "\(limit)"]) { relay in
                let clients = try (0..<count).map { try relay.terminal(CCID(rawValue: 0x2000 + UInt32($0))) }
                let before = try relay.peakMemory
                // The kernel takes them, and the relay reads from all connections in one tick.
                for client in clients { _ = client.sendNow(Self.half[...]) }
                try await eventually("most have ended") {
                    let ended = try await relay.admin.metrics()[#"ttms_connections_closed_total{reason="unfinished_frame"}"#]
                    return ended ?? 0 >= Double(count - 70) ? () : nil
                }
                // All of them would take 39 MB.
                #expect(try relay.peakMemory - before < 5 * limit)
            }
        }

        @Test("Unfinished frames take bounded memory: the oldest end their connections", arguments: [1, 2])
        func memory(eventLoops: Int) async throws {
            let settings = ["event_loops": "\(eventLoops)", "maximum_unfinished_bytes": "2MiB"]
            try await RelayProcess.with(settings) { relay in
                var clients: [TerminalClient] = []
                for index in 0..<200 {
                    let client = try relay.terminal(CCID(rawValue: 0x2000 + UInt32(index)))
                    // The relay may have closed it by then.
                    try? client.send(Self.half)
                    clients.append(client)
                }
                try await eventually("memory is bounded") {
                    let metrics = try await relay.admin.metrics()
                    let ended = metrics[#"ttms_connections_closed_total{reason="unfinished_frame"}"#] ?? 0
                    return ended >= 150 && (metrics["ttms_unfinished_bytes"] ?? .infinity) <= Double(2 << 20) ? () : nil
                }
                try relay.terminal(.sender).register(.sender)
            }
        }
    }
}
