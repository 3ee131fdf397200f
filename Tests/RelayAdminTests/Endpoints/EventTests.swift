import AdminAPI
import Foundation
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayAdmin

/// Server-Sent Events, read from the socket.
@Suite struct EventTests {
    private static let time = Timestamp(microseconds: 1_700_000_000_000_000)

    private static func online(_ ccid: UInt32, at remoteAddress: String = "192.0.2.7:40112") -> RelayEvent {
        RelayEvent(at: self.time, ccid: CCID(rawValue: ccid), .terminalOnline(connection: 17, remoteAddress: remoteAddress))
    }

    /// Begins to follow; the head and the greeting have been read.
    private static func follow(
        _ server: TestServer,
        _ query: String = "",
        after id: String? = nil,
        token: String? = nil
    ) async throws -> (client: HTTPClient, greeting: String) {
        let client = try HTTPClient(port: server.port)
        let headers = ["Last-Event-ID": id ?? "", "Authorization": "Bearer \(token ?? server.token)"]
        let request = server.request("GET", "/api/v1/events\(query)", headers: headers)
        // A client of HTTP/1.0 gets the stream without the frames of chunks.
        try await client.send(String(decoding: request, as: UTF8.self).replacing("HTTP/1.1", with: "HTTP/1.0"))
        let head = try await client.block()
        guard head.contains(" 200 "), head.contains("text/event-stream") else { throw HTTPClient.Failure(message: head) }
        return (client, try await client.block())
    }

    private static func id(_ server: TestServer, _ number: Int) -> String {
        "\(String(server.relay.events.epoch, radix: 16))-\(number)"
    }

    @Test("an event is told with its number, its type, and its fields")
    func format() async throws {
        try await TestServer.run { server async throws in
            let (client, greeting) = try await Self.follow(server)
            #expect(greeting == "retry: 2000\nid: \(Self.id(server, 0))")
            let contents: [(RelayEvent.Content, String)] = [
                (
                    .terminalOnline(connection: 1, remoteAddress: "[::1]:5"),
                    #""connection_id":"1","remote_address":"[::1]:5","type":"terminal_online""#
                ),
                (
                    .terminalOffline(connection: 1, reason: .idleTimeout),
                    #""connection_id":"1","reason":"idle_timeout","type":"terminal_offline""#
                ),
                (.terminalSuperseded(connection: 1), #""connection_id":"1","type":"terminal_superseded""#),
                (
                    .terminalLate(lastHeartbeatAt: Self.time, dueAt: Self.time.advanced(bySeconds: 45)),
                    #""due_at":"2023-11-14T22:14:05.000Z","last_heartbeat_at":"2023-11-14T22:13:20.000Z","type":"terminal_late""#
                ),
                (.terminalPunctual, #""type":"terminal_punctual""#),
                (
                    .message(id: MessageID(rawValue: 7), state: .inFlight),
                    #""message_id":"7","state":"in_flight","type":"message""#
                ),
                (
                    .connectionRejected(connection: 3, remoteAddress: "192.0.2.7:1", reason: .tooManyConnections),
                    #""connection_id":"3","reason":"too_many_connections","remote_address":"192.0.2.7:1","type":"connection_rejected""#
                ),
                (.store(.healthy), #""state":"healthy","type":"store""#),
                (
                    .store(.failing(StoreError(.diskFull, "Line one.\nLine two."))),
                    #""detail":"disk_full: Line one.\nLine two.","state":"failing","type":"store""#
                ),
            ]
            for (number, (content, fields)) in contents.enumerated() {
                server.relay.events.publish(RelayEvent(at: Self.time, ccid: CCID(rawValue: 42), content))
                let block = try await Self.event(client)
                let type = RelayEvent(at: Self.time, content).kind.rawValue
                #expect(block.hasPrefix("id: \(Self.id(server, number + 1))\nevent: \(type)\ndata: {"))
                #expect(block.contains(#""at":"2023-11-14T22:13:20.000Z","ccid":"0000002a""#))
                for field in fields.split(separator: ",\"") { #expect(block.contains(field), "\(block)") }
                #expect(block.split(separator: "\n").count == 3)
            }
        }
    }

    @Test("a client gets the types and the terminals that it asked for")
    func filters() async throws {
        try await TestServer.run { server async throws in
            let (types, _) = try await Self.follow(server, "?types=terminal_punctual,store")
            let (ccids, _) = try await Self.follow(server, "?ccids=00000002,0000000A")
            let log = server.relay.events
            log.publish(Self.online(1))
            log.publish(Self.online(2))
            log.publish(RelayEvent(at: Self.time, .store(.healthy)))
            log.publish(RelayEvent(at: Self.time, ccid: CCID(rawValue: 10), .terminalPunctual))
            #expect(try await Self.event(types).contains("event: store"))
            #expect(try await Self.event(types).contains("event: terminal_punctual"))
            #expect(try await Self.event(ccids).contains("\"ccid\":\"00000002\""))
            #expect(try await Self.event(ccids).contains("\"ccid\":\"0000000a\""))
        }
    }

    @Test("a client that comes back goes on behind the last event that it has seen")
    func resumption() async throws {
        try await TestServer.run { server async throws in
            let log = server.relay.events
            let (first, _) = try await Self.follow(server)
            for ccid in 1...5 { log.publish(Self.online(UInt32(ccid))) }
            #expect(try await Self.event(first).contains("00000001"))
            let (second, greeting) = try await Self.follow(server, after: Self.id(server, 2))
            #expect(greeting.contains("id: \(Self.id(server, 2))"))
            for ccid in 3...5 { #expect(try await Self.event(second).contains("\"ccid\":\"0000000\(ccid)\"")) }
        }
    }

    @Test("a client that comes back too late, or from another process, hears of the gap")
    func gap() async throws {
        try await TestServer.run { server async throws in
            let log = server.relay.events
            let (first, _) = try await Self.follow(server)
            for ccid in 0..<200 { log.publish(Self.online(UInt32(ccid))) }
            for id in [Self.id(server, 3), Self.id(server, 1_000_000), "1-5", "x", "1", "-", Self.id(server, 0) + "0"] {
                let (client, _) = try await Self.follow(server, after: id)
                #expect(try await Self.event(client).contains("event: gap"), "\(id)")
                log.publish(RelayEvent(at: Self.time, .store(.healthy)))
                #expect(try await Self.event(client).contains("event: store"), "\(id)")
            }
            _ = first
        }
    }

    @Test("a client that hears nothing else hears a heartbeat, with its place in the log")
    func heartbeats() async throws {
        try await TestServer.run(configure: {
            $0.eventHeartbeat = .milliseconds(200)
            $0.clientTimeout = .seconds(1)
        }) { server async throws in
            let (client, _) = try await Self.follow(server, "?types=store")
            server.relay.events.publish(Self.online(1))
            var block = try await client.block()
            // On a busy machine heartbeats can go before the event that is not for this client has been seen.
            while block == ": heartbeat\nid: \(Self.id(server, 0))" { block = try await client.block() }
            // For longer than the time that a client may be silent.
            for _ in 0..<10 {
                #expect(block == ": heartbeat\nid: \(Self.id(server, 1))")
                block = try await client.block()
            }
            #expect(block.hasPrefix(": heartbeat"))
            server.relay.events.publish(RelayEvent(at: Self.time, .store(.healthy)))
            #expect(try await Self.event(client).contains("event: store"))
        }
    }

    @Test("one client too many is sent away, and let in when another one has gone")
    func limit() async throws {
        try await TestServer.run(configure: {
            $0.maximumEventStreams = 2
            $0.eventHeartbeat = .milliseconds(50)
        }) { server async throws in
            let first = try await Self.follow(server)
            do {
                let second = try await Self.follow(server)
                let third = try await server.send("GET", "/api/v1/events")
                #expect(third.status == 503)
                #expect(third.problemCode == .tooManyStreams)
                #expect(third.header("retry-after") != nil)
                #expect(try await server.send("HEAD", "/api/v1/events").status == 200)
                _ = second
            }
            var isIn = false
            while !isIn { isIn = (try? await Self.follow(server)) != nil }
            _ = first
        }
    }

    @Test("a client that is slower than what happens is told so, and sent away")
    func slowClient() async throws {
        try await TestServer.run { server async throws in
            let (client, _) = try await Self.follow(server)
            for ccid in 0..<1_000 { server.relay.events.publish(Self.online(UInt32(ccid))) }
            var last = ""
            while case let block = try await Self.event(client), !block.isEmpty { last = block }
            #expect(last.contains("event: end") && last.contains("too slowly"))
        }
    }

    @Test("a client that does not read at all is cut off")
    func stuckClient() async throws {
        try await TestServer.run(configure: {
            $0.maximumEventStreams = 1
            $0.clientTimeout = .seconds(1)
        }) { server async throws in
            let stuck = try await Self.follow(server)
            // More than the sockets' buffers take.
            for _ in 0..<60 { server.relay.events.publish(Self.online(1, at: String(repeating: "x", count: 400_000))) }
            let deadline = ContinuousClock.now + .seconds(20)
            var isIn = false
            while !isIn, ContinuousClock.now < deadline { isIn = (try? await Self.follow(server)) != nil }
            #expect(isIn)
            _ = stuck
        }
    }

    @Test("whoever follows hears that the relay stops")
    func shutdown() async throws {
        for _ in 0..<5 {
            try await TestServer.run { server async throws in
                var clients: [HTTPClient] = []
                for _ in 0..<8 { clients.append(try await Self.follow(server).client) }
                for ccid in 0..<20 { server.relay.events.publish(Self.online(UInt32(ccid))) }
                await server.server.shutdown()
                for client in clients {
                    var blocks: [String] = []
                    while case let block = try await Self.event(client), !block.isEmpty { blocks.append(block) }
                    #expect(blocks.last?.contains("event: end") == true)
                    #expect(blocks.last?.contains("The relay stops.") == true)
                }
                #expect(!server.relay.events.isRecording || server.relay.events.last < 64)
            }
        }
    }

    private static func token(_ server: TestServer, _ more: String = "") async throws -> TokenResource {
        try await server.sendJSON("POST", "/api/v1/tokens", #"{"name": "follower", "scopes": ["read"]\#(more)}"#)
            .model(TokenResource.self)
    }

    @Test("who follows with a token that is revoked, or whose time is over, hears so and nothing more")
    func tokenEnds() async throws {
        try await TestServer.run { server async throws in
            let (stays, _) = try await Self.follow(server)
            let revoked = try await Self.token(server)
            let (first, _) = try await Self.follow(server, token: revoked.token)
            let (second, _) = try await Self.follow(server, token: try await Self.token(server, #", "for_seconds": 1"#).token)
            #expect(try await server.send("DELETE", "/api/v1/tokens/\(revoked.id)").status == 204)
            server.relay.events.publish(Self.online(1))
            for client in [first, second] {
                var blocks: [String] = []
                while case let block = try await Self.event(client), !block.isEmpty { blocks.append(block) }
                #expect(blocks.last?.contains("event: end") == true)
                #expect(blocks.last?.contains("no longer valid") == true)
                if client === first { #expect(blocks.count == 1, "\(blocks)") }
            }
            #expect(try await Self.event(stays).contains("event: terminal_online"))
        }
    }

    /// The next block that is no heartbeat: on a slow machine some come in between.
    private static func event(_ client: HTTPClient) async throws -> String {
        while true {
            let block = try await client.block()
            if !block.hasPrefix(":") { return block }
        }
    }

    @Test("who follows with a token of the file admin.token hears when the file holds another one")
    func tokenIsReplaced() async throws {
        try await TestServer.run { server async throws in
            let (client, _) = try await Self.follow(server)
            try FileManager.default.removeItem(atPath: server.directory.file(Endpoints.tokenFileName))
            #expect(try await server.send("POST", "/api/v1/config/reload").status == 200)
            #expect(try await Self.event(client).contains("event: end"))
        }
    }

    @Test("a client that has gone gives its place up without a heartbeat or a deadline")
    func placeOfOneWhoLeft() async throws {
        try await TestServer.run(configure: {
            $0.maximumEventStreams = 1
            $0.eventHeartbeat = .seconds(600)
            $0.clientTimeout = .seconds(600)
        }) { server async throws in
            do {
                _ = try await Self.follow(server)
                #expect(try await server.send("GET", "/api/v1/events").problemCode == .tooManyStreams)
            }
            let deadline = ContinuousClock.now + .seconds(20)
            var hasPlace = false
            while !hasPlace, ContinuousClock.now < deadline {
                let client = try HTTPClient(port: server.port)
                try await client.send(server.request("GET", "/api/v1/events"))
                hasPlace = try await client.block().contains(" 200 ")
            }
            #expect(hasPlace)
        }
    }

    @Test("when nobody follows any more, nothing is recorded after one turn of the log")
    func leaving() async throws {
        try await TestServer.run(configure: { $0.eventHeartbeat = .milliseconds(50) }) { server async throws in
            let log = server.relay.events
            #expect(!log.isRecording)
            do { _ = try await Self.follow(server) }
            #expect(
                await eventually {
                    log.publish(Self.online(1))
                    return !log.isRecording
                }
            )
        }
    }

    @Test(
        "what is no filter of events is refused",
        arguments: [
            "types=", "types=x", "types=store,", "types=gap", "types=end", "ccids=", "ccids=2a", "ccids=00000001,", "limit=1",
            "ccid=00000001",
        ]
    )
    func refusals(query: String) async throws {
        try await TestServer.run { server async throws in
            #expect(try await server.send("GET", "/api/v1/events?\(query)").problemCode == .invalidParameter)
            #expect(!server.relay.events.isRecording)
        }
    }
}
