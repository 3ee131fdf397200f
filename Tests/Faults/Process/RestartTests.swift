import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// `SIGTERM`, `ttmsctl drain`, and what a second process may do.
    struct RestartTests {
        @Test("Stopping closes the terminals' connections, and exits with 0")
        func stop() async throws {
            try await RelayProcess.with { relay in
                let terminal = try relay.terminal(.sender)
                try await relay.stop()
                #expect(try terminal.receiveUntilClosed().isEmpty)
            }
        }

        /// How a relay is stopped in order.
        enum Stop: CaseIterable {
            case signal
            case drain
        }

        @Test(
            "Stopped under load, the relay loses nothing for which a terminal has a receipt",
            arguments: Stop.allCases,
            [1, 2]
        )
        func underLoad(stop: Stop, eventLoops: Int) async throws {
            let stops = Soak.rounds(2)
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let address = try relay.terminals[0]
                let load = try Load(
                    address,
                    [
                        "--terminals", "50", "--frames", Load.endless, "--reconnect-every", "200",
                        "--tolerate-restarts",
                    ]
                )
                for _ in 0..<stops {
                    try await load.waitForAccepted(5_000, at: relay)
                    switch stop {
                    case .signal: try await relay.stop()
                    case .drain: try await Self.drain(relay)
                    }
                    try await relay.start(listeners: ["\(address.host):\(address.port)"])
                }
                try await load.waitForAccepted(2_000, at: relay)
                load.endSending()
                try await load.expectClean(at: relay)
            }
        }

        private static func drain(_ relay: RelayProcess) async throws {
            let directory = try TemporaryDirectory()
            let drain = try RunningProgram(
                BuiltProgram.url("ttmsctl"),
                arguments: ["drain", "--data-dir", relay.dataDirectory.path],
                log: directory.url.appendingPathComponent("drain.log")
            )
            let exit = try await drain.waitForExit()
            #expect(exit == .code(0), "\(drain.output)")
            try await relay.waitForEnd()
        }

        @Test("A second start on the same data directory is refused, and does not disturb the first")
        func secondStart() async throws {
            let directory = try TemporaryDirectory()
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<3))
                try await relay.waitForBacklog(of: .receiver, 3)

                let log = directory.url.appendingPathComponent("second.log")
                let second = try relay.launch(listeners: ["127.0.0.1:0"], log: log)
                let exit = try await second.waitForExit()
                #expect(exit != .code(0))
                if case .signal = exit { Issue.record("the second relay ended with \(exit)") }
                #expect(second.output.contains(relay.dataDirectory.path))
                #expect(second.output.contains("\(try relay.pid)"))

                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(3) == [0, 1, 2])
            }
        }
    }
}
