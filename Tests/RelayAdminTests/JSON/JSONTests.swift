import AdminAPI
import Foundation
import Testing

/// What models write themselves is, byte for byte, what Foundation's encoder makes of them.
@Suite("JSON") struct JSONTests {
    @Test("Every model is written as Foundation writes it")
    func models() throws {
        for terminal in Self.terminals { try self.expectSame(terminal) }
        for connection in Self.connections { try self.expectSame(connection) }
        for message in Self.messages { try self.expectSame(message) }
        try self.expectSame(Page(data: Self.terminals, limit: 2, nextCursor: nil))
        try self.expectSame(Page(data: Self.connections, limit: 100, nextCursor: "MS4y"))
        try self.expectSame(Page(data: [MessageResource](), limit: 1_000, nextCursor: nil))
        try self.expectSame(Self.status)
        try self.expectSame(ReadinessResource(ready: true, checks: []))
        try self.expectSame(LivenessResource())
    }

    @Test("A terminal's fields are written one by one as together", arguments: TerminalResource.CodingKeys.allCases)
    func field(_ field: TerminalResource.CodingKeys) throws {
        let terminal = try #require(Self.terminals.last)
        let whole = try #require(try JSONSerialization.jsonObject(with: Data(APIJSON.bytes(of: terminal))) as? NSDictionary)
        let written = APIJSON.bytes(of: Selected(terminal: terminal, field: field))
        let part = try #require(try JSONSerialization.jsonObject(with: Data(written)) as? NSDictionary)
        #expect(part == [field.rawValue: try #require(whole[field.rawValue])])
    }

    @Test(
        "Texts are written as Foundation writes them",
        arguments: (0...0x80).map { "a\(Unicode.Scalar(UInt8($0)))" } + [
            "", "\"\\/", "\u{2028}\u{fffd}\u{0}", "Straße 🛰️ 中文", String(repeating: "x\n", count: 5_000),
        ]
    )
    func text(_ text: String) throws { try self.expectSame([text]) }

    @Test("Numbers are written as Foundation writes them")
    func numbers() throws {
        try self.expectSame([Int64.min, -1, 0, 7, 10, .max])
        try self.expectSame([UInt64.min, 99, .max])
        let fractions = [0, -0.0, 1, -2.5, 0.001, 1_234.567, 1e15, 1e16, 1e20]
        try self.expectSame(fractions + [.greatestFiniteMagnitude, .leastNonzeroMagnitude])
        #expect(APIJSON.bytes(of: [Double.nan, .infinity]) == Array("[null,null]".utf8))
    }

    private func expectSame(_ value: some Encodable & JSONWritable) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let expected = String(decoding: try encoder.encode(value), as: UTF8.self)
        #expect(String(decoding: APIJSON.bytes(of: value), as: UTF8.self) == expected)
    }

    private struct Selected: JSONWritable {
        let terminal: TerminalResource
        let field: TerminalResource.CodingKeys

        func write(to json: inout JSONWriter) { self.terminal.write([self.field], to: &json) }
    }
}

// Each with all that can be there, and with as little as there can be. No two numbers are the same, so that none is another's.
extension JSONTests {
    private static let time = "2023-11-14T22:13:20.000Z"

    private static var counters: ConnectionCountersResource {
        var counters = ConnectionCountersResource()
        counters.heartbeats = 1
        counters.framesReceived = 2
        counters.bytesReceived = 3
        counters.framesDelivered = 4
        counters.bytesDelivered = 5
        return counters
    }

    private static var terminals: [TerminalResource] {
        var counters = TerminalResource.Counters()
        counters.heartbeats = 11
        counters.framesReceived = 12
        counters.bytesReceived = 13
        counters.framesDelivered = 14
        counters.bytesDelivered = 15
        counters.unsoundFrames = 16
        counters.framesQueued = 17
        counters.connections = 18
        let unknown = TerminalResource(
            ccid: "0000002b",
            state: .offline,
            since: nil,
            lastHeartbeatAt: nil,
            lastCloseReason: nil,
            connection: nil,
            counters: .init(),
            backlog: .init(frames: 1, bytes: 77, inFlightFrames: 0, oldestAcceptedAt: nil, oldestAgeSeconds: nil)
        )
        let known = TerminalResource(
            ccid: "0000002a",
            state: .online,
            since: Self.time,
            lastHeartbeatAt: "2023-11-14T22:13:21.001Z",
            cadence: .init(
                intervalMilliseconds: 60_000,
                deviationMilliseconds: 3,
                dueAt: "2023-11-14T22:14:20.000Z",
                late: true
            ),
            framesPerSecond: 0.125,
            lastCloseReason: "idle_timeout",
            connection: .init(
                id: "7",
                remoteAddress: "[2001:db8::7]:40112",
                listener: "[::]:7222",
                openedAt: "2023-11-14T22:13:19.999Z",
                dialect: "after-length",
                unacknowledgedBytes: 21,
                spilled: true
            ),
            counters: counters,
            backlog: .init(frames: 22, bytes: 23, inFlightFrames: 24, oldestAcceptedAt: Self.time, oldestAgeSeconds: 25),
            history: [
                .init(
                    id: "6",
                    remoteAddress: "192.0.2.7:40112",
                    registeredAt: Self.time,
                    endedAt: "2023-11-14T22:13:21.000Z",
                    closeReason: "superseded",
                    counters: Self.counters
                )
            ]
        )
        return [unknown, known]
    }

    private static var connections: [ConnectionResource] {
        [nil, "2023-11-14T22:13:22.000Z"].map { closedAt in
            ConnectionResource(
                id: "18446744073709551615",
                state: closedAt == nil ? .open : .closed,
                remoteAddress: "192.0.2.7:40112",
                listener: "192.0.2.1:7222",
                openedAt: Self.time,
                closedAt: closedAt,
                closeReason: closedAt.map { _ in "kicked" },
                dialect: closedAt.map { _ in "marker" },
                ccids: closedAt == nil ? [] : ["0000002a", "0000002b"],
                ccidCount: closedAt == nil ? 0 : 2,
                lastReceivedAt: "2023-11-14T22:13:21.000Z",
                unacknowledgedBytes: 31,
                unfinishedBytes: 32,
                unreadBytes: 33,
                spilled: false,
                paused: closedAt == nil ? "no_room" : nil,
                counters: Self.counters
            )
        }
    }

    private static var messages: [MessageResource] {
        [nil, "ab/\"c\"\n"].map { payload in
            MessageResource(
                id: "9007199254740993",
                ccid: "0000002a",
                source: "00000001",
                state: payload == nil ? .acknowledged : .inFlight,
                acceptedAt: Self.time,
                expiresAt: payload.map { _ in "2023-11-21T22:13:20.000Z" },
                payload: payload,
                payloadEncoding: payload.map { _ in .utf8 },
                payloadBytes: 41,
                frameBytes: 42,
                attempts: payload.map { _ in 43 },
                history: payload == nil ? [] : [.init(state: .accepted, at: Self.time), .init(state: .queued, at: Self.time)]
            )
        }
    }

    private static var status: StatusResource {
        var ledger = StatusResource.Ledger()
        ledger.accepted = 51
        ledger.delivered = 52
        ledger.queued = 53
        ledger.inFlight = 54
        ledger.expired = 55
        ledger.deleted = 56
        ledger.evicted = 57
        ledger.requeued = 58
        ledger.imbalance = -59
        var store = StatusResource.Store()
        store.frames = 61
        store.bytes = 62
        store.terminals = 63
        store.appended = 64
        store.removed = 65
        store.expired = 66
        store.deleted = 67
        store.evicted = 68
        store.rejected = 69
        return StatusResource(
            version: "0.1.0",
            startedAt: Self.time,
            now: "2023-11-14T22:13:21.000Z",
            uptimeSeconds: 71,
            listeners: ["127.0.0.1:7222", "[::1]:7222"],
            eventLoops: 72,
            connections: 73,
            terminalsOnline: 74,
            ledger: ledger,
            store: store,
            readiness: ReadinessResource(
                ready: false,
                checks: [.init(name: "store", passing: false, detail: "No space left on device.")]
            )
        )
    }
}
