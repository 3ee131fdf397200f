import Foundation
import TTMSProtocol
import TestKit
import Testing

@testable import ttms_bench

/// The real servers of other protocols, when they are installed: do they understand what we write, and we them?
@Suite(.serialized)
struct PeerTests {
    private static let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    private static let nats = ServerLaunch.find("nats-server", path: Self.path)
    private static let mosquitto = ServerLaunch.find("mosquitto", path: Self.path)

    private func play(_ launch: ServerLaunch, _ kind: Scenario.Kind, _ change: (inout Scenario) -> Void) async throws
        -> [PhaseResult]
    {
        var scenario = Scenario(name: kind.rawValue, kind: kind, count: 5)
        (scenario.seconds, scenario.warmup, scenario.limit) = (0.3, 0.1, 20)
        change(&scenario)
        let launched = try await LaunchedServer(launch)
        do {
            let phases = try await ScenarioRun.play(
                scenario,
                on: launched.server,
                loops: 1,
                firstCCID: CCID(rawValue: 0x2000_0000),
                isQuiet: true
            )
            await launched.stop()
            return phases
        } catch {
            await launched.stop()
            throw error
        }
    }

    private func converses(_ launch: ServerLaunch) async throws {
        let closed = try await self.play(launch, .pairs) {
            $0.window = 8
            $0.payloads = [20, 64, 1_000, 20_000]
        }
        #expect(closed[0].work > 5 * 8)
        #expect(closed[0].figures == [:])
        #expect((closed[0].server?.residentBytes ?? 0) > 0)
        let open = try await self.play(launch, .oneToMany) { $0.rate = 500 }
        #expect(open[0].work > 0)
        #expect(open[0].figures.keys.sorted() == ["generator late p99 µs"])
        let idle = try await self.play(launch, .idle) { $0.heartbeats = 10 }
        #expect(idle.map(\.work) == [5, 5, 50])
    }

    @Test("NATS", .enabled(if: Self.nats != nil, "nats-server is not installed (Debian's package nats-server)"))
    func conversesWithNATS() async throws {
        try await self.converses(.nats(try #require(Self.nats)))
    }

    @Test("MQTT", .enabled(if: Self.mosquitto != nil, "mosquitto is not installed (Debian's package mosquitto)"))
    func conversesWithMosquitto() async throws {
        try await self.converses(.mosquitto(try #require(Self.mosquitto)))
    }

    @Test("A server that refuses a terminal says why", .enabled(if: Self.nats != nil, "nats-server is not installed"))
    func refused() async throws {
        var launch = ServerLaunch.nats(try #require(Self.nats))
        launch.arguments += ["--user", "somebody", "--pass", "secret"]
        let error = await #expect(throws: LoadFailure.self) { _ = try await self.play(launch, .pairs) { $0.window = 1 } }
        #expect(error?.description.contains("Authorization Violation") == true, "\(String(describing: error))")
    }

    @Test("Messages for terminals that are away are asked of no server that keeps none")
    func keepsNothing() async throws {
        let server = Server(name: "nats", protocol: .nats, address: SocketAddress(host: "127.0.0.1", port: 1))
        var storm = Scenario(name: "storm", kind: .storm, count: 5)
        storm.rate = 1
        let scenario = storm
        let error = await #expect(throws: LoadFailure.self) {
            _ = try await ScenarioRun.play(scenario, on: server, loops: 1, firstCCID: CCID(rawValue: 0), isQuiet: true)
        }
        #expect(error?.description.contains("does not store") == true)
    }
}
