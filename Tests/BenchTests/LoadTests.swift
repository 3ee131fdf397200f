import Foundation
import TTMSProtocol
import TestKit
import Testing

@testable import ttms_bench

/// Every kind of scenario, small, against the real relay.
///
/// One after the other: they measure, and a machine has only so many processors.
@Suite(.serialized)
struct LoadTests {
    /// Plays a scenario on a relay of its own.
    private func play(
        _ kind: Scenario.Kind,
        _ count: Int,
        settings: [String: String] = [:],
        loops: Int = 1,
        _ change: (inout Scenario) -> Void
    ) async throws -> [PhaseResult] {
        var scenario = Scenario(name: kind.rawValue, kind: kind, count: count)
        (scenario.seconds, scenario.warmup, scenario.limit) = (0.3, 0.1, 20)
        change(&scenario)
        return try await RelayProcess.with(settings) { [scenario] relay in
            let phases = try await ScenarioRun.play(
                scenario,
                on: try Server.relay(in: relay.dataDirectory.path),
                loops: loops,
                firstCCID: CCID(rawValue: 0x2000_0000),
                isQuiet: true
            )
            let status = try await relay.admin.json("GET", "/api/v1/status")
            #expect(status.at("ledger.imbalance")?.int == 0)
            return phases
        }
    }

    private func expectWhole(_ phase: PhaseResult, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(phase.work > 0, sourceLocation: sourceLocation)
        #expect(phase.figures["frames MISSING at the end"] == nil, "\(phase.figures)", sourceLocation: sourceLocation)
        #expect(phase.figures["OUT OF ORDER"] == nil, "\(phase.figures)", sourceLocation: sourceLocation)
        #expect(phase.figures["frames of others"] == nil, "\(phase.figures)", sourceLocation: sourceLocation)
        #expect((phase.server?.residentBytes ?? 0) > 0, sourceLocation: sourceLocation)
        #expect((phase.server?.threads ?? 0) > 0, sourceLocation: sourceLocation)
        #expect((phase.server?.openFiles ?? 0) > 0, sourceLocation: sourceLocation)
    }

    @Test(
        "A closed loop goes on by itself, and every frame arrives",
        arguments: [Scenario.Kind.pairs, .manyToOne, .oneToMany, .random],
        [1, 2]
    )
    func closedLoop(kind: Scenario.Kind, loops: Int) async throws {
        let phases = try await self.play(kind, 9, loops: loops) {
            $0.window = 8
            $0.payloads = [20, 64, 1_000]
            // 0.3 s may pass without a frame where something else has the processors.
            $0.seconds = 1
        }
        #expect(phases.count == 1)
        self.expectWhole(phases[0])
        #expect(phases[0].latency?.count == phases[0].work)
        #expect(phases[0].work > 9 * 8, "it stood still after the first windows")
    }

    @Test("An open loop sends as much as it should, whoever sends", arguments: [1, 2])
    func openLoop(loops: Int) async throws {
        let phases = try await self.play(.pairs, 5, loops: loops) {
            $0.rate = 2_000
            $0.seconds = 1
        }
        self.expectWhole(phases[0])
        // A machine that is busy with other things may be late: what was due is sent all the same, but not in the same second. Twice
        // as much would be one schedule for each loop.
        #expect((200..<4_000).contains(phases[0].rate), "\(phases[0].rate)")
        #expect((phases[0].lateness?.count ?? 0) > 0)
    }

    @Test("Slow readers get their frames in the end, and do not hold up the others")
    func slowReaders() async throws {
        let phases = try await self.play(
            .pairs,
            4,
            settings: ["outbound_high_watermark": "64KiB", "outbound_low_watermark": "16KiB"]
        ) {
            $0.rate = 2_000
            $0.slowPairs = 2
            $0.payloads = [1_000]
            $0.seconds = 1
        }
        self.expectWhole(phases[0])
        let figures = phases[0].figures
        #expect((figures["slow: delivered"] ?? 0) < (figures["slow: sent"] ?? 0), "they are not slow: \(figures)")
        #expect(figures["slow: missing at the end"] == 0, "\(figures)")
    }

    @Test("Admin clients beside the traffic are answered")
    func adminBeside() async throws {
        let phases = try await self.play(.pairs, 4) {
            $0.rate = 500
            $0.adminRate = 50
            $0.seconds = 1
        }
        self.expectWhole(phases[0])
        #expect((phases[0].figures["admin requests/s"] ?? 0) > 0, "\(phases[0].figures)")
        #expect(phases[0].figures["admin requests REFUSED"] == nil)
        #expect((phases[0].figures["admin p99 µs"] ?? 0) > 0)
    }

    @Test("Bad clients of the admin API go on and on, and take no frame with them")
    func badAdminBeside() async throws {
        let phases = try await self.play(.pairs, 4) {
            $0.rate = 500
            $0.badAdminClients = 2 * BadHabit.allCases.count
            $0.seconds = 2
        }
        self.expectWhole(phases[0])
        #expect((phases[0].figures["bad admin connections/s"] ?? 0) > 2, "\(phases[0].figures)")
        #expect(phases[0].figures["bad admin clients NOT CONNECTED"] == nil)
    }

    @Test("An idle crowd registers, sends a frame each, and lives through its heartbeats", arguments: [1, 2])
    func idle(loops: Int) async throws {
        let phases = try await self.play(.idle, 50, loops: loops) { $0.heartbeats = 20 }
        #expect(phases.map(\.name) == ["registered", "each has sent", "heartbeats"])
        #expect(phases.map(\.work) == [50, 50, 1_000])
        #expect(phases[2].latency?.count == 1_000)
        for phase in phases { #expect(phase.figures["resident bytes per terminal"] != nil) }
    }

    @Test("In a storm everyone is served while the pairs go on", arguments: [1, 2])
    func storm(loops: Int) async throws {
        let phases = try await self.play(.storm, 100, loops: loops) {
            $0.rate = 500
            $0.senders = 5
            $0.frames = 7
        }
        #expect(phases.map(\.name) == ["store", "calm", "storm", "all close"])
        #expect(phases[0].work == 700)
        #expect((phases[2].figures["terminals served/s"] ?? 0) > 0)
        for phase in [phases[1], phases[3]] { self.expectWhole(phase) }
    }

    @Test("A backlog is stored, and drained to the last frame", arguments: [1, 2])
    func backlog(loops: Int) async throws {
        let phases = try await self.play(.backlog, 30, loops: loops) {
            $0.senders = 7
            $0.frames = 11
        }
        #expect(phases.map(\.name) == ["store", "both at once", "drain"])
        #expect(phases.map(\.work) == [330, 330, 330])
        #expect(Set(phases[1].figures.keys).isSuperset(of: ["drained/s", "stored/s"]))
        #expect(phases[2].figures["seconds until also removed from disk"] != nil)
        #expect((phases[0].server?.storeBytes ?? 0) > 0)
    }

    @Test("What cannot be done is given up, and says how far it was")
    func givenUp() async throws {
        // The relay takes no more than three connections, so the fourth is never answered.
        let error = await #expect(throws: (any Error).self) {
            _ = try await self.play(.idle, 4, settings: ["maximum_connections": "3"]) { $0.limit = 0.1 }
        }
        #expect("\(error.map { "\($0)" } ?? "")".contains("terminal"))
    }

    @Test("More connections than open files are refused before anything happens")
    func openFiles() {
        #expect(throws: Never.self) { try OpenFiles.check(connections: 100, own: 1_000, server: nil) }
        for (own, server) in [(200, 1_000), (1_000, 200)] {
            let error = #expect(throws: LoadFailure.self) { try OpenFiles.check(connections: 100, own: own, server: server) }
            #expect(error?.description.contains("72 connections") == true, "\(String(describing: error))")
        }
    }
}
