import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Errors of the kernel while connections are accepted, and connections that are reset before they are served.
    struct AcceptTests {
        @Test(
            "A passing error at accept costs nobody anything",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason),
            arguments: [
                "EPROTO", "EPERM", "ENETDOWN", "EHOSTUNREACH", "ENETUNREACH", "EOPNOTSUPP", "EINVAL", "EMFILE", "ECONNABORTED",
            ]
        )
        func passing(error: String) async throws {
            try await RelayProcess.with { relay in
                let calls = try await FailingCalls(ofAcceptor: relay, "accept4:error=\(error):when=1")
                let admin = try relay.admin
                for number in 1..<4 { _ = try relay.terminal(CCID(rawValue: UInt32(number))) }
                try await calls.stop()
                #expect(try await admin.request("GET", "/readyz").status == 200)
                let isCounted = error != "ECONNABORTED"
                #expect(try await admin.metrics()["ttms_accept_failures_total"] == (isCounted ? 1 : 0))
                #expect(relay.output.contains("could not be accepted") == (isCounted && error != "EMFILE"))
            }
        }

        @Test(
            "While accept fails for good the relay is not ready, and it accepts as soon as that is over",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason)
        )
        func lasting() async throws {
            try await RelayProcess.with { relay in
                let calls = try await FailingCalls(ofAcceptor: relay, "accept4:error=EPERM")
                let late = try relay.connect()
                try late.send(WireFrame.heartbeat(of: .receiver))
                try await eventually("the relay is not ready") {
                    let answer = try await relay.admin.request("GET", "/readyz")
                    return answer.status == 503 && answer.text.contains("firewall") ? () : nil
                }
                try await calls.stop()
                #expect(try late.receiveFrame().count == Frame.heartbeatSize)
                #expect(try await relay.admin.request("GET", "/readyz").status == 200)
            }
        }

        @Test(
            "A listener whose socket was closed is opened again; until then the relay is not ready",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason)
        )
        func closed() async throws {
            try await RelayProcess.with { relay in
                // As the kernel answers for a socket that does not listen, and when somebody else has the port by then.
                let calls = try await FailingCalls(ofAcceptor: relay, "getsockopt:retval=0:when=1", "bind:error=EADDRINUSE")
                let port = try relay.terminals[0].port
                try await eventually("the relay is not ready") {
                    let answer = try await relay.admin.request("GET", "/readyz")
                    return answer.status == 503 && answer.text.contains("does not listen on 127.0.0.1:\(port)") ? () : nil
                }
                try await calls.stop()
                try await eventually("the relay is ready") {
                    try await relay.admin.request("GET", "/readyz").status == 200 ? () : nil
                }
                _ = try relay.terminal(.sender)
                #expect(relay.output.contains("The relay listens again"))
            }
        }

        @Test(
            "A socket option that the system does not know costs no connection",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason)
        )
        func options() async throws {
            try await RelayProcess.with { relay in
                // The listener is opened again, which sets all options again.
                let calls = try await FailingCalls(
                    ofAcceptor: relay,
                    "getsockopt:retval=0:when=1",
                    "setsockopt:error=ENOPROTOOPT"
                )
                try await eventually("the listener is opened again") {
                    relay.output.contains("The relay listens again") ? () : nil
                }
                for _ in 0..<3 { _ = try relay.terminal(.sender) }
                try await calls.stop()
                #expect(try await relay.admin.metrics()["ttms_socket_option_failures_total"] ?? 0 >= 8)
                #expect(relay.output.components(separatedBy: "option=TCP_NODELAY").count == 2)
            }
        }

        @Test("A connection that is reset at once is listed with its address", arguments: [1, 2])
        func addresses(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let count = 50
                for number in 0..<count {
                    let client = try relay.connect()
                    try client.send(WireFrame.heartbeat(of: CCID(rawValue: UInt32(number))))
                    client.reset()
                }
                let rows = try await eventually("all are closed") {
                    let list = try await relay.admin.json("GET", "/api/v1/connections?state=closed&limit=100")
                    return list["data"]?.array.flatMap { $0.count == count ? $0 : nil }
                }
                #expect(rows.allSatisfy { $0["remote_address"]?.string?.hasPrefix("127.0.0.1:") == true })
                #expect(rows.allSatisfy { $0["listener"]?.string?.hasPrefix("127.0.0.1:") == true })
            }
        }

        @Test("From a blocked address nothing is taken, also when the connection is reset at once", arguments: [1, 2])
        func blocked(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"], listeners: ["127.0.0.1:0", "[::1]:0"]) { relay in
                let owner = try relay.connect(listener: 1)
                try owner.register(.sender)
                _ = try await relay.admin.json("POST", "/api/v1/blocks", json: ["target": "127.0.0.1"], status: 201)
                let count = 100
                for _ in 0..<count {
                    let client = try relay.connect()
                    _ = client.sendNow((WireFrame.heartbeat(of: .sender) + NumberedFrames.to(.receiver, 0..<1))[...])
                    client.reset()
                }
                try await eventually("all are refused") {
                    try await relay.admin.metrics()[#"ttms_connections_closed_total{reason="blocked"}"#] == Double(count)
                        ? () : nil
                }
                try owner.register(.sender)
                try await relay.waitForStatus("ledger.accepted_total", 0)
            }
        }
    }
}
