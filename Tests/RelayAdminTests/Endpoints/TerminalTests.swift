import AdminAPI
import RelayCore
import TTMSProtocol
import Testing

@Suite struct TerminalTests {
    @Test("one terminal is shown with everything that is known")
    func show() async throws {
        let relay = FakeRelay()
        var terminal = FakeRelay.online(CCID(rawValue: 0xABCD_EF01), connection: .max)
        terminal.counters.framesDelivered = 5
        let accepted = Timestamp(microseconds: 1_700_000_000_999_999)
        terminal.backlog = Backlog(frames: 3, bytes: 45, inFlightFrames: 1, oldestAcceptedAt: accepted)
        relay.withState { $0.terminals[terminal.ccid] = terminal }
        try await TestServer.run(relay) { server async throws in
            let reply = try await server.send("GET", "/api/v1/terminals/ABCDEF01")
            #expect(reply.status == 200)
            #expect(reply.header("content-type") == "application/json")
            let shown = try reply.model(TerminalResource.self)
            #expect(shown.ccid == "abcdef01")
            #expect(shown.state == .online)
            #expect(shown.since == "2023-11-14T22:13:20.123Z")
            #expect(shown.lastCloseReason == "idle_timeout")
            #expect(shown.connection?.id == "18446744073709551615")
            #expect(shown.connection?.dialect == "after-length")
            #expect(shown.counters.framesDelivered == 5)
            #expect(shown.backlog.frames == 3)
            #expect(shown.backlog.inFlightFrames == 1)
            #expect(shown.backlog.oldestAcceptedAt == "2023-11-14T22:13:20.999Z")
            #expect(shown.backlog.oldestAgeSeconds.map { $0 > 0 } == true)
        }
    }

    @Test("what is not there is null")
    func nulls() async throws {
        let relay = FakeRelay()
        relay.withState { $0.terminals[CCID(rawValue: 1)] = TerminalSnapshot(ccid: CCID(rawValue: 1)) }
        try await TestServer.run(relay) { server async throws in
            let text = try await server.send("GET", "/api/v1/terminals/00000001").text
            for field in [
                "since", "last_heartbeat_at", "last_close_reason", "connection", "oldest_accepted_at", "oldest_age_seconds",
            ] {
                #expect(text.contains("\"\(field)\":null"), "\(field)")
            }
            #expect(try await server.send("GET", "/api/v1/terminals").text.contains("\"next_cursor\":null"))
        }
    }

    @Test("pages hold every terminal once, under every filter and page size")
    func pages() async throws {
        let relay = FakeRelay()
        let ccids = (0..<25).map { CCID(rawValue: UInt32($0) * 0x0a00_0000) }
        relay.withState { state in
            for (index, ccid) in ccids.enumerated() {
                state.terminals[ccid] = index.isMultiple(of: 3) ? FakeRelay.online(ccid) : TerminalSnapshot(ccid: ccid)
            }
        }
        let filters: [(query: String, expected: [CCID])] = [
            ("", ccids),
            ("state=online", ccids.enumerated().filter { $0.offset.isMultiple(of: 3) }.map(\.element)),
            ("state=offline", ccids.enumerated().filter { !$0.offset.isMultiple(of: 3) }.map(\.element)),
            ("prefix=A", ccids.filter { $0.description.hasPrefix("a") }),
            ("prefix=dd", []),
        ]
        try await TestServer.run(relay) { server async throws in
            for (query, expected) in filters {
                for limit in [1, 5, 25, 1_000] {
                    var found: [String] = []
                    var cursor: String?
                    repeat {
                        let next = cursor.map { "&cursor=\($0)" } ?? ""
                        let reply = try await server.send("GET", "/api/v1/terminals?limit=\(limit)&\(query)\(next)")
                        let page = try reply.model(Page<TerminalResource>.self)
                        #expect(page.meta.limit == limit)
                        #expect(page.data.count <= limit)
                        #expect(!page.data.isEmpty || expected.isEmpty)
                        found += page.data.map(\.ccid)
                        cursor = page.meta.nextCursor
                    } while cursor != nil && found.count <= expected.count
                    #expect(found == expected.map(\.description), "\(query) \(limit)")
                }
            }
        }
    }

    @Test("every filter and order reaches the relay as it was meant")
    func filters() async throws {
        let relay = FakeRelay()
        let target = """
            /api/v1/terminals?state=online&late=true&has_backlog=false&prefix=AB&remote_address=192.0.2.0/24&dialect=after-length\
            &sort=in_flight_bytes&order=descending&limit=7
            """
        try await TestServer.run(relay) { server async throws in
            #expect(try await server.send("GET", target).status == 200)
            #expect(try await server.send("GET", "/api/v1/terminals").status == 200)
        }
        let expected = TerminalQuery(
            isOnline: true,
            isLate: true,
            hasBacklog: false,
            prefix: "ab",
            remoteAddress: IPNetwork("192.0.2.0/24"),
            dialect: .afterLength,
            sort: .inFlightBytes,
            isDescending: true,
            limit: 7
        )
        #expect(relay.withState { $0.terminalQueries } == [expected, TerminalQuery()])
    }

    @Test("a sorted list comes in pages, too")
    func sorted() async throws {
        let relay = FakeRelay()
        relay.withState { state in
            for number in 0..<10 as Range<UInt32> {
                var terminal = TerminalSnapshot(ccid: CCID(rawValue: number))
                terminal.backlog = Backlog(frames: Int(number * 7 % 4), bytes: 20)
                state.terminals[terminal.ccid] = terminal
            }
        }
        try await TestServer.run(relay) { server async throws in
            var found: [TerminalResource] = []
            var cursor: String?
            repeat {
                let next = cursor.map { "&cursor=\($0)" } ?? ""
                let reply = try await server.send("GET", "/api/v1/terminals?sort=backlog&order=descending&limit=3\(next)")
                let page = try reply.model(Page<TerminalResource>.self)
                found += page.data
                cursor = page.meta.nextCursor
            } while cursor != nil && found.count <= 10
            #expect(found.count == 10)
            #expect(found.map(\.backlog.frames) == found.map(\.backlog.frames).sorted(by: >))
        }
    }

    @Test("a list shows the fields that are asked for, and the number always")
    func fields() async throws {
        let relay = FakeRelay()
        relay.withState { $0.terminals[CCID(rawValue: 1)] = FakeRelay.online(CCID(rawValue: 1)) }
        try await TestServer.run(relay) { server async throws in
            let some = try await server.send("GET", "/api/v1/terminals?fields=state,last_heartbeat_at")
            #expect(
                some.text == """
                    {"data":[{"ccid":"00000001","last_heartbeat_at":"2023-11-14T22:13:20.123Z","state":"online"}],\
                    "meta":{"limit":100,"next_cursor":null}}
                    """
            )
            let all = try await server.send("GET", "/api/v1/terminals")
            #expect(try all.model(Page<TerminalResource>.self).data.first?.connection != nil)
            for fields in ["", "nonsense", "state,", "state,,ccid", "history", "State"] {
                let reply = try await server.send("GET", "/api/v1/terminals?fields=\(fields)")
                #expect(reply.problemCode == .invalidParameter, "\(fields)")
            }
        }
    }

    @Test("a terminal's habit and history are shown")
    func history() async throws {
        let relay = FakeRelay()
        var terminal = FakeRelay.online(CCID(rawValue: 1))
        terminal.cadence = .init(
            intervalMilliseconds: 30_000,
            deviationMilliseconds: 200,
            dueAt: Timestamp(microseconds: 1_700_000_045_000_000),
            isLate: true
        )
        terminal.framesPerSecond = 1.23456
        var counters = ConnectionCounters()
        counters.framesDelivered = 4
        terminal.history = [
            ConnectionHistory.Entry(
                connection: 6,
                remoteAddress: PeerAddress(nil),
                registeredAt: Timestamp(microseconds: 1_700_000_000_000_000),
                endedAt: Timestamp(microseconds: 1_700_000_001_000_000),
                counters: counters,
                reason: .connectionLost
            )
        ]
        relay.withState { [terminal] in $0.terminals[terminal.ccid] = terminal }
        try await TestServer.run(relay) { server async throws in
            let shown = try await server.send("GET", "/api/v1/terminals/00000001").model(TerminalResource.self)
            #expect(shown.framesPerSecond == 1.235)
            #expect(shown.cadence?.intervalMilliseconds == 30_000)
            #expect(shown.cadence?.dueAt == "2023-11-14T22:14:05.000Z")
            #expect(shown.cadence?.late == true)
            #expect(shown.history?.map(\.id) == ["6"])
            #expect(shown.history?.first?.endedAt == "2023-11-14T22:13:21.000Z")
            #expect(shown.history?.first?.closeReason == "connection_lost")
            #expect(shown.history?.first?.counters.framesDelivered == 4)
            #expect(try await !server.send("GET", "/api/v1/terminals").text.contains("history"))
        }
    }

    @Test("a cursor of other filters is refused")
    func foreignCursor() async throws {
        let relay = FakeRelay()
        relay.withState { state in
            for number in 0..<3 {
                state.terminals[CCID(rawValue: UInt32(number))] = FakeRelay.online(CCID(rawValue: UInt32(number)))
            }
        }
        try await TestServer.run(relay) { server async throws in
            let page = try await server.send("GET", "/api/v1/terminals?limit=1").model(Page<TerminalResource>.self)
            let cursor = try #require(page.meta.nextCursor)
            #expect(try await server.send("GET", "/api/v1/terminals?limit=2&cursor=\(cursor)").status == 200)
            let foreign = try await server.send("GET", "/api/v1/terminals?state=online&cursor=\(cursor)")
            #expect(foreign.problemCode == .invalidCursor)
        }
    }

    @Test("a connection is closed once")
    func disconnect() async throws {
        let relay = FakeRelay()
        relay.withState { $0.terminals[CCID(rawValue: 1)] = FakeRelay.online(CCID(rawValue: 1)) }
        try await TestServer.run(relay) { server async throws in
            let reply = try await server.send("DELETE", "/api/v1/terminals/00000001/connection")
            #expect(reply.status == 204)
            #expect(reply.body.isEmpty)
            let again = try await server.send("DELETE", "/api/v1/terminals/00000001/connection")
            #expect(again.problemCode == .terminalOffline)
        }
    }
}
