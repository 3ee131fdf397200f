import Foundation
import TestKit
import Testing

extension Faults {
    /// A real Prometheus scrapes the relay.
    struct MonitoringTests {
        private static let prometheus = InstalledProgram.url("prometheus")
        private static let promtool = InstalledProgram.url("promtool")

        @Test(
            "Prometheus reads both formats, and has what the relay counted",
            .enabled(if: Self.prometheus != nil, "needs Debian's package prometheus")
        )
        func scraped() async throws {
            try await RelayProcess.with { relay in
                try await Self.relayFrames(through: relay)
                let plain = try Forwarder(to: relay.admin, path: "/metrics")
                let admin = try #require(relay.admin.base.port)
                let targets = ["openmetrics": admin, "text": Int(plain.port)]
                try await Self.withPrometheus(targets) { prometheus in
                    for job in targets.keys {
                        let expected: [(expression: String, value: Double)] = [
                            ("up{job='\(job)'}", 1),
                            ("ttms_frames_accepted_total{job='\(job)'}", 5),
                            ("ttms_ledger_imbalance{job='\(job)'}", 0),
                            ("ttms_delivery_durable_seconds_count{job='\(job)'} >= bool 3", 1),
                            ("ttms_delivery_acknowledged_seconds_count{job='\(job)'}", 5),
                            ("ttms_delivery_waiting_seconds_bucket{job='\(job)',le='60.0'}", 1),
                            ("ttms_store_read_seconds_count{job='\(job)'} > bool 0", 1),
                            ("ttms_store_commit_seconds_sum{job='\(job)'} > bool 0", 1),
                            ("histogram_quantile(1, ttms_event_loop_delay_seconds_bucket{job='\(job)'}) > bool 0", 1),
                            ("process_resident_memory_bytes{job='\(job)'} > bool 1e6", 1),
                        ]
                        for (expression, value) in expected {
                            try await eventually("\(expression) is \(value)") {
                                "\(String(describing: try? await prometheus.value(of: expression)))"
                            } _: {
                                try await prometheus.value(of: expression) == value ? () : nil
                            }
                        }
                    }
                    // Not only samples: it knows what they are.
                    let types = try await prometheus.types(job: "openmetrics")
                    #expect(types["ttms_frames_accepted"] == "counter")
                    #expect(types["ttms_connections"] == "gauge")
                    #expect(types["ttms_store_commit_seconds"] == "histogram")
                    #expect(try await prometheus.types(job: "text")["ttms_frames_accepted_total"] == "counter")
                }
            }
        }

        /// Two frames to a terminal that is there, and three to one that comes later.
        private static func relayFrames(through relay: RelayProcess) async throws {
            let sender = try relay.terminal(.sender)
            let other = try relay.terminal(.other)
            try sender.send(NumberedFrames.to(.other, 0..<2) + NumberedFrames.to(.receiver, 0..<3))
            #expect(try other.receiveNumbers(2) == [0, 1])
            try await relay.waitForBacklog(of: .receiver, 3)
            let receiver = try relay.terminal(.receiver)
            #expect(try receiver.receiveNumbers(3) == [0, 1, 2])
            try await relay.waitForStatus("ledger.delivered_total", 5)
        }

        private static func withPrometheus(
            _ targets: [String: Int],
            isolation: isolated (any Actor)? = #isolation,
            _ body: (PrometheusClient) async throws -> Void
        ) async throws {
            let directory = try TemporaryDirectory()
            let configuration = directory.url.appendingPathComponent("prometheus.yaml")
            let jobs = targets.map { job, port in
                "  - { job_name: \(job), static_configs: [{ targets: ['127.0.0.1:\(port)'] }] }"
            }
            let text = "global: { scrape_interval: 1s }\nscrape_configs:\n\(jobs.joined(separator: "\n"))\n"
            try Data(text.utf8).write(to: configuration)
            let program = try RunningProgram(
                try #require(Self.prometheus),
                arguments: [
                    "--config.file=\(configuration.path)", "--web.listen-address=127.0.0.1:0",
                    "--storage.tsdb.path=\(directory.url.appendingPathComponent("data").path)",
                ],
                log: directory.url.appendingPathComponent("prometheus.log")
            )
            let address = try await eventually("Prometheus listens", state: { program.output }) {
                program.output.firstMatch(of: /"Listening on" address=([0-9.:]+)/).map { String($0.output.1) }
            }
            // It answers everything with 503 until it has looked at what it has on disk.
            try await eventually("Prometheus is ready", state: { program.output }) {
                program.output.contains("Server is ready to receive web requests") ? () : nil
            }
            try await body(PrometheusClient(address: address))
            program.signal(SIGTERM)
            #expect(try await program.waitForExit() == .code(0), "\(program.output)")
        }

        // MARK: Alerts

        @Test(
            "The sample of a configuration is one that Prometheus takes",
            .enabled(if: Self.promtool != nil, "needs Debian's package prometheus")
        )
        func sample() async throws {
            let directory = try TemporaryDirectory()
            let check = try RunningProgram(
                try #require(Self.promtool),
                arguments: ["check", "config", Self.deploy("prometheus.yaml").path],
                log: directory.url.appendingPathComponent("promtool.log")
            )
            #expect(try await check.waitForExit() == .code(0), "\(check.output)")
            #expect(check.output.contains("20 rules found"))
        }

        @Test(
            "promtool finds nothing to say about the relay's metrics",
            .enabled(if: Self.promtool != nil, "needs Debian's package prometheus")
        )
        func conventions() async throws {
            try await RelayProcess.with { relay in
                try await Self.relayFrames(through: relay)
                let directory = try TemporaryDirectory()
                let metrics = directory.url.appendingPathComponent("metrics")
                try await relay.admin.request("GET", "/metrics").body.write(to: metrics)
                let check = try RunningProgram(
                    URL(fileURLWithPath: "/bin/sh"),
                    arguments: ["-c", "\"$0\" check metrics <\"$1\"", try #require(Self.promtool).path, metrics.path],
                    log: directory.url.appendingPathComponent("promtool.log")
                )
                #expect(try await check.waitForExit() == .code(0))
                #expect(check.output == "")
            }
        }

        @Test("Alerts are about metrics that exist")
        func alerts() async throws {
            let rules = try String(contentsOf: Self.deploy("ttms-relay.rules.yaml"), encoding: .utf8)
            let named = Set(rules.matches(of: /\b(?:ttms|process)_[a-z_]+[a-z]/).map { String($0.output) })
            try await RelayProcess.with { relay in
                let samples = Set(try await relay.admin.metrics().keys.map { String($0.prefix { $0 != "{" }) })
                #expect(named.count > 8)
                #expect(named.isSubset(of: samples), "\(named.subtracting(samples))")
            }
        }

        private static func deploy(_ name: String) -> URL {
            URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent(
                "../../../deploy/prometheus/\(name)"
            )
        }
    }
}

/// Prometheus's own HTTP API.
private struct PrometheusClient {
    let address: String

    private func get(_ path: String, _ parameters: [String: String]) async throws -> JSONValue? {
        var components = URLComponents()
        components.scheme = "http"
        components.path = path
        components.queryItems = parameters.map { URLQueryItem(name: $0.key, value: $0.value) }
        let client = AdminClient(base: try #require(URL(string: "http://\(self.address)")), token: nil)
        return try await client.json("GET", "\(path)?\(components.percentEncodedQuery ?? "")")["data"]
    }

    /// The value of an expression that gives one; `nil` while it gives none.
    func value(of expression: String) async throws -> Double? {
        let result = try await self.get("/api/v1/query", ["query": expression])?["result"]?.array ?? []
        return result.count == 1 ? result[0]["value"]?.array?.last?.string.flatMap(Double.init) : nil
    }

    /// The types of the metrics of one job.
    func types(job: String) async throws -> [String: String] {
        let found = try await self.get("/api/v1/targets/metadata", ["match_target": "{job=\"\(job)\"}"])?.array ?? []
        let pairs = found.compactMap { entry in
            entry["metric"]?.string.flatMap { name in entry["type"]?.string.map { (name, $0) } }
        }
        return Dictionary(pairs, uniquingKeysWith: { first, _ in first })
    }
}
