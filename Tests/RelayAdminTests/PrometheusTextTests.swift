import Foundation
import RelayCore
import Testing

@testable import RelayAdmin

@Suite struct PrometheusTextTests {
    static let families = [
        MetricFamily(
            "ttms_connections_closed_total",
            .counter,
            help: "Connections that ended, by reason.",
            samples: [
                MetricFamily.Sample(3, labels: [MetricFamily.Label("reason", "kicked")]),
                MetricFamily.Sample(
                    0.5,
                    labels: [MetricFamily.Label("reason", "a \"b\" \\ c\nd"), MetricFamily.Label("listener", "[::]:7222")]
                ),
            ]
        ),
        MetricFamily("ttms_store_commit_seconds_total", .counter, help: "Time in commits.\nWith \\fsync.", value: 12.25),
        MetricFamily("ttms_frames_imbalance", .gauge, help: "Always 0.", value: -1),
        MetricFamily(
            "ttms_odd_values",
            .gauge,
            help: "Values that are no numbers.",
            samples: [Double.infinity, -.infinity, .nan, 1e300, 1e15].enumerated().map { index, value in
                MetricFamily.Sample(value, labels: [MetricFamily.Label("index", String(index))])
            }
        ),
    ]

    @Test("help and labels are escaped, numbers are Prometheus's")
    func text() {
        let expected = #"""
            # HELP ttms_connections_closed_total Connections that ended, by reason.
            # TYPE ttms_connections_closed_total counter
            ttms_connections_closed_total{reason="kicked"} 3
            ttms_connections_closed_total{reason="a \"b\" \\ c\nd",listener="[::]:7222"} 0.5
            # HELP ttms_store_commit_seconds_total Time in commits.\nWith \\fsync.
            # TYPE ttms_store_commit_seconds_total counter
            ttms_store_commit_seconds_total 12.25
            # HELP ttms_frames_imbalance Always 0.
            # TYPE ttms_frames_imbalance gauge
            ttms_frames_imbalance -1
            # HELP ttms_odd_values Values that are no numbers.
            # TYPE ttms_odd_values gauge
            ttms_odd_values{index="0"} +Inf
            ttms_odd_values{index="1"} -Inf
            ttms_odd_values{index="2"} NaN
            ttms_odd_values{index="3"} 1e+300
            ttms_odd_values{index="4"} 1000000000000000

            """#
        #expect(PrometheusText.render(Self.families) == expected)
    }

    @Test("promtool finds nothing to say about it", .enabled(if: Promtool.isInstalled, "needs Debian's package prometheus"))
    func promtool() async throws {
        let relay = FakeRelay()
        relay.withState { $0.metrics = Self.families }
        try await TestServer.run(relay) { server async throws in
            let reply = try await server.send("GET", "/metrics", headers: ["Authorization": ""])
            #expect(reply.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
            let result = try Promtool.check(reply.body)
            #expect(result.status == 0)
            #expect(result.output == "")
            #expect(try Promtool.check(Array("ttms_x{ 1\n".utf8)).status != 0)
        }
    }
}

/// Prometheus's own checker of what it scrapes.
enum Promtool {
    private static let path = "/usr/bin/promtool"

    static var isInstalled: Bool { FileManager.default.isExecutableFile(atPath: self.path) }

    static func check(_ metrics: [UInt8]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: self.path)
        process.arguments = ["check", "metrics"]
        let input = Pipe()
        let output = Pipe()
        process.standardInput = input
        process.standardOutput = output
        process.standardError = output
        try process.run()
        try input.fileHandleForWriting.write(contentsOf: Data(metrics))
        try input.fileHandleForWriting.close()
        let text = try output.fileHandleForReading.readToEnd().map { String(decoding: $0, as: UTF8.self) } ?? ""
        process.waitUntilExit()
        return (process.terminationStatus, text)
    }
}
