import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import ttms_relayd

/// Where settings come from: which wins, what a file may look like, which keys and variables are not ours.
struct ConfigurationSourceTests {
    @Test("the command line wins over the environment, and that over the file")
    func precedence() throws {
        let file = "quiet_time: 1ms\nidle_timeout: 1s\nevent_loops: 2\n"
        let environment = ["TTMS_QUIET_TIME": "2ms", "TTMS_IDLE_TIMEOUT": "2s"]
        let configuration = try load(file: file, environment: environment, arguments: ["--set", "quiet_time=3ms"])
        #expect(configuration.server.session.quietTime == .milliseconds(3))
        #expect(configuration.server.session.idleTimeout == .seconds(2))
        #expect(configuration.server.eventLoops == 2)

        let places = Dictionary(uniqueKeysWithValues: configuration.redactedEntries.map { ($0.key, $0.place) })
        #expect(places["quiet_time"] == .commandLine("--set quiet_time=3ms"))
        #expect(places["idle_timeout"] == .environment("TTMS_IDLE_TIMEOUT"))
        guard case .file(_, line: 3) = places["event_loops"] else {
            Issue.record("event_loops is not said to stand in line 3 of the file")
            return
        }
    }

    @Test("a wrong value is an error also where another source hides it")
    func hiddenErrors() throws {
        let found = try errors(file: "quiet_time: 1", environment: ["TTMS_QUIET_TIME": "2ms"])
        #expect(found.map(\.place) == [.file(path: "PATH", line: 1)])
    }

    @Test("lists are sequences in a file, parted by commas in a variable, repeated on the command line")
    func lists() throws {
        let expected = [ListenerOptions(host: "127.0.0.1", port: 1), ListenerOptions(host: "::1", port: 2, dialect: .body)]
        for configuration in [
            try load(file: "listen:\n  - 127.0.0.1:1\n  - \"[::1]:2?dialect=body\"\n"),
            try load(file: "listen: \"127.0.0.1:1, [::1]:2?dialect=body\""),
            try load(environment: ["TTMS_LISTEN": "127.0.0.1:1,[::1]:2?dialect=body"]),
            try load(arguments: ["--listen", "127.0.0.1:1", "--listen", "[::1]:2?dialect=body"]),
        ] {
            #expect(configuration.server.listeners == expected)
        }
    }

    @Test("a list where one value is wanted, a mapping where any is, and an empty list are errors")
    func shapes() throws {
        #expect(try errors(file: "quiet_time: [1ms, 2ms]").map(\.problem) == ["it takes one value"])
        #expect(try errors(file: "quiet_time:\n  at_night: 1ms").map(\.key) == ["quiet_time"])
        #expect(try errors(file: "listen:\n  first: 127.0.0.1:1").map(\.problem) == ["the list is empty"])
        #expect(try errors(file: "listen: []").map(\.problem) == ["the list is empty"])
        #expect(try errors(file: "quiet_time:").map(\.problem) == ["\"\" is not allowed"])
    }

    @Test("of a secret nothing is said but that it is set", arguments: ["password", "wrong"])
    func secrets(value: String) throws {
        let key = ConfigurationKey(
            name: "secret",
            allowed: "a good one",
            help: "",
            isList: false,
            isSecret: true,
            read: { _, _ throws(InvalidValue) in },
            show: { _ in value }
        )
        let place = ConfigurationPlace.commandLine("--set secret=\(value)")
        let entry = key.entry(in: RelayConfiguration(), place: place)
        #expect(entry.value == "(set)" && entry.place == .commandLine("--set secret=…"))
        #expect(key.entry(in: RelayConfiguration(), place: .default).value.isEmpty)
        #expect(!"\(key.error(InvalidValue(text: value), place: place))".contains(value))
    }

    @Test("options of their own set their keys")
    func options() throws {
        let configuration = try load(arguments: ["--admin", "[::1]:9", "--data-dir", "/x", "--listen", "127.0.0.1:0"])
        #expect(configuration.admin == Endpoint(host: "::1", port: 9))
        #expect(configuration.dataDirectory == "/x")
        #expect(configuration.server.listeners == [ListenerOptions(host: "127.0.0.1", port: 0)])
        #expect(try errors(arguments: ["--data-dir", "/x", "--set", "data_dir=/y"]).map(\.key) == ["data_dir"])
        #expect(try errors(arguments: ["--set", "quiet_time"]).map(\.allowed) == ["KEY=VALUE"])
    }

    @Test("the dialect of a listener wins over the one of all")
    func dialects() throws {
        let configuration = try load(arguments: [
            "--set", "dialect=marker", "--listen", "127.0.0.1:1", "--listen", "127.0.0.1:2?dialect=total",
        ])
        #expect(configuration.server.listeners.map(\.dialect) == [.marker, .total])
    }

    @Test("systemd's state directory is the default of data_dir, and anything said wins over it")
    func stateDirectory() throws {
        let environment = ["STATE_DIRECTORY": "/var/lib/a:/var/lib/b"]
        #expect(try load(environment: environment).dataDirectory == "/var/lib/a")
        #expect(try load(file: "data_dir: /x", environment: environment).dataDirectory == "/x")
        #expect(try load().dataDirectory == "./data")
    }

    @Test("the low watermark has to be below the high one")
    func watermarks() throws {
        let found = try errors(environment: ["TTMS_OUTBOUND_LOW_WATERMARK": "1MiB"])
        #expect(found.map(\.key) == ["outbound_low_watermark"])
        #expect(found.map(\.place) == [.environment("TTMS_OUTBOUND_LOW_WATERMARK")])
        #expect(try errors(file: "outbound_high_watermark: 256KiB").map(\.key) == ["outbound_high_watermark"])
    }

    @Test("a file that cannot be used as a whole says so, with the line where there is one")
    func unusableFiles() throws {
        let table: [(file: String, line: Int?, problem: String)] = [
            ("- a\n- b", 1, "it is not a mapping"),
            ("just words", 1, "it is not a mapping"),
            ("event_loops: 1\nlisten: [", 3, "it is not YAML"),
            ("event_loops: 1\nevent_loops: 2", 1, "set twice: event_loops"),
        ]
        for row in table {
            let error = try #require(try errors(file: row.file).first, "\(row.file)")
            #expect(error.place == .file(path: "PATH", line: row.line), "\(row.file)")
            #expect(error.problem.contains(row.problem), "\(row.file)")
        }
        let missing = try errors(arguments: ["--config", "/nonexistent/relay.yaml"])
        #expect(missing.map(\.place) == [.file(path: "/nonexistent/relay.yaml", line: nil)])
        for empty in ["", "\n", "# only a comment\n", "---\n"] {
            #expect(try load(file: empty).redactedEntries.allSatisfy { $0.place == .default })
        }
    }

    @Test("unknown keys are errors with the nearest key, from every source, all at once")
    func unknownKeys() throws {
        let found = try errors(
            file: "quite_time: 1ms\nevent_loops: x\nserver:\n  port: 1\n",
            environment: ["TTMS_LISTN": "127.0.0.1:1", "PATH": "/bin", "TTMS_TOKEN": "ttmsctl's"],
            arguments: ["--set", "max_frames=1", "--set", "maximum_frame=1"]
        )
        let unknown = found.filter { $0.problem == "there is no such key" }
        let byKey = Dictionary(uniqueKeysWithValues: unknown.map { ($0.key, $0) })
        #expect(Set(byKey.keys) == ["quite_time", "server", "listn", "max_frames", "maximum_frame"])
        #expect(byKey["quite_time"]?.allowed.hasPrefix("quiet_time,") == true)
        #expect(byKey["quite_time"]?.place == .file(path: "PATH", line: 1))
        #expect(byKey["listn"]?.allowed.hasPrefix("listen,") == true)
        #expect(byKey["listn"]?.place == .environment("TTMS_LISTN"))
        #expect(byKey["maximum_frame"]?.allowed.hasPrefix("maximum_frames,") == true)
        #expect(byKey["server"]?.allowed.contains("time_to_live") == true)
        #expect(found.contains { $0.key == "event_loops" && $0.place == .file(path: "PATH", line: 2) })
    }

    @Test("variables of a Kubernetes service are not settings, and those in mixed case are no keys")
    func foreignVariables() throws {
        let links = [
            "TTMS_RELAY_SERVICE_HOST": "10.0.0.1", "TTMS_RELAY_SERVICE_PORT": "7222", "TTMS_RELAY_SERVICE_PORT_ADMIN": "7280",
            "TTMS_RELAY_PORT": "tcp://10.0.0.1:7222", "TTMS_RELAY_PORT_7222_TCP": "tcp://10.0.0.1:7222",
            "TTMS_RELAY_PORT_7222_TCP_ADDR": "10.0.0.1",
        ]
        #expect(try errors(environment: links) == [])
        let own = [
            "TTMS_SERVICE_HOST": "10.0.0.1", "TTMS_SERVICE_PORT": "7222", "TTMS_SERVICE_PORT_TERMINALS": "7222",
            "TTMS_PORT": "tcp://10.0.0.1:7222", "TTMS_PORT_7222_TCP": "tcp://10.0.0.1:7222", "TTMS_PORT_7222_TCP_PROTO": "tcp",
            "TTMS_PORT_7222_TCP_PORT": "7222", "TTMS_PORT_7222_TCP_ADDR": "10.0.0.1", "TTMS_PORT_53_UDP": "udp://[fd00::1]:53",
            "TTMS_PORT_9_SCTP_PROTO": "sctp", "TTMS_LISTEN_PORT": "tcp://10.0.0.2:80", "TTMS_LISTEN_SERVICE_HOST": "10.0.0.2",
            // A link of Docker's, with the variables of the other container.
            "TTMS_DB_NAME": "/relay/ttms-db", "TTMS_DB_ENV_PASSWORD": "x", "TTMS_DB_PORT": "tcp://172.17.0.2:5432",
        ]
        #expect(try errors(environment: own) == [])
        let mistaken = [
            "TTMS_PORT": "7222", "TTMS_PORT_7222_TCP_PROTO": "quic", "TTMS_LISTEN_PORT": "80", "TTMS_NAME": "relay",
            "TTMS_X_ENV_Y": "1", "TTMS_SERVICE": "x", "TTMS_ADMIN_PORT": "7280",
        ]
        #expect(
            try errors(environment: mistaken).map(\.key).sorted() == [
                "admin_port", "listen_port", "name", "port", "port_7222_tcp_proto", "service", "x_env_y",
            ]
        )
        #expect(try errors(environment: ["TTMS_Event_Loops": "2"]).map(\.key) == ["Event_Loops"])
    }

    @Test("an error is a line that names place, key, problem and what is allowed")
    func descriptions() throws {
        let found = try errors(environment: ["TTMS_EVENT_LOOPS": "0", "TTMS_KEEPALIVE_PROBES": "x"])
        #expect(
            ConfigurationErrors(errors: found).description == """
                The configuration has 2 errors:
                  environment variable TTMS_EVENT_LOOPS: event_loops: "0" is not allowed. Allowed: 1 to 64.
                  environment variable TTMS_KEEPALIVE_PROBES: keepalive_probes: "x" is not allowed. Allowed: 1 to 127.
                Correct this, and check it with `ttms-relayd --check-config`.
                """
        )
    }

    @Test("the report holds each key, its value and its place")
    func report() throws {
        let lines = try load(arguments: ["--set", "event_loops=3"]).report.split(separator: "\n")
        #expect(lines.first == "configuration is valid")
        #expect(lines.count == ConfigurationTable.keys.count + 1)
        #expect(
            lines.contains {
                $0.hasPrefix("event_loops ") && $0.contains(" 3 ") && $0.hasSuffix("command line, --set event_loops=3")
            }
        )
    }
}
