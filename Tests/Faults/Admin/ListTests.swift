import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// What operators see of terminals and connections, on any number of event loops.
    struct ListTests {
        private static func ccids(_ page: JSONValue) -> [String] {
            page["data"]?.array?.compactMap { $0["ccid"]?.string } ?? []
        }

        /// All items of a list, read page by page; `between` runs between two pages.
        private static func all(
            _ admin: AdminClient,
            _ path: String,
            limit: Int,
            between: () async throws -> Void = {}
        ) async throws -> [JSONValue] {
            var found: [JSONValue] = []
            var cursor = ""
            while true {
                let page = try await admin.json("GET", "\(path)&limit=\(limit)\(cursor)")
                found += page["data"]?.array ?? []
                guard let next = page.at("meta.next_cursor")?.string else { return found }
                cursor = "&cursor=\(next)"
                try await between()
            }
        }

        @Test("A terminal that stays is on exactly one page while others come and go", arguments: [1, 3])
        func pages(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let staying = (0..<50).map { CCID(rawValue: $0 * 0x0400_0000) }
                let connections = try staying.map { try relay.terminal($0) }
                for query in ["?state=online", "?state=online&sort=rate", "?state=online&order=descending"] {
                    var passing: [TerminalClient] = []
                    var next: UInt32 = 0
                    let found = try await Self.all(try relay.admin, "/api/v1/terminals\(query)", limit: 7) {
                        passing.first?.close()
                        passing = Array(passing.dropFirst()) + [try relay.terminal(CCID(rawValue: 0x0100_0001 + next))]
                        next += 0x1100_0000
                    }
                    let ccids = found.compactMap { $0["ccid"]?.string }.filter { staying.map(\.description).contains($0) }
                    #expect(Set(ccids).count == staying.count, "\(query)")
                    #expect(ccids.count == staying.count, "\(query)")
                    for terminal in passing { terminal.close() }
                }
                #expect(connections.count == 50)
            }
        }

        @Test("Filters and orders do what they say", arguments: [1, 3])
        func filters(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let admin = try relay.admin
                let sender = try relay.terminal(.sender)
                // Three that are away, with 1, 3 and 2 frames kept, of which the relay was never told otherwise.
                for (ccid, frames) in [(0x10, 1), (0x11, 3), (0x12, 2)] as [(UInt32, Int)] {
                    try sender.send(NumberedFrames.to(CCID(rawValue: ccid), 0..<frames))
                    try await relay.waitForBacklog(of: CCID(rawValue: ccid), frames)
                }
                let marker = try relay.connect()
                try marker.send(WireFrame.heartbeat(of: CCID(rawValue: 0x20), dialect: .marker))
                _ = try marker.receive(17)
                let cases: [(query: String, expected: [UInt32])] = [
                    ("", [1, 0x10, 0x11, 0x12, 0x20]), ("?state=online", [1, 0x20]), ("?state=offline", [0x10, 0x11, 0x12]),
                    ("?has_backlog=true", [0x10, 0x11, 0x12]), ("?has_backlog=false", [1, 0x20]),
                    ("?has_backlog=true&sort=backlog", [0x10, 0x12, 0x11]),
                    ("?sort=backlog&order=descending", [0x11, 0x12, 0x10, 0x20, 1]),
                    ("?sort=oldest_age&order=descending", [0x10, 0x11, 0x12, 0x20, 1]),
                    ("?sort=last_heartbeat&order=descending", [0x20, 1, 0x12, 0x11, 0x10]),
                    ("?sort=rate&order=descending&state=online", [1, 0x20]), ("?dialect=marker", [0x20]),
                    ("?dialect=total", [1]), ("?remote_address=127.0.0.0/8", [1, 0x20]), ("?remote_address=192.0.2.1", []),
                    ("?prefix=0000001", [0x10, 0x11, 0x12]), ("?prefix=ff", []), ("?late=true", []),
                    ("?state=offline&dialect=total", []),
                ]
                for (query, expected) in cases {
                    let page = try await admin.json("GET", "/api/v1/terminals\(query)")
                    #expect(Self.ccids(page) == expected.map { "\(CCID(rawValue: $0))" }, "\(query)")
                }
                let page = try await admin.json("GET", "/api/v1/terminals?has_backlog=true&fields=backlog&limit=1")
                #expect(page["data"]?.array?.first?["state"] == nil)
                #expect(page.at("data")?.array?.first?.at("backlog.frames") == 1)
            }
        }

        @Test("A terminal's history says what it sent and got on each connection, and how that ended", arguments: [1, 3])
        func history(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let admin = try relay.admin
                let receiver = try relay.terminal(.receiver)
                for round in 1...3 {
                    let sender = try relay.terminal(.sender)
                    try sender.send(NumberedFrames.to(.receiver, 0..<round))
                    for _ in 0..<round { _ = try receiver.receiveFrame() }
                    if round == 2 {
                        try sender.send(Array("nonsense, but long enough".utf8))
                        _ = try sender.receiveUntilClosed()
                    } else if round == 3 {
                        // The next connection takes it over.
                        let newer = try relay.terminal(.sender)
                        _ = try sender.receiveUntilClosed()
                        try await eventually("it is reached on the newer one") {
                            try await admin.terminal(.sender)?.at("counters.connections_total") == 4 ? () : nil
                        }
                        newer.finish()
                    } else {
                        sender.finish()
                    }
                    try await eventually("it is offline") {
                        try await admin.terminal(.sender)?["state"] == "offline" ? () : nil
                    }
                }
                let history = try await admin.terminal(.sender)?["history"]?.array ?? []
                #expect(history.map { $0["close_reason"] } == ["peer_closed", "bad_header", "superseded", "peer_closed"])
                #expect(history.map { $0.at("counters.frames_received_total") } == [1, 2, 3, 0])
                #expect(history.map { $0.at("counters.heartbeats_total") } == [1, 1, 1, 1])

                receiver.finish()
                try await eventually("the receiver's connection has ended") {
                    try await admin.terminal(.receiver)?["history"]?.array?.count == 1 ? () : nil
                }
                let got = try await admin.terminal(.receiver)?["history"]?.array?.first
                #expect(got?.at("counters.frames_delivered_total") == 6)

                // The same, as the list of connections shows it.
                let closed = try await Self.all(admin, "/api/v1/connections?state=closed&ccid=\(CCID.sender)", limit: 2)
                #expect(closed.map { $0["close_reason"] } == history.map { $0["close_reason"] })
                #expect(closed.map { $0["id"] } == history.map { $0["id"] })
                #expect(closed.map { $0.at("counters.frames_received_total") } == [1, 2, 3, 0])
                let id = try #require(closed.first?["id"]?.string)
                #expect(try await admin.json("GET", "/api/v1/connections/\(id)") == closed.first)
                #expect(try await admin.json("DELETE", "/api/v1/connections/\(id)", status: 409)["code"] == "connection_closed")
            }
        }

        @Test("Rejected connections are remembered; open ones are kicked by their number", arguments: [1, 3])
        func rejected(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)", "maximum_connections": "2"]) { relay in
                let admin = try relay.admin
                let one = try relay.terminal(CCID(rawValue: 1))
                let two = try relay.connect()
                try two.send(Array("no frame of any kind".utf8))
                _ = try two.receiveUntilClosed()
                let three = try relay.terminal(CCID(rawValue: 3))
                let four = try relay.connect()
                _ = try four.receiveUntilClosed()
                let closed = try await admin.json("GET", "/api/v1/connections?state=closed&sort=closed")["data"]?.array ?? []
                #expect(closed.map { $0["close_reason"] } == ["bad_header", "too_many_connections"])
                let reason = try await admin.json("GET", "/api/v1/connections?reason=too_many_connections")
                #expect(reason["data"]?.array == Array(closed.suffix(1)))

                let open = try await admin.json("GET", "/api/v1/connections?state=open")["data"]?.array ?? []
                #expect(open.map { $0["ccids"] } == [["00000001"], ["00000003"]])
                let id = try #require(open.first?["id"]?.string)
                #expect(try await admin.request("DELETE", "/api/v1/connections/\(id)").status == 204)
                _ = try one.receiveUntilClosed()
                #expect(try await admin.json("GET", "/api/v1/connections/\(id)")["close_reason"] == "kicked")
                #expect(try await admin.terminal(CCID(rawValue: 3))?["state"] == "online")
                three.close()
            }
        }

        @Test("A terminal is late when its heartbeat is overdue by its own habit")
        func cadence() async throws {
            try await RelayProcess.with { relay in
                let admin = try relay.admin
                let terminal = try relay.terminal(CCID(rawValue: 1))
                #expect(try await admin.terminal(CCID(rawValue: 1))?["cadence"] == .null)
                for _ in 0..<4 {
                    try terminal.send(WireFrame.heartbeat(of: CCID(rawValue: 1)))
                    _ = try terminal.receiveFrame()
                }
                #expect(try await admin.terminal(CCID(rawValue: 1))?.at("cadence.late") == false)
                try await eventually("it is late") {
                    try await admin.terminal(CCID(rawValue: 1))?.at("cadence.late") == true ? () : nil
                }
                #expect(Self.ccids(try await admin.json("GET", "/api/v1/terminals?late=true")) == ["00000001"])
                try terminal.send(WireFrame.heartbeat(of: CCID(rawValue: 1)))
                _ = try terminal.receiveFrame()
                #expect(try await admin.terminal(CCID(rawValue: 1))?.at("cadence.late") == false)
            }
        }
    }
}
