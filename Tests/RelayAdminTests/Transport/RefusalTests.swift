import AdminAPI
import RelayCore
import TTMSProtocol
import Testing

/// Every way to be refused: the request, and the status and code that it gets.
@Suite struct RefusalTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var method: String
        var target: String
        var headers: [String: String] = [:]
        var body: String = ""
        var code: ProblemCode
        var testDescription: String { "\(self.method) \(self.target) \(self.headers) \(self.body.prefix(60))" }

        init(
            _ method: String,
            _ target: String,
            _ headers: [String: String] = [:],
            _ body: String = "",
            is code: ProblemCode
        ) {
            self.method = method
            self.target = target
            self.headers = headers
            self.body = body
            self.code = code
        }
    }

    static let paths: [Case] = [
        Case("GET", "/nothing", is: .notFound),
        Case("GET", "/api/v1/nothing", is: .notFound),
        Case("GET", "/api/v1/terminals/", is: .notFound),
        Case("GET", "/api/v1//terminals", is: .notFound),
        Case("GET", "/api/v1/terminals/0000002a/messages/1", is: .notFound),
        Case("GET", "/api/v1/terminals%2F0000002a", is: .notFound),
        Case("GET", "/api/v1/terminals/%2F", is: .invalidCCID),
        Case("GET", "/api/v1/terminals/2a", is: .invalidCCID),
        Case("GET", "/api/v1/terminals/+000002a", is: .invalidCCID),
        Case("GET", "/api/v1/terminals/0000002g", is: .invalidCCID),
        Case("GET", "/api/v1/terminals/%00", is: .malformedRequest),
        Case("GET", "/api/v1/terminals/%ff", is: .malformedRequest),
        Case("GET", "/api/v1/terminals/%2", is: .malformedRequest),
        Case("GET", "/api/v1/terminals/%zz", is: .malformedRequest),
        Case("GET", "/api/v1/terminals/caf\u{e9}", is: .malformedRequest),
        Case("GET", "http://127.0.0.1/nothing", is: .notFound),
        Case("GET", "http://relay.example/livez", is: .misdirectedRequest),
        Case("GET", "ftp://127.0.0.1/livez", is: .malformedRequest),
        Case("GET", "/api/v1/messages/one", is: .invalidID),
        Case("GET", "/api/v1/messages/-1", is: .invalidID),
        Case("GET", "/api/v1/messages/+1", is: .invalidID),
        Case("GET", "/api/v1/messages/18446744073709551616", is: .invalidID),
        Case("GET", "/api/v1/messages/18446744073709551615", is: .messageNotFound),
        Case("GET", "/api/v1/terminals/0000002a", is: .terminalNotFound),
        Case("GET", "/api/v1/terminals/0000002a/messages", is: .terminalNotFound),
        Case("DELETE", "/api/v1/terminals/0000002a/messages", is: .terminalNotFound),
        Case("DELETE", "/api/v1/terminals/0000002a/connection", is: .terminalOffline),
        Case("DELETE", "/api/v1/messages/1", is: .messageNotFound),
        Case("PUT", "/api/v1/status", is: .methodNotAllowed),
        Case("BREW", "/livez", is: .methodNotAllowed),
        Case("get", "/livez", is: .methodNotAllowed),
        Case("GET", "/api/v1/frames", is: .methodNotAllowed),
        Case("HEAD2", "/api/v1/frames", is: .methodNotAllowed),
    ]

    static let queries: [Case] = [
        Case("GET", "/api/v1/status?verbose", is: .invalidParameter),
        Case("GET", "/livez?verbose=1", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?limit=0", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?limit=1001", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?limit=-1", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?limit=%2B5", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?limit=99999999999999999999", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?limit=", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?limit", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?limit=5&limit=6", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?state=asleep", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?prefix=00xy", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?prefix=000000000", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?prefix=%00", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?%ff=1", is: .invalidParameter),
        Case("GET", "/api/v1/terminals?cursor=x", is: .invalidCursor),
        Case("GET", "/api/v1/terminals?cursor=", is: .invalidCursor),
        Case("GET", "/api/v1/terminals/0000002a/messages?cursor=dGVybWluYWxzLi4vMDAwMDAwMmE", is: .invalidCursor),
        Case("GET", "/api/v1/messages/1?payload_encoding=base32", is: .invalidParameter),
    ]

    private static let messages = "/api/v1/terminals/0000002a/messages"
    private static let json = ["Content-Type": "application/json"]
    private static let octets = ["Content-Type": "application/octet-stream"]

    static let bodies: [Case] = [
        Case("POST", messages, [:], "hello", is: .unsupportedMediaType),
        Case("POST", messages, ["Content-Type": "text/plain"], "hello", is: .unsupportedMediaType),
        Case("POST", messages, json, "", is: .invalidJSON),
        Case("POST", messages, json, "{", is: .invalidJSON),
        Case("POST", messages, json, #"{"payload":"\#u{1}"}"#, is: .invalidJSON),
        Case("POST", messages, json, String(repeating: "[", count: 100_000), is: .invalidJSON),
        Case("POST", messages, json, "[]", is: .invalidBody),
        Case("POST", messages, json, "{}", is: .invalidBody),
        Case("POST", messages, json, #"{"payload":"","payload_encoding":"utf16"}"#, is: .invalidBody),
        Case("POST", messages, json, #"{"payload":1,"payload_encoding":"utf8"}"#, is: .invalidBody),
        Case("POST", messages, json, #"{"payload":null,"payload_encoding":"utf8"}"#, is: .invalidBody),
        Case("POST", messages, json, #"{"payload":"0","payload_encoding":"hex"}"#, is: .invalidBody),
        Case("POST", messages, json, #"{"payload":"0g","payload_encoding":"hex"}"#, is: .invalidBody),
        Case("POST", messages, json, #"{"payload":"a","payload_encoding":"base64"}"#, is: .invalidBody),
        Case("POST", messages, json, #"{"payload":"","payload_encoding":"hex","source":"1"}"#, is: .invalidBody),
        Case("POST", messages, json, #"{"payload":"","payload_encoding":"hex","ttl":1}"#, is: .invalidBody),
        Case("POST", messages, json, #"{"payload":"","payload_encoding":"hex","time_to_live_seconds":-1}"#, is: .invalidBody),
        Case(
            "POST",
            messages,
            json,
            #"{"payload":"","payload_encoding":"hex","time_to_live_seconds":4294967296}"#,
            is: .invalidBody
        ),
        Case("POST", messages, json, #"{"payload":"","payload_encoding":"hex","time_to_live_seconds":1.5}"#, is: .invalidBody),
        Case(
            "POST",
            messages + "?source=00000001",
            json,
            #"{"payload":"","payload_encoding":"hex"}"#,
            is: .invalidParameter
        ),
        Case("POST", messages + "?source=1", octets, "hello", is: .invalidParameter),
        Case("POST", messages + "?time_to_live_seconds=4294967296", octets, "hello", is: .invalidParameter),
        Case("POST", "/api/v1/frames?source=00000001", json, "{}", is: .unsupportedMediaType),
        Case("POST", "/api/v1/frames", octets, "$TTMS", is: .invalidParameter),
        Case("POST", "/api/v1/frames?source=00000001", octets, "", is: .invalidFrame),
        Case("POST", "/api/v1/frames?source=00000001", octets, "$TTMS", is: .invalidFrame),
        Case("POST", "/api/v1/frames?source=00000001", octets, "hello, this is no frame", is: .invalidFrame),
    ]

    @Test("is a problem with its status and code, and leaves the connection usable", arguments: [paths, queries, bodies])
    func refusals(_ cases: [Case]) async throws {
        try await TestServer.run { server async throws in
            let client = try HTTPClient(port: server.port)
            for refused in cases {
                let body = Array(refused.body.utf8)
                try await client.send(server.request(refused.method, refused.target, headers: refused.headers, body: body))
                let reply = try await client.reply()
                #expect(reply.status == refused.code.status, "\(refused.testDescription)")
                let problem = try reply.model(ProblemDetails.self)
                #expect(problem.code == refused.code, "\(refused.testDescription)")
                #expect(problem.status == reply.status)
                #expect(reply.header("content-type") == "application/problem+json")
                #expect(problem.instance == reply.header("x-request-id").map { "urn:ttms-relay:request:\($0)" })
                #expect((refused.code == .methodNotAllowed) == (reply.header("allow") != nil))
            }
        }
    }

    @Test("names the field that is wrong")
    func fields() async throws {
        try await TestServer.run { server async throws in
            func pointers(_ json: String) async throws -> [String]? {
                try await server.sendJSON("POST", Self.messages, json).model(ProblemDetails.self).errors?.map(\.pointer)
            }
            #expect(try await pointers(#"{"payload_encoding":"hex"}"#) == ["/payload"])
            #expect(try await pointers(#"{"payload":"","payload_encoding":7}"#) == ["/payload_encoding"])
            #expect(try await pointers(#"{"payload":"x","payload_encoding":"hex","source":"x"}"#) == ["/source", "/payload"])
            #expect(try await pointers(#"{"payload":"","payload_encoding":"hex","b/~":1,"a":2}"#) == ["/a", "/b~1~0"])
            let reply = try await server.send("GET", "/api/v1/terminals?limit=many")
            #expect(try reply.model(ProblemDetails.self).errors?.map(\.pointer) == ["limit"])
        }
    }

    @Test("says what happened, what it means, and what to do")
    func words() async throws {
        let relay = FakeRelay()
        let settings = FakeSettings()
        settings.withState {
            for (key, value) in [("maximum_frames_per_terminal", "7"), ("when_full", "push-back")] {
                $0.settings.append(SettingSnapshot(key: key, value: value, source: "default", isReloadable: true))
            }
        }
        relay.withState { $0.injectionFailure = (0, InjectionError.rejected(.terminalFrames)) }
        try await TestServer.run(relay, settings: settings) { server async throws in
            let full = try await server.send("POST", Self.messages, headers: Self.octets, body: [1]).model(ProblemDetails.self)
            #expect(full.detail.contains("the terminal 0000002a was refused: `maximum_frames_per_terminal` (7) is reached"))
            #expect(full.detail.contains("as `when_full` is push-back"))
            let unseen = try await server.send("GET", "/api/v1/terminals/0000002a").model(ProblemDetails.self)
            #expect(unseen.detail.contains("since the relay started at 2023-11-14T22:13:20.000Z"), "\(unseen.detail)")
            #expect(unseen.detail.contains("maximum_offline_terminals"))
            let wrong = try await server.sendJSON("POST", Self.messages, #"{"payload":1,"payload_encoding":"hex"}"#)
            #expect(
                try wrong.model(ProblemDetails.self).detail
                    == "Nothing was done, because the body is not valid. /payload: It has to be a string."
            )
            let unknown = try await server.send("GET", "/api/v1/messages/1").model(ProblemDetails.self)
            #expect(unknown.detail.contains("trace has been removed"))
            let bearer = "Authorization: Bearer \(server.token)\r\n"
            let client = try HTTPClient(port: server.port)
            try await client.send("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\(bearer)\(bearer)\r\n")
            let twice = try await client.reply().model(ProblemDetails.self)
            #expect(twice.code == .unauthorized && twice.detail.hasPrefix("There is more than one Authorization header"))
            let body = try await server.sendJSON("POST", Self.messages, #"{"payload":"","payload":""}"#)
            #expect(try body.model(ProblemDetails.self).detail.contains("fault is at line 1, byte 15: "))
        }
    }

    @Test("says what a path allows")
    func allow() async throws {
        try await TestServer.run { server async throws in
            let refused = try await server.send("PATCH", Self.messages)
            #expect(refused.header("allow") == "GET, POST, DELETE, HEAD, OPTIONS")
            let options = try await server.send("OPTIONS", "/api/v1/frames")
            #expect(options.status == 204)
            #expect(options.header("allow") == "POST, OPTIONS")
            #expect(try await server.send("OPTIONS", "*").header("allow") == "GET, POST, PUT, DELETE, HEAD, OPTIONS")
        }
    }

    @Test("of what fails behind the seam has its own status and code")
    func failures() async throws {
        let relay = FakeRelay()
        relay.keep([1], for: CCID(rawValue: 0x2a), isInFlight: true)
        try await TestServer.run(relay) { server async throws in
            #expect(try await server.send("DELETE", "/api/v1/messages/1099511627777").problemCode == .inFlight)
            let errors: [(any Error, ProblemCode)] = [
                (InjectionError.payloadTooLong(maximumPayload: 100), .payloadTooLong),
                (InjectionError.rejected(.terminalFrames), .queueFull),
                (InjectionError.stopping, .stopping),
                (StoreError(.diskFull, "The disk is full."), .storeUnavailable),
                (CancellationError(), .internalError),
            ]
            for (error, code) in errors {
                relay.withState { $0.injectionFailure = (0, error) }
                let reply = try await server.send("POST", Self.messages, headers: Self.octets, body: [1])
                #expect(reply.problemCode == code)
                #expect((reply.header("retry-after") != nil) == (code.status == 503))
            }
            relay.withState { $0.storeFailure = StoreError(.inputOutput, "The disk does not answer.") }
            for target in ["/api/v1/terminals", "/api/v1/terminals/0000002a", Self.messages, "/api/v1/messages/1"] {
                #expect(try await server.send("GET", target).problemCode == .storeUnavailable)
            }
        }
    }
}
