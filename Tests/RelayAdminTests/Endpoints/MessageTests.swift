import AdminAPI
import RelayCore
import TTMSProtocol
import Testing

@Suite struct MessageTests {
    private static let ccid = CCID(rawValue: 0x2a)
    private static let target = "/api/v1/terminals/0000002a/messages"

    @Test("a message is shown in the encoding that was asked for")
    func encodings() async throws {
        let relay = FakeRelay()
        let expiry = Timestamp(microseconds: .max)
        let text = relay.keep(Array("hé\u{0}".utf8), for: Self.ccid, from: CCID(rawValue: .max), isInFlight: true)
        let bytes = relay.keep([0xff, 0x00], for: Self.ccid, expiresAt: expiry)
        let empty = relay.keep([], for: Self.ccid)
        let cases: [(MessageID, String, String, PayloadEncoding)] = [
            (text, "", "aMOpAA==", .base64),
            (text, "?payload_encoding=base64", "aMOpAA==", .base64),
            (text, "?payload_encoding=hex", "68c3a900", .hex),
            (text, "?payload_encoding=utf8", "hé\u{0}", .utf8),
            (bytes, "?payload_encoding=hex", "ff00", .hex),
            (bytes, "?payload_encoding=utf8", "/wA=", .base64),
            (empty, "?payload_encoding=utf8", "", .utf8),
        ]
        try await TestServer.run(relay) { server async throws in
            for (id, query, payload, encoding) in cases {
                let message = try await server.send("GET", "/api/v1/messages/\(id)\(query)").model(MessageResource.self)
                #expect(message.id == id.description)
                #expect(message.ccid == "0000002a")
                #expect(message.source == (id == text ? "ffffffff" : "00000001"))
                #expect(message.state == (id == text ? .inFlight : .queued))
                #expect(message.payload == payload)
                #expect(message.payloadEncoding == encoding)
                #expect(message.frameBytes == message.payloadBytes + Frame.minimumSize)
                #expect(message.acceptedAt == "2023-11-14T22:13:20.007Z")
                #expect(message.expiresAt == (id == bytes ? "9999-12-31T23:59:59.999Z" : nil))
            }
        }
    }

    @Test("pages hold every message once, in order")
    func pages() async throws {
        let relay = FakeRelay()
        let ids = (0..<130).map { relay.keep([UInt8($0)], for: Self.ccid).description }
        relay.keep([1], for: CCID(rawValue: 7))
        try await TestServer.run(relay) { server async throws in
            for limit in [1, 49, 50, 51, 129, 130, 131] {
                var found: [String] = []
                var cursor: String?
                repeat {
                    let next = cursor.map { "&cursor=\($0)" } ?? ""
                    let reply = try await server.send("GET", "\(Self.target)?limit=\(limit)\(next)")
                    let page = try reply.model(Page<MessageResource>.self)
                    #expect(page.data.count <= limit && !page.data.isEmpty)
                    found += page.data.map(\.id)
                    cursor = page.meta.nextCursor
                } while cursor != nil && found.count <= ids.count
                #expect(found == ids, "\(limit)")
            }
        }
    }

    @Test("a page of large messages ends before it is as long as it may be")
    func largePages() async throws {
        let relay = FakeRelay()
        let payload = [UInt8](repeating: 1, count: 60_000)
        let ids = (0..<250).map { _ in relay.keep(payload, for: Self.ccid).description }
        try await TestServer.run(relay) { server async throws in
            let first = try await server.send("GET", "\(Self.target)?limit=1000").model(Page<MessageResource>.self)
            #expect((70...150).contains(first.data.count))
            let cursor = try #require(first.meta.nextCursor)
            let second = try await server.send("GET", "\(Self.target)?limit=1000&cursor=\(cursor)")
                .model(Page<MessageResource>.self)
            #expect((first.data + second.data).map(\.id) == Array(ids.prefix(first.data.count + second.data.count)))
        }
    }

    @Test("a known terminal without messages has an empty page")
    func empty() async throws {
        let relay = FakeRelay()
        relay.withState { $0.terminals[Self.ccid] = FakeRelay.online(Self.ccid) }
        try await TestServer.run(relay) { server async throws in
            let page = try await server.send("GET", Self.target).model(Page<MessageResource>.self)
            #expect(page == Page(data: [], limit: 100, nextCursor: nil))
        }
    }

    @Test("queued messages are deleted, one or all, and those in flight stay")
    func deletion() async throws {
        let relay = FakeRelay()
        let inFlight = relay.keep([1], for: Self.ccid, isInFlight: true)
        let queued = (0..<3).map { _ in relay.keep([2], for: Self.ccid) }
        try await TestServer.run(relay) { server async throws in
            #expect(try await server.send("DELETE", "/api/v1/messages/\(queued[0])").status == 204)
            #expect(try await server.send("DELETE", "/api/v1/messages/\(queued[0])").problemCode == .messageNotFound)
            #expect(try await server.send("DELETE", "/api/v1/messages/\(inFlight)").problemCode == .inFlight)
            let all = try await server.send("DELETE", Self.target)
            #expect(all.status == 200)
            #expect(try all.model(DeletionReceipt.self) == DeletionReceipt(deleted: 2))
            #expect(relay.withState { $0.messages.map(\.id) } == [inFlight])
        }
    }
}
