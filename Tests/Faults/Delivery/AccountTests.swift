import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Every payload numbered, and accounted for on the other side.
    struct AccountTests {
        @Test("200 terminals sending to each other at random", arguments: [1, 2])
        func online(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let frames = Soak.rounds(20_000)
                try await Load(relay.terminals[0], ["--terminals", "200", "--frames", "\(frames)"]).expectClean(at: relay)
                try await Self.expectBalanced(relay, frames: frames)
            }
        }

        @Test("200 terminals that leave and come back, so that frames are cached and drained", arguments: [1, 2])
        func leavingAndReturning(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let frames = Soak.rounds(20_000)
                let arguments = ["--terminals", "200", "--frames", "\(frames)", "--reconnect-every", "30"]
                try await Load(relay.terminals[0], arguments).expectClean(at: relay)
                try await Self.expectBalanced(relay, frames: frames)
            }
        }

        @Test("The ledger is balanced whenever it is looked at, with frames on their way or cached", arguments: [1, 2, 4])
        func inFlight(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let frames = Soak.rounds(40_000)
                let load = try Load(
                    relay.terminals[0],
                    ["--terminals", "200", "--frames", "\(frames)", "--reconnect-every", "100"]
                )
                let admin = try relay.admin
                var (looks, looksBetween) = (0, 0)
                repeat {
                    let ledger = try #require(try await admin.json("GET", "/api/v1/status")["ledger"])
                    #expect(ledger["imbalance"] == 0)
                    looks += 1
                    if ledger["in_flight"] != 0 || ledger["queued"] != 0 { looksBetween += 1 }
                } while load.isRunning
                try await load.expectClean(at: relay)
                #expect(looks > 10 && looksBetween > 0)
                try await Self.expectBalanced(relay, frames: frames)
            }
        }

        @Test("Large payloads between few terminals", arguments: [1, 2])
        func large(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let frames = Soak.rounds(300)
                let arguments = ["--terminals", "5", "--frames", "\(frames)", "--payload", "65522", "--reconnect-every", "20"]
                try await Load(relay.terminals[0], arguments).expectClean(at: relay)
                try await Self.expectBalanced(relay, frames: frames)
            }
        }

        /// A terminal that leaves at once after its last reply can have frames that its kernel had not acknowledged: the relay has to
        /// keep them. They have arrived, and come once more.
        private static func takeLeftovers(_ relay: RelayProcess) async throws {
            try await relay.waitForStatus("connections", 0)
            let page = try await relay.admin.json("GET", "/api/v1/terminals?limit=1000")
            for terminal in page["data"]?.array ?? [] {
                guard let text = terminal["ccid"]?.string, let ccid = CCID(text),
                    let frames = terminal.at("backlog.frames")?.int, frames > 0
                else { continue }
                let client = try relay.terminal(ccid)
                for _ in 0..<frames { _ = try client.receiveFrame() }
                try client.register(ccid)
                client.close()
            }
        }

        /// Every frame was accepted once and delivered once, and nothing is left.
        private static func expectBalanced(_ relay: RelayProcess, frames: Int) async throws {
            try await Self.takeLeftovers(relay)
            try await relay.waitForStatus("ledger.delivered_total", frames)
            try await relay.waitForStatus("store.frames", 0)
            let ledger = try #require(try await relay.admin.json("GET", "/api/v1/status")["ledger"])
            #expect(ledger["accepted_total"]?.int == frames)
            for name in ["queued", "in_flight", "expired_total", "deleted_total", "evicted_total", "imbalance"] {
                #expect(ledger[name] == 0, "\(name)")
            }
        }
    }
}
