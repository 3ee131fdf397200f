import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// `ttms-bench verify` in front of a relay that does wrong: what it finds clean elsewhere proves nothing unless it finds this.
    struct CheckerTests {
        /// Few, so that the frames from one to another follow each other soon.
        private static let arguments = ["--terminals", "5", "--frames", "5000"]

        @Test(
            "A relay that drops, swaps or doubles one frame of thousands is found out, and nothing else is said of it",
            arguments: [
                (Proxy.Fault.drop, "lost 1, duplicated 0, out of order 0"),
                (.swap, "lost 0, duplicated 0, out of order 1"),
                (.double, "lost 0, duplicated 1, out of order 0"),
            ]
        )
        func found(fault: Proxy.Fault, report: String) async throws {
            try await RelayProcess.with { relay in
                let proxy = try Proxy(to: try relay.terminals[0], fault, at: 2_000)
                // What is lost is awaited as long as in every other run: a busy disk makes a short wait give up for nothing.
                let load = try Load(proxy.address, Self.arguments)
                let (exit, output) = try await load.waitForExit()
                #expect(exit == .code(1))
                #expect(
                    output.contains("\n\(report), misdirected 0, misattributed 0, corrupted 0, broken connections 0\n"),
                    "\(output)"
                )
            }
        }

        @Test("Told to end, it accounts for what was sent until then")
        func ended() async throws {
            try await RelayProcess.with { relay in
                let load = try Load(
                    relay.terminals[0],
                    ["--terminals", "5", "--frames", Load.endless, "--reconnect-every", "200"]
                )
                try await load.waitForAccepted(2_000, at: relay)
                load.endSending()
                try await load.expectClean(at: relay)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("Through the same proxy a relay that does nothing wrong is clean")
        func clean() async throws {
            try await RelayProcess.with { relay in
                let proxy = try Proxy(to: try relay.terminals[0])
                try await Load(proxy.address, Self.arguments).expectClean(at: relay)
                try await relay.waitForStatus("ledger.delivered_total", 5_000)
            }
        }
    }
}
