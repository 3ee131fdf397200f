import AdminAPI
import RelayCore
import Testing

@testable import RelayAdmin

@Suite struct StatusTests {
    @Test("readiness is a status code and its reasons")
    func readiness() async throws {
        let relay = FakeRelay()
        try await TestServer.run(relay) { server async throws in
            #expect(try await server.send("GET", "/livez").model(LivenessResource.self).alive)
            let ready = try await server.send("GET", "/readyz")
            #expect(ready.status == 200)
            #expect(try ready.model(ReadinessResource.self).ready)
            let check = Readiness.Check(name: "store", isPassing: false, detail: "The disk is full. Make room.")
            relay.withState { $0.readiness.checks.append(check) }
            let failing = try await server.send("GET", "/readyz")
            #expect(failing.status == 503)
            let reasons = try failing.model(ReadinessResource.self)
            #expect(!reasons.ready)
            #expect(reasons.checks.map(\.passing) == [true, false])
            #expect(reasons.checks.last?.detail == check.detail)
            #expect(try await server.send("GET", "/livez").status == 200)
        }
    }

    @Test("a drain is begun, with or without a body, and only by who has the token")
    func drain() async throws {
        let relay = FakeRelay()
        try await TestServer.run(relay) { server async throws in
            #expect(try await server.send("POST", "/api/v1/drain", headers: ["Authorization": "Bearer wrong"]).status == 401)
            #expect(!relay.withState { $0.isDraining })
            let answer = try await server.send("POST", "/api/v1/drain")
            #expect(answer.status == 202)
            #expect(try answer.model(DrainReceipt.self) == DrainReceipt(state: .draining))
            #expect(relay.withState { $0.isDraining })
        }
    }

    @Test("the status has the ledger with its imbalance")
    func status() async throws {
        try await TestServer.run { server async throws in
            let status = try await server.send("GET", "/api/v1/status").model(StatusResource.self)
            #expect(status.version == "0.1.0")
            #expect(status.uptimeSeconds == 90)
            #expect(status.ledger.accepted == 7)
            #expect(status.ledger.imbalance == 1)
            #expect(status.readiness.ready)
        }
    }

    @Test("every answer has its id and the headers of its kind")
    func headers() async throws {
        try await TestServer.run { server async throws in
            for target in ["/livez", "/nothing", "/api/v1/terminals/00000001"] {
                let reply = try await server.send("GET", target, headers: ["X-Request-Id": "a-B_1.z"])
                #expect(reply.header("x-request-id") == "a-B_1.z")
                #expect(reply.header("cache-control") == "no-store")
                #expect(reply.header("x-content-type-options") == "nosniff")
                #expect(reply.header("content-security-policy")?.contains("default-src 'none'") == true)
            }
            for id in ["", "a b", "a\"b", String(repeating: "a", count: 65)] {
                let reply = try await server.send("GET", "/livez", headers: ["X-Request-Id": id])
                #expect(reply.header("x-request-id")?.wholeMatch(of: /[0-9a-f]{16}/) != nil)
            }
        }
    }

    @Test("HEAD is GET without the body")
    func head() async throws {
        try await TestServer.run { server async throws in
            let client = try HTTPClient(port: server.port)
            for _ in 0..<3 {
                try await client.send(server.request("GET", "/api/v1/status"))
                let get = try await client.reply()
                try await client.send(server.request("HEAD", "/api/v1/status"))
                let head = try await client.reply(toHead: true)
                #expect(head.status == 200)
                #expect(head.header("content-length") == get.header("content-length"))
            }
        }
    }
}
