import AdminAPI
import Foundation
import TestKit
import Testing

@testable import ttmsctl

/// An operator's day: the real `ttmsctl` against the real relay.
@Suite(.serialized)
struct ControlTests {
    @Test(
        "output that nobody reads ends it, quietly; output that has no room, with the reason",
        arguments: [("| head -n 1", "141", ""), ("> /dev/full", "74", "ttmsctl: The output cannot be written")]
    )
    func unreadOutput(redirection: String, status: String, message: String) async throws {
        try await RelayProcess.with { relay in
            let directory = try TemporaryDirectory()
            let arguments = ["simulate", "0000002a", "--heartbeat", "0.05", "--data-dir", relay.dataDirectory.path]
            let script = #""$0" "$@" \#(redirection); echo "status ${PIPESTATUS[0]}""#
            let shell = try RunningProgram(
                URL(filePath: "/bin/bash"),
                arguments: ["-c", script, BuiltProgram.url("ttmsctl").path] + arguments,
                log: directory.url.appending(path: "log")
            )
            #expect(try await shell.waitForExit() == .code(0))
            #expect(shell.output.hasSuffix("status \(status)\n"))
            #expect(message.isEmpty || shell.output.contains(message))
            #expect(!shell.output.contains("Fatal error"))
        }
    }

    @Test("connections are listed with how they ended, and closed by number")
    func connections() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let simulation = try control.start("simulate", "0000002a")
            try await control.waitUntilOnline("0000002a")
            let open = try await control.json([ConnectionResource].self, "connections", "--state", "open")
            #expect(open.map(\.ccids) == [["0000002a"]])
            let id = try #require(open.first?.id)
            let kick = try await control.run("kick", "--connection", id)
            #expect(kick.exit == .code(0) && kick.output == "connection \(id) closed\n")
            _ = try await simulation.waitForExit()
            let closed = try await control.run("connections", "--ccid", "0000002a").output
            #expect(closed.contains("kicked"))
            #expect(try await control.run("kick", "--connection", id).exit == .code(1))
            let shown = try await control.run("terminal", "0000002a").output
            #expect(shown.contains("earlier connections") && shown.contains("kicked"))
        }
    }

    @Test("what is sent to a terminal that is away is listed, shown, deleted")
    func messages() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            for payload in ["one", "two", "three"] {
                let sent = try await control.run("send", "0000002a", payload, "--source", "00000001")
                #expect(sent.exit == .code(0))
                #expect(sent.output.hasPrefix("queued for 0000002a with id "))
            }
            let receipt = try await control.json(
                MessageReceipt.self,
                "send",
                "0000002A",
                "--hex",
                "00ff",
                "--time-to-live",
                "1h"
            )
            #expect(receipt.state == .queued)

            let messages = try await control.json([MessageResource].self, "messages", "0000002a")
            #expect(messages.map(\.payloadContent) == [Array("one".utf8), Array("two".utf8), Array("three".utf8), [0, 0xff]])
            #expect(messages.map(\.source) == ["00000001", "00000001", "00000001", "00000000"])
            #expect(messages.last?.id == receipt.id)
            #expect(
                try await control.json([MessageResource].self, "messages", "0000002a", "--limit", "2") == Array(messages[..<2])
            )

            let table = try await control.run("messages", "0000002a").output.split(separator: "\n")
            #expect(table.count == 5)
            #expect(table[1].contains(messages[0].id) && table[1].hasSuffix("\"one\""))
            #expect(table[4].hasSuffix("0x00ff"))

            let shown = try await control.run("message", "show", messages[1].id)
            #expect(shown.exit == .code(0))
            #expect(shown.output.contains("\"two\""))

            #expect(try await control.run("delete", messages[1].id) == .init(exit: .code(0), output: "1 message deleted\n"))
            let gone = try await control.run("delete", messages[1].id)
            #expect(gone.exit == .code(1))
            #expect(gone.output.contains("message_ended"))
            #expect(
                try await control.run("delete", "--all", "0000002a") == .init(exit: .code(0), output: "3 messages deleted\n")
            )
            let ledger = try await control.json(StatusResource.self, "status").ledger
            #expect(ledger.queued == 0)
            #expect(ledger.deleted == 4)
        }
    }

    @Test("simulated terminals reach each other, at once and after having been away")
    func simulation() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            // Its message to itself tells that the relay has taken the one before it.
            let send = ["--send", "00000002", "are you there?", "--send", "00000001", "done", "--receive", "1"]
            let first = try await control.run(
                "simulate",
                "00000001",
                send[0],
                send[1],
                send[2],
                send[3],
                send[4],
                send[5],
                send[6],
                send[7]
            )
            #expect(first.exit == .code(0), "\(first.output)")
            let second = try control.start("simulate", "00000002", "--receive", "2", "--output", "json")
            try await control.waitUntilOnline("00000002")
            #expect(try await control.run("send", "00000002", "from the operator", "--source", "0000cafe").exit == .code(0))
            #expect(try await second.waitForExit() == .code(0))

            let events = try second.output.split(separator: "\n").map { try APIJSON.decode(Event.self, from: Data($0.utf8)) }
            let received = events.filter { $0.event == "received" }
            #expect(received.map(\.ccid) == ["00000001", "0000cafe"])
            #expect(received.map(\.payload) == ["are you there?", "from the operator"])
            #expect(events.map(\.event).first == "connected")
            #expect(events.map(\.event).last == "ended")
        }
    }

    private struct Event: Decodable {
        var event: String
        var ccid: String?
        var payload: String?
    }

    @Test("a terminal is shown, and kicked with the reason that it is told")
    func kick() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let terminal = try control.start("simulate", "0000002a")
            try await control.waitUntilOnline("0000002a")

            let shown = try await control.run("terminal", "0000002a")
            #expect(shown.output.contains("dialect            total"), "\(shown.output)")
            #expect(try await control.run("terminals").output.contains("0000002a  online"))
            let status = try await control.json(StatusResource.self, "status")
            #expect(status.terminalsOnline == 1)
            #expect(try await control.run("status").output.contains("imbalance         0"))

            #expect(try await control.run("kick", "0000002a").exit == .code(0))
            #expect(try await terminal.waitForExit() == .code(1))
            #expect(terminal.output.contains("closed by the relay: kicked."), "\(terminal.output)")
            let again = try await control.run("kick", "0000002a")
            #expect(again.exit == .code(1))
            #expect(again.output.contains("terminal_offline"), "\(again.output)")
        }
    }

    @Test("a simulation ends well by a signal, and badly when it has waited for nothing")
    func endings() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            for signal in [SIGINT, SIGTERM] {
                let terminal = try control.start("simulate", "0000002a")
                try await eventually("the terminal is registered") { terminal.output.contains("heartbeat answered") ? () : nil }
                terminal.signal(signal)
                #expect(try await terminal.waitForExit() == .code(0))
                #expect(terminal.output.hasSuffix("ended: interrupted\n"))
            }
            #expect(try await control.run("simulate", "0000002a", "--for", "0.1").exit == .code(0))
            #expect(try await control.run("simulate", "0000002a", "--for", "0.1", "--receive", "1").exit == .code(1))
        }
    }

    @Test("a drained relay has ended, and keeps what was not delivered")
    func drain() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            #expect(try await control.run("send", "0000002a", "kept").exit == .code(0))
            #expect(try await control.run("drain") == .init(exit: .code(0), output: "the relay has stopped\n"))
            #expect(try await control.run("status").exit == .code(EndStatus.unavailable.rawValue))
            try await relay.waitForEnd()
            try await relay.start()
            let kept = try await control.json([MessageResource].self, "messages", "0000002a")
            #expect(kept.map(\.payloadContent) == [Array("kept".utf8)])
        }
    }

    @Test("exit codes tell what went wrong")
    func exitCodes() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let unknown = try await control.run("terminal", "0000002a")
            #expect(unknown.exit == .code(EndStatus.refused.rawValue))
            #expect(unknown.output.contains("terminal_not_found"))

            let wrong = relay.dataDirectory.appending(path: "wrong.token")
            try Data("wrong".utf8).write(to: wrong)
            let forbidden = try await control.run("status", "--token-file", wrong.path)
            #expect(forbidden.exit == .code(EndStatus.noPermission.rawValue))
            #expect(forbidden.output.contains(wrong.path))

            // Where terminals connect, nobody speaks HTTP.
            let terminals = try relay.terminals[0]
            let alien = try await control.runAlone(
                "status",
                "--url",
                "http://127.0.0.1:\(terminals.port)",
                "--token-file",
                wrong.path
            )
            #expect(alien.exit == .code(EndStatus.unavailable.rawValue), "\(alien.output)")

            try await relay.stop()
            #expect(try await control.run("status").exit == .code(EndStatus.unavailable.rawValue))
            let refused = try await control.runAlone("simulate", "0000002a", "--address", "127.0.0.1:\(terminals.port)")
            #expect(refused.exit == .code(EndStatus.unavailable.rawValue))
        }
    }
}
