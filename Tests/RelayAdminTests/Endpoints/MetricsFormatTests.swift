import Foundation
import RelayCore
import Testing

@testable import RelayAdmin

@Suite struct MetricsFormatTests {
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
        MetricFamily("ttms_pauses_seconds_total", .counter, help: "Time in \"pauses\".\nWith \\fsync.", value: 12.25),
        MetricFamily("ttms_frames_imbalance", .gauge, help: "Always 0.", value: -1),
        MetricFamily(
            "ttms_odd_values",
            .gauge,
            help: "Values that are no numbers.",
            samples: [Double.infinity, -.infinity, .nan, 1e300, 1e15].enumerated().map { index, value in
                MetricFamily.Sample(value, labels: [MetricFamily.Label("index", String(index))])
            }
        ),
        MetricFamily(
            "ttms_delivery_seconds",
            .histogram,
            help: "By stage.",
            samples: [("one", [0.5]), ("two", [0.25, 1, 7, 7])].map { stage, values in
                var histogram = Histogram([0.25, 1])
                for value in values { histogram.record(value) }
                return MetricFamily.Sample(histogram, labels: [MetricFamily.Label("stage", stage)])
            }
        ),
    ]

    @Test("help and labels are escaped, numbers are Prometheus's, buckets hold those before them")
    func prometheus() {
        let expected = #"""
            # HELP ttms_connections_closed_total Connections that ended, by reason.
            # TYPE ttms_connections_closed_total counter
            ttms_connections_closed_total{reason="kicked"} 3
            ttms_connections_closed_total{reason="a \"b\" \\ c\nd",listener="[::]:7222"} 0.5
            # HELP ttms_pauses_seconds_total Time in "pauses".\nWith \\fsync.
            # TYPE ttms_pauses_seconds_total counter
            ttms_pauses_seconds_total 12.25
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
            # HELP ttms_delivery_seconds By stage.
            # TYPE ttms_delivery_seconds histogram
            ttms_delivery_seconds_bucket{stage="one",le="0.25"} 0
            ttms_delivery_seconds_bucket{stage="one",le="1.0"} 1
            ttms_delivery_seconds_bucket{stage="one",le="+Inf"} 1
            ttms_delivery_seconds_sum{stage="one"} 0.5
            ttms_delivery_seconds_count{stage="one"} 1
            ttms_delivery_seconds_bucket{stage="two",le="0.25"} 1
            ttms_delivery_seconds_bucket{stage="two",le="1.0"} 2
            ttms_delivery_seconds_bucket{stage="two",le="+Inf"} 4
            ttms_delivery_seconds_sum{stage="two"} 15.25
            ttms_delivery_seconds_count{stage="two"} 4

            """#
        #expect(MetricsFormat.prometheus.render(Self.families) == expected)
    }

    @Test("OpenMetrics has other names, units and an end")
    func openMetrics() {
        let expected = #"""
            # HELP ttms_pauses_seconds Time in \"pauses\".\nWith \\fsync.
            # TYPE ttms_pauses_seconds counter
            # UNIT ttms_pauses_seconds seconds
            ttms_pauses_seconds_total 12.25
            # HELP ttms_frames_imbalance Always 0.
            # TYPE ttms_frames_imbalance gauge
            ttms_frames_imbalance -1
            # EOF

            """#
        #expect(MetricsFormat.openMetrics.render(Array(Self.families[1...2])) == expected)
        let samples = { (format: MetricsFormat) in
            format.render(Self.families).split(separator: "\n").filter { !$0.hasPrefix("#") }
        }
        #expect(samples(.openMetrics) == samples(.prometheus))
    }

    @Test(
        "a client gets the format that it likes best",
        arguments: [
            ("", MetricsFormat.prometheus),
            ("*/*", .prometheus),
            ("text/html, application/xhtml+xml, */*;q=0.8", .prometheus),
            ("application/json", .prometheus),
            ("text/plain", .prometheus),
            ("application/openmetrics-text", .openMetrics),
            ("Application/OpenMetrics-Text ; Version=1.0.0 ; charset=utf-8", .openMetrics),
            ("application/openmetrics-text; version=\"1.0.0\"; escaping=allow-utf-8", .openMetrics),
            ("application/openmetrics-text; version=0.0.1, text/plain; version=0.0.4; q=0.5, */*; q=0.1", .prometheus),
            (
                """
                application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
                text/plain;version=0.0.4;q=0.5,*/*;q=0.1
                """, .openMetrics
            ),
            ("application/openmetrics-text;q=0.2, text/plain;q=0.3", .prometheus),
            ("application/openmetrics-text;q=0.3, text/plain;q=0.2", .openMetrics),
            ("application/*;q=0.9, text/*;q=0.8", .openMetrics),
            ("application/*, application/openmetrics-text;q=0", .prometheus),
            ("application/openmetrics-text;q=2", .prometheus),
            ("application/openmetrics-text;q=nan", .prometheus),
            (",;q=,/;;=,text", .prometheus),
        ]
    )
    func negotiation(accept: String, format: MetricsFormat) async throws {
        #expect(MetricsFormat(accept: accept.isEmpty ? [] : [accept]) == format)
        let lines = accept.split(separator: ",").map(String.init)
        #expect(MetricsFormat(accept: lines) == format)
    }

    @Test("promtool finds nothing to say about it", .enabled(if: Promtool.isInstalled, "needs Debian's package prometheus"))
    func promtool() async throws {
        let relay = FakeRelay()
        relay.withState { $0.metrics = Self.families }
        try await TestServer.run(relay) { server async throws in
            let reply = try await server.send("GET", "/metrics", headers: ["Authorization": ""])
            #expect(reply.header("content-type") == "text/plain; version=0.0.4; charset=utf-8")
            #expect(reply.header("vary") == "Accept")
            let open = try await server.send("GET", "/metrics", headers: ["Accept": "application/openmetrics-text"])
            #expect(open.header("content-type") == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            #expect(open.text.hasSuffix("\n# EOF\n"))
            let result = try Promtool.check(reply.body)
            #expect(result.status == 0)
            #expect(result.output == "")
            #expect(try Promtool.check(Array("ttms_x{ 1\n".utf8)).status != 0)
        }
    }
}

/// Prometheus's own checker of what it scrapes.
enum Promtool {
    /// Where it is; the Makefile adds what it has unpacked to the path.
    private static let path = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        .map { "\($0)/promtool" }.first(where: FileManager.default.isExecutableFile)

    static var isInstalled: Bool { self.path != nil }

    static func check(_ metrics: [UInt8]) throws -> (status: Int32, output: String) {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: self.path ?? "")
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
