import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Clients of the admin API that end their side right behind the request, as `nc -N` and some libraries do.
    struct HalfCloseTests {
        private static let target = "/api/v1/terminals/\(CCID.receiver)/messages"
        private static let message = #"{"payload":"hi","payload_encoding":"utf8"}"#

        /// Sends `bytes` and a FIN at a moment that is another one each time.
        private static func ask(_ relay: RelayProcess, _ bytes: [UInt8], _ number: Int) throws -> [UInt8] {
            let client = try AdminConnection.open(relay)
            defer { client.close() }
            try client.send(bytes)
            // Not to wait for anything: to let the FIN meet the request anywhere on its way.
            for _ in 0..<(number % 20) { sched_yield() }
            client.finish()
            return try client.receiveUntilClosed()
        }

        struct Case: CustomTestStringConvertible, Sendable {
            var method: String
            var target: String
            var body: String?
            var statuses: [Int]
            var testDescription: String { "\(self.method) \(self.target)" }
        }

        private static let bulk =
            #"{"messages":[{"destinations":["\#(CCID.receiver)"],"payload":"hi","payload_encoding":"utf8"}]}"#
        static let cases = [
            Case(method: "GET", target: "/api/v1/status", statuses: [200]),
            Case(method: "GET", target: "/metrics", statuses: [200]),
            Case(method: "POST", target: Self.target, body: Self.message, statuses: [202]),
            Case(method: "POST", target: "/api/v1/messages/bulk", body: Self.bulk, statuses: [200]),
            Case(method: "DELETE", target: Self.target, statuses: [200, 404]),
            Case(
                method: "POST",
                target: "/api/v1/blocks",
                body: #"{"target":"192.0.2.1","for_seconds":60}"#,
                statuses: [200, 201]
            ),
            Case(method: "POST", target: "/api/v1/tokens", body: #"{"name":"t","scopes":["read"]}"#, statuses: [200, 201]),
        ]

        @Test("What was carried out is answered", arguments: Self.cases)
        func answered(_ request: Case) async throws {
            try await RelayProcess.with { relay in
                let bytes = try AdminConnection.request(request.method, request.target, relay, json: request.body)
                var answers: [[Int]: Int] = [:]
                for number in 0..<200 { answers[AdminConnection.statuses(try Self.ask(relay, bytes, number)), default: 0] += 1 }
                #expect(answers.keys.allSatisfy { $0.count == 1 && request.statuses.contains($0[0]) }, "\(answers)")
            }
        }

        @Test("Each of several requests in one packet is answered")
        func pipelined() async throws {
            try await RelayProcess.with { relay in
                let one = try AdminConnection.request("POST", Self.target, relay, json: Self.message)
                for number in 0..<50 {
                    let answer = try Self.ask(relay, one + one + one, number)
                    #expect(AdminConnection.statuses(answer) == [202, 202, 202])
                }
                #expect(try await relay.admin.backlog(of: .receiver) == 150)
            }
        }

        @Test("What did not come whole is not carried out")
        func incomplete() async throws {
            try await RelayProcess.with { relay in
                let whole = try AdminConnection.request("POST", Self.target, relay, json: Self.message)
                for length in [10, whole.count - 60, whole.count - 1] {
                    let answer = try Self.ask(relay, Array(whole.prefix(length)), 0)
                    #expect(AdminConnection.statuses(answer).allSatisfy { $0 / 100 == 4 })
                }
                #expect(try await relay.admin.backlog(of: .receiver) == 0)
            }
        }

        @Test("Who follows the events goes on hearing of them, and whoever has gone gives up its place")
        func events() async throws {
            try await RelayProcess.with { relay in
                let follow = try AdminConnection.request("GET", "/api/v1/events?types=terminal_online", relay)
                let half = try AdminConnection.open(relay)
                try half.send(follow)
                half.finish()
                // More than there are places for; each takes the one that the client before it had.
                for _ in 0..<40 {
                    try await eventually("there is a place") {
                        let client = try AdminConnection.open(relay)
                        defer { client.close() }
                        try client.send(follow)
                        return AdminConnection.statuses(try client.receive(12)) == [200] ? () : nil
                    }
                }
                let terminal = try relay.terminal(.other)
                var heard = ""
                while !heard.contains(CCID.other.description) {
                    heard += String(decoding: try half.receive(1), as: UTF8.self)
                }
                #expect(heard.contains("event: terminal_online"))
                terminal.close()
                half.close()
            }
        }
    }
}
