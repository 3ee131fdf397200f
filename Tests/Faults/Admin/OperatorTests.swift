import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// The admin API against the real relay: what an operator does and sees.
    struct OperatorTests {
        private static let messages = "/api/v1/terminals/\(CCID.receiver)/messages"

        @Test("The probes and the metrics are open, the API wants the token")
        func authorization() async throws {
            try await RelayProcess.with { relay in
                let admin = try relay.admin
                var stranger = admin
                for token in [nil, "", "wrong", (admin.token ?? "") + "x", String((admin.token ?? "").dropLast())] {
                    stranger.token = token
                    for path in ["/livez", "/readyz", "/metrics"] {
                        #expect(try await stranger.request("GET", path).status == 200, "\(path)")
                    }
                    for (method, path) in [("GET", "/api/v1/status"), ("GET", Self.messages), ("DELETE", Self.messages)] {
                        let answer = try await stranger.request(method, path)
                        #expect(answer.status == 401, "\(method) \(path)")
                        #expect(answer.headers["www-authenticate"]?.hasPrefix("Bearer") == true)
                        #expect(try answer.json["code"] == "unauthorized")
                    }
                }
                #expect(try await admin.request("GET", "/api/v1/status").status == 200)
                let token = relay.dataDirectory.appendingPathComponent("admin.token").path
                let mode = try FileManager.default.attributesOfItem(atPath: token)[.posixPermissions] as? Int
                #expect(mode == 0o600)
            }
        }

        @Test("The rate of a terminal is that of its last two heartbeats, whether somebody has looked before or not")
        func rate() async throws {
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                for round in 0..<10 {
                    try sender.send(NumberedFrames.to(.receiver, round * 50..<(round + 1) * 50))
                    try sender.register(.sender)
                }
                let first = try #require(try await relay.admin.terminal(.sender)?["frames_per_second"]?.double)
                // Over at least a second.
                #expect(0 < first && first <= 50)
                try sender.send(NumberedFrames.to(.receiver, 500..<550))
                let second = try #require(try await relay.admin.terminal(.sender)?["frames_per_second"]?.double)
                #expect(0 < second && second <= 100)
            }
        }

        @Test("What is wrong with a request is said, with a code")
        func problems() async throws {
            let cases: [(String, String, JSONValue?, Int, JSONValue)] = [
                ("GET", "/nowhere", nil, 404, "not_found"),
                ("GET", "/api/v1/nowhere", nil, 404, "not_found"),
                ("PUT", "/api/v1/status", nil, 405, "method_not_allowed"),
                ("GET", "/api/v1/terminals/2a", nil, 400, "invalid_ccid"),
                ("GET", "/api/v1/terminals/0000002a", nil, 404, "terminal_not_found"),
                ("DELETE", "/api/v1/terminals/0000002a/connection", nil, 404, "terminal_offline"),
                ("GET", "/api/v1/messages/abc", nil, 400, "invalid_id"),
                ("GET", "/api/v1/messages/1", nil, 404, "message_not_found"),
                ("GET", "/api/v1/terminals?limit=0", nil, 400, "invalid_parameter"),
                ("GET", "/api/v1/terminals?nonsense=1", nil, 400, "invalid_parameter"),
                ("POST", Self.messages, ["payload": "hi", "payload_encoding": "utf8", "nonsense": 1], 422, "invalid_body"),
                ("POST", Self.messages, ["payload_encoding": "utf8"], 422, "invalid_body"),
                ("POST", Self.messages, ["payload": "xyz", "payload_encoding": "hex"], 422, "invalid_body"),
            ]
            try await RelayProcess.with { relay in
                let admin = try relay.admin
                for (method, path, json, status, code) in cases {
                    let answer = try await admin.request(method, path, json: json)
                    #expect(answer.status == status, "\(method) \(path): \(answer.text)")
                    #expect(answer.headers["content-type"]?.hasPrefix("application/problem+json") == true, "\(method) \(path)")
                    #expect(try answer.json["code"] == code, "\(method) \(path)")
                }
                let broken = try await admin.request(
                    "POST",
                    Self.messages,
                    body: Data("{".utf8),
                    contentType: "application/json"
                )
                #expect(broken.status == 400)
                #expect(try broken.json["code"] == "invalid_json")
            }
        }

        @Test("A message to an absent terminal waits, is listed, survives a restart, and is delivered")
        func injectedOffline() async throws {
            try await RelayProcess.with { relay in
                let sent: JSONValue = ["source": "00000007", "payload": "aGk=", "payload_encoding": "base64"]
                let receipt = try await relay.admin.json("POST", Self.messages, json: sent, status: 202)
                #expect(receipt["state"] == "queued")
                #expect(receipt["ccid"] == .string("\(CCID.receiver)"))
                let id = try #require(receipt["id"]?.string)

                try await relay.kill()
                try await relay.start()

                let listed = try await relay.admin.json("GET", "\(Self.messages)?payload_encoding=hex")
                #expect(listed["data"]?.array?.count == 1)
                let message = try await relay.admin.json("GET", "/api/v1/messages/\(id)?payload_encoding=utf8")
                #expect(message["payload"] == "hi")
                #expect(message["source"] == "00000007")
                #expect(message["payload_bytes"] == 2)
                #expect(listed["data"]?.array?.first?["payload"] == "6869")

                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveFrame() == WireFrame.forwarded(from: CCID(rawValue: 7), Array("hi".utf8)))
                try await relay.waitForBacklog(of: .receiver, 0)
                #expect(try await relay.admin.json("GET", "/api/v1/messages/\(id)")["state"] == "acknowledged")
            }
        }

        @Test("A message to a terminal that is online is written to it, between what others send")
        func injectedOnline() async throws {
            try await RelayProcess.with { relay in
                let sender = try relay.terminal(.sender)
                let receiver = try relay.terminal(.receiver)
                try sender.send(WireFrame.data(to: .receiver, Array("before".utf8)))
                #expect(try receiver.receiveFrame() == WireFrame.forwarded(from: .sender, Array("before".utf8)))
                let sent: JSONValue = ["source": "00000001", "payload": "now", "payload_encoding": "utf8"]
                let receipt = try await relay.admin.json("POST", Self.messages, json: sent, status: 200)
                #expect(receipt["state"] == "in_flight")
                try sender.send(WireFrame.data(to: .receiver, Array("after".utf8)))
                for payload in ["now", "after"] {
                    #expect(try receiver.receiveFrame() == WireFrame.forwarded(from: .sender, Array(payload.utf8)))
                }
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("Raw frames on behalf of a source")
        func rawFrames() async throws {
            try await RelayProcess.with { relay in
                let receiver = try relay.terminal(.receiver)
                let frames = WireFrame.data(to: .receiver, [1]) + WireFrame.data(to: .other, [2])
                let octets = "application/octet-stream"
                let answer = try await relay.admin.request(
                    "POST",
                    "/api/v1/frames?source=00000009",
                    body: Data(frames),
                    contentType: octets
                )
                #expect(answer.status == 202, "\(answer.text)")
                #expect(try answer.json["data"]?.array?.map { $0["state"] } == ["in_flight", "queued"])
                #expect(try receiver.receiveFrame() == WireFrame.forwarded(from: CCID(rawValue: 9), [1]))
                let other = try relay.terminal(.other)
                #expect(try other.receiveFrame() == WireFrame.forwarded(from: CCID(rawValue: 9), [2]))

                let unsound = Data(frames.dropLast() + [frames[frames.count - 1] ^ 1])
                let refused = try await relay.admin.request(
                    "POST",
                    "/api/v1/frames?source=00000009",
                    body: unsound,
                    contentType: octets
                )
                #expect(refused.status == 400)
                #expect(try refused.json["code"] == "invalid_frame")
                try receiver.expectNothing(for: .receiver)
            }
        }

        @Test("Queued messages are deleted, one and all, and do not come")
        func deleted() async throws {
            try await RelayProcess.with { relay in
                let admin = try relay.admin
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<5) + NumberedFrames.to(.other, 0..<2))
                try await relay.waitForBacklog(of: .receiver, 5)
                try await relay.waitForBacklog(of: .other, 2)
                let listed = try #require(try await admin.json("GET", Self.messages)["data"]?.array)
                let ids = listed.compactMap { $0["id"]?.string }
                #expect(ids.count == 5)

                #expect(try await admin.request("DELETE", "/api/v1/messages/\(ids[2])").status == 204)
                #expect(try await admin.request("DELETE", "/api/v1/messages/\(ids[2])").status == 404)
                let all = try await admin.json("DELETE", "/api/v1/terminals/\(CCID.other)/messages")
                #expect(all["deleted"] == 2)

                try await relay.waitForBacklog(of: .receiver, 4)
                try await relay.waitForStatus("ledger.deleted_total", 3)
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(4) == [0, 1, 3, 4])
                try relay.connect().expectNothing(for: .other)
                try await relay.waitForStatus("ledger.imbalance", 0)
            }
        }

        @Test("Lists go on where a page has ended, and show what was asked for")
        func lists() async throws {
            try await RelayProcess.with { relay in
                let admin = try relay.admin
                let sender = try relay.terminal(.sender)
                let absent = (0xa0..<0xa7).map { CCID(rawValue: $0) }
                for destination in absent { try sender.send(NumberedFrames.to(destination, 0..<1)) }
                for destination in absent { try await relay.waitForBacklog(of: destination, 1) }

                let all = try await Self.pages(admin, "/api/v1/terminals?limit=3", at: "ccid")
                #expect(all == ["\(CCID.sender)"] + absent.map(\.description))
                #expect(try await Self.pages(admin, "/api/v1/terminals?limit=3&state=online", at: "ccid") == ["\(CCID.sender)"])
                #expect(try await Self.pages(admin, "/api/v1/terminals?limit=3&prefix=000000a", at: "ccid").count == 7)

                try sender.send(NumberedFrames.to(.receiver, 0..<10))
                try await relay.waitForBacklog(of: .receiver, 10)
                let payloads = try await Self.pages(admin, "\(Self.messages)?limit=3&payload_encoding=hex", at: "payload")
                #expect(payloads.map { $0.prefix(8) } == (0..<10).map { "0000000\($0)" })
            }
        }

        /// A field of all elements of a list, page after page.
        private static func pages(_ admin: AdminClient, _ path: String, at field: String) async throws -> [String] {
            var values: [String] = []
            var page = try await admin.json("GET", path)
            while true {
                values += (page["data"]?.array ?? []).compactMap { $0[field]?.string }
                guard let cursor = page.at("meta.next_cursor")?.string else { return values }
                page = try await admin.json("GET", "\(path)&cursor=\(cursor)")
            }
        }

        @Test("The status says what is there")
        func status() async throws {
            try await RelayProcess.with(["event_loops": "2"]) { relay in
                let sender = try relay.terminal(.sender)
                let idle = try relay.connect()
                try sender.send(NumberedFrames.to(.receiver, 0..<3))
                try await relay.waitForBacklog(of: .receiver, 3)
                let status = try await relay.admin.json("GET", "/api/v1/status")
                #expect(status["connections"] == 2)
                #expect(status["terminals_online"] == 1)
                #expect(status["event_loops"] == 2)
                #expect(status.at("ledger.accepted_total") == 3)
                #expect(status.at("ledger.queued") == 3)
                #expect(status.at("store.frames") == 3)
                #expect(status.at("store.bytes") == 192)
                idle.close()
            }
        }

        @Test("A terminal that is kicked is closed, and may come back")
        func kicked() async throws {
            try await RelayProcess.with { relay in
                let terminal = try relay.terminal(.receiver)
                let path = "/api/v1/terminals/\(CCID.receiver)/connection"
                #expect(try await relay.admin.request("DELETE", path).status == 204)
                #expect(try terminal.receiveUntilClosed().isEmpty)
                #expect(try await relay.admin.request("DELETE", path).status == 404)
                _ = try relay.terminal(.receiver)
            }
        }
    }
}
