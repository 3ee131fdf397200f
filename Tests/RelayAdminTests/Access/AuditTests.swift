import AdminAPI
import Foundation
import Logging
import TTMSProtocol
import Testing

@testable import RelayAdmin

/// The audit log over HTTP: every change and every denial, and nothing else.
@Suite struct AuditTests {
    private static func entries(_ server: TestServer, _ query: String = "") async throws -> [AuditResource] {
        try await server.send("GET", "/api/v1/audit\(query)").model(Page<AuditResource>.self).data
    }

    @Test("a change is recorded with who, what, from where, and what became of it")
    func changes() async throws {
        try await TestServer.run { server async throws in
            let ccid = CCID(rawValue: 0x2a)
            server.relay.withState { $0.terminals[ccid] = FakeRelay.online(ccid) }
            let requestID = ["X-Request-Id": "mine-1"]
            #expect(try await server.send("DELETE", "/api/v1/terminals/0000002a/connection", headers: requestID).status == 204)
            #expect(try await server.send("DELETE", "/api/v1/terminals/0000002a/connection").status == 404)
            #expect(try await server.sendJSON("POST", "/api/v1/tokens", "{}").status == 422)
            #expect(try await server.send("GET", "/api/v1/status").status == 200)
            #expect(try await server.send("HEAD", "/api/v1/terminals").status == 200)
            let entries = try await Self.entries(server)
            #expect(entries.map(\.id) == ["3", "2", "1"])
            #expect(entries.map(\.outcome) == [.refused, .refused, .done])
            #expect(entries.map(\.status) == [422, 404, 204])
            #expect(entries.map(\.code) == ["invalid_body", "terminal_offline", nil])
            #expect(entries.map(\.method) == ["POST", "DELETE", "DELETE"])
            let first = try #require(entries.last)
            #expect(first.tokenID == "admin" && first.tokenName == "admin.token" && first.remoteAddress == "127.0.0.1")
            #expect(first.route == "/api/v1/terminals/{ccid}/connection" && first.requestID == "mine-1" && first.count == 1)
            #expect(first.target == "/api/v1/terminals/0000002a/connection")

            server.relay.withState { $0.storeFailure = CancellationError() }
            #expect(try await server.send("DELETE", "/api/v1/messages/1").status == 500)
            #expect(try await Self.entries(server).first?.outcome == .failed)
        }
    }

    @Test("an entry says what was done, without secrets")
    func details() async throws {
        try await TestServer.run { server async throws in
            let messages = "/api/v1/terminals/0000002a/messages"
            let message = #"{"payload":"secret","payload_encoding":"utf8"}"#
            let bulk = #"{"messages":[{"destinations":["0000002a","0000002b"],"payload":"","payload_encoding":"hex"}]}"#
            let requests = [
                ("POST", "\(messages)?preview=true", message), ("POST", "\(messages)?wait_ms=0", message),
                ("POST", "/api/v1/messages/bulk", bulk),
                ("POST", "/api/v1/blocks", #"{"target":"192.0.2.0/24","reason":"noise","for_seconds":60}"#),
                ("POST", "/api/v1/tokens", #"{"name":"monitor","scopes":["read","messages:write"]}"#),
                ("PUT", "/api/v1/log-level", #"{"level":"debug","for_seconds":900}"#),
                ("PUT", "/api/v1/terminals/0000002a/trace", #"{"for_seconds":60,"frames":7}"#),
                ("POST", "/api/v1/config/validate?secret=1", "{}"),
            ]
            var secret = ""
            for (method, target, body) in requests {
                let reply = try await server.sendJSON(method, target, body)
                if target == "/api/v1/tokens" { secret = try #require(try reply.model(TokenResource.self).token) }
            }
            #expect(try await server.send("DELETE", messages).problemCode == .terminalNotFound)
            let reply = try await server.send("GET", "/api/v1/audit")
            #expect(!reply.text.contains(secret) && !reply.text.contains("secret"))
            let entries = try reply.model(Page<AuditResource>.self).data.reversed().map { ($0.target, $0.details ?? [:]) }
            #expect(entries.map(\.0) == requests.map { $0.1.replacing("?secret=1", with: "") } + [messages])
            let details = entries.map(\.1)
            #expect(details[0].isEmpty && details[8].isEmpty)
            #expect(details[1] == ["message_ids": "2199023255553"])
            #expect(details[2] == ["message_ids": "2199023255554, 2199023255555", "messages": "2", "refused": "0"])
            #expect(details[3]["target"] == "192.0.2.0/24" && details[3]["reason"] == "noise")
            #expect(details[3]["expires_at"] != nil && details[3]["closed_connections"] == "3")
            #expect(details[4]["token_name"] == "monitor" && details[4]["scopes"] == "read, messages:write")
            #expect(details[4]["token_id"]?.count == 16)
            #expect(details[5] == ["level": "debug", "for_seconds": "900"])
            #expect(details[6] == ["until": "2023-11-14T22:14:20.000Z", "frames": "7"])
        }
    }

    @Test("a parameter is recorded by what its name is decoded to, and anything else of the query is not")
    func escapedName() async throws {
        try await TestServer.run { server async throws in
            let target = "/api/v1/terminals/0000002a/messages"
            let body = #"{"payload":"hi","payload_encoding":"utf8"}"#
            #expect(try await server.sendJSON("POST", "\(target)?previe%77=%74rue", body).status == 200)
            #expect(try await server.sendJSON("POST", "\(target)?preview%=true&secret=1&wait_ms", body).status == 400)
            #expect(try await Self.entries(server).map(\.target) == ["\(target)?wait_ms", "\(target)?preview=%74rue"])
        }
    }

    @Test("what a stranger sends is cut by its Unicode scalars, not by what looks like a letter")
    func wideTexts() async throws {
        try await TestServer.run { server async throws in
            let marks = String(repeating: "\u{301}", count: 1_000)
            let client = try HTTPClient(port: server.port)
            try await client.send("M\(marks) /api/v1/\(marks) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            #expect(try await client.reply().status == 401)
            let message = #"{"payload":"hi","payload_encoding":"utf8"}"#
            let target = "/api/v1/terminals/0000002a/messages"
            #expect(try await server.sendJSON("POST", "\(target)?wait_ms=\(marks)", message).status == 400)
            let entries = try await Self.entries(server)
            #expect(entries.map(\.method.unicodeScalars.count) == [4, 16])
            #expect(entries.map(\.target.unicodeScalars.count) == [target.unicodeScalars.count + 1 + 256, 256])
        }
    }

    @Test("a denial is recorded: without a token, with a wrong one, without the scope, for another host")
    func denials() async throws {
        try await TestServer.run { server async throws in
            let made = try await server.sendJSON("POST", "/api/v1/tokens", #"{"name": "reader", "scopes": ["read"]}"#)
            let reader = try made.model(TokenResource.self)
            let bearer = ["Authorization": "Bearer \(reader.token ?? "")"]
            #expect(try await server.send("GET", "/api/v1/status", headers: ["Authorization": ""]).status == 401)
            #expect(try await server.send("DELETE", "/api/v1/messages/1", headers: bearer).status == 403)
            #expect(try await server.send("POST", "/api/v1/drain", headers: bearer).status == 403)
            #expect(try await server.send("GET", "/api/v1/nowhere", headers: ["Host": "evil.example"]).status == 421)
            let entries = try await Self.entries(server, "?outcome=denied")
            #expect(Set(entries.map(\.code)) == ["unauthorized", "insufficient_scope", "misdirected_request"])
            #expect(entries.filter { $0.status == 403 }.map(\.target) == ["/api/v1/drain", "/api/v1/messages/1"])
            let forbidden = try #require(entries.last { $0.status == 403 })
            #expect(
                forbidden.tokenID == reader.id && forbidden.tokenName == "reader" && forbidden.route == "/api/v1/messages/{id}"
            )
            let stranger = try #require(entries.first { $0.status == 401 })
            #expect(stranger.tokenID == nil && stranger.target == "/api/v1/status")
            #expect(try #require(entries.first { $0.status == 421 }).route == nil)

            for token in [reader.id, "reader"] {
                #expect(try await Self.entries(server, "?token=\(token)").map(\.status) == [403, 403])
            }
            #expect(try await Self.entries(server, "?since=2999-01-01T00:00:00Z").isEmpty)
            #expect(try await Self.entries(server, "?since=2001-01-01T00:00:00.5Z").count == 5)
            // A plus sign that was not escaped is one still.
            #expect(try await Self.entries(server, "?since=2001-01-01T00:00:00+08:00").count == 5)
            #expect(try await Self.entries(server, "?since=2001-01-01T00:00:00%2B08:00").count == 5)
            #expect(try await server.send("GET", "/api/v1/audit", headers: bearer).status == 403)
            for query in ["since=yesterday", "outcome=good", "limit=0", "cursor=MQ"] {
                #expect(try await server.send("GET", "/api/v1/audit?\(query)").status == 400, "\(query)")
            }
        }
    }

    @Test("a flood of denials is a few entries, with how many it was, and holds nobody up")
    func flood() async throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(
            directory: directory.file("audit"),
            inventory: .silent(directory),
            limit: 1 << 20,
            logger: .silent
        )
        for number in 0..<100_000 { log.recordDenial(.entry(from: "192.0.2.\(number % 2)", status: 401)) }
        for number in 0..<1_000 { log.recordDenial(.entry(from: "198.51.100.\(number)", status: 401)) }
        await log.close()
        log.recordDenial(.entry(from: "192.0.2.9", status: 401))
        let entries = try await log.all()
        #expect(entries.reduce(0) { $0 + $1.count } == 101_000)
        #expect(entries.filter { $0.remoteAddress == "192.0.2.1" }.map(\.count) == [49_999, 1])
        #expect(entries.count == DenialTally.maximumKinds + 1 + 3)
        #expect(entries.filter { $0.remoteAddress.isEmpty }.map(\.count) == [1_000 - (DenialTally.maximumKinds - 2) - 1, 1])
    }

    @Test("denials that are told as a number are of a route where they were at several paths")
    func targets() throws {
        var tally = DenialTally()
        func deny(_ target: String) throws -> AuditResource? {
            var entry = AuditResource.entry(status: 403, target: target)
            (entry.tokenID, entry.route) = ("1", "/api/v1/messages/{id}")
            return tally.add(entry)
        }
        let first = try #require(try deny("/api/v1/messages/5"))
        #expect(first.target == "/api/v1/messages/5" && first.count == 1)
        for _ in 0..<2 { #expect(try deny("/api/v1/messages/6") == nil) }
        #expect(tally.finish().map(\.target) == ["/api/v1/messages/6"])
        for id in [5, 5, 5, 6, 6] { _ = try deny("/api/v1/messages/\(id)") }
        let rest = tally.finish()
        #expect(rest.map(\.target) == ["/api/v1/messages/{id}"] && rest.map(\.count) == [4])
    }

    @Test("what was only counted is recorded when its time is up")
    func tally() async throws {
        let directory = try TemporaryDirectory()
        let log = try AuditLog(
            directory: directory.file("audit"),
            inventory: .silent(directory),
            limit: 1 << 20,
            tallyTime: .milliseconds(20),
            logger: .silent
        )
        for round in 1...2 {
            for _ in 0..<3 { log.recordDenial(.entry(from: "192.0.2.1", status: 401)) }
            let deadline = ContinuousClock.now + .seconds(20)
            while try await log.all().reduce(0, { $0 + $1.count }) < 3 * round, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(2))
            }
        }
        #expect(try await log.all().reduce(0) { $0 + $1.count } == 6)
    }
}

extension AuditResource {
    /// An entry that says little.
    static func entry(from address: String = "127.0.0.1", status: Int = 204, target: String = "/") -> AuditResource {
        AuditResource(
            id: "",
            at: "2023-11-14T22:13:20.000Z",
            outcome: status < 400 ? .done : .denied,
            tokenID: nil,
            tokenName: nil,
            remoteAddress: address,
            method: "DELETE",
            route: nil,
            target: target,
            status: status,
            code: nil,
            requestID: "1"
        )
    }
}

extension AuditLog {
    /// All entries, the newest first, page by page.
    func all(_ filter: AuditReader.Filter = .init(), limit: Int = 1_000) async throws -> [AuditResource] {
        var entries: [AuditResource] = []
        var before: UInt64?
        repeat {
            let found = try await self.entries(filter, before: before, limit: limit)
            entries += found.entries
            before = found.next
        } while before != nil
        return entries
    }
}
