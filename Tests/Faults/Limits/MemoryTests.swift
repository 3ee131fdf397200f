import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// What terminals that do next to nothing cost.
    struct MemoryTests {
        /// Below what a shell usually lets the tests open.
        private static let count = 800

        /// All of a fleet send a heartbeat before any reads its reply, as after an outage: what that takes is taken once.
        @Test("Heartbeats cost no memory, however many they are", arguments: [1, 2])
        func heartbeats(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let ccids = (1...Self.count).map { CCID(rawValue: UInt32($0)) }
                let terminals = try ccids.map { try relay.terminal($0) }
                func beat(_ rounds: Int) throws -> Int {
                    for _ in 0..<rounds {
                        for (terminal, ccid) in zip(terminals, ccids) { try terminal.send(WireFrame.heartbeat(of: ccid)) }
                        for terminal in terminals { _ = try terminal.receiveFrame() }
                    }
                    return try Self.anonymousBytes(of: relay.pid)
                }
                let first = try beat(20)
                let last = try beat(100)
                // A few bytes kept of each heartbeat would be more; lists that still grow to what they need are less.
                #expect((last - first) / Self.count < 400, "\(first) bytes after 20 heartbeats each, \(last) after 120")
            }
        }

        /// Memory of a process that no file stands behind.
        private static func anonymousBytes(of pid: Int32) throws -> Int {
            let text = try String(contentsOfFile: "/proc/\(pid)/smaps_rollup", encoding: .utf8)
            let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("Anonymous:") })
            return 1_024 * (try #require(line.split(separator: " ").dropFirst().first.flatMap { Int($0) }))
        }
    }
}
