import AdminAPI
import ArgumentParser
import TTMSProtocol
import Testing

@testable import ttmsctl

/// What people and programs see.
struct OutputTests {
    @Test("payloads that are text are shown as text, and nothing that a terminal would act on")
    func payloads() {
        let table: [(payload: [UInt8], text: String)] = [
            (Array("hi".utf8), "\"hi\""),
            (Array("grüß 北斗".utf8), "\"grüß 北斗\""),
            ([], "\"\""),
            ([0x68, 0x0a], "0x680a"),
            ([0x1b, 0x5b, 0x32, 0x4a], "0x1b5b324a"),
            ([0xff], "0xff"),
            (Array("\u{9b}2J".utf8), "0xc29b324a"),
            (Array("a\u{202e}b".utf8), "0x61e280ae62"),
        ]
        for row in table { #expect(PayloadText.text(row.payload) == row.text) }
        #expect(PayloadText.excerpt(Array("12345".utf8), width: 7) == "\"12345\"")
        #expect(PayloadText.excerpt(Array("123456".utf8), width: 7) == "\"12345…")
    }

    @Test("columns are aligned, and titles come once")
    func tables() {
        var table = Table([("NAME", .left), ("COUNT", .right)])
        #expect(
            table.lines([["a", "1"], ["longer", "1000000"]]) == ["NAME      COUNT", "a             1", "longer  1000000"]
        )
        #expect(table.lines([["b", "2"]]) == ["b             2"])
        #expect(table.lines([]) == [])
        #expect(Table.fields([("a", "1"), ("longer", "2")]) == ["a       1", "longer  2"])
    }

    @Test("an event of the relay is a line for people; one of a newer relay is its JSON")
    func relayEvents() {
        let known =
            #"{"at":"2023-11-14T22:13:20.000Z","ccid":"0000002a","connection_id":"17","reason":"kicked","type":"terminal_offline"}"#
        #expect(Events.line(known) == "2023-11-14T22:13:20.000Z  terminal_offline  0000002a  connection 17  kicked")
        let unknown = #"{"at":"2023-11-14T22:13:20.000Z","type":"terminal_painted"}"#
        #expect(Events.line(unknown) == unknown)
    }

    @Test("Server-Sent Events are found however they are cut")
    func serverSentEvents() {
        let text =
            "retry: 2000\nid: a-1\n\n: heartbeat\nid: a-2\n\nid: a-3\nevent: x\ndata: {\"y\": \"z: ü\"}\n\ndata:1\n\nid: half"
        let expected = [
            ServerSentEvent(id: "a-1"), ServerSentEvent(id: "a-2"), ServerSentEvent(id: "a-3", data: "{\"y\": \"z: ü\"}"),
            ServerSentEvent(data: "1"),
        ]
        let bytes = Array(text.utf8)
        for size in [1, 2, 3, 7, bytes.count] {
            var parser = ServerSentEvents()
            let events = stride(from: 0, to: bytes.count, by: size).flatMap { start in
                parser.take(bytes[start..<min(start + size, bytes.count)])
            }
            #expect(events == expected, "\(size)")
        }
    }

    @Test("events of a simulated terminal are lines for people")
    func events() {
        var event = SimulationEvent(.received, ccid: .init(rawValue: 1), payload: [0x00, 0xff])
        event.at = "2023-11-14T22:13:20.000Z"
        #expect(event.line == "2023-11-14T22:13:20.000Z  from 00000001  0x00ff")
        event = SimulationEvent(.sent, ccid: .init(rawValue: 2), payload: Array("hi".utf8))
        #expect(event.line.hasSuffix("  to 00000002  \"hi\""))
    }

    @Test("a status says what is wrong with a relay")
    func status() {
        let check = ReadinessResource.Check(name: "store", passing: false, detail: "The disk is full.")
        var status = StatusResource(
            version: "1",
            startedAt: "s",
            now: "n",
            uptimeSeconds: 5,
            listeners: ["a", "b"],
            eventLoops: 1,
            connections: 2,
            terminalsOnline: 3,
            ledger: .init(),
            store: .init(),
            readiness: ReadinessResource(ready: false, checks: [check])
        )
        status.ledger.imbalance = -1
        let lines = Status.lines(status)
        #expect(lines.contains { $0.hasPrefix("ready ") && $0.hasSuffix("no; store: The disk is full.") })
        #expect(lines.contains { $0.hasPrefix("listeners ") && $0.hasSuffix("a, b") })
        #expect(lines.contains { $0.hasPrefix("imbalance ") && $0.contains("-1: a fault") })
    }

    @Test("each exit code is in the help")
    func exitCodes() {
        // By default it is as wide as the terminal, or as COLUMNS says. Each has to fit on a line of the narrowest that is usual.
        let help = TTMSCtl.helpMessage(columns: 80)
        for status in EndStatus.allCases {
            #expect(help.contains(" \(status.rawValue)  \(status.meaning)"), "\(status)")
        }
    }
}
