import AdminAPI
import Foundation
import RelayCore
import Testing

@testable import RelayAdmin

/// Who may ask for what.
@Suite struct AccessTests {
    private static let tokens = [
        "", "Bearer", "Bearer ", "Bearer wrong", "Basic TOKEN", "TOKEN", "Bearer TOKENx", "Bearer xTOKEN", "Bearer TOKENTOKEN",
    ]

    @Test("every route under /api wants the token, and so does every path there that is none")
    func token() async throws {
        try await TestServer.run { server async throws in
            let routes = try TestAccess.routes(server.relay)
            let closed = routes.filter { $0.path.rawValue.hasPrefix("/api") }.map {
                ($0.method.rawValue, $0.path.path("0000002a"))
            }
            #expect(closed.count > 11)
            let paths =
                closed + [
                    ("GET", "/api"), ("GET", "/api/v2/status"), ("PUT", "/api/v1/status"), ("PATCH", "/api/v1/status"),
                    ("OPTIONS", "/api/v1/status"),
                ]
            for (method, path) in paths {
                for token in Self.tokens {
                    let authorization = token.replacing("TOKEN", with: server.token)
                    let reply = try await server.send(method, path, headers: ["Authorization": authorization])
                    #expect(reply.status == 401, "\(method) \(path) \(token)")
                    #expect(reply.problemCode == .unauthorized)
                    let isToken = authorization.hasPrefix("Bearer ") && authorization.count > 7
                    let challenge = "Bearer realm=\"ttms-relay\"" + (isToken ? ", error=\"invalid_token\"" : "")
                    #expect(reply.header("www-authenticate") == challenge)
                    #expect(try reply.model(ProblemDetails.self).detail.contains("valid") == isToken)
                }
            }
            let half = String(server.token.dropLast())
            #expect(try await server.send("GET", "/api/v1/status", headers: ["Authorization": "Bearer \(half)"]).status == 401)
            let lower = ["Authorization": "bearer \(server.token)"]
            #expect(try await server.send("GET", "/api/v1/status", headers: lower).status == 200)
        }
    }

    @Test("a token whose time is over is refused by its name, and recorded with it")
    func expired() async throws {
        let access = try TestAccess()
        let past = Timestamp(microseconds: 1_700_000_000_000_000)
        let (token, secret) = try await access.control.tokens.create(
            name: "monitor",
            scopes: [.read],
            expiresAt: past,
            now: past
        )
        let head = RequestHead(
            method: "GET",
            target: RequestTarget("/api/v1/status"),
            version: "HTTP/1.1",
            headers: [.init(name: "host", value: "localhost"), .init(name: "authorization", value: "Bearer \(secret.text)")],
            remoteAddress: "192.0.2.1"
        )
        guard case .refused(let response, _) = access.service.admit(head) else {
            Issue.record("it was let in")
            return
        }
        #expect(response.headers.contains(.init("WWW-Authenticate", #"Bearer realm="ttms-relay", error="invalid_token""#)))
        #expect(
            try APIJSON.decode(ProblemDetails.self, from: Data(response.body)).detail.contains(
                "monitor is no longer valid"
            )
        )
        await access.control.audit.close()
        let entry = try #require(try await access.control.audit.all().first)
        #expect(entry.tokenID == token.id && entry.tokenName == "monitor" && entry.code == "unauthorized")
    }

    /// What a request is refused with, `nil` when it is not.
    private static func refusal(
        _ access: TestAccess,
        _ method: String,
        _ path: String,
        _ scopes: [Scope]
    ) async throws -> HTTPResponse? {
        let authorization = "Bearer \(try await access.token(scopes))"
        let head = RequestHead(
            method: method,
            target: RequestTarget(path),
            version: "HTTP/1.1",
            headers: [.init(name: "host", value: "localhost"), .init(name: "authorization", value: authorization)],
            remoteAddress: "192.0.2.1"
        )
        guard case .refused(let response, _) = access.service.admit(head) else { return nil }
        return response
    }

    @Test("every route is for the scope that it names, and for admin, and for nobody else")
    func scopes() async throws {
        let access = try TestAccess()
        let routes = access.service.router.routes
        #expect(Set(Scope.allCases).isSubset(of: routes.compactMap(\.access.scope)))
        for route in routes {
            let path = route.path.path("0000002a")
            for scope in Scope.allCases {
                let refusal = try await Self.refusal(access, route.method.rawValue, path, [scope])
                guard let needed = route.access.scope, scope != needed, scope != .admin else {
                    #expect(refusal == nil, "\(route.method) \(path) \(scope)")
                    continue
                }
                #expect(refusal?.status == 403, "\(route.method) \(path) \(scope)")
                let challenge = "Bearer realm=\"ttms-relay\", error=\"insufficient_scope\", scope=\"\(needed.rawValue)\""
                #expect(refusal?.headers.contains(.init("WWW-Authenticate", challenge)) == true)
                let problem = try APIJSON.decode(ProblemDetails.self, from: Data(refusal?.body ?? []))
                #expect(problem.code == .insufficientScope)
            }
            let isInAPI = route.path.rawValue.hasPrefix("/api")
            #expect((route.access.scope != nil) == isInAPI, "\(path)")
            let withoutScopes = try await Self.refusal(access, route.method.rawValue, path, [])
            #expect((withoutScopes?.status == 403) == isInAPI)
        }
    }

    @Test("an address that comes without a token again and again has to wait, and whoever has one there does not")
    func failedAttempts() async throws {
        try await TestServer.run(configure: { $0.maximumFailedAttempts = 5 }) { server async throws in
            let path = "/api/v1/status"
            for _ in 0..<5 {
                #expect(try await server.send("GET", path, headers: ["Authorization": "Bearer x"]).status == 401)
            }
            let refused = try await server.send("GET", path, headers: ["Authorization": "Bearer x"])
            #expect(refused.status == 429 && refused.problemCode == .tooManyFailures)
            let seconds = try #require(refused.header("retry-after").flatMap { Int($0) })
            #expect((1...61).contains(seconds))
            #expect(try await server.send("GET", path).status == 200)
            #expect(try await server.send("GET", "/livez", headers: ["Authorization": ""]).status == 200)
            let metrics = try await server.send("GET", "/metrics").text
            #expect(metrics.contains("ttms_admin_denials_total{code=\"too_many_failures\"} 1\n"))
        }
    }

    @Test("attempts are counted by address and by minute, and of a thousand addresses at a time")
    func windows() {
        let failures = FailedAttempts(limit: 2)
        let start = ContinuousClock.now
        func note(_ address: String, _ second: Int) -> Int? { failures.note(address, now: start + .seconds(second)) }
        #expect(note("a", 0) == nil && note("a", 1) == nil && note("a", 10) != nil && note("b", 10) == nil)
        #expect(note("a", 59) != nil && note("a", 60) == nil && note("a", 61) == nil && note("a", 62) != nil)
        for number in 0..<2_000 { _ = note("\(number)", 63) }
        #expect(note("one more", 64) != nil, "it is one of many")
        #expect(note("a", 64) != nil, "it is still known")
        #expect(note("one more", 200) == nil)
    }

    @Test("a token has all of its scopes, and no other")
    func severalScopes() async throws {
        let access = try TestAccess()
        let both: [Scope] = [.read, .messagesWrite]
        #expect(try await Self.refusal(access, "GET", "/api/v1/status", both) == nil)
        #expect(try await Self.refusal(access, "POST", "/api/v1/frames", both) == nil)
        #expect(try await Self.refusal(access, "POST", "/api/v1/drain", both)?.status == 403)
    }

    @Test("what the API does not have, any token may learn; metrics elsewhere need read")
    func outside() async throws {
        let access = try TestAccess()
        let remote = try TestAccess(listeningOn: "0.0.0.0")
        for scope in Scope.allCases {
            #expect(try await Self.refusal(access, "GET", "/api/v1/nowhere", [scope])?.status == 404)
            #expect(try await Self.refusal(access, "PATCH", "/api/v1/status", [scope])?.status == 405)
            #expect(try await Self.refusal(access, "OPTIONS", "/api/v1/status", [scope])?.status == 204)
            let metrics = try await Self.refusal(remote, "GET", "/metrics", [scope])
            #expect((metrics == nil) == (scope == .read || scope == .admin))
        }
    }

    @Test("probes are open, and metrics on loopback")
    func open() async throws {
        try await TestServer.run { server async throws in
            for path in ["/livez", "/readyz", "/metrics"] {
                #expect(try await server.send("GET", path, headers: ["Authorization": ""]).status == 200)
            }
        }
    }

    @Test("metrics count denials by their reason, and all of a flood")
    func denialsAreCounted() async throws {
        try await TestServer.run { server async throws in
            func count(_ code: String) async throws -> String? {
                let text = String(decoding: try await server.send("GET", "/metrics").body, as: UTF8.self)
                let prefix = "ttms_admin_denials_total{code=\"\(code)\"} "
                return text.split(separator: "\n").first { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
            }
            #expect(try await count("unauthorized") == "0")
            for _ in 0..<5 {
                #expect(try await server.send("GET", "/api/v1/status", headers: ["Authorization": ""]).status == 401)
            }
            #expect(try await server.send("GET", "/livez", headers: ["Host": "elsewhere"]).status == 421)
            #expect(try await count("unauthorized") == "5")
            #expect(try await count("misdirected_request") == "1")
            #expect(try await count("insufficient_scope") == "0")
        }
    }

    @Test("metrics want the token on other addresses, where every host name is served")
    func remote() async throws {
        try await TestServer.run(configure: { $0.host = "0.0.0.0" }) { server async throws in
            #expect(
                try await server.send("GET", "/livez", headers: ["Authorization": "", "Host": "relay.example"]).status == 200
            )
            #expect(try await server.send("GET", "/metrics", headers: ["Authorization": ""]).problemCode == .unauthorized)
            #expect(try await server.send("GET", "/metrics").status == 200)
        }
    }

    @Test("on loopback only loopback's names are served")
    func hosts() async throws {
        try await TestServer.run { server async throws in
            for host in [
                "127.0.0.1", "localhost", "LOCALHOST:1", "[::1]", "[::1]:7280", "127.0.0.2:80", "localhost:", "localhost \t",
            ] {
                #expect(try await server.send("GET", "/livez", headers: ["Host": host]).status == 200, "\(host)")
            }
            for host in [
                "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7280", "[::2]", "[::1", "10.0.0.1",
                "x@127.0.0.1", "localhost:a", "localhost:65536", "localhost:+1", "[::1]x", "127.0.0.1:80:80",
            ] {
                let reply = try await server.send("GET", "/livez", headers: ["Host": host])
                #expect(reply.problemCode == .misdirectedRequest, "\(host)")
            }
        }
    }

    @Test("IPv6 is served like IPv4")
    func ipv6() async throws {
        try await TestServer.run(configure: { $0.host = "::1" }) { server async throws in
            let client = try HTTPClient(port: server.port, isIPv6: true)
            try await client.send(server.request("GET", "/metrics", headers: ["Authorization": ""]))
            #expect(try await client.reply().status == 200)
        }
    }

    @Test("an address that cannot be bound is an error that says so")
    func bind() async throws {
        try await TestServer.run { server async throws in
            for (host, port) in [("127.0.0.1", server.port), ("no address", 0), ("192.0.2.1", 0), ("127.0.0.1", 65_536)] {
                let directory = try TemporaryDirectory()
                let options = AdminOptions(host: host, port: port, directory: directory.path)
                let second = try AdminServer(
                    options: options,
                    operations: FakeRelay(),
                    settings: FakeSettings(),
                    logger: .silent
                )
                let error = #expect(throws: AdminError.self) { try second.start() }
                #expect(error?.description.contains("port \(port)") == true)
                await second.shutdown()
            }
        }
    }
}
