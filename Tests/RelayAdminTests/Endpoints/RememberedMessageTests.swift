import AdminAPI
import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayAdmin

/// Messages beyond their end, why they are where they are, and what may still be done with them.
@Suite struct RememberedMessageTests {
    private static let ccid = CCID(rawValue: 0x2a)
    private static let id = MessageID(slot: 9, sequence: 1)

    private static func time(_ second: Int64) -> Timestamp {
        Timestamp(microseconds: 1_700_000_000_000_000).advanced(bySeconds: second)
    }

    /// A trace that has come so far: queued at second 1, written at 2, acknowledged at 3, confirmed at 4, dropped at 5.
    private static func trace(_ state: MessageTrace.State) -> MessageTrace {
        var trace = MessageTrace(
            id: self.id,
            destination: self.ccid,
            source: CCID(rawValue: 1),
            frameBytes: 15,
            acceptedAt: self.time(0),
            expiresAt: self.time(90)
        )
        trace.queued(at: self.time(1))
        if state.isDropped {
            trace.dropped(state, at: self.time(5))
        } else if state != .queued {
            trace.written(at: self.time(2))
            if state != .inFlight { trace.acknowledged(at: self.time(3)) }
            if state == .confirmed { trace.confirmed(at: self.time(4)) }
        }
        return trace
    }

    @Test("a message that is not kept any more is shown with its states and times, and without its payload")
    func remembered() async throws {
        let relay = FakeRelay()
        relay.withState { $0.traces[Self.id] = Self.trace(.confirmed) }
        try await TestServer.run(relay) { server async throws in
            let message = try await server.send("GET", "/api/v1/messages/\(Self.id)").model(MessageResource.self)
            let states: [AdminAPI.MessageState] = [.accepted, .queued, .inFlight, .acknowledged, .confirmed]
            #expect(message.history.map(\.state) == states)
            #expect(message.history.map(\.at) == (20...24).map { "2023-11-14T22:13:\($0).000Z" })
            #expect(message.state == .confirmed && message.attempts == 1)
            #expect(message.payload == nil && message.payloadEncoding == nil)
            #expect(message.payloadBytes == 2 && message.source == "00000001" && message.ccid == "0000002a")
        }
    }

    @Test(
        "what cannot be called back says since when, with all times",
        arguments: [
            (MessageTrace.State.inFlight, ProblemCode.inFlight, "was written to its terminal at 2023-11-14T22:13:22.000Z"),
            (
                .acknowledged, .messageEnded,
                "was written at 2023-11-14T22:13:22.000Z, and has ended: it is acknowledged"
            ),
            (.confirmed, .messageEnded, "it is confirmed since 2023-11-14T22:13:24.000Z"),
            (.expired, .messageEnded, "has ended: it is expired since 2023-11-14T22:13:25.000Z"),
            (.deleted, .messageEnded, "it is deleted since"), (.evicted, .messageEnded, "it is evicted since"),
        ]
    )
    func tooLate(_ state: MessageTrace.State, _ code: ProblemCode, _ words: String) async throws {
        let relay = FakeRelay()
        relay.withState { $0.traces[Self.id] = Self.trace(state) }
        try await TestServer.run(relay) { server async throws in
            let reply = try await server.send("DELETE", "/api/v1/messages/\(Self.id)")
            #expect(reply.status == 409)
            let problem = try reply.model(ProblemDetails.self)
            #expect(problem.code == code)
            #expect(problem.detail.contains(words), "\(problem.detail)")
            #expect(problem.history == Self.trace(state).history.map(MessageEvent.init))
        }
    }

    @Test("messages that have ended are listed by their state, page by page")
    func list() async throws {
        let relay = FakeRelay()
        relay.keep([1], for: Self.ccid)
        relay.keep([2], for: Self.ccid, isInFlight: true)
        relay.withState { state in
            for (sequence, end) in [MessageTrace.State.acknowledged, .expired, .acknowledged].enumerated() {
                var trace = MessageTrace(
                    id: MessageID(slot: 9, sequence: UInt64(sequence)),
                    destination: Self.ccid,
                    source: CCID(rawValue: 1),
                    frameBytes: 15,
                    acceptedAt: Self.time(0),
                    expiresAt: nil
                )
                if end == .expired { trace.dropped(end, at: Self.time(1)) } else { trace.acknowledged(at: Self.time(1)) }
                state.traces[trace.id] = trace
            }
        }
        try await TestServer.run(relay) { server async throws in
            let path = "/api/v1/terminals/0000002a/messages"
            func page(_ query: String) async throws -> Page<MessageResource> {
                try await server.send("GET", "\(path)?\(query)").model(Page<MessageResource>.self)
            }
            let first = try await page("state=acknowledged&limit=1")
            #expect(first.data.map(\.state) == [.acknowledged] && first.data.first?.payload == nil)
            let cursor = try #require(first.meta.nextCursor)
            let second = try await page("state=acknowledged&limit=1&cursor=\(cursor)")
            #expect(second.data.map(\.id) == [MessageID(slot: 9, sequence: 2).description] && second.meta.nextCursor == nil)
            #expect(try await page("state=expired").data.count == 1)
            #expect(try await page("state=evicted").data.isEmpty)
            #expect(try await page("state=queued").data.map(\.state) == [.queued])
            #expect(try await page("state=in_flight").data.map(\.state) == [.inFlight])
            #expect(try await page("").data.count == 2)
            #expect(try await server.send("GET", "\(path)?state=expired&cursor=\(cursor)").problemCode == .invalidCursor)
            #expect(try await server.send("GET", "\(path)?state=lost").problemCode == .invalidParameter)
        }
    }

    @Test("why says where a message is, in words made of the facts")
    func why() {
        var offline = TerminalSnapshot(ccid: Self.ccid, since: Self.time(0), lastCloseReason: .idleTimeout)
        offline.lastHeartbeatAt = Self.time(-9)
        var online = FakeRelay.online(Self.ccid)
        online.connection?.unacknowledgedBytes = 77
        var slow = online
        slow.connection?.isSpilled = true
        let unseen = TerminalSnapshot(ccid: Self.ccid)
        var late = offline
        late.cadence = .init(
            intervalMilliseconds: 30_020,
            deviationMilliseconds: 140,
            dueAt: Self.time(36),
            isLate: true
        )
        var punctual = online
        punctual.cadence = .init(
            intervalMilliseconds: 1_250,
            deviationMilliseconds: 1,
            dueAt: Self.time(4),
            isLate: false
        )
        var strict = punctual
        strict.connection?.confirm = .heartbeat
        var gone = offline
        gone.cadence = punctual.cadence
        var hasty = punctual
        hasty.cadence?.intervalMilliseconds = 250
        let cases: [(MessageTrace.State, TerminalSnapshot?, Int?, [String])] = [
            (
                .queued, late, 0,
                [
                    "is offline since", "its heartbeats come every 30 s, and the next is overdue since 2023-11-14T22:13:56",
                    "; it expires",
                ]
            ),
            (.inFlight, punctual, nil, ["every 1.3 s, and the next is due by 2023-11-14T22:13:24"]),
            (.acknowledged, punctual, nil, ["no heartbeat", "the next is due by"]),
            (
                .queued, nil, 0,
                ["none before it", "has not been seen since the relay started", "expires at 2023-11-14T22:14:50"]
            ),
            (.acknowledged, hasty, nil, ["every 250 ms, and"]),
            (.queued, unseen, 1, ["1 frame before it", "has not been seen"]),
            (
                .queued, offline, 3,
                [
                    "3 frames before it",
                    "is offline since 2023-11-14T22:13:20.000Z, when the relay closed its connection because it was silent for too long",
                ]
            ),
            (.queued, online, 0, ["about to be written", "is online since"]),
            (.queued, slow, 2, ["reads slowly: 77 bytes"]),
            (.inFlight, online, nil, ["was written", "at 2023-11-14T22:13:22.000Z", "has not acknowledged it yet: 77 bytes"]),
            (.inFlight, strict, nil, ["(`confirm: heartbeat`), and none has come since; its heartbeats come every 1.3 s"]),
            (.acknowledged, offline, nil, ["delivered", "at 2023-11-14T22:13:23.000Z", "no heartbeat"]),
            (.confirmed, online, nil, ["delivered", "a heartbeat came after that at 2023-11-14T22:13:24.000Z"]),
            (.expired, offline, nil, ["not delivered", "time to live", "at 2023-11-14T22:13:25.000Z"]),
            (.deleted, offline, nil, ["an operator deleted it at", "before it was written"]),
            (.evicted, nil, nil, ["the queue was full", "maximum_frames_per_terminal"]),
        ]
        for (state, terminal, ahead, words) in cases + [(.acknowledged, gone, nil, ["since on the same connection."])] {
            guard let message = MessageResource(MessageReport(trace: Self.trace(state)), encoding: .base64) else {
                Issue.record("no resource for \(state)")
                continue
            }
            let explanation = Explanation(message: message, framesAhead: ahead, terminal: terminal).resource
            for word in words { #expect(explanation.why.contains(word), "\(state): \(explanation.why)") }
            #expect(explanation.why.hasSuffix(".") && !explanation.why.dropLast().contains(". "), "one sentence")
            #expect(explanation.facts.framesAhead == ahead)
            #expect(explanation.facts.terminalState == (terminal?.isOnline == true ? .online : .offline))
            #expect(explanation.facts.cadence == terminal?.cadence.map { TerminalResource.Cadence($0) })
        }
    }

    @Test(
        "why says of a message that was written before it was dropped that it may have arrived",
        arguments: [
            MessageTrace.State.expired, .deleted, .evicted,
        ]
    )
    func writtenAndDropped(_ state: MessageTrace.State) throws {
        var trace = Self.trace(.inFlight)
        trace.requeued(at: Self.time(4))
        trace.dropped(state, at: Self.time(5))
        let message = try #require(MessageResource(MessageReport(trace: trace), encoding: .base64))
        let why = Explanation(message: message).text
        #expect(why.hasPrefix("It was written at 2023-11-14T22:13:22.000Z and not acknowledged, so the terminal may have it"))
        #expect(why.contains(" at 2023-11-14T22:13:25.000Z") && !why.contains("before it was written"), "\(why)")
    }

    @Test("why says that a block keeps the terminal out, by its number or by its address, and until when")
    func blocked() async throws {
        let relay = FakeRelay()
        let id = relay.keep([1], for: Self.ccid)
        let address = PeerAddress(try SocketAddress(ipAddress: "192.0.2.7", port: 40_112))
        let entry = ConnectionHistory.Entry(
            connection: 1,
            remoteAddress: address,
            registeredAt: Self.time(0),
            endedAt: Self.time(1),
            counters: ConnectionCounters(),
            reason: .blocked
        )
        relay.withState { $0.terminals[Self.ccid] = TerminalSnapshot(ccid: Self.ccid, since: Self.time(1), history: [entry]) }
        try await TestServer.run(relay) { server async throws in
            func block(_ target: String, _ more: String = "") async throws -> BlockResource {
                var block = try await server.sendJSON("POST", "/api/v1/blocks", #"{"target": "\#(target)"\#(more)}"#)
                    .model(BlockResource.self)
                block.closedConnections = nil
                return block
            }
            func why() async throws -> MessageExplanation {
                try await server.send("GET", "/api/v1/messages/\(id)/why").model(MessageExplanation.self)
            }
            _ = try await block("0000002b")
            _ = try await block("192.0.2.8")
            #expect(try await why().facts.block == nil)
            let network = try await block("192.0.2.0/24", #", "for_seconds": 60"#)
            var answer = try await why()
            #expect(answer.facts.block == network)
            let end = try #require(network.expiresAt)
            let words =
                "192.0.2.0/24, which contains the last address of the terminal 0000002a, is blocked since \(network.createdAt), until \(end);"
            #expect(answer.why.contains(words), "\(answer.why)")
            let terminal = try await block("0000002a")
            answer = try await why()
            #expect(answer.facts.block == terminal)
            #expect(
                answer.why.contains(
                    "because the terminal 0000002a is blocked since \(terminal.createdAt), until an operator removes the block;"
                )
            )
            #expect(!answer.why.dropLast().contains(". "), "one sentence")
            relay.withState { $0.terminals[Self.ccid] = FakeRelay.online(Self.ccid) }
            #expect(try await why().facts.block == nil)
        }
    }

    @Test("why is answered over HTTP for kept messages")
    func whyOverHTTP() async throws {
        let relay = FakeRelay()
        let ids = (0..<3).map { _ in relay.keep([1], for: Self.ccid) }
        try await TestServer.run(relay) { server async throws in
            let answer = try await server.send("GET", "/api/v1/messages/\(ids[2])/why").model(MessageExplanation.self)
            #expect(answer.state == .queued && answer.facts.framesAhead == 2 && answer.facts.attempts == nil)
            #expect(answer.why.contains("it does not expire"))
            #expect(try await server.send("GET", "/api/v1/messages/99/why").problemCode == .messageNotFound)
        }
    }

    // MARK: Traces

    @Test("a trace is switched on for a time, shown, and switched off")
    func traceSwitch() async throws {
        let target = "/api/v1/terminals/0000002a/trace"
        try await TestServer.run { server async throws in
            let off = TraceResource(ccid: "0000002a", tracing: false, until: nil, remainingFrames: nil)
            #expect(try await server.send("GET", target).model(TraceResource.self) == off)
            let on = TraceResource(ccid: "0000002a", tracing: true, until: "2023-11-14T22:14:20.000Z", remainingFrames: 10_000)
            #expect(try await server.sendJSON("PUT", target, #"{"for_seconds":60}"#).model(TraceResource.self) == on)
            #expect(try await server.send("GET", target).model(TraceResource.self) == on)
            #expect(try await server.send("DELETE", target).status == 204)
            #expect(try await server.send("GET", target).model(TraceResource.self) == off)
            let wrong = [
                (#"{}"#, "/for_seconds"), (#"{"for_seconds":0}"#, "/for_seconds"), (#"{"for_seconds":604801}"#, "/for_seconds"),
                (#"{"for_seconds":"1"}"#, "/for_seconds"), (#"{"for_seconds":1.5}"#, "/for_seconds"),
                (#"{"for_seconds":60,"frames":0}"#, "/frames"), (#"{"for_seconds":60,"frames":100001}"#, "/frames"),
                (#"{"for_seconds":60,"more":1}"#, "/more"),
            ]
            for (body, pointer) in wrong {
                let reply = try await server.sendJSON("PUT", target, body)
                #expect(reply.problemCode == .invalidBody, "\(body)")
                #expect(try reply.model(ProblemDetails.self).errors?.map(\.pointer) == [pointer], "\(body)")
            }
            #expect(try await server.send("PUT", target, body: [0x7b]).problemCode == .unsupportedMediaType)
            #expect(try await server.send("GET", target).model(TraceResource.self) == off)
        }
    }
}
