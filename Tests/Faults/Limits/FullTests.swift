import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// As many connections as may be open.
    struct FullTests {
        @Test("A full relay is not ready, says why, and names whom it refuses, but not each of them")
        func full() async throws {
            let maximum = 5
            let refused = 200
            try await RelayProcess.with(["maximum_connections": "\(maximum)"]) { relay in
                let admin = try relay.admin
                var open = try (1...maximum).map { try relay.terminal(CCID(rawValue: UInt32($0))) }
                let answer = try await admin.request("GET", "/readyz")
                #expect(answer.status == 503 && answer.text.contains("maximum_connections"))
                for _ in 0..<refused { #expect(try relay.connect().receiveUntilClosed().isEmpty) }
                let name = #"ttms_connections_closed_total{reason="too_many_connections"}"#
                try await eventually("all are counted") {
                    try await admin.metrics()[name] == Double(refused) ? () : nil
                }
                #expect(try await admin.metrics()["ttms_connections_maximum"] == Double(maximum))
                let lines = relay.output.split(separator: "\n").filter { $0.contains("A connection was refused") }
                #expect((1..<refused / 2).contains(lines.count))
                #expect(lines.allSatisfy { $0.contains("reason=too_many_connections") && $0.contains("remote=127.0.0.1:") })

                open.removeLast().close()
                try await eventually("the relay is ready") {
                    try await admin.request("GET", "/readyz").status == 200 ? () : nil
                }
                _ = try relay.terminal(.receiver)
            }
        }

        @Test(
            "A full relay finds out who is gone; who is silent and there stays",
            .enabled(if: Cable.isPossible, Cable.reason)
        )
        func silent() async throws {
            let cable = try Cable()
            let directory = try TemporaryDirectory()
            // Without probes nobody would be missed for hours.
            let settings = [
                "maximum_connections": "2", "tcp_user_timeout": "0s", "keepalive_idle": "2h", "registration_timeout": "0s",
            ]
            try await RelayProcess.with(settings, listeners: ["0.0.0.0:0"]) { relay in
                let silent = try relay.terminal(.sender)
                let program = try BuiltProgram.url("ttmsctl").path
                let address = "\(cable.address):\(try relay.terminals[0].port)"
                let gone = try RunningProgram(
                    URL(fileURLWithPath: "/usr/bin/nsenter"),
                    arguments: cable.farEnd + [program, "simulate", "\(CCID.receiver)", "--address", address],
                    log: directory.url.appendingPathComponent("terminal.log")
                )
                try await eventually("the terminal is registered", state: { gone.output }) {
                    gone.output.contains("heartbeat answered") ? () : nil
                }
                try cable.pull()
                gone.signal(SIGKILL)
                try await eventually("there is room again") {
                    try await relay.admin.request("GET", "/readyz").status == 200 ? () : nil
                }
                #expect(try await relay.admin.metrics()["ttms_connection_probes_total"] ?? 0 >= 1)
                #expect(try await relay.admin.metrics()[#"ttms_connections_closed_total{reason="connection_lost"}"#] == 1)
                try silent.register(.sender)
                _ = try relay.terminal(.other)
            }
        }

        @Test("A blocked and a superseded connection are logged with their address and CCID")
        func lines() async throws {
            try await RelayProcess.with { relay in
                let first = try relay.terminal(.sender)
                _ = try relay.terminal(.sender)
                #expect(try first.receiveUntilClosed().isEmpty)
                _ = try await relay.admin.json(
                    "POST",
                    "/api/v1/blocks",
                    json: ["target": .string(CCID.other.description)],
                    status: 201
                )
                let blocked = try relay.connect()
                try blocked.send(WireFrame.heartbeat(of: .other))
                #expect(try blocked.receiveUntilClosed().isEmpty)
                for (reason, ccid) in [("superseded", CCID.sender), ("blocked", CCID.other)] {
                    let line = try await eventually("\(reason) is logged") {
                        relay.output.split(separator: "\n").first { $0.contains("reason=\(reason)") }
                    }
                    #expect(line.contains("ccids=\(ccid)") && line.contains("remote=127.0.0.1:"))
                }
            }
        }
    }
}
