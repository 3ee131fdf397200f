import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// `when_full: push-back`: at the store's caps senders are not read from, and nothing is dropped (G6).
    struct PushBackTests {
        private typealias Cap = LimitTests.Cap

        private static let size = 8_192
        private static let sent = 40
        /// Online, and with nothing to do with what is full.
        private static let (talker, listener) = (CCID(rawValue: 0x10), CCID(rawValue: 0x11))

        private static func settings(_ cap: Cap, _ eventLoops: Int) -> [String: String] {
            [cap.key: cap.value, "when_full": "push-back", "event_loops": "\(eventLoops)"]
        }

        /// Fills what a cap leaves for the receiver, and has the relay know it.
        private static func fill(_ relay: RelayProcess, _ sender: TerminalClient, _ cap: Cap) async throws {
            try sender.send(NumberedFrames.to(.receiver, 0..<cap.kept, size: Self.size))
            // Its reply says that they are on disk.
            try sender.register(.sender)
            try await relay.waitForBacklog(of: .receiver, cap.kept)
        }

        @Test("A sender waits at a terminal's cap, others go on, and all arrives in order", arguments: Cap.perTerminal, [1, 2])
        func perTerminal(cap: LimitTests.Cap, eventLoops: Int) async throws {
            try await RelayProcess.with(Self.settings(cap, eventLoops)) { relay in
                let sender = try relay.terminal(.sender)
                try await Self.fill(relay, sender, cap)
                try sender.send(NumberedFrames.to(.receiver, cap.kept..<Self.sent, size: Self.size))
                try sender.send(WireFrame.heartbeat(of: .sender))
                try await relay.waitForHeldBack(1)
                try await Self.expectOthersGoOn(relay)
                let second = try relay.terminal(CCID(rawValue: 0x12))
                try second.send(NumberedFrames.to(.other, 0..<cap.kept, size: Self.size))
                try second.register(CCID(rawValue: 0x12))
                #expect(!sender.hasInput, "the heartbeat has overtaken the frames before it")
                try await relay.waitForStatus("ledger.accepted_total", 2 * cap.kept + 5)
                try await eventually("the log says that senders are held back", state: { relay.output }) {
                    relay.output.contains("their senders are not read from until there is room") ? () : nil
                }

                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(Self.sent) == Array(0..<Self.sent))
                #expect(try sender.receiveFrame().count == Frame.heartbeatSize)
                try receiver.expectNothing(for: .receiver)
                try await relay.waitForHeldBack(0)
                try await Self.expectNothingDropped(relay)
            }
        }

        @Test("At the cap on terminals, senders to one more wait until there is nothing left for another", arguments: [1, 2])
        func terminals(eventLoops: Int) async throws {
            let settings = ["maximum_terminals": "2", "when_full": "push-back", "event_loops": "\(eventLoops)"]
            try await RelayProcess.with(settings) { relay in
                let sender = try relay.terminal(.sender)
                for ccid in [CCID.receiver, .other] { try sender.send(NumberedFrames.to(ccid, 0..<10)) }
                try sender.register(.sender)
                let third = CCID(rawValue: 0x12)
                try sender.send(NumberedFrames.to(third, 0..<10))
                try sender.send(WireFrame.heartbeat(of: .sender))
                try await relay.waitForHeldBack(1)
                try await Self.expectOthersGoOn(relay)
                #expect(!sender.hasInput, "there is a receipt for what is not kept")
                // For whom something is kept, there is room.
                let second = try relay.terminal(CCID(rawValue: 0x13))
                try second.send(NumberedFrames.to(.other, 10..<20))
                try second.register(CCID(rawValue: 0x13))
                try await relay.waitForBacklog(of: .other, 20)

                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(10) == Array(0..<10))
                #expect(try sender.receiveFrame().count == Frame.heartbeatSize)
                try await relay.waitForBacklog(of: third, 10)
                try await relay.waitForHeldBack(0)
                try await Self.expectNothingDropped(relay)
            }
        }

        @Test(
            "At a cap over all, senders to whoever is away wait, and those to live terminals go on",
            arguments: Cap.total,
            [1, 2]
        )
        func total(cap: LimitTests.Cap, eventLoops: Int) async throws {
            try await RelayProcess.with(Self.settings(cap, eventLoops)) { relay in
                let sender = try relay.terminal(.sender)
                try await Self.fill(relay, sender, cap)
                try sender.send(NumberedFrames.to(.receiver, cap.kept..<Self.sent, size: Self.size))
                let second = try relay.terminal(CCID(rawValue: 0x12))
                try second.send(NumberedFrames.to(.other, 0..<1))
                try await relay.waitForHeldBack(2)
                try await Self.expectOthersGoOn(relay)
                try await relay.waitForStatus("ledger.accepted_total", cap.kept + 5)

                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(Self.sent) == Array(0..<Self.sent))
                try await relay.waitForBacklog(of: .other, 1)
                try await relay.waitForHeldBack(0)
                try await Self.expectNothingDropped(relay)
            }
        }

        @Test("A sender that connects again and again passes no cap", arguments: [1, 2])
        func reconnecting(eventLoops: Int) async throws {
            let cap = Cap.perTerminal[0]
            try await RelayProcess.with(Self.settings(cap, eventLoops)) { relay in
                try await Self.fill(relay, try relay.terminal(.sender), cap)
                for round in 0..<20 {
                    let sender = try relay.terminal(.sender)
                    try sender.send(NumberedFrames.to(.receiver, 100..<105, size: Self.size))
                    // The next one takes over from a connection that is still there.
                    if round.isMultiple(of: 2) { sender.finish() }
                    try await relay.waitForHeldBack(round.isMultiple(of: 2) ? 0 : 1)
                }
                _ = try relay.terminal(.sender)
                try await relay.waitForHeldBack(0)
                try await relay.waitForStatus("ledger.accepted_total", cap.kept)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(cap.kept) == Array(0..<cap.kept))
                try receiver.expectNothing(for: .receiver)
                try await Self.expectNothingDropped(relay)
            }
        }

        @Test(
            "A stop does not wait for senders that are held back, and the next start holds them back again",
            arguments: [1, 2]
        )
        func stopped(eventLoops: Int) async throws {
            let cap = Cap.perTerminal[0]
            try await RelayProcess.with(Self.settings(cap, eventLoops)) { relay in
                let sender = try relay.terminal(.sender)
                try await Self.fill(relay, sender, cap)
                try sender.send(NumberedFrames.to(.receiver, cap.kept..<Self.sent, size: Self.size))
                try await relay.waitForHeldBack(1)
                try await relay.stop()
                try await relay.expectSoundStore()
                try await relay.start()
                try await relay.waitForBacklog(of: .receiver, cap.kept)
                let again = try relay.terminal(.sender)
                try again.send(NumberedFrames.to(.receiver, cap.kept..<Self.sent, size: Self.size))
                try await relay.waitForHeldBack(1)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(Self.sent) == Array(0..<Self.sent))
                try await Self.expectNothingDropped(relay)
            }
        }

        @Test("Operators are answered at once, by preview and by injection")
        func injection() async throws {
            let cap = Cap.perTerminal[0]
            try await RelayProcess.with(Self.settings(cap, 1)) { relay in
                try await Self.fill(relay, try relay.terminal(.sender), cap)
                let path = "/api/v1/terminals/\(CCID.receiver)/messages"
                let message: JSONValue = ["payload": "hi", "payload_encoding": "utf8"]
                let problem = try await relay.admin.json("POST", path, json: message, status: 507)
                #expect(problem["code"] == "queue_full")
                #expect(problem["detail"]?.string?.contains("push-back") == true)
                try await relay.waitForStatus("store.rejected_total", 1)
                try await relay.waitForStatus("ledger.imbalance", 0)
                try await relay.waitForBacklog(of: .receiver, cap.kept)
            }
        }

        /// Two terminals that are online talk, and their heartbeats are answered.
        private static func expectOthersGoOn(_ relay: RelayProcess) async throws {
            let (talker, listener) = (try relay.terminal(Self.talker), try relay.terminal(Self.listener))
            for number in 0..<5 {
                try talker.send(NumberedFrames.to(Self.listener, number..<number + 1))
                #expect(try listener.receiveNumbers(1, from: Self.talker) == [number])
                try talker.register(Self.talker)
            }
        }

        private static func expectNothingDropped(_ relay: RelayProcess) async throws {
            try await relay.waitForStatus("ledger.imbalance", 0)
            let status = try await relay.admin.json("GET", "/api/v1/status")
            #expect(status.at("ledger.evicted_total")?.int == 0)
            #expect(status.at("store.rejected_total")?.int == 0)
        }
    }
}

extension RelayProcess {
    /// Waits until so many connections are not read from because there is no room for what they send, as metrics and the list of
    /// connections tell.
    func waitForHeldBack(_ count: Int) async throws {
        let admin = try self.admin
        try await eventually("\(count) senders are held back") {
            (try? await admin.json("GET", "/api/v1/connections?state=open"))?.description ?? "there is no list"
        } _: {
            let page = try await admin.json("GET", "/api/v1/connections?state=open")
            let held = page["data"]?.array?.count { $0["paused"] == "no_room" }
            let gauge = try await admin.metrics()["ttms_connections_paused{reason=\"no_room\"}"]
            return held == count && gauge == Double(count) ? () : nil
        }
    }
}
