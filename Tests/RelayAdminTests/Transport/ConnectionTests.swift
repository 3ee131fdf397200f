import AdminAPI
import RelayCore
import Testing

@testable import RelayAdmin

/// Connections, many requests, and the end of the server.
@Suite struct ConnectionTests {
    @Test("one connection carries 200 requests")
    func keepAlive() async throws {
        try await TestServer.run { server async throws in
            let client = try HTTPClient(port: server.port)
            for index in 0..<200 {
                let (target, status) = index.isMultiple(of: 4) ? ("/api/v1/terminals/00000001", 404) : ("/api/v1/status", 200)
                try await client.send(server.request("GET", target))
                #expect(try await client.reply().status == status)
            }
        }
    }

    @Test("pipelined requests are answered in order")
    func pipelining() async throws {
        try await TestServer.run { server async throws in
            let client = try HTTPClient(port: server.port)
            let ids = (0..<20).map { "request-\($0)" }
            try await client.send(ids.flatMap { server.request("GET", "/api/v1/status", headers: ["X-Request-Id": $0]) })
            for id in ids { #expect(try await client.reply().header("x-request-id") == id) }
        }
    }

    @Test("50 clients at once each get their own answers")
    func concurrency() async throws {
        try await TestServer.run { server async throws in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<50 {
                    group.addTask {
                        let client = try HTTPClient(port: server.port)
                        for round in 0..<10 {
                            let id = "\(number).\(round)"
                            let ccid = String(0x1000_0000 + number, radix: 16)
                            let body = Array("{\"payload\":\"\(id)\",\"payload_encoding\":\"utf8\"}".utf8)
                            let headers = ["X-Request-Id": id, "Content-Type": "application/json"]
                            let target = "/api/v1/terminals/\(ccid)/messages"
                            try await client.send(server.request("POST", target, headers: headers, body: body))
                            let reply = try await client.reply()
                            #expect(reply.header("x-request-id") == id)
                            #expect(try reply.model(MessageReceipt.self).ccid == ccid)
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(server.relay.withState { Set($0.injected.map(\.payload)).count } == 500)
        }
    }

    @Test("a request that takes too long is answered, and its connection goes on")
    func deadline() async throws {
        try await TestServer.run(configure: { $0.requestDeadline = .milliseconds(50) }) { server async throws in
            server.relay.gate.close()
            let client = try HTTPClient(port: server.port)
            try await client.send(server.request("GET", "/api/v1/status"))
            #expect(try await client.reply().problemCode == .deadlineExceeded)
            server.relay.gate.open()
            try await client.send(server.request("GET", "/livez"))
            #expect(try await client.reply().status == 200)
        }
    }

    @Test("a client that leaves while its request is carried out leaves nothing behind")
    func departure() async throws {
        try await TestServer.run { server async throws in
            server.relay.gate.close()
            do {
                let client = try HTTPClient(port: server.port)
                try await client.send(server.request("GET", "/api/v1/status"))
                #expect(await eventually { server.relay.gate.waiting == 1 })
            }
            server.relay.gate.open()
            #expect(try await server.send("GET", "/api/v1/status").status == 200)
        }
    }

    @Test("a shutdown lets begun requests end, and takes no new ones")
    func drain() async throws {
        try await TestServer.run { server async throws in
            server.relay.gate.close()
            let clients = try (0..<8).map { _ in try HTTPClient(port: server.port) }
            for client in clients { try await client.send(server.request("GET", "/api/v1/status")) }
            #expect(await eventually { server.relay.gate.waiting == clients.count })
            let idle = try HTTPClient(port: server.port)
            try await idle.send(server.request("GET", "/livez"))
            _ = try await idle.reply()

            let shutdown = Task { await server.server.shutdown() }
            #expect(await eventually { (try? HTTPClient(port: server.port)) == nil })
            try await idle.send(server.request("GET", "/livez"))
            #expect(try await idle.reply().problemCode == .stopping)
            server.relay.gate.open()
            for client in clients { #expect(try await client.reply().status == 200) }
            await shutdown.value
            #expect(try await idle.isClosedByServer())
        }
    }

    @Test("a shutdown does not wait for ever, and does not leave a request without an answer")
    func impatience() async throws {
        try await TestServer.run(configure: { $0.drainTimeout = .milliseconds(50) }) { server async throws in
            server.relay.gate.close()
            let clients = try (0..<8).map { _ in try HTTPClient(port: server.port) }
            for client in clients { try await client.send(server.request("GET", "/api/v1/status")) }
            #expect(await eventually { server.relay.gate.waiting == clients.count })
            await server.server.shutdown()
            for client in clients {
                let reply = try await client.reply()
                #expect(reply.problemCode == .stopping)
                #expect(try await client.isClosedByServer())
            }
        }
    }

    @Test("a shutdown under load ends, again and again")
    func load() async throws {
        for _ in 0..<10 {
            try await TestServer.run { server async throws in
                let clients = (0..<8).map { _ in
                    Task {
                        let client = try HTTPClient(port: server.port)
                        while true {
                            try await client.send(server.request("GET", "/api/v1/status"))
                            let status = try await client.reply().status
                            #expect(status == 200 || status == 503)
                        }
                    }
                }
                #expect(try await server.send("GET", "/livez").status == 200)
                await server.server.shutdown()
                for client in clients { await #expect(throws: HTTPClient.Failure.self) { try await client.value } }
            }
        }
    }
}

extension ConnectionTests {
    @Test(
        "a target that names the host is served, whatever the Host header says",
        arguments: ["http://127.0.0.1:PORT/livez", "HTTP://LocalHost/livez", "https://[::1]/livez", "http://localhost/metrics"]
    )
    func absoluteTarget(target: String) async throws {
        try await TestServer.run { server async throws in
            let target = target.replacing("PORT", with: "\(server.port)")
            #expect(try await server.send("GET", target, headers: ["Host": "proxy.example"]).status == 200)
            #expect(try await server.send("GET", "http://localhost/api/v1/terminals?limit=5").status == 200)
            for wrong in ["http:///livez", "http://user@127.0.0.1/livez", "http://"] {
                #expect(try await server.send("GET", wrong).problemCode == .malformedRequest)
            }
        }
    }

    @Test("clients are told how long a connection stays open, where it does")
    func announcedTimeout() async throws {
        try await TestServer.run(configure: { $0.clientTimeout = .seconds(17) }) { server async throws in
            let stays = try await server.send("GET", "/livez")
            #expect(stays.header("keep-alive") == "timeout=17")
            #expect(stays.header("connection")?.lowercased() == "keep-alive")
            let ends = try await server.send("GET", "/livez", headers: ["Connection": "close"])
            #expect(ends.header("keep-alive") == nil)
            #expect(ends.header("connection")?.lowercased() == "close")
        }
    }
}
