import AdminAPI
import Foundation
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
            let routes = RouteTable.routes(server.relay)
            let closed = routes.filter { $0.path.rawValue.hasPrefix("/api") }.map {
                ($0.method.rawValue, $0.path.path("0000002a"))
            }
            #expect(closed.count == 11)
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
                    #expect(reply.header("www-authenticate") == "Bearer realm=\"ttms-relay\"")
                }
            }
            let half = String(server.token.dropLast())
            #expect(try await server.send("GET", "/api/v1/status", headers: ["Authorization": "Bearer \(half)"]).status == 401)
            let lower = ["Authorization": "bearer \(server.token)"]
            #expect(try await server.send("GET", "/api/v1/status", headers: lower).status == 200)
        }
    }

    /// A service whose tokens are called as the scopes that they have.
    private static func service(listeningOn host: String = "127.0.0.1") -> AdminService {
        let scopes: [Set<Scope>] = Scope.allCases.map { [$0] } + [[.read, .messagesWrite], []]
        let tokens = scopes.map { scopes in
            let name = "token of " + scopes.map(\.rawValue).sorted().joined(separator: " and ")
            let secret = name.replacing(" ", with: "-")
            return (secret: BearerToken(secret: secret), caller: Caller(tokenID: name, tokenName: name, scopes: scopes))
        }
        return AdminService(
            router: Router(routes: RouteTable.routes(FakeRelay())),
            tokens: TokenRegistry(tokens),
            hosts: HostPolicy(listeningOn: host),
            logger: .silent
        )
    }

    private static func answer(_ service: AdminService, _ method: String, _ path: String, scopes: [Scope]) -> HTTPResponse? {
        let token = "token-of-" + scopes.map(\.rawValue).sorted().joined(separator: "-and-")
        let fields = [("host", "localhost"), ("authorization", "Bearer \(token)")]
        let head = RequestHead(
            method: method,
            path: path,
            version: "HTTP/1.1",
            headers: fields.map { RequestHead.Field(name: $0, value: $1) },
            query: []
        )
        guard case .refused(let response, _) = service.admit(head) else { return nil }
        return response
    }

    @Test("every route is for the scope that it names, and for admin, and for nobody else")
    func scopes() throws {
        let service = Self.service()
        #expect(service.router.routes.contains { $0.access == .scope(.admin) })
        for route in service.router.routes {
            let path = route.path.path("0000002a")
            for scope in Scope.allCases {
                let refusal = Self.answer(service, route.method.rawValue, path, scopes: [scope])
                guard case .scope(let needed) = route.access, scope != needed, scope != .admin else {
                    #expect(refusal == nil, "\(route.method) \(path) \(scope)")
                    continue
                }
                #expect(refusal?.status == 403, "\(route.method) \(path) \(scope)")
                let challenge = "Bearer realm=\"ttms-relay\", error=\"insufficient_scope\", scope=\"\(needed.rawValue)\""
                #expect(refusal?.headers.contains(.init("WWW-Authenticate", challenge)) == true)
                let problem = try APIJSON.decode(ProblemDetails.self, from: Data(refusal?.body ?? []))
                #expect(problem.code == .insufficientScope)
            }
            guard route.path.rawValue.hasPrefix("/api") else { continue }
            #expect(Self.answer(service, route.method.rawValue, path, scopes: [])?.status == 403)
            guard case .scope = route.access else { Issue.record("\(path) names no scope"); continue }
        }
    }

    @Test("a token has all of its scopes, and no other")
    func severalScopes() {
        let service = Self.service()
        let both: [Scope] = [.read, .messagesWrite]
        #expect(Self.answer(service, "GET", "/api/v1/status", scopes: both) == nil)
        #expect(Self.answer(service, "POST", "/api/v1/frames", scopes: both) == nil)
        #expect(Self.answer(service, "POST", "/api/v1/drain", scopes: both)?.status == 403)
    }

    @Test("what the API does not have, any token may learn; metrics elsewhere need read")
    func outside() {
        for scope in Scope.allCases {
            #expect(Self.answer(Self.service(), "GET", "/api/v1/nowhere", scopes: [scope])?.status == 404)
            #expect(Self.answer(Self.service(), "PATCH", "/api/v1/status", scopes: [scope])?.status == 405)
            #expect(Self.answer(Self.service(), "OPTIONS", "/api/v1/status", scopes: [scope])?.status == 204)
            let metrics = Self.answer(Self.service(listeningOn: "0.0.0.0"), "GET", "/metrics", scopes: [scope])
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
            for host in ["127.0.0.1", "localhost", "LOCALHOST:1", "[::1]", "[::1]:7280", "127.0.0.2:80"] {
                #expect(try await server.send("GET", "/livez", headers: ["Host": host]).status == 200, "\(host)")
            }
            for host in [
                "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7280", "[::2]", "[::1", "10.0.0.1",
                "x@127.0.0.1",
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
                let options = AdminOptions(host: host, port: port, tokenFile: directory.file("admin.token"))
                let second = try AdminServer(options: options, operations: FakeRelay(), logger: .silent)
                let error = #expect(throws: AdminError.self) { try second.start() }
                #expect(error?.description.contains("port \(port)") == true)
                await second.shutdown()
            }
        }
    }
}
