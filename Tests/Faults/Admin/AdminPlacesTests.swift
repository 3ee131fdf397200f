import Foundation
import Synchronization
import TestKit
import Testing

extension Faults {
    /// Clients that take all places of the admin API, while others have a right to one.
    struct AdminPlacesTests {
        enum Stranger: CaseIterable {
            case silent
            case withinTheHead
            case withinTheBody
            case doesNotRead
        }

        private static func begin(_ stranger: Stranger, _ relay: RelayProcess) throws -> TerminalClient {
            let client = try AdminConnection.open(relay, receiveBuffer: 4_096)
            switch stranger {
            case .silent: break
            case .withinTheHead: try client.send(Array("GET /livez HTTP/1.1\r\nHost: loc".utf8))
            case .withinTheBody:
                let lines = ["POST /api/v1/messages/bulk HTTP/1.1", "Host: localhost", "Content-Length: 1000000", "", "{"]
                try client.send(Array(lines.joined(separator: "\r\n").utf8))
            case .doesNotRead:
                let one = Array("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
                try client.send(Array(repeating: one, count: 20).flatMap { $0 })
            }
            return client
        }

        /// Whether probes, and whoever has a token, are answered.
        private static func checkAccess(_ relay: RelayProcess) throws {
            for target in ["/livez", "/readyz", "/metrics", "/api/v1/status"] {
                let client = try AdminConnection.open(relay)
                defer { client.close() }
                try client.send(try AdminConnection.request("GET", target, relay, headers: ["Connection: close"]))
                // Half the time after which an idle connection is closed anyway.
                #expect(AdminConnection.statuses(try client.receiveUntilClosed(within: .seconds(15))) == [200], "\(target)")
            }
        }

        @Test("Probes and clients with a token are let in, whatever strangers hold open", arguments: Stranger.allCases)
        func held(by stranger: Stranger) async throws {
            try AdminConnection.allowOpenFiles(2_000)
            try await RelayProcess.with { relay in
                let known = try AdminConnection.open(relay)
                let ask = try AdminConnection.request("GET", "/api/v1/status", relay)
                try known.send(ask)
                #expect(AdminConnection.statuses(try known.receive(12)) == [200])
                var clients: [TerminalClient] = []
                for _ in 0..<1_300 { clients.append(try Self.begin(stranger, relay)) }
                try Self.checkAccess(relay)
                // Its connection is still there.
                try known.send(ask)
                _ = try known.receive(12)
                let metrics = try await relay.admin.metrics()
                #expect(metrics["ttms_admin_connections_evicted_total"] ?? 0 > 0)
                let limit = try #require(metrics[#"ttms_admin_connections_limit{token="false"}"#])
                #expect(metrics[#"ttms_admin_connections{token="false"}"#] ?? .infinity <= limit)
                #expect(relay.output.ranges(of: "as many connections without a valid token as it takes").count == 1)
                for client in clients { client.close() }
            }
        }

        @Test("Probes and clients with a token are let in while strangers come again and again")
        func stampede() async throws {
            try AdminConnection.allowOpenFiles(2_000)
            try await RelayProcess.with { relay in
                let isOver = Flag()
                await withTaskGroup(of: Void.self) { group in
                    for _ in 0..<2 {
                        group.addTask {
                            await onOwnThread { [relay, isOver] in
                                var clients: [TerminalClient?] = Array(repeating: nil, count: 800)
                                var next = 0
                                while !isOver.isSet {
                                    clients[next % clients.count]?.close()
                                    clients[next % clients.count] = try? AdminConnection.open(relay)
                                    next += 1
                                }
                            }
                        }
                    }
                    group.addTask {
                        await onOwnThread {
                            for _ in 0..<4 {
                                do { try Self.checkAccess(relay) } catch { Issue.record(error) }
                            }
                        }
                        isOver.set()
                    }
                }
            }
        }
    }
}

private final class Flag: Sendable {
    private let value = Atomic(false)
    var isSet: Bool { self.value.load(ordering: .relaxed) }
    func set() { self.value.store(true, ordering: .relaxed) }
}

/// Runs `body` on a thread of its own: it blocks.
private func onOwnThread(_ body: @escaping @Sendable () -> Void) async {
    await withCheckedContinuation { continuation in
        Thread.detachNewThread {
            body()
            continuation.resume()
        }
    }
}
