import AdminAPI
import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@Suite struct ConnectionListTests {
    private static func relay() -> FakeRelay {
        let relay = FakeRelay()
        let opened = Timestamp(microseconds: 1_700_000_000_000_000)
        relay.withState { state in
            for id in 1...6 as ClosedRange<UInt64> {
                var connection = ConnectionSnapshot(
                    id: id,
                    remoteAddress: PeerAddress(try? SocketAddress(ipAddress: "192.0.2.7", port: 40_112)),
                    listener: PeerAddress(try? SocketAddress(ipAddress: "0.0.0.0", port: 7_222)),
                    openedAt: opened,
                    dialect: .total,
                    ccids: [CCID(rawValue: UInt32(id))],
                    ccidCount: 40
                )
                connection.counters.framesReceived = id
                if id.isMultiple(of: 2) { connection.end = .init(at: opened.advanced(bySeconds: 5), reason: .idleTimeout) }
                state.connections.append(connection)
            }
        }
        return relay
    }

    @Test("open and ended connections are listed, page by page")
    func pages() async throws {
        try await TestServer.run(Self.relay()) { server async throws in
            for (query, expected) in [("", [1, 2, 3, 4, 5, 6]), ("state=open", [1, 3, 5]), ("state=closed", [2, 4, 6])] {
                var found: [String] = []
                var cursor: String?
                repeat {
                    let next = cursor.map { "&cursor=\($0)" } ?? ""
                    let page = try await server.send("GET", "/api/v1/connections?limit=2&\(query)\(next)")
                        .model(Page<ConnectionResource>.self)
                    found += page.data.map(\.id)
                    cursor = page.meta.nextCursor
                } while cursor != nil && found.count <= 6
                #expect(found == expected.map(String.init), "\(query)")
            }
        }
    }

    @Test("every filter and order reaches the relay as it was meant")
    func filters() async throws {
        let relay = FakeRelay()
        let target = """
            /api/v1/connections?state=closed&ccid=0000002A&remote_address=::1&dialect=marker&reason=bad_header&sort=closed\
            &order=descending&limit=3
            """
        try await TestServer.run(relay) { server async throws in
            #expect(try await server.send("GET", target).status == 200)
            #expect(try await server.send("GET", "/api/v1/connections").status == 200)
        }
        let expected = ConnectionQuery(
            isOpen: false,
            ccid: CCID(rawValue: 42),
            remoteAddress: IPNetwork("::1"),
            dialect: .marker,
            reason: .badHeader,
            sort: .closed,
            isDescending: true,
            limit: 3
        )
        #expect(relay.withState { $0.connectionQueries } == [expected, ConnectionQuery()])
    }

    @Test("one connection is shown, and how it ended")
    func show() async throws {
        try await TestServer.run(Self.relay()) { server async throws in
            let open = try await server.send("GET", "/api/v1/connections/3").model(ConnectionResource.self)
            #expect(open.state == .open)
            #expect(open.closedAt == nil)
            #expect(open.ccids == ["00000003"])
            #expect(open.ccidCount == 40)
            #expect(open.counters.framesReceived == 3)
            let closed = try await server.send("GET", "/api/v1/connections/4").model(ConnectionResource.self)
            #expect(closed.state == .closed)
            #expect(closed.closedAt == "2023-11-14T22:13:25.000Z")
            #expect(closed.closeReason == "idle_timeout")
            #expect(try await server.send("GET", "/api/v1/connections/7").problemCode == .connectionNotFound)
            #expect(try await server.send("GET", "/api/v1/connections/x").problemCode == .invalidID)
        }
    }

    @Test("a connection is closed once, and afterwards it is said when it ended")
    func disconnect() async throws {
        try await TestServer.run(Self.relay()) { server async throws in
            #expect(try await server.send("DELETE", "/api/v1/connections/1").status == 204)
            for id in [1, 2] {
                let reply = try await server.send("DELETE", "/api/v1/connections/\(id)")
                #expect(reply.status == 409)
                #expect(reply.problemCode == .connectionClosed)
            }
            #expect(try await server.send("DELETE", "/api/v1/connections/7").problemCode == .connectionNotFound)
        }
    }

    @Test(
        "what is no filter of connections is refused",
        arguments: [
            "state=online", "ccid=2a", "remote_address=here", "dialect=x", "reason=x", "sort=x", "order=up", "late=true",
            "sort=id&sort=id",
        ]
    )
    func refusals(query: String) async throws {
        try await TestServer.run { server async throws in
            #expect(try await server.send("GET", "/api/v1/connections?\(query)").problemCode == .invalidParameter)
        }
    }
}
