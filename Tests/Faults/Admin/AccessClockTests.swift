import Foundation
import TestKit
import Testing

extension Faults {
    /// Blocks, tokens and the uptime while somebody sets the wall clock.
    struct AccessClockTests {
        private static let year: Int64 = 365 * 24 * 3_600

        private static func count(_ path: String, _ relay: RelayProcess) async throws -> Int {
            try await relay.admin.json("GET", path).at("data")?.array?.count ?? -1
        }

        private static func makeBoth(seconds: Int, _ relay: RelayProcess) async throws -> AdminClient {
            let time: JSONValue = .number(Double(seconds))
            let block: JSONValue = ["target": "192.0.2.1", "for_seconds": time]
            _ = try await relay.admin.json("POST", "/api/v1/blocks", json: block, status: 201)
            let token: JSONValue = ["name": "t", "scopes": ["read"], "for_seconds": time]
            let made = try await relay.admin.json("POST", "/api/v1/tokens", json: token, status: 201)
            return AdminClient(base: try relay.admin.base, token: made.at("token")?.string)
        }

        @Test("A clock that is set, be it from 1970, ends no block and no token early", arguments: [true, false])
        func early(restarts: Bool) async throws {
            let clock = try FalseClock()
            // As of a machine without a battery for its clock.
            try clock.set(ahead: -Int64(Date.now.timeIntervalSince1970) + 60)
            try await RelayProcess.with(environment: try clock.environment) { relay in
                var client = try await Self.makeBoth(seconds: 900, relay)
                for offset in [0, Self.year, -Self.year, 0] {
                    try clock.set(ahead: offset)
                    if restarts {
                        try await relay.stop()
                        try await relay.start()
                        client = AdminClient(base: try relay.admin.base, token: client.token)
                    }
                    #expect(try await Self.count("/api/v1/blocks", relay) == 1, "\(offset)")
                    #expect(try await client.request("GET", "/api/v1/status").status == 200, "\(offset)")
                    let uptime = try await relay.admin.json("GET", "/api/v1/status").at("uptime_seconds")?.int ?? -1
                    #expect((0..<3_600).contains(uptime), "\(offset)")
                }
            }
        }

        @Test("A clock that is set back ends a block and a token no later")
        func late() async throws {
            let clock = try FalseClock()
            try await RelayProcess.with(environment: try clock.environment) { relay in
                let client = try await Self.makeBoth(seconds: 2, relay)
                try clock.set(ahead: -Self.year)
                try await eventually("the block ends") { try await Self.count("/api/v1/blocks", relay) == 0 ? () : nil }
                try await eventually("the token ends") {
                    try await client.request("GET", "/api/v1/status").status == 401 ? () : nil
                }
            }
        }
    }
}
