import AdminAPI
import RelayCore
import TTMSProtocol
import Testing

/// Sending that can be asked for again, waited for, tried without effect, and done for many at once.
@Suite struct RepeatableSendingTests {
    private static let target = "/api/v1/terminals/0000002a/messages"
    private static let body = Array(#"{"payload":"hi","payload_encoding":"utf8"}"#.utf8)

    private static func headers(_ key: String) -> [String: String] {
        ["Content-Type": "application/json", "Idempotency-Key": key]
    }

    @Test("the same key and body are answered as the first time, and nothing more is sent")
    func repeated() async throws {
        let relay = FakeRelay()
        try await TestServer.run(relay) { server async throws in
            let first = try await server.send("POST", Self.target, headers: Self.headers("\"one\""), body: Self.body)
            #expect(first.status == 202 && first.header("idempotency-replayed") == nil)
            for key in ["\"one\"", "one"] {
                let again = try await server.send("POST", Self.target, headers: Self.headers(key), body: Self.body)
                #expect(again.status == 202 && again.body == first.body)
                #expect(again.header("idempotency-replayed") == "true")
                #expect(again.header("location") == first.header("location"))
            }
            #expect(relay.withState { $0.injected.count } == 1)
            let other = try await server.send("POST", Self.target, headers: Self.headers("two"), body: Self.body)
            #expect(try other.model(MessageReceipt.self).id != first.model(MessageReceipt.self).id)
        }
    }

    @Test("the same key with anything else is a mistake")
    func reused() async throws {
        let relay = FakeRelay()
        let others: [(String, String)] = [
            (Self.target, #"{"payload":"ho","payload_encoding":"utf8"}"#),
            (Self.target, #"{"payload":"hi","payload_encoding":"utf8","source":"00000001"}"#),
            (Self.target, #"{"payload":"hi","payload_encoding":"utf8","time_to_live_seconds":0}"#),
            ("/api/v1/terminals/0000002b/messages", #"{"payload":"hi","payload_encoding":"utf8"}"#),
        ]
        try await TestServer.run(relay) { server async throws in
            _ = try await server.send("POST", Self.target, headers: Self.headers("one"), body: Self.body)
            for (target, body) in others {
                let reply = try await server.send("POST", target, headers: Self.headers("one"), body: Array(body.utf8))
                #expect(reply.problemCode == .idempotencyKeyReused && reply.status == 422, "\(target) \(body)")
            }
            // The same bytes, said in another way.
            let same = Array(#"{"payload_encoding":"hex","payload":"6869"}"#.utf8)
            #expect(try await server.send("POST", Self.target, headers: Self.headers("one"), body: same).status == 202)
            for key in ["\"\"", "é", String(repeating: "x", count: 256)] {
                let reply = try await server.send("POST", Self.target, headers: Self.headers(key), body: Self.body)
                #expect(reply.problemCode == .invalidParameter, "\(key)")
            }
            #expect(relay.withState { $0.injected.count } == 1)
        }
    }

    @Test("a request waits until its message has ended, or as long as it says")
    func waiting() async throws {
        let relay = FakeRelay()
        let id = MessageID(slot: 2, sequence: 1)
        var trace = MessageTrace(
            id: id,
            destination: CCID(rawValue: 0x2a),
            source: CCID(rawValue: 0),
            frameBytes: 15,
            acceptedAt: Timestamp(microseconds: 0),
            expiresAt: nil
        )
        trace.queued(at: Timestamp(microseconds: 1))
        let queued = trace
        relay.withState { $0.traces[id] = queued }
        try await TestServer.run(relay) { server async throws in
            let early = try await server.sendJSON(
                "POST",
                "\(Self.target)?wait_ms=1",
                String(decoding: Self.body, as: UTF8.self)
            )
            #expect(early.status == 202)
            #expect(try early.model(MessageReceipt.self).state == .queued)
            relay.withState { $0.injected = [] }

            async let reply = server.sendJSON(
                "POST",
                "\(Self.target)?wait_ms=25000",
                String(decoding: Self.body, as: UTF8.self)
            )
            #expect(await eventually { relay.withState { !$0.injected.isEmpty } })
            trace.written(at: Timestamp(microseconds: 2))
            trace.acknowledged(at: Timestamp(microseconds: 3))
            let acknowledged = trace
            relay.withState { $0.traces[id] = acknowledged }
            #expect(try await reply.status == 200)
            #expect(try await reply.model(MessageReceipt.self).state == .acknowledged)
            for wrong in ["-1", "25001", "x"] {
                let reply = try await server.sendJSON("POST", "\(Self.target)?wait_ms=\(wrong)", "{}")
                #expect(reply.problemCode == .invalidParameter, "\(wrong)")
            }
        }
    }

    @Test("a message that is not traced says so, whether its request waits or not")
    func untraced() async throws {
        try await TestServer.run { server async throws in
            func send(_ query: String) async throws -> Bool {
                let body = String(decoding: Self.body, as: UTF8.self)
                return try await server.sendJSON("POST", Self.target + query, body).model(MessageReceipt.self).traced
            }
            #expect(try await send(""))
            #expect(try await !send("?wait_ms=25000"), "its trace is not there any more")
            server.relay.withState { $0.hasTraceRoom = false }
            #expect(try await !send(""))
            #expect(try await !send("?wait_ms=25000"))
        }
    }

    @Test("a preview says what would happen, and sends nothing")
    func preview() async throws {
        let relay = FakeRelay()
        let ids = [MessageID(slot: 1, sequence: 7), MessageID(slot: 3, sequence: 1)]
        relay.withState {
            $0.preview = AppendPreview(framesAhead: 4, evicted: ids, evictedFrames: 2, rejection: .totalBytes, timeToLive: 0)
        }
        let settings = FakeSettings()
        settings.withState {
            $0.settings.append(SettingSnapshot(key: "maximum_bytes", value: "4GiB", source: "default", isReloadable: true))
        }
        try await TestServer.run(relay, settings: settings) { server async throws in
            let reply = try await server.send(
                "POST",
                "\(Self.target)?preview=true",
                headers: Self.headers("one"),
                body: Self.body
            )
            #expect(reply.status == 200)
            let preview = try reply.model(MessagePreview.self)
            #expect(preview.frame == "246869" && preview.frameBytes == 3)
            #expect(preview.framesAhead == 4 && preview.rejection == "maximum_bytes")
            #expect(preview.rejectionDetail?.contains("`maximum_bytes` (4GiB) is reached") == true)
            #expect(preview.evicted == ids.map(\.description) && preview.evictedFrames == 2)
            #expect(preview.terminalState == .offline && preview.expiresAt == nil)
            #expect(relay.withState { $0.injected.isEmpty && $0.outcomes.isEmpty })
            let wrong = try await server.send("POST", "\(Self.target)?preview=1", headers: Self.headers("one"), body: Self.body)
            #expect(wrong.problemCode == .invalidParameter)
        }
    }

    @Test("the header is refused where several messages are sent, with the way that has keys", arguments: ["frames", "bulk"])
    func misplacedKey(_ place: String) async throws {
        try await TestServer.run { server async throws in
            let (target, type) =
                place == "bulk"
                ? (Self.bulk, "application/json") : ("/api/v1/frames?source=00000001", "application/octet-stream")
            let body = #"{"messages":[{"destinations":["0000002a"],"payload":"","payload_encoding":"hex"}]}"#
            let reply = try await server.send(
                "POST",
                target,
                headers: ["Content-Type": type, "Idempotency-Key": "one"],
                body: place == "bulk" ? Array(body.utf8) : Self.frame
            )
            let problem = try reply.model(ProblemDetails.self)
            #expect(problem.code == .invalidParameter && problem.errors?.map(\.pointer) == ["Idempotency-Key"])
            #expect(problem.detail.contains("`idempotency_key`"), "\(problem.detail)")
            #expect(server.relay.withState { $0.injected.isEmpty })
        }
    }

    /// "hi" to 00000002.
    private static let frame: [UInt8] = [
        0x24, 0x54, 0x54, 0x4d, 0x53, 0x00, 0x0f, 0x00, 0x00, 0x00, 0x02, 0xaa, 0x68, 0x69, 0x9c,
    ]

    // MARK: Many

    private static let bulk = "/api/v1/messages/bulk"

    @Test("one payload goes to many terminals, and every sending has its result")
    func many() async throws {
        let relay = FakeRelay()
        relay.withState {
            $0.terminals[CCID(rawValue: 2)] = FakeRelay.online(CCID(rawValue: 2))
            $0.injectionFailure = (after: 3, error: InjectionError.rejected(.terminalFrames))
        }
        let body = """
            {"messages":[{"destinations":["00000001","00000002"],"payload":"hi","payload_encoding":"utf8","idempotency_key":"k"},
            {"destinations":["00000003","00000004"],"payload":"00","payload_encoding":"hex","source":"0000000a"}]}
            """
        try await TestServer.run(relay) { server async throws in
            let reply = try await server.sendJSON("POST", Self.bulk, body)
            #expect(reply.status == 200)
            let receipt = try reply.model(BulkReceipt.self)
            #expect(receipt.data.map(\.message) == [0, 0, 1, 1])
            #expect(receipt.data.map(\.ccid) == ["00000001", "00000002", "00000003", "00000004"])
            #expect(receipt.data.map(\.status) == [202, 200, 202, 507])
            #expect(receipt.data.map { $0.receipt?.state } == [.queued, .inFlight, .queued, nil])
            #expect(receipt.data.map { $0.problem?.code } == [nil, nil, nil, .queueFull])
            #expect(receipt.meta == .init(taken: 3, refused: 1))
            #expect(relay.withState { $0.injected.map(\.payload) } == [Array("hi".utf8), Array("hi".utf8), [0]])

            let again = try await server.sendJSON("POST", Self.bulk, body).model(BulkReceipt.self)
            #expect(again.data.map(\.repeated) == [true, true, false, false])
            #expect(again.data[0].receipt == receipt.data[0].receipt)
        }
    }

    @Test("a body that is no list of messages is refused as a whole, and says where")
    func wrongBody() async throws {
        let many = (0...1_000).map { #""\#(CCID(rawValue: UInt32($0)))""# }.joined(separator: ",")
        let cases: [(String, [String])] = [
            (#"{"messages":[]}"#, ["/messages"]), (#"{}"#, ["/messages"]), (#"{"messages":1}"#, ["/messages"]),
            (#"{"messages":[],"more":1}"#, ["/more"]),
            (#"{"messages":[{"destinations":[\#(many)],"payload":"","payload_encoding":"hex"}]}"#, ["/messages"]),
            ("{\"messages\":[\(Array(repeating: "1", count: 1_001).joined(separator: ","))]}", ["/messages"]),
        ]
        let relay = FakeRelay()
        try await TestServer.run(relay) { server async throws in
            for (body, pointers) in cases {
                let reply = try await server.sendJSON("POST", Self.bulk, body)
                #expect(reply.problemCode == .invalidBody, "\(body.prefix(200))")
                let problem = try reply.model(ProblemDetails.self)
                #expect(problem.errors?.map(\.pointer) == pointers, "\(body.prefix(200))")
                #expect(problem.detail.hasPrefix("Nothing was sent"), "\(problem.detail)")
            }
            #expect(try await server.send("GET", Self.bulk).problemCode == .methodNotAllowed)
            #expect(relay.withState { $0.injected.isEmpty })
        }
    }

    @Test("a wrong message is refused for itself, and says where; the others are sent")
    func wrongMessage() async throws {
        let rest = #","payload":"","payload_encoding":"utf8""#
        let cases: [(String, [String?], [String])] = [
            ("1", [nil], ["/messages/1"]), (#"{"destinations":[]\#(rest)}"#, [nil], ["/messages/1/destinations"]),
            (#"{"destinations":["x"]\#(rest)}"#, [nil], ["/messages/1/destinations/0"]),
            (#"{"destinations":[1]\#(rest)}"#, [nil], ["/messages/1/destinations/0"]),
            (
                #"{"destinations":["00000002","00000003"],"payload":"x","payload_encoding":"hex"}"#, ["00000002", "00000003"],
                ["/messages/1/payload"]
            ),
            (#"{"destinations":["00000002"],"source":"x"\#(rest)}"#, ["00000002"], ["/messages/1/source"]),
            (#"{"destinations":["00000002"],"idempotency_key":""\#(rest)}"#, ["00000002"], ["/messages/1/idempotency_key"]),
            (
                #"{"destinations":["00000002"],"time_to_live_seconds":-1\#(rest)}"#, ["00000002"],
                ["/messages/1/time_to_live_seconds"]
            ),
            (#"{"destinations":["00000002"],"more":1\#(rest)}"#, ["00000002"], ["/messages/1/more"]),
            (#"{"destinations":["00000002"]}"#, ["00000002"], ["/messages/1/payload_encoding", "/messages/1/payload"]),
            (
                #"{"destinations":[],"source":1,"payload":1,"payload_encoding":1,"idempotency_key":1,"m/ore":1}"#, [nil],
                ["m~1ore", "destinations", "source", "payload_encoding", "payload", "idempotency_key"].map {
                    "/messages/1/\($0)"
                }
            ),
        ]
        for (message, ccids, pointers) in cases {
            try await TestServer.run { server async throws in
                let sound = #"{"destinations":["00000001"],"payload":"","payload_encoding":"utf8"}"#
                let reply = try await server.sendJSON("POST", Self.bulk, #"{"messages":[\#(sound),\#(message),\#(sound)]}"#)
                #expect(reply.status == 200)
                let data = try reply.model(BulkReceipt.self).data
                #expect(data.map(\.ccid) == ["00000001"] + ccids + ["00000001"], "\(message)")
                #expect(data.map(\.status) == [202] + ccids.map { _ in 422 } + [202], "\(message)")
                for (place, refused) in data.dropFirst().dropLast().enumerated() {
                    #expect(refused.message == 1 && refused.receipt == nil, "\(message)")
                    // Said once: a message may have a thousand destinations.
                    #expect(refused.problem?.errors?.map(\.pointer) == (place == 0 ? pointers : nil), "\(message)")
                    #expect(refused.problem?.detail.contains("first destination") == (place > 0), "\(message)")
                    #expect(refused.problem?.detail.hasPrefix("This was not sent") == true)
                }
                #expect(server.relay.withState { $0.injected.map(\.destination.description) } == ["00000001", "00000001"])
            }
        }
    }

    @Test("a wrong destination keeps the message from no other one")
    func wrongDestination() async throws {
        try await TestServer.run { server async throws in
            let message = #"{"destinations":["00000001","2","00000001","00000003"],"payload":"","payload_encoding":"hex"}"#
            let receipt = try await server.sendJSON("POST", Self.bulk, #"{"messages":[\#(message)]}"#).model(BulkReceipt.self)
            #expect(receipt.data.map(\.status) == [202, 422, 422, 202])
            #expect(receipt.data.map(\.ccid) == ["00000001", nil, "00000001", "00000003"])
            #expect(
                receipt.data.map { $0.problem?.errors?.first?.pointer } == [
                    nil, "/messages/0/destinations/1", "/messages/0/destinations/2", nil,
                ]
            )
            #expect(receipt.meta == .init(taken: 2, refused: 2))
        }
    }
}
