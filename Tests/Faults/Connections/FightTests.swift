import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Two clients that both are the same terminal, and do not give in: a number given twice, or a terminal whose old connection
    /// reconnects by itself.
    struct FightTests {
        @Test(
            "Two clients that fight for a terminal get every frame between them, in order, and again only what was in flight",
            arguments: Fight.Manner.allCases,
            [1, 2]
        )
        func fight(manner: Fight.Manner, eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                var fight = try Fight(at: relay, manner)
                try await fight.run(takeovers: Soak.rounds(200))
                let winner = try await fight.settle()

                let tenures = fight.tenures
                for tenure in tenures { #expect(tenure == Array(tenure[0]..<tenure[0] + tenure.count)) }
                #expect(Set(tenures.joined()) == Set(0..<fight.sent))
                if manner.isOrdered {
                    var arrived = 0
                    for (former, tenure) in zip([[0]] + tenures, tenures) {
                        #expect(tenure[0] >= former[0], "what was delivered came again")
                        #expect(tenure[0] <= arrived, "a newer frame came first")
                        arrived = max(arrived, tenure[0] + tenure.count)
                    }
                }

                try await relay.waitForStatus("ledger.delivered_total", fight.sent)
                for name in ["queued", "in_flight", "imbalance"] { try await relay.waitForStatus("ledger.\(name)", 0) }
                let ledger = try #require(try await relay.admin.json("GET", "/api/v1/status")["ledger"])
                let requeued = try #require(ledger["requeued_total"]?.int)
                #expect(tenures.joined().count - fight.sent <= requeued)

                // One owner, and nobody else who is taken for one.
                #expect(try await relay.admin.terminal(.receiver)?["state"] == "online")
                let owners = try await relay.admin.json("GET", "/api/v1/connections?state=open&ccid=\(CCID.receiver)")
                #expect(owners["data"]?.array?.map { $0["remote_address"]?.string } == [winner])
                let standing = manner == .onStandingConnections ? 2 : 1
                try await relay.waitForStatus("connections", standing + 1)
            }
        }
    }
}
