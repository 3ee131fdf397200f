import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Peers that do not speak the protocol, and peers that fight.
    struct StrangerTests {
        @Test(
            "What a stranger speaks is in the log, the events and the list of closed connections",
            arguments: [
                (Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8), "HTTP"), ([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00], "TLS"),
                (Array("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n".utf8), "PROXY"), (Array("SSH-2.0-OpenSSH_9.2\r\n".utf8), "SSH"),
                ([0x10, 0x10, 0x00, 0x04, 0x4d, 0x51, 0x54, 0x54, 0x04, 0x02, 0x00, 0x3c], "MQTT"),
            ] as [([UInt8], String)]
        )
        func foreign(bytes: [UInt8], words: String) async throws {
            try await RelayProcess.with { relay in
                let stranger = try relay.connect()
                try stranger.send(bytes)
                #expect(try stranger.receiveUntilClosed().isEmpty)
                let row = try await eventually("it is listed") {
                    try await relay.admin.json("GET", "/api/v1/connections?state=closed")["data"]?.array?.first
                }
                #expect(row["close_reason"] == "bad_header")
                #expect(row["detail"]?.string?.contains(words) == true)
                let line = try await eventually("it is logged") {
                    relay.output.split(separator: "\n").first { $0.contains("reason=bad_header") }
                }
                #expect(line.contains(words) && line.contains("first_bytes="))
            }
        }

        @Test("Strangers do not fill the log, and all of them are counted")
        func flood() async throws {
            let count = 500
            try await RelayProcess.with { relay in
                for _ in 0..<count {
                    let stranger = try relay.connect()
                    try stranger.send(Array("stranger stranger".utf8))
                    #expect(try stranger.receiveUntilClosed().isEmpty)
                }
                try await eventually("they are summarised") {
                    relay.output.contains("not logged singly") && relay.output.contains("bad_header=") ? () : nil
                }
                let lines = relay.output.split(separator: "\n").filter { $0.contains("A connection was closed") }
                #expect(lines.count < count / 2)
                #expect(
                    try await relay.admin.metrics()[#"ttms_connections_closed_total{reason="bad_header"}"#] == Double(count)
                )
            }
        }

        @Test("Of many heartbeats of one terminal the newest wins, and nothing that came with them is lost", arguments: [1, 3])
        func takeovers(eventLoops: Int) async throws {
            let count = 200
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                var clients: [TerminalClient] = []
                for number in 0..<count {
                    let client = try relay.connect()
                    try client.send(WireFrame.heartbeat(of: .sender) + NumberedFrames.to(.receiver, number..<number + 1))
                    clients.append(client)
                }
                try await relay.waitForStatus("ledger.accepted_total", count)
                for client in clients.dropLast() { _ = try client.receiveUntilClosed() }
                let newest = try #require(clients.last)
                #expect(try newest.receiveFrame().count == Frame.heartbeatSize)
                try newest.register(.sender)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }
    }
}
