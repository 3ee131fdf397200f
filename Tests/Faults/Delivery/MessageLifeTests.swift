import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// What is known of messages over their whole life, against the real relay, its store and its crashes.
    struct MessageLifeTests {
        private static let messages = "/api/v1/terminals/\(CCID.receiver)/messages"
        private static let hello: JSONValue = ["payload": "hello", "payload_encoding": "utf8", "source": "00000001"]

        /// The states in a message's history.
        private static func states(_ message: JSONValue) -> [String] {
            (message["history"]?.array ?? []).compactMap { $0["state"]?.string }
        }

        /// Waits until a message has come into a state.
        private static func waitFor(_ state: String, of id: String, at relay: RelayProcess) async throws -> JSONValue {
            try await eventually("message \(id) is \(state)") {
                let message = try await relay.admin.json("GET", "/api/v1/messages/\(id)")
                return message["state"]?.string == state ? message : JSONValue?.none
            }
        }

        @Test(
            "A message is known with all its states and times, over kill -9, until it is confirmed and after",
            arguments: [1, 2]
        )
        func life(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let receipt = try await relay.admin.json("POST", Self.messages, json: Self.hello, status: 202)
                let id = try #require(receipt["id"]?.string)
                let queued = try await relay.admin.json("GET", "/api/v1/messages/\(id)")
                #expect(Self.states(queued) == ["accepted", "queued"])
                let why = try await relay.admin.json("GET", "/api/v1/messages/\(id)/why")
                #expect(why["why"]?.string?.contains("has not been seen since the relay started") == true)

                try await relay.kill()
                try await relay.start()
                #expect(try await relay.admin.json("GET", "/api/v1/messages/\(id)")["history"] == queued["history"])

                let terminal = try relay.terminal(.receiver)
                #expect(try terminal.receiveFrame() == WireFrame.forwarded(from: .sender, Array("hello".utf8)))
                let arrived = try await Self.waitFor("acknowledged", of: id, at: relay)
                #expect(Self.states(arrived) == ["accepted", "queued", "in_flight", "acknowledged"])
                #expect(arrived["payload"] == .null && arrived["attempts"]?.int == 1)
                try terminal.register(.receiver)
                let confirmed = try await Self.waitFor("confirmed", of: id, at: relay)
                #expect(Self.states(confirmed).last == "confirmed")
                let times = (confirmed["history"]?.array ?? []).compactMap { $0["at"]?.string }
                #expect(times == times.sorted() && times.count == 5)

                let late = try await relay.admin.request("DELETE", "/api/v1/messages/\(id)")
                #expect(late.status == 409)
                #expect(try late.json["code"] == "message_ended")
                #expect(try late.json["history"] == confirmed["history"])

                try await relay.kill()
                try await relay.start()
                #expect(try await relay.admin.json("GET", "/api/v1/messages/\(id)") == confirmed)
            }
        }

        @Test("With confirm: heartbeat, a message is confirmed by the heartbeat that delivers it")
        func confirmedByHeartbeat() async throws {
            try await RelayProcess.with(["confirm": "heartbeat"]) { relay in
                let terminal = try relay.terminal(.receiver)
                let receipt = try await relay.admin.json("POST", Self.messages, json: Self.hello)
                let id = try #require(receipt["id"]?.string)
                _ = try terminal.receiveFrame()
                #expect(try await relay.admin.json("GET", "/api/v1/messages/\(id)")["state"] == "in_flight")
                let recall = try await relay.admin.request("DELETE", "/api/v1/messages/\(id)")
                #expect(recall.status == 409)
                #expect(try recall.json["code"] == "in_flight")
                // The kernel's acknowledgement may come after the first heartbeat.
                _ = try await eventually("the message is confirmed") {
                    try terminal.register(.receiver)
                    return try await relay.admin.json("GET", "/api/v1/messages/\(id)")["state"] == "confirmed" ? true : nil
                }
            }
        }

        @Test("A message is called back as long as it is queued, and a connection that breaks brings it back to its queue")
        func recall() async throws {
            try await RelayProcess.with { relay in
                let id = try #require(
                    try await relay.admin.json("POST", Self.messages, json: Self.hello, status: 202)["id"]?.string
                )
                #expect(try await relay.admin.request("DELETE", "/api/v1/messages/\(id)").status == 204)
                #expect(
                    Self.states(try await relay.admin.json("GET", "/api/v1/messages/\(id)")) == [
                        "accepted", "queued", "deleted",
                    ]
                )
                let terminal = try relay.terminal(.receiver)
                try terminal.expectNothing(for: .receiver)
            }
        }

        // MARK: Keys

        @Test("The same idempotency key sends once, though the relay is killed between, and from many clients at once")
        func keys() async throws {
            try await RelayProcess.with { relay in
                let admin = try relay.admin
                let answers = try await withThrowingTaskGroup(of: AdminClient.Answer.self) { group in
                    for _ in 0..<20 {
                        group.addTask {
                            try await admin.request(
                                "POST",
                                Self.messages,
                                json: Self.hello,
                                headers: ["Idempotency-Key": "one"]
                            )
                        }
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                let first = try #require(answers.first)
                #expect(answers.allSatisfy { $0.status == 202 && $0.body == first.body })
                #expect(answers.count { $0.headers["idempotency-replayed"] == "true" } == 19)
                #expect(try await admin.backlog(of: .receiver) == 1)

                try await relay.kill()
                try await relay.start()
                let again = try await relay.admin.request(
                    "POST",
                    Self.messages,
                    json: Self.hello,
                    headers: ["Idempotency-Key": "\"one\""]
                )
                #expect(again.status == 202 && again.body == first.body)
                #expect(again.headers["idempotency-replayed"] == "true")
                #expect(try await relay.admin.backlog(of: .receiver) == 1)
                let other = try await relay.admin.request(
                    "POST",
                    Self.messages,
                    json: ["payload": "ho", "payload_encoding": "utf8"],
                    headers: ["Idempotency-Key": "one"]
                )
                #expect(other.status == 422)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("Killed in the midst of sendings, the relay has sent each once when they are asked for again")
        func keysOverKill() async throws {
            try await RelayProcess.with { relay in
                for round in 0..<4 {
                    let admin = try relay.admin
                    let senders = Task {
                        await withTaskGroup(of: Void.self) { group in
                            for number in 0..<30 {
                                group.addTask { _ = try? await Self.send(round * 30 + number, admin) }
                            }
                        }
                    }
                    // Some are on disk by then, others on their way.
                    _ = try await eventually("some messages are kept") {
                        (try? await admin.backlog(of: .receiver)).map { $0 > round * 30 + 3 } ?? true ? true : nil
                    }
                    try await relay.kill()
                    await senders.value
                    try await relay.start()
                    for number in 0..<30 { _ = try await Self.send(round * 30 + number, relay.admin) }
                    #expect(try await relay.admin.backlog(of: .receiver) == (round + 1) * 30)
                }
                let terminal = try relay.terminal(.receiver)
                let payloads = try (0..<120).map { _ in try Array(terminal.receiveFrame().dropFirst(12).dropLast()) }
                #expect(Set(payloads.map { String(decoding: $0, as: UTF8.self) }) == Set((0..<120).map(String.init)))
            }
        }

        private static func send(_ number: Int, _ admin: AdminClient) async throws -> AdminClient.Answer {
            try await admin.request(
                "POST",
                Self.messages,
                json: ["payload": .string("\(number)"), "payload_encoding": "utf8"],
                headers: ["Idempotency-Key": "message \(number)"]
            )
        }

        // MARK: Waiting, trying, many

        @Test("A request that waits is answered by the acknowledgement, or when its time is up")
        func waiting() async throws {
            try await RelayProcess.with { relay in
                let early = try await relay.admin.json("POST", "\(Self.messages)?wait_ms=1", json: Self.hello, status: 202)
                #expect(early["state"] == "queued")
                let admin = try relay.admin
                async let waiting = admin.json("POST", "\(Self.messages)?wait_ms=20000", json: Self.hello)
                try await relay.waitForBacklog(of: .receiver, 2)
                let terminal = try relay.terminal(.receiver)
                _ = try terminal.receiveFrame()
                _ = try terminal.receiveFrame()
                #expect(try await waiting["state"] == "acknowledged")
                let online = try await relay.admin.json("POST", "\(Self.messages)?wait_ms=20000", json: Self.hello)
                #expect(online["state"] == "acknowledged")
                _ = try terminal.receiveFrame()
            }
        }

        @Test("A request that waits is answered with its receipt when the relay is drained")
        func drained() async throws {
            try await RelayProcess.with { relay in
                let admin = try relay.admin
                async let waiting = admin.json("POST", "\(Self.messages)?wait_ms=25000", json: Self.hello, status: 202)
                try await relay.waitForBacklog(of: .receiver, 1)
                _ = try await relay.admin.json("POST", "/api/v1/drain", status: 202)
                let receipt = try await waiting
                #expect(receipt["state"] == "queued")
                #expect(receipt["id"]?.string != nil)
            }
        }

        @Test("A message for whose trace there is no room is kept, says so, and is counted")
        func untraced() async throws {
            try await RelayProcess.with(["maximum_traces": "1"]) { relay in
                let first = try await relay.admin.json("POST", Self.messages, json: Self.hello, status: 202)
                let second = try await relay.admin.json("POST", "\(Self.messages)?wait_ms=20000", json: Self.hello, status: 202)
                #expect(first["traced"] == true && second["traced"] == false)
                #expect(try await relay.admin.metrics()["ttms_store_messages_untraced_total"] == 1)
                #expect(try await relay.admin.backlog(of: .receiver) == 2)
            }
        }

        @Test("A preview has the bytes that are then delivered, and evicts what it said, and only then")
        func preview() async throws {
            try await RelayProcess.with(["maximum_frames_per_terminal": "2"]) { relay in
                var ids: [String] = []
                for _ in 0..<2 {
                    let receipt = try await relay.admin.json("POST", Self.messages, json: Self.hello, status: 202)
                    ids.append(try #require(receipt["id"]?.string))
                }
                let preview = try await relay.admin.json("POST", "\(Self.messages)?preview=true", json: Self.hello)
                #expect(preview["evicted"] == [.string(ids[0])] && preview["evicted_frames"]?.int == 1)
                #expect(preview["frames_ahead"]?.int == 1 && preview["rejection"] == .null)
                #expect(try await relay.admin.backlog(of: .receiver) == 2)
                #expect(try await relay.admin.json("GET", "/api/v1/messages/\(ids[0])")["state"] == "queued")
                _ = try await relay.admin.json("POST", Self.messages, json: Self.hello, status: 202)
                #expect(
                    Self.states(try await relay.admin.json("GET", "/api/v1/messages/\(ids[0])")) == [
                        "accepted", "queued", "evicted",
                    ]
                )
                let terminal = try relay.terminal(.receiver)
                #expect(try terminal.receiveFrame().hex.filter { $0 != " " } == preview["frame"]?.string)
            }
        }

        @Test("Many messages go out in their order, with a result for each", arguments: [1, 2])
        func bulk(eventLoops: Int) async throws {
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let terminals = try [CCID.receiver, .other].map { try relay.terminal($0) }
                let names = (2..<6).map { JSONValue.string(CCID(rawValue: UInt32($0)).description) }
                let items = (0..<100).map { number -> JSONValue in
                    ["destinations": .array(names), "payload": .string("\(number)"), "payload_encoding": "utf8"]
                }
                let receipt = try await relay.admin.json("POST", "/api/v1/messages/bulk", json: ["messages": .array(items)])
                #expect(receipt.at("meta.taken")?.int == 400 && receipt.at("meta.refused")?.int == 0)
                #expect(receipt["data"]?.array?.count == 400)
                for terminal in terminals {
                    for number in 0..<100 {
                        let payload = try terminal.receiveFrame().dropFirst(12).dropLast()
                        #expect(String(decoding: payload, as: UTF8.self) == "\(number)")
                    }
                }
                for absent in [4, 5] { #expect(try await relay.admin.backlog(of: CCID(rawValue: UInt32(absent))) == 100) }
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("What is sent at once goes to disk at once, whichever event loops it is for", arguments: ["bulk", "frames"])
        func oneCommit(route: String) async throws {
            try await RelayProcess.with(["event_loops": "4"]) { relay in
                let ccids = (100..<140).map { CCID(rawValue: UInt32($0)) }
                var fewest = Double.infinity
                // On a busy machine an event loop can be late for a commit; not every time.
                for _ in 0..<20 {
                    let before = try #require(try await relay.admin.metrics()["ttms_store_commit_seconds_count"])
                    if route == "bulk" {
                        let message: JSONValue = [
                            "destinations": .array(ccids.map { .string($0.description) }), "payload": "hi",
                            "payload_encoding": "utf8",
                        ]
                        let receipt = try await relay.admin.json("POST", "/api/v1/messages/bulk", json: ["messages": [message]])
                        #expect(receipt.at("meta.taken")?.int == ccids.count)
                    } else {
                        let reply = try await relay.admin.request(
                            "POST",
                            "/api/v1/frames?source=00000009",
                            body: Data(ccids.flatMap { WireFrame.data(to: $0, Array("hi".utf8)) }),
                            contentType: "application/octet-stream"
                        )
                        #expect(reply.status == 202)
                    }
                    let after = try #require(try await relay.admin.metrics()["ttms_store_commit_seconds_count"])
                    fewest = min(fewest, after - before)
                }
                #expect(fewest == 1)
            }
        }

        // MARK: Traces

        @Test(
            "While a terminal is traced, what others send it is known by id, in order, online and offline",
            arguments: [1, 2]
        )
        func trace(eventLoops: Int) async throws {
            let path = "/api/v1/terminals/\(CCID.receiver)/trace"
            try await RelayProcess.with(["event_loops": "\(eventLoops)"]) { relay in
                let sender = try relay.terminal(.sender)
                let terminal = try relay.terminal(.receiver)
                try sender.send(NumberedFrames.to(.receiver, 0..<50))
                let on = try await relay.admin.json("PUT", path, json: ["for_seconds": 600, "frames": 200])
                #expect(on["tracing"] == true)
                for number in stride(from: 50, to: 100, by: 10) {
                    try sender.send(NumberedFrames.to(.receiver, number..<number + 10))
                }
                #expect(try terminal.receiveNumbers(100) == Array(0..<100))
                let status = try await relay.admin.json("GET", path)
                let rest = try #require(status["remaining_frames"]?.int)
                #expect(rest <= 150, "at least those sent since are traced")
                // The terminal is the first that the store ever knew: its messages have the ids from 1 on.
                let last = try await Self.waitFor("acknowledged", of: "\(200 - rest)", at: relay)
                #expect(last["source"]?.string == CCID.sender.description)
                try terminal.register(.receiver)
                _ = try await Self.waitFor("confirmed", of: "\(200 - rest)", at: relay)

                try await relay.kill()
                try await relay.start()
                #expect(try await relay.admin.json("GET", path)["remaining_frames"]?.int == rest)
                let again = try relay.terminal(.sender)
                try again.send(NumberedFrames.to(.receiver, 0..<200))
                try await relay.waitForBacklog(of: .receiver, 200)
                // The switch went off by itself, after as many frames as it was for.
                #expect(try await relay.admin.json("GET", path)["tracing"] == false)
                let back = try relay.terminal(.receiver)
                #expect(try back.receiveNumbers(200) == Array(0..<200))
                try again.send(NumberedFrames.to(.receiver, 200..<300))
                #expect(try back.receiveNumbers(100) == Array(200..<300))
                try await relay.waitForStatus("store.frames", 0)
                try await relay.waitForStatus("ledger.imbalance", 0)
                #expect(try await relay.admin.request("DELETE", path).status == 204)
            }
        }
    }
}
