import AdminAPI
import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@Suite struct SendingTests {
    private static let target = "/api/v1/terminals/0000002a/messages"
    private static let octets = ["Content-Type": "application/octet-stream"]

    @Test("JSON and raw octets say the same")
    func bodies() async throws {
        let online = CCID(rawValue: 0x2b)
        let relay = FakeRelay()
        relay.withState { $0.terminals[online] = FakeRelay.online(online) }
        try await TestServer.run(relay) { server async throws in
            let json = #"{"source":"0000000A","payload":"aGk=","payload_encoding":"base64","time_to_live_seconds":60}"#
            let queued = try await server.sendJSON("POST", Self.target, json)
            #expect(queued.status == 202)
            let receipt = try queued.model(MessageReceipt.self)
            #expect(receipt == MessageReceipt(id: "2199023255553", ccid: "0000002a", source: "0000000a", state: .queued))
            #expect(queued.header("location") == "/api/v1/messages/2199023255553")

            let target = "/api/v1/terminals/0000002b/messages?source=0000000a&time_to_live_seconds=0"
            let written = try await server.send("POST", target, headers: Self.octets, body: Array("hi".utf8))
            #expect(written.status == 200)
            #expect(try written.model(MessageReceipt.self).state == .inFlight)

            let source = CCID(rawValue: 10)
            let plain = ["Content-Type": "Application/JSON; charset=utf-8"]
            let minimal = Array(#"{"payload":"","payload_encoding":"utf8","source":null}"#.utf8)
            #expect(try await server.send("POST", Self.target, headers: plain, body: minimal).status == 202)
            #expect(try await server.send("POST", Self.target, headers: Self.octets).status == 202)

            let hi = Array("hi".utf8)
            let offline = CCID(rawValue: 0x2a)
            let nobody = CCID(rawValue: 0)
            #expect(
                relay.withState { $0.injected } == [
                    Injection(source: source, destination: offline, payload: hi, timeToLive: 60),
                    Injection(source: source, destination: online, payload: hi, timeToLive: 0),
                    Injection(source: nobody, destination: offline, payload: []),
                    Injection(source: nobody, destination: offline, payload: []),
                ]
            )
        }
    }

    /// Data frames to 00000002 and 00000003, the second with a header in its payload.
    private static func frames() -> [UInt8] {
        var buffer = ByteBuffer()
        buffer.writeFrame(address: CCID(rawValue: 2), command: .data, content: Array("hi".utf8))
        buffer.writeFrame(address: CCID(rawValue: 3), command: .data, content: Array("a$TTMSb".utf8))
        return Array(buffer.readableBytesView)
    }

    @Test("raw frames are sent on behalf of a source, in order")
    func rawFrames() async throws {
        let relay = FakeRelay()
        relay.withState { $0.terminals[CCID(rawValue: 2)] = FakeRelay.online(CCID(rawValue: 2)) }
        try await TestServer.run(relay) { server async throws in
            let target = "/api/v1/frames?source=00000009&time_to_live_seconds=5"
            let reply = try await server.send("POST", target, headers: Self.octets, body: Self.frames())
            #expect(reply.status == 202)
            let receipts = try reply.model(List<MessageReceipt>.self).data
            #expect(receipts.map(\.ccid) == ["00000002", "00000003"])
            #expect(receipts.map(\.state) == [.inFlight, .queued])
            #expect(receipts.allSatisfy { $0.source == "00000009" })
            let injected = relay.withState { $0.injected }
            #expect(injected.map(\.payload) == [Array("hi".utf8), Array("a$TTMSb".utf8)])
            #expect(injected.allSatisfy { $0.source == CCID(rawValue: 9) && $0.timeToLive == 5 })

            let first = Array(Self.frames().prefix(15))
            #expect(try await server.send("POST", target, headers: Self.octets, body: first).status == 200)
        }
    }

    @Test("one wrong frame among them, and none is sent")
    func wrongFrames() async throws {
        var heartbeat = ByteBuffer()
        heartbeat.writeFrame(address: CCID(rawValue: 1), command: .heartbeat, content: [0, 0, 0, 0])
        let good = Self.frames()
        var corrupt = good
        corrupt[corrupt.count - 1] ^= 1
        var forwarded = good
        forwarded[4] = UInt8(ascii: "X")
        let bodies: [(body: [UInt8], index: String)] = [
            (Array(good.dropLast()), "/1"),
            (Array(good.prefix(16)), "/1"),
            (good + [0x24], "/2"),
            (good + [0x25], "/2"),
            (corrupt, "/1"),
            (forwarded, "/0"),
            (good + Array(heartbeat.readableBytesView), "/2"),
        ]
        try await TestServer.run { server async throws in
            for (body, index) in bodies {
                let reply = try await server.send("POST", "/api/v1/frames?source=00000009", headers: Self.octets, body: body)
                #expect(reply.problemCode == .invalidFrame)
                #expect(try reply.model(ProblemDetails.self).errors?.map(\.pointer) == [index])
            }
            #expect(server.relay.withState { $0.injected }.isEmpty)
        }
    }

    @Test("those that are not taken are told one by one, beside those that are")
    func refusals() async throws {
        let relay = FakeRelay()
        relay.withState { $0.refusals = [CCID(rawValue: 2): InjectionError.rejected(.terminalFrames)] }
        try await TestServer.run(relay) { server async throws in
            let (two, three) = (Self.frames().prefix(15), Self.frames().dropFirst(15))
            let body = Array(two + three + two + three)
            let reply = try await server.send("POST", "/api/v1/frames?source=00000009", headers: Self.octets, body: body)
            #expect(reply.problemCode == .queueFull)
            let problem = try reply.model(ProblemDetails.self)
            #expect(problem.taken?.map(\.ccid) == ["00000003", "00000003"])
            #expect(problem.errors?.map(\.pointer) == ["/0", "/2"])
            #expect(relay.withState { $0.injected.map(\.destination) } == [CCID(rawValue: 3), CCID(rawValue: 3)])
        }
    }

    @Test("all go to the relay in one call")
    func together() async throws {
        try await TestServer.run { server async throws in
            let body = (0..<10).flatMap { _ in Self.frames() }
            _ = try await server.send("POST", "/api/v1/frames?source=00000009", headers: Self.octets, body: body)
            #expect(server.relay.withState { $0.calls } == [20])
        }
    }
}
