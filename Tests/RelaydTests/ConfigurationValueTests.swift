import RelayCore
import Testing

@testable import ttms_relayd

/// Every key with values that it takes, as they are shown again, and values that it does not.
struct ConfigurationValueTests {
    struct Row: Sendable, CustomTestStringConvertible {
        var key: String
        var good: [(written: String, shown: String)]
        var bad: [String]

        var testDescription: String { self.key }

        init(_ key: String, good: [(String, String)], bad: [String]) {
            self.key = key
            self.good = good.map { (written: $0.0, shown: $0.1) }
            self.bad = bad
        }

        /// A duration of 1 ms or more.
        static func duration(_ key: String, zero: Bool, tooLong: String, wholeSeconds: Bool = false) -> Row {
            let good = [("5s", "5s"), ("60s", "1m"), ("120m", "2h")].filter { zero || tooLong != "10001ms" || $0.0 == "5s" }
            let fine = wholeSeconds ? [] : [("5ms", "5ms"), ("1500ms", "1500ms")]
            return Row(
                key,
                good: good + fine + (zero ? [("0", "0")] : []),
                bad: [
                    "5", "-5s", "5 s", "5S", "s", "", "1.5s", "5us", "99999999999999999999s", "9223372036854775807d", tooLong,
                ]
                    + (zero ? [] : ["0", "0s"]) + (wholeSeconds ? ["5ms", "1500ms"] : [])
            )
        }

        static func count(_ key: String, _ range: ClosedRange<Int>) -> Row {
            Row(
                key,
                good: [range.lowerBound, range.upperBound].map { ("\($0)", "\($0)") },
                bad: ["\(range.lowerBound - 1)", "\(range.upperBound + 1)", "", "x", "1.0", "1KiB", "99999999999999999999"]
            )
        }

        static func size(_ key: String, good: [(String, String)], tooSmall: String, tooLarge: String) -> Row {
            Row(key, good: good, bad: [tooSmall, tooLarge, "", "-1", "1 MiB", "1mib", "1MB", "MiB", "9223372036854775807TiB"])
        }

        static func choice(_ key: String, _ words: [String]) -> Row {
            Row(key, good: words.map { ($0, $0) }, bad: ["", "x", words[0].uppercased(), words[0] + " "])
        }
    }

    static let rows: [Row] = [
        Row(
            "listen",
            good: [
                ("127.0.0.1:0", "127.0.0.1:0"),
                ("[::1]:7222", "[::1]:7222"),
                ("127.0.0.1:1?dialect=after-length", "127.0.0.1:1?dialect=after-length"),
                (
                    "127.0.0.1:1?confirm=heartbeat&heartbeat_receipt=off&dialect=total",
                    "127.0.0.1:1?dialect=total&confirm=heartbeat&heartbeat_receipt=off"
                ),
                ("127.0.0.1:1, [::]:65535", "127.0.0.1:1, [::]:65535"),
                ("127.0.0.1:0,127.0.0.1:0", "127.0.0.1:0, 127.0.0.1:0"),
            ],
            bad: [
                "", "7222", ":7222", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1", "::1:7222",
                "[127.0.0.1]:7222", "[::1]", "[::1:7222", "localhost:7222", "127.0.0.1:1?dialect=x", "127.0.0.1:1?total",
                "127.0.0.1:1?", "127.0.0.1:1,", "127.0.0.1:1,127.0.0.1:1",
            ]
        ),
        Row(
            "admin",
            good: [("127.0.0.1:0", "127.0.0.1:0"), ("[::1]:1", "[::1]:1")],
            bad: ["", "7280", "127.0.0.1:1,127.0.0.1:2"]
        ),
        Row("data_dir", good: [("/var/lib/ttms", "/var/lib/ttms"), ("a,b", "a,b")], bad: [""]),
        .size("audit_limit", good: [("64KiB", "64KiB"), ("1024TiB", "1024TiB")], tooSmall: "65535", tooLarge: "1025TiB"),
        .choice("log_level", ["trace", "debug", "info", "notice", "warning", "error", "critical"]),
        .choice("dialect", ["learn", "total", "after-length", "body", "content", "marker"]),
        .duration("quiet_time", zero: false, tooLong: "10001ms"),
        .size(
            "maximum_frame_size",
            good: [("17", "17"), ("65535", "65535"), ("32KiB", "32KiB"), ("1024B", "1KiB")],
            tooSmall: "16",
            tooLarge: "65536"
        ),
        .choice("heartbeat_time", ["seconds", "milliseconds"]),
        .choice("unknown_command", ["close", "ignore"]),
        .count("event_loops", 1...64),
        .count("maximum_connections", 1...10_000_000),
        .count("maximum_ccids_per_connection", 1...65_536),
        .count("maximum_offline_terminals", 0...16_777_215),
        Row(
            "stop_timeout",
            good: [("1s", "1s"), ("1500ms", "1500ms"), ("60s", "1m"), ("1h", "1h")],
            bad: ["", "5", "-1s", "0", "999ms", "61m"]
        ),
        .duration("registration_timeout", zero: true, tooLong: "367d"),
        .duration("frame_timeout", zero: true, tooLong: "367d"),
        .duration("idle_timeout", zero: true, tooLong: "367d"),
        .duration("keepalive_idle", zero: true, tooLong: "32768s", wholeSeconds: true),
        .duration("keepalive_interval", zero: false, tooLong: "32768s", wholeSeconds: true),
        .count("keepalive_probes", 1...127),
        .duration("tcp_user_timeout", zero: true, tooLong: "25d"),
        .size(
            "tcp_send_buffer",
            good: [("4KiB", "4KiB"), ("1GiB", "1GiB"), ("0", "0")],
            tooSmall: "4095",
            tooLarge: "1025MiB"
        ),
        .size(
            "tcp_unsent_limit",
            good: [("4KiB", "4KiB"), ("1GiB", "1GiB"), ("0", "0")],
            tooSmall: "4095",
            tooLarge: "1025MiB"
        ),
        .duration("time_to_live", zero: true, tooLong: "36501d", wholeSeconds: true),
        .count("maximum_frames_per_terminal", 1...1_000_000_000_000),
        .size(
            "maximum_bytes_per_terminal",
            good: [("64KiB", "64KiB"), ("1TiB", "1TiB")],
            tooSmall: "65535",
            tooLarge: "1025TiB"
        ),
        .count("maximum_terminals", 1...16_777_215),
        .count("maximum_frames", 1...1_000_000_000_000),
        .size("maximum_bytes", good: [("64KiB", "64KiB"), ("1024TiB", "1024TiB")], tooSmall: "65535", tooLarge: "1025TiB"),
        .choice("when_full", ["drop-oldest", "reject-newest", "push-back"]),
        Row(
            "trace_retention",
            good: [("24h", "1d"), ("86401s", "86401s"), ("366d", "366d")],
            bad: ["23h", "86399s", "367d", "0", "", "1", "86400500ms"]
        ),
        .count("maximum_traces", 1...100_000_000),
        .size(
            "maximum_unfinished_bytes",
            good: [("1MiB", "1MiB"), ("1024GiB", "1TiB")],
            tooSmall: "1048575",
            tooLarge: "1025GiB"
        ),
        .size(
            "outbound_high_watermark",
            good: [("1GiB", "1GiB"), ("512KiB", "512KiB")],
            tooSmall: "65535",
            tooLarge: "1025MiB"
        ),
        .choice("confirm", ["acknowledged", "heartbeat"]),
        Row(
            "heartbeat_receipt",
            good: [("on", "on"), ("off", "off"), ("true", "on"), ("false", "off")],
            bad: ["", "x", "ON", "yes", "1"]
        ),
        Row(
            "journal_after",
            good: [("10ms", "10ms"), ("0", "0"), ("off", "off"), ("false", "off"), ("1m", "1m")],
            bad: ["", "10", "-1ms", "5us", "61s", "never", "OFF"]
        ),
        .size(
            "outbound_low_watermark",
            good: [("1KiB", "1KiB"), ("1023KiB", "1023KiB")],
            tooSmall: "1023",
            tooLarge: "1025MiB"
        ),
    ]

    @Test("each key has a row here")
    func rowsAreComplete() {
        #expect(Self.rows.map(\.key).sorted() == ConfigurationTable.keys.map(\.name).sorted())
    }

    @Test("each key takes what it should, from each source", arguments: rows)
    func goodValues(row: Row) throws {
        for (written, shown) in row.good {
            for (source, configuration) in [
                "file": try load(file: "\(row.key): \"\(written)\""),
                "environment": try load(environment: ["TTMS_\(row.key.uppercased())": written]),
                "command line": try load(arguments: ["--set", "\(row.key)=\(written)"]),
            ] {
                let entry = try #require(configuration.redactedEntries.first { $0.key == row.key })
                #expect(entry.value == shown, "\(written) from \(source)")
            }
        }
    }

    @Test("each key refuses what it should, and says where and what is allowed", arguments: rows)
    func badValues(row: Row) throws {
        let allowed = try #require(ConfigurationTable.key(row.key)?.allowed)
        let variable = "TTMS_\(row.key.uppercased())"
        for written in row.bad {
            let setting = "\(row.key)=\(written)"
            for (found, place) in [
                (try errors(file: "# a comment\n\(row.key): \"\(written)\""), ConfigurationPlace.file(path: "PATH", line: 2)),
                (try errors(environment: [variable: written]), .environment(variable)),
                (try errors(arguments: ["--set", setting]), .commandLine("--set \(setting)")),
            ] {
                #expect(found.map(\.key) == [row.key], "\(written)")
                #expect(found.map(\.place) == [place], "\(written)")
                #expect(found.map(\.allowed) == [allowed], "\(written)")
            }
        }
    }

    @Test("each default is a value of its key, and is what stands in the field when nothing is set")
    func defaults() throws {
        for key in ConfigurationTable.keys {
            let configuration = try load(arguments: ["--set", "\(key.name)=\(key.defaultValue)"])
            #expect(key.show(configuration) == key.defaultValue, "\(key.name)")
        }
        let untouched = try load()
        #expect(untouched.redactedEntries.allSatisfy { $0.place == .default })
        #expect(untouched.server == ServerOptions(listeners: untouched.server.listeners))
        #expect(
            untouched.server.listeners == [
                ListenerOptions(host: "0.0.0.0", port: 7222), ListenerOptions(host: "::", port: 7222),
            ]
        )
        #expect(untouched.storeLimits == RelayConfiguration().storeLimits)
    }
}
