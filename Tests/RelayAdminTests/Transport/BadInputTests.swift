import AdminAPI
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayAdmin

/// What is wrong in itself is refused by every route, with a problem that says so, and nothing is done.
@Suite struct BadInputTests {
    /// A request that is wrong, and what is said of it.
    private struct Flaw: Sendable {
        var target: String
        var method: String
        var headers: [String: String] = [:]
        var body: [UInt8] = []
        var codes: Set<ProblemCode>
    }

    /// What is said of a path that leads nowhere.
    private static let notThere: Set<ProblemCode> = [
        .malformedRequest, .notFound, .methodNotAllowed, .invalidCCID, .invalidID, .tokenNotFound, .blockNotFound,
    ]

    private static func routes() throws -> [Route] { try TestAccess.routes(FakeRelay()) }

    /// The path with each parameter replaced by `value`, or by one that is right.
    private static func target(_ route: Route, parameter value: String? = nil) -> String {
        route.path.rawValue.split(separator: "/").map { segment in
            switch segment {
            case "{ccid}", "{target}": value ?? "0000002a"
            case _ where segment.hasPrefix("{"): value ?? "1"
            default: String(segment)
            }
        }.reduce("") { "\($0)/\($1)" }
    }

    /// Everything about the head that no route may take.
    private static func flaws(of route: Route) -> [Flaw] {
        let method = route.method.rawValue
        let target = Self.target(route)
        func query(_ text: String) -> Flaw { Flaw(target: "\(target)?\(text)", method: method, codes: [.invalidParameter]) }
        var flaws = [
            query("nothing=1"),
            query("%ff=1"),
            query("=1"),
            Flaw(target: target, method: "PATCH", codes: [.methodNotAllowed]),
            Flaw(target: "\(target)/", method: method, codes: [.notFound]),
            Flaw(target: "\(target)%2f", method: method, codes: Self.notThere),
            Flaw(target: target, method: method, headers: ["Content-Length": "99999999999"], codes: [.bodyTooLarge]),
            Flaw(target: target, method: method, headers: ["Transfer-Encoding": "gzip"], codes: [.unsupportedTransferEncoding]),
        ]
        for name in route.query {
            flaws += [query("\(name)=%ff"), query("\(name)=%f"), query("\(name)=%00"), query("\(name)=1&\(name)=1")]
        }
        if route.path.rawValue.contains("{") {
            flaws += ["%ff", "%", "%00", "%F0%9F%92%A5", "-1", String(repeating: "9", count: 4_000)].map { value in
                Flaw(target: Self.target(route, parameter: value), method: method, codes: Self.notThere)
            }
        }
        return flaws
    }

    @Test("heads that are wrong, on every route")
    func heads() async throws {
        try await Self.expectRefusals(try Self.routes().flatMap(Self.flaws))
    }

    @Test("bodies that are wrong, on every route that takes JSON")
    func bodies() async throws {
        let document = try OpenAPITests.Document()
        let takers = document.operations.filter { operation in
            let body = document.resolve(operation.operation["requestBody"])
            return document.resolve(body["content"])["application/json"] != nil
        }.map { "\($0.method) \($0.path)" }
        let routes = try Self.routes().filter { takers.contains("\($0.method.rawValue) \($0.path.rawValue)") }
        #expect(routes.count == takers.count && routes.count > 5)
        let bodies: [[UInt8]] =
            [
                "", "null", "7", "[]", "[{}]", "\"text\"", "{", "{}{}", "{\"nothing\":1}", "{1:1}", "{'a':1}", "{\"a\":NaN}",
                "{\"reason\":\"\",}", "{\"reason\":\"\",\"reason\":\"\"}", "\u{feff}{}",
                String(repeating: "[", count: 100_000), String(repeating: "{\"a\":", count: 100_000),
                "[" + String(repeating: "1,", count: 100_000) + "1]",
            ].map { Array($0.utf8) } + [[0xff, 0xfe], [0], Array("{\"payload\":\"".utf8) + [0xc3, 0x28] + Array("\"}".utf8)]
        let json = ["Content-Type": "application/json"]
        try await Self.expectRefusals(
            routes.flatMap { route in
                bodies.map { body in
                    Flaw(
                        target: Self.target(route),
                        method: route.method.rawValue,
                        headers: json,
                        body: body,
                        codes: [.invalidJSON, .invalidBody]
                    )
                } + [
                    Flaw(
                        target: Self.target(route),
                        method: route.method.rawValue,
                        headers: ["Content-Type": "text/html"],
                        body: Array("{}".utf8),
                        codes: [.unsupportedMediaType]
                    )
                ]
            }
        )
    }

    @Test("bodies where none belongs, on every route that takes none")
    func uselessBodies() async throws {
        let flaws = try Self.routes().filter { !$0.takesBody && $0.path.rawValue.hasPrefix("/api") }.map { route in
            Flaw(target: Self.target(route), method: route.method.rawValue, body: Array("{}".utf8), codes: [.invalidBody])
        }
        #expect(flaws.count > 15)
        try await Self.expectRefusals(flaws)
    }

    private static func expectRefusals(_ flaws: [Flaw]) async throws {
        let relay = FakeRelay()
        let known = relay.keep([1, 2, 3], for: CCID(rawValue: 0x2a))
        try await TestServer.run(relay) { server async throws in
            for flaw in flaws {
                let reply = try await server.send(flaw.method, flaw.target, headers: flaw.headers, body: flaw.body)
                let body = String(decoding: flaw.body.prefix(40), as: UTF8.self)
                let place = "\(flaw.method) \(flaw.target.prefix(80)) \(flaw.headers) \(body)"
                let problem = try? reply.model(ProblemDetails.self)
                #expect(reply.status == problem?.code.status, "\(place): \(reply.status)")
                #expect(reply.header("content-type") == ProblemDetails.mediaType, "\(place): \(reply.text)")
                #expect(problem.map { flaw.codes.contains($0.code) } ?? false, "\(place): \(reply.text)")
            }
        }
        #expect(!relay.withState { $0.isDraining })
        #expect(relay.withState { $0.injected.isEmpty && $0.messages.map(\.id) == [known] })
    }
}
