import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// What happens in the real relay, as `ttmsctl events` tells it.
    struct EventTests {
        @Test("Terminals come, are taken over, and go; strangers are sent away", arguments: [1, 3])
        func terminals(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let follower = try await EventFollower(relay)
                let one = try relay.terminal(CCID(rawValue: 1))
                #expect(
                    try await follower.next("terminal_online", "00000001")["remote_address"]?.string?.hasPrefix("127.") == true
                )
                let two = try relay.terminal(CCID(rawValue: 1))
                let superseded = try await follower.next("terminal_superseded", "00000001")
                let online = try await follower.next("terminal_online", "00000001")
                #expect(online["connection_id"] != superseded["connection_id"])
                two.finish()
                let offline = try await follower.next("terminal_offline", "00000001")
                #expect(offline["reason"] == "peer_closed")
                #expect(offline["connection_id"] == online["connection_id"])
                let stranger = try relay.connect()
                try stranger.send(Array("GET / HTTP/1.1\r\n\r\n".utf8))
                _ = try stranger.receiveUntilClosed()
                #expect(try await follower.next("connection_rejected")["reason"] == "bad_header")
                one.close()
            }
        }

        @Test("Whom an operator has shut out is told of with that reason")
        func blocked() async throws {
            try await RelayProcess.with { relay in
                let follower = try await EventFollower(relay)
                let terminal = try relay.terminal(.receiver)
                _ = try await follower.next("terminal_online", CCID.receiver.description)
                func block(_ target: String) async throws {
                    _ = try await relay.admin.json("POST", "/api/v1/blocks", json: ["target": .string(target)], status: 201)
                }
                try await block(CCID.receiver.description)
                #expect(try await follower.next("terminal_offline", CCID.receiver.description)["reason"] == "blocked")
                let again = try relay.connect()
                try again.send(WireFrame.heartbeat(of: .receiver))
                let rejected = try await follower.next("connection_rejected", CCID.receiver.description)
                #expect(rejected["reason"] == "blocked" && rejected["remote_address"]?.string?.hasPrefix("127.") == true)
                // A concentrator is told of by the terminal that it must not bring, behind those that it loses.
                let concentrator = try relay.terminal(.other)
                _ = try await follower.next("terminal_online", CCID.other.description)
                try concentrator.send(WireFrame.heartbeat(of: .receiver))
                #expect(try await follower.next("terminal_offline", CCID.other.description)["reason"] == "blocked")
                #expect(try await follower.next("connection_rejected", CCID.receiver.description)["reason"] == "blocked")
                try await block("127.0.0.0/8")
                let stranger = try relay.connect()
                let refused = try await follower.next("connection_rejected")
                #expect(refused["reason"] == "blocked" && refused["ccid"] == nil)
                #expect(refused["remote_address"]?.string?.hasPrefix("127.") == true)
                for client in [terminal, again, concentrator, stranger] { client.close() }
            }
        }

        @Test("A terminal too many is named with the connection that brought it")
        func tooManyCCIDs() async throws {
            try await RelayProcess.with(["maximum_ccids_per_connection": "1"]) { relay in
                let follower = try await EventFollower(relay)
                let concentrator = try relay.terminal(.sender)
                let online = try await follower.next("terminal_online", CCID.sender.description)
                try concentrator.send(WireFrame.heartbeat(of: .other))
                #expect(try await follower.next("terminal_offline", CCID.sender.description)["reason"] == "too_many_ccids")
                let rejected = try await follower.next("connection_rejected", CCID.other.description)
                #expect(rejected["reason"] == "too_many_ccids" && rejected["connection_id"] == online["connection_id"])
                concentrator.close()
            }
        }

        @Test("A terminal whose heartbeat is overdue by its own habit is late, and punctual when it comes", arguments: [1, 3])
        func late(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let follower = try await EventFollower(relay, "--type", "terminal_late", "--type", "terminal_punctual")
                let terminal = try relay.terminal(CCID(rawValue: 1))
                for _ in 0..<2 {
                    for _ in 0..<4 {
                        try terminal.send(WireFrame.heartbeat(of: CCID(rawValue: 1)))
                        _ = try terminal.receiveFrame()
                    }
                    let late = try await follower.next("terminal_late", "00000001")
                    #expect(late["due_at"]?.string != nil && late["last_heartbeat_at"]?.string != nil)
                    try terminal.send(WireFrame.heartbeat(of: CCID(rawValue: 1)))
                    _ = try terminal.receiveFrame()
                    _ = try await follower.next("terminal_punctual", "00000001")
                }
            }
        }

        @Test(
            "A store that fails says so, and when it has recovered",
            .enabled(if: FailingCalls.isPossible, FailingCalls.reason)
        )
        func store() async throws {
            try await RelayProcess.with { relay in
                let follower = try await EventFollower(relay, "--type", "store")
                let sender = try relay.terminal(.sender)
                let calls = try await FailingCalls(.init(calls: "fdatasync", error: "EIO"), of: relay)
                try sender.send(NumberedFrames.to(.receiver, 0..<1))
                let failing = try await follower.next("store")
                #expect(failing["state"] == "failing" && failing["detail"]?.string?.isEmpty == false)
                try await calls.stop()
                #expect(try await follower.next("store")["state"] == "healthy")
            }
        }

        @Test("Whoever follows comes back after a restart, and hears of the gap")
        func restart() async throws {
            try await RelayProcess.with { relay in
                let follower = try await EventFollower(relay)
                try await relay.stop()
                #expect(try await follower.next("end")["detail"] == "The relay stops.")
                try await relay.start()
                _ = try await follower.next("gap")
                let terminal = try relay.terminal(CCID(rawValue: 1))
                _ = try await follower.next("terminal_online", "00000001")
                terminal.close()
                try await relay.kill()
                try await relay.start()
                _ = try await follower.next("gap")
            }
        }
    }
}

/// A running `ttmsctl events`, read event by event.
final class EventFollower {
    private let program: RunningProgram
    private let directory: TemporaryDirectory
    private var seen = 0

    /// Starts it, and waits until it follows.
    init(_ relay: RelayProcess, _ arguments: String...) async throws {
        self.directory = try TemporaryDirectory()
        self.program = try RunningProgram(
            BuiltProgram.url("ttmsctl"),
            arguments: ["events", "--output", "json", "--data-dir", relay.dataDirectory.path] + arguments,
            log: self.directory.url.appendingPathComponent("events")
        )
        let admin = try relay.admin
        try await eventually("somebody follows") {
            try await admin.metrics()["ttms_event_streams"] == 1 ? () : nil
        }
    }

    /// Waits for the next event, which has to be of this type, and about this terminal.
    func next(_ type: String, _ ccid: String? = nil) async throws -> JSONValue {
        let line = try await eventually("the event \(type)") {
            // Standard error is in it, too: that the relay is gone, and that it is back.
            let lines = self.program.output.split(separator: "\n").filter { $0.hasPrefix("{") }
            return lines.count > self.seen && self.program.output.hasSuffix("\n") ? lines[self.seen] : nil
        }
        self.seen += 1
        let event = try JSONDecoder().decode(JSONValue.self, from: Data(line.utf8))
        #expect(event["type"] == .string(type), "\(line)")
        if let ccid { #expect(event["ccid"] == .string(ccid), "\(line)") }
        return event
    }
}
