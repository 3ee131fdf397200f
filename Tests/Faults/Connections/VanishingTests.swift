import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// A terminal that vanishes without FIN or RST, as most do that lose their radio.
    struct VanishingTests {
        @Test(
            "What a vanished terminal has not acknowledged goes to its next connection, whoever notices first",
            .enabled(if: Cable.isPossible, Cable.reason),
            arguments: [true, false]
        )
        func vanished(isNoticed: Bool) async throws {
            let cable = try Cable()
            let directory = try TemporaryDirectory()
            let settings = ["tcp_user_timeout": isNoticed ? "2s" : "60s"]
            try await RelayProcess.with(settings, listeners: ["0.0.0.0:0"]) { relay in
                let sender = try relay.terminal(.sender)
                let program = try BuiltProgram.url("ttmsctl").path
                let address = "\(cable.address):\(try relay.terminals[0].port)"
                let receiver = try RunningProgram(
                    URL(fileURLWithPath: "/usr/bin/nsenter"),
                    arguments: cable.farEnd + [program, "simulate", "\(CCID.receiver)", "--address", address],
                    log: directory.url.appendingPathComponent("terminal.log")
                )
                try await eventually("the terminal is registered", state: { receiver.output }) {
                    receiver.output.contains("heartbeat answered") ? () : nil
                }
                try sender.send(NumberedFrames.to(.receiver, 0..<10))
                try await relay.waitForStatus("ledger.delivered_total", 10)

                try cable.pull()
                receiver.signal(SIGKILL)
                try sender.send(NumberedFrames.to(.receiver, 10..<60))
                // The relay has written them, and does not take that for delivery; its receipt says that they are on disk.
                try sender.register(.sender)
                try await relay.waitForBacklog(of: .receiver, 50)
                if isNoticed { try await relay.waitForOffline(.receiver) }

                let back = try relay.terminal(.receiver)
                #expect(try back.receiveNumbers(50) == Array(10..<60))
                try back.expectNothing(for: .receiver)
                try await relay.waitForStatus("ledger.delivered_total", 60)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }
    }
}

extension RelayProcess {
    /// Waits until the relay has given a terminal's connection up.
    fileprivate func waitForOffline(_ ccid: CCID) async throws {
        let admin = try self.admin
        try await eventually("terminal \(ccid) is offline") {
            try await admin.terminal(ccid)?["state"] == "offline" ? () : nil
        }
    }
}
