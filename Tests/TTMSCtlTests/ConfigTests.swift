import AdminAPI
import Foundation
import TestKit
import Testing

@testable import ttmsctl

/// Configuration and log level by the command line, against the real relay with a real file.
struct ConfigTests {
    /// A relay's own process, with a configuration file.
    private static func run(_ file: String, _ body: (RelayProcess, Control, URL) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        let url = directory.url.appending(path: "relay.yaml")
        try Data(file.utf8).write(to: url)
        try await RelayProcess.with(["quiet_time": "20ms"], configurationFile: url) { relay in
            try await body(relay, try Control(relay), url)
        }
    }

    private static func setting(_ control: Control, _ key: String) async throws -> SettingResource? {
        try await control.json([SettingResource].self, "config", "show").first { $0.key == key }
    }

    @Test("what is in force is shown with its source; a reload changes what it can, and tells what waits")
    func reload() async throws {
        try await Self.run("# nothing\ntime_to_live: 2h\nevent_loops: 1\n") { relay, control, file in
            let before = try await Self.setting(control, "time_to_live")
            #expect(before?.value == "2h" && before?.source == "\(file.path):2" && before?.reloadable == true)
            #expect(try await Self.setting(control, "quiet_time")?.source == "command line, --set quiet_time=20ms")
            #expect(try await Self.setting(control, "when_full")?.source == "default")

            try Data("time_to_live: 1h\nevent_loops: 2\nmaximum_frames_per_terminal: 1\nwhen_full: reject-newest\n".utf8).write(
                to: file
            )
            let checked = try await control.run("config", "validate", file.path)
            #expect(checked.exit == .code(0))
            #expect(checked.output.contains("would change at once: time_to_live\n"), "\(checked.output)")
            #expect(checked.output.contains("needs a restart: event_loops\n"))
            #expect(try await Self.setting(control, "time_to_live")?.value == "2h")

            let reloaded = try await control.json(ConfigurationReceipt.self, "config", "reload")
            #expect(reloaded.changed == ["time_to_live", "maximum_frames_per_terminal", "when_full"])
            #expect(reloaded.needsRestart == ["event_loops"])
            #expect(try await Self.setting(control, "time_to_live")?.source == "\(file.path):1")
            let waiting = try await Self.setting(control, "event_loops")
            #expect(waiting?.value == "1" && waiting?.pendingValue == "2")
            // It is in force, and not only shown.
            #expect(try await control.run("send", "0000002a", "one").exit == .code(0))
            #expect(try await control.run("send", "0000002a", "two").output.contains("queue_full"))
        }
    }

    @Test("a wrong configuration changes nothing, and all that is wrong is said, by the API and by SIGHUP")
    func wrong() async throws {
        try await Self.run("time_to_live: 2h\n") { relay, control, file in
            try Data("time_to_live: 1h\nevent_loops: 0\nevent_loop: 1\n".utf8).write(to: file)
            let checked = try await control.run("config", "validate", file.path)
            #expect(checked.exit == .code(EndStatus.refused.rawValue))
            #expect(checked.output.contains("\(file.path):2: event_loops: \"0\" is not allowed. Allowed: 1 to 64."))
            #expect(checked.output.contains("\(file.path):3: event_loop: there is no such key"))
            let refused = try await control.run("config", "reload")
            #expect(refused.exit == .code(EndStatus.refused.rawValue))
            #expect(refused.output.contains("invalid_configuration") && refused.output.contains("Allowed: 1 to 64."))
            Foundation.kill(try relay.pid, SIGHUP)
            try await eventually("SIGHUP is refused, too") {
                relay.output.split(separator: "\n").filter { $0.contains("was not read again") }.count == 2 ? () : nil
            }
            #expect(try await Self.setting(control, "time_to_live")?.value == "2h")
            let shown = try await control.run("config", "show")
            #expect(
                shown.exit == .code(0) && shown.output.contains("the settings above are the former ones"),
                "\(shown.output)"
            )
            #expect(shown.output.contains("\(file.path):2: event_loops: \"0\" is not allowed. Allowed: 1 to 64."))
            let list = try await relay.admin.json("GET", "/api/v1/config")
            #expect(list.at("refused_reload.errors")?.array?.count == 2, "\(list)")
            #expect(try await control.run("config", "validate", "/nowhere").exit == .code(EndStatus.noInput.rawValue))

            try Data("time_to_live: 3h\n".utf8).write(to: file)
            Foundation.kill(try relay.pid, SIGHUP)
            try await eventually("SIGHUP is obeyed") {
                try await Self.setting(control, "time_to_live")?.value == "3h" ? () : nil
            }
            #expect(!(try await control.run("config", "show").output.contains("former")))
            #expect(try await relay.admin.json("GET", "/api/v1/config")["refused_reload"] == .null)
        }
    }

    /// What a file looks like at a moment at which somebody writes it, or after a write that failed.
    private static let whole = "time_to_live: 2h\nmaximum_frames: 5000\nwhen_full: reject-newest\n"

    @Test(
        "a file that looks as if it were being written is refused, and what was in force stays",
        arguments: [
            "", "\n", "  \n\t\n", "# limits of this relay\n", "---\n", "time_to_live: 2h\n", "time_to_live: 2h\nmaximum_fra",
            "time_to_live: 2h\nmaximum_frames: 50", "time_to_live: 2h\nmaximum_frames:",
            "time_to_live: 3h\nmaximum_frames: 500",
            "time_to_live: 2h\nmaximum_frames: 5000\nwhen_full: \"reject", "\0\0\0\0", "time_to_live: 2h\n\0\0\0",
        ]
    )
    func incomplete(contents: String) async throws {
        try await Self.run(Self.whole) { relay, control, file in
            // In place, as a shell's redirection does it.
            let handle = try FileHandle(forWritingTo: file)
            try handle.truncate(atOffset: 0)
            try handle.write(contentsOf: Data(contents.utf8))
            try handle.close()
            Foundation.kill(try relay.pid, SIGHUP)
            try await eventually("SIGHUP is refused") { relay.output.contains("was not read again") ? () : nil }
            let refused = try await control.run("config", "reload")
            #expect(refused.exit == .code(EndStatus.refused.rawValue) && refused.output.contains("invalid_configuration"))
            #expect(try await Self.setting(control, "time_to_live")?.value == "2h")
            #expect(try await Self.setting(control, "maximum_frames")?.value == "5000")
            #expect(try await Self.setting(control, "when_full")?.value == "reject-newest")
            let metrics = try await relay.admin.metrics()
            #expect(metrics["ttms_config_last_reload_successful"] == 0)
            #expect(metrics["ttms_config_reloads_total{result=\"refused\"}"] == 2)
            try Data(Self.whole.replacing("5000", with: "6000").utf8).write(to: file)
            Foundation.kill(try relay.pid, SIGHUP)
            try await eventually("a whole one is taken") {
                try await Self.setting(control, "maximum_frames")?.value == "6000" ? () : nil
            }
            #expect(try await relay.admin.metrics()["ttms_config_last_reload_successful"] == 1)
        }
    }

    @Test("a file that is gone, a directory or a pipe is refused likewise", arguments: ["gone", "directory", "pipe"])
    func unreadable(what: String) async throws {
        try await Self.run(Self.whole) { relay, control, file in
            try FileManager.default.removeItem(at: file)
            switch what {
            case "directory": try FileManager.default.createDirectory(at: file, withIntermediateDirectories: false)
            case "pipe": try #require(mkfifo(file.path, 0o600) == 0)
            default: break
            }
            Foundation.kill(try relay.pid, SIGHUP)
            try await eventually("SIGHUP is refused") { relay.output.contains("was not read again") ? () : nil }
            #expect(try await Self.setting(control, "time_to_live")?.value == "2h")
        }
    }

    @Test(
        "settings are taken out on purpose by a file that says it is whole, or that is put in place by a rename",
        arguments: ["{}\n", "time_to_live: 2h\n...\n", "# one is enough\ntime_to_live: 2h\n"]
    )
    func takenOut(contents: String) async throws {
        try await Self.run(Self.whole) { relay, control, file in
            try Data(contents.utf8).write(to: file)
            #expect(try await control.run("config", "reload").exit == .code(0))
            #expect(try await Self.setting(control, "maximum_frames")?.source == "default")
            // The beginning of what is in force, as a rollback leaves it.
            try Data(Self.whole.utf8).write(to: file, options: .atomic)
            #expect(try await control.run("config", "reload").exit == .code(0))
            try Data("time_to_live: 2h\n".utf8).write(to: file, options: .atomic)
            #expect(try await control.run("config", "reload").exit == .code(0))
            #expect(try await Self.setting(control, "maximum_frames")?.source == "default")
            #expect(try await Self.setting(control, "time_to_live")?.value == "2h")
        }
    }

    @Test("more is logged for a time, and then no more; a reload in between does not end it")
    func logLevel() async throws {
        try await Self.run("log_level: warning\n") { relay, control, file in
            let admitted = "An admin request was carried out"
            #expect(!relay.output.contains(admitted))
            let set = try await control.run("log-level", "debug", "--for", "1h")
            #expect(set.output.hasPrefix("the relay logs from debug up until 2") && set.output.hasSuffix(", then warning\n"))
            #expect(try await Self.setting(control, "log_level")?.source == "admin API, for a time")
            try await eventually("it logs more") { relay.output.contains(admitted) ? () : nil }
            try Data("log_level: error\n".utf8).write(to: file)
            #expect(try await control.json(ConfigurationReceipt.self, "config", "reload").changed == ["log_level"])
            let between = try await control.json(LogLevelResource.self, "log-level")
            #expect(between.level == .debug && between.configuredLevel == .error && between.revertsAt != nil)
            #expect(try await control.run("log-level", "debug", "--for", "1s").exit == .code(0))
            try await eventually("the configured level is in force again") {
                try await control.json(LogLevelResource.self, "log-level").revertsAt == nil ? () : nil
            }
            // Messages are written in their order: with this one, all from before are.
            try Data("log_level: loud\n".utf8).write(to: file)
            _ = try await control.run("config", "reload")
            try await eventually("what is wrong is logged") { relay.output.contains("loud") ? () : nil }
            let lines = relay.output.count
            let level = try await control.json(LogLevelResource.self, "log-level")
            #expect(level.level == .error && level.configuredLevel == .error)
            #expect(relay.output.count == lines)

            #expect(try await control.run("log-level", "trace").exit == .code(0))
            #expect(try await control.run("log-level", "--revert").output == "the relay logs from error up\n")
            #expect(try await control.run("log-level", "loud").exit == .code(EndStatus.usage.rawValue))
        }
    }
}
