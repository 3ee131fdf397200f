import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Clients of the admin API that are many, slow, rude or broken, while terminals have work to do.
    struct BadClientTests {
        /// What a client does, and how it is answered.
        private enum Habit: Int, CaseIterable {
            case asks
            case halfCloses
            case pipelines
            case dripsItsBody
            case sendsAnUnknownField
            case sendsTooMuch
            case announcesTooMuch
            case hasNoToken
            case sendsGarbage
            case leavesWithinTheHead
            case leavesWithinTheBody
            case resets
        }

        private static let clients = 1_000
        private static let target = "/api/v1/terminals/\(CCID.receiver)/messages?preview=true"

        @Test("A thousand bad clients at once are answered or closed, take nothing with them, and hold no terminal up")
        func onslaught() async throws {
            try AdminConnection.allowOpenFiles(Self.clients + 200)
            try await RelayProcess.with { relay in
                // What is made once, threads and pools and caches, is made now.
                try await Self.attack(relay)
                let before = try await Self.resources(of: relay)
                for _ in 0..<3 { try await Self.attack(relay) }
                let after = try await eventually("the relay has given back what the clients took: \(before)") {
                    "\(String(describing: try? await Self.resources(of: relay)))"
                } _: {
                    let now = try await Self.resources(of: relay)
                    // The deadline of a request is remembered until it is over, half a minute, which takes less than 1 KiB for each.
                    return now.files == before.files && now.bytes < before.bytes + Self.clients * 3 * 4_096 ? now : nil
                }
                #expect(after.files == before.files)
                #expect(!relay.output.contains(" error "))
                #expect(relay.output.ranges(of: "libmicrohttpd reported a problem").count < Self.clients / 10)
            }
        }

        /// All clients at once, and two terminals that go on meanwhile.
        private static func attack(_ relay: RelayProcess) async throws {
            let sender = try relay.terminal(.sender)
            let other = try relay.terminal(.other)
            let clients = try (0..<Self.clients).map { number in
                (client: try AdminConnection.open(relay), habit: Habit.allCases[number % Habit.allCases.count])
            }
            for (client, habit) in clients { try Self.begin(client, habit, relay) }
            // In the order in which they came, as the relay lets them in.
            for (number, (client, habit)) in clients.enumerated() {
                try Self.finish(client, habit)
                try sender.send(NumberedFrames.to(.other, number..<number + 1))
                #expect(try other.receiveNumbers(1) == [number])
            }
            #expect(try await relay.admin.request("GET", "/readyz").status == 200)
            sender.close()
            other.close()
            try await relay.waitForStatus("connections", 0)
            try await relay.waitForStatus("ledger.imbalance", 0)
        }

        // MARK: What clients do

        private static func request(
            _ method: String,
            _ path: String,
            _ relay: RelayProcess,
            _ headers: [String] = ["Connection: close"]
        ) throws -> [UInt8] {
            let lines = [
                "\(method) \(path) HTTP/1.1", "Host: 127.0.0.1", "Authorization: Bearer \(try relay.admin.token ?? "")",
            ]
            return Array((lines + headers + ["", ""]).joined(separator: "\r\n").utf8)
        }

        private static func json(_ length: Int) -> [String] {
            ["Connection: close", "Content-Type: application/json", "Content-Length: \(length)"]
        }

        private static let body = Array(#"{"payload":"hi","payload_encoding":"utf8"}"#.utf8)
        private static let unknownField = Array(#"{"payload":"hi","payload_encoding":"utf8","nothing":1}"#.utf8)
        private static let largeBody = [UInt8](repeating: UInt8(ascii: "x"), count: (1 << 20) + 1)

        private static func begin(_ client: TerminalClient, _ habit: Habit, _ relay: RelayProcess) throws {
            switch habit {
            case .asks, .halfCloses: try client.send(Self.request("GET", "/api/v1/status", relay))
            case .pipelines:
                let first = try Self.request("GET", "/api/v1/terminals", relay, [])
                try client.send((0..<9).flatMap { _ in first } + Self.request("GET", "/livez", relay))
            case .dripsItsBody:
                try client.send(Self.request("POST", Self.target, relay, Self.json(Self.body.count)) + Self.body.prefix(10))
            case .sendsAnUnknownField:
                let head = try Self.request("POST", Self.target, relay, Self.json(Self.unknownField.count))
                try client.send(head + Self.unknownField)
            case .sendsTooMuch:
                try client.send(Self.request("POST", Self.target, relay, Self.json(Self.largeBody.count)))
            case .announcesTooMuch: try client.send(Self.request("POST", Self.target, relay, Self.json(1 << 40)))
            case .hasNoToken:
                try client.send(Array("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8))
            case .sendsGarbage: try client.send(Array("\u{1}\u{2} TTMS\r\n\r\n".utf8))
            case .leavesWithinTheHead: try client.send(Array("GET /api/v1/terminals HTTP/1.1\r\nHost: local".utf8))
            case .leavesWithinTheBody, .resets:
                try client.send(Self.request("POST", Self.target, relay, Self.json(Self.body.count)) + Self.body.prefix(5))
            }
        }

        private static func finish(_ client: TerminalClient, _ habit: Habit) throws {
            defer { client.close() }
            switch habit {
            case .asks: try Self.expect(client, [200])
            case .halfCloses:
                client.finish()
                try Self.expect(client, [200])
            case .pipelines: try Self.expect(client, Array(repeating: 200, count: 10))
            case .dripsItsBody:
                for byte in Self.body.dropFirst(10) { try client.send([byte]) }
                try Self.expect(client, [200])
            case .sendsAnUnknownField: try Self.expect(client, [422])
            case .sendsTooMuch:
                try client.send(Self.largeBody)
                try Self.expect(client, [413])
            case .announcesTooMuch: try Self.expect(client, [413])
            case .hasNoToken: try Self.expect(client, [401])
            case .sendsGarbage: #expect(try Self.answers(client).statuses.allSatisfy { $0 == 400 })
            case .leavesWithinTheHead, .leavesWithinTheBody: break
            case .resets: client.reset()
            }
        }

        private static func expect(_ client: TerminalClient, _ statuses: [Int]) throws {
            let (found, text) = try Self.answers(client)
            #expect(found == statuses, "\(text)")
            #expect(text.contains("application/problem+json") == (statuses != statuses.filter { $0 == 200 }))
        }

        /// Everything until the relay closes the connection, and the status codes in it.
        private static func answers(_ client: TerminalClient) throws -> (statuses: [Int], text: String) {
            let text = String(decoding: try client.receiveUntilClosed(), as: UTF8.self)
            return (text.matches(of: #/HTTP/1\.[01] ([0-9]{3})/#).compactMap { Int($0.output.1) }, text)
        }

        // MARK: What they leave

        private static func resources(of relay: RelayProcess) async throws -> (files: Int, bytes: Int) {
            let process = "/proc/\(try relay.pid)"
            let files = try FileManager.default.contentsOfDirectory(atPath: "\(process)/fd").count
            let pages = try String(contentsOfFile: "\(process)/statm", encoding: .utf8).split(separator: " ")
            return (files, (pages.count > 1 ? Int(pages[1]) ?? 0 : 0) * Int(sysconf(Int32(_SC_PAGESIZE))))
        }
    }
}
