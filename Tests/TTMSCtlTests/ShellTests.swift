import AdminAPI
import Foundation
import TestKit
import Testing

@testable import ttmsctl

/// The command line as a shell and its scripts use it, against the real relay.
@Suite(.serialized)
struct ShellTests {
    @Test("while nothing happens, it uses no processor time")
    func idle() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            // 80 % of a core over 5 s would be 4 s.
            for command in ["send 0000002a hi --wait 5s", "events"] {
                let script = #"TIMEFORMAT='cpu %U %S'; time timeout -s INT 5 "$ttmsctl" \#(command) --data-dir "$data""#
                let output = try await control.shell(script, environment: ["LC_ALL": "C"]).output
                let times = try #require(output.firstMatch(of: /cpu ([0-9.]+) ([0-9.]+)/))
                let seconds = try #require(Double(times.1)) + (try #require(Double(times.2)))
                #expect(seconds < 2, "\(command): \(output)")
            }
        }
    }

    @Test("events end with the reader of their pipe, although nothing happens")
    func reader() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let script = #""$ttmsctl" events --data-dir "$data" | true; echo "status ${PIPESTATUS[0]}""#
            #expect(try await control.shell(script).output == "status 141\n")
        }
    }

    @Test("a message that was waited for and not delivered is exit code 1, and stays queued")
    func undelivered() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let away = try await control.run("send", "0000002a", "hi", "--wait", "1s")
            #expect(away.exit == .code(EndStatus.refused.rawValue))
            #expect(
                away.output.contains("queued for 0000002a with id 1") && away.output.contains("not acknowledged within 1 s")
            )
            let json = try await control.run("send", "0000002a", "hi", "--wait", "1s", "--output", "json")
            #expect(json.exit == .code(EndStatus.refused.rawValue) && json.output.hasPrefix("{"), "\(json.output)")
            #expect(try await control.run("send", "0000002a", "hi").exit == .code(0))

            let terminal = try control.start("simulate", "0000002a")
            try await control.waitUntilOnline("0000002a")
            let there = try await control.run("send", "0000002a", "hi", "--wait", "25s")
            #expect(there.exit == .code(0) && there.output.contains("delivered to 0000002a"), "\(there.output)")
            // A payload that is not kept any more is not shown as an empty one.
            let ended = try await control.run("messages", "0000002a", "--state", "acknowledged").output
            #expect(ended.hasSuffix("  -\n"), "\(ended)")
            terminal.signal(SIGINT)
            _ = try await terminal.waitForExit()
        }
    }

    @Test(
        "bytes that are not UTF-8 are refused, or sent as they are",
        arguments: [
            (#"send 0000002a $'h\xffi'"#, EndStatus.usage, "--hex, --base64 or --file"),
            (#"simulate 0000002b --for 1 --send 0000002a $'h\xffi'"#, .usage, "--hex, --base64 or --file"),
            (#"block 0000002a --reason $'\xe9'"#, .usage, #"\xe9"#),
            (
                #"send-bulk <(printf '{"messages":[{"destinations":["0000002a"],"payload":"\xff","payload_encoding":"utf8"}]}')"#,
                .badInput, "is not UTF-8"
            ),
            (#"send 0000002a --file <(printf 'h\xffi')"#, .done, "queued"),
            (#"send 0000002a --file - < <(printf 'h\xffi')"#, .done, "queued"),
        ]
    )
    func text(command: String, status: EndStatus, words: String) async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let outcome = try await control.shell(#""$ttmsctl" \#(command) --data-dir "$data""#)
            #expect(outcome.exit == .code(status.rawValue), "\(outcome.output)")
            #expect(outcome.output.contains(words), "\(outcome.output)")
            let queued = try await control.run("messages", "0000002a").output
            #expect(queued.contains("0x68ff69") == (status == .done), "\(queued)")
        }
    }

    @Test("a token comes from a file, a pipe, standard input or the environment; what was given goes before what is found")
    func tokens() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let table: [(script: String, status: EndStatus)] = [
                (#""$ttmsctl" status --data-dir "$data" --token-file <(cat "$data/admin.token")"#, .done),
                (#""$ttmsctl" status --data-dir "$data" --token-file /dev/stdin < "$data/admin.token""#, .done),
                (#"cat "$data/admin.token" | "$ttmsctl" status --data-dir "$data" --token-file -"#, .done),
                (
                    #"mkfifo "$data/pipe"; cat "$data/admin.token" > "$data/pipe" & "$ttmsctl" status --token-file "$data/pipe""#,
                    .done
                ),
                (#"TTMS_TOKEN=wrong "$ttmsctl" status"#, .noPermission),
                (#"TTMS_TOKEN=wrong "$ttmsctl" status --token-file "$data/admin.token""#, .done),
                (#""$ttmsctl" status --data-dir /nonexistent"#, .unavailable),
                (
                    #"TTMS_TOKEN=$(cat "$data/admin.token") "$ttmsctl" status --url "$(grep -o 'http:[^"]*' "$data/endpoints.json")/""#,
                    .done
                ),
                (
                    #"cat "$data/admin.token" | "$ttmsctl" events --count 1 --token-file - & "$ttmsctl" send 0000002a hi > /dev/null; "#
                        + #"until ! kill -0 $! 2> /dev/null; do "$ttmsctl" send 0000002a hi > /dev/null; done; wait $!"#, .done
                ),
            ]
            for row in table {
                let outcome = try await control.shell(row.script, environment: ["TTMS_DATA_DIR": relay.dataDirectory.path])
                #expect(outcome.exit == .code(row.status.rawValue), "\(row.script): \(outcome.output)")
            }
        }
    }

    @Test("an operator who follows the relay's words gets a new admin token")
    func newAdminToken() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let words = try await control.run("token", "revoke", "admin").output
            #expect(words.contains("Delete the file admin.token") && words.contains("kill -HUP"), "\(words)")
            let former = try await control.shell(#"cat "$data/admin.token"; rm "$data/admin.token""#).output
            let reload = try await control.run("config", "reload")
            #expect(reload.exit == .code(EndStatus.noPermission.rawValue))
            #expect(reload.output.contains("kill -HUP \(try relay.pid)"), "\(reload.output)")
            _ = try await control.shell("kill -HUP \(try relay.pid)")
            try await eventually("the relay has a new token") {
                try await control.run("status").exit == .code(0) ? () : nil
            }
            let current = try await control.shell(#"cat "$data/admin.token""#).output
            #expect(current != former)
            let old = try await control.shell(#""$ttmsctl" status --data-dir "$data""#, environment: ["TTMS_TOKEN": former])
            #expect(old.exit == .code(EndStatus.noPermission.rawValue), "\(old.output)")
        }
    }

    @Test("a request for many is refused in words, and a repeat of it is told from the first")
    func bulk() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let message =
                #"{"destinations":["0000002a","0000002b"],"payload":"x","payload_encoding":"utf8","idempotency_key":"k"}"#
            let request = #""$ttmsctl" send-bulk --data-dir "$data" - <<< '{"messages":[\#(message)]}'"#
            #expect(try await control.shell(request).output.hasSuffix("\n2 taken, 0 refused\n"))
            let again = try await control.shell(request)
            #expect(again.exit == .code(0))
            #expect(again.output.hasSuffix("\n0 taken, 2 taken before and not sent again, 0 refused\n"), "\(again.output)")
            for (wrong, status) in [
                (#"{"messages":[{"destinations":"0000002a","payload":3}]}"#, EndStatus.refused), (#"{"messages":3}"#, .refused),
                ("[]", .badInput), ("", .badInput), ("{", .badInput),
            ] {
                let outcome = try await control.shell(#""$ttmsctl" send-bulk --data-dir "$data" - <<< '\#(wrong)'"#)
                #expect(outcome.exit == .code(status.rawValue), "\(wrong): \(outcome.output)")
                #expect(!outcome.output.contains("Error"), "\(outcome.output)")
            }
            let first = try await control.run("send", "0000002a", "hi", "--idempotency-key", "a").output
            #expect(first.hasPrefix("queued"), "\(first)")
            let second = try await control.run("send", "0000002a", "hi", "--idempotency-key", "a").output
            #expect(second.hasPrefix("sent before with the same idempotency key, and not again"), "\(second)")
        }
    }

    @Test(
        "standard descriptors that are closed",
        arguments: [
            (#""$ttmsctl" status --data-dir "$data" >&-"#, EndStatus.outputFailed),
            (#""$ttmsctl" status --data-dir /nonexistent 2>&-"#, .unavailable),
            (#""$ttmsctl" status --data-dir "$data" <&- >/dev/null 2>&-"#, .done),
            (#""$ttmsctl" send 0000002a --file - --data-dir "$data" <&-"#, .noInput),
            (#""$ttmsctl" status --data-dir "$data" > /dev/full"#, .outputFailed),
        ]
    )
    func closedDescriptors(script: String, status: EndStatus) async throws {
        try await RelayProcess.with { relay in
            let outcome = try await Control(relay).shell(script)
            #expect(outcome.exit == .code(status.rawValue), "\(outcome.output)")
        }
    }

    @Test("a relay whose admin API has an IPv6 address is reached")
    func ipv6() async throws {
        let directory = try TemporaryDirectory()
        let data = directory.path + "/data"
        let relay = try RunningProgram(
            BuiltProgram.url("ttms-relayd"),
            arguments: ["--admin", "[::1]:0", "--listen", "127.0.0.1:0", "--data-dir", data],
            log: directory.url.appending(path: "relay.log")
        )
        let endpoints = try await eventually("the relay is ready", state: { relay.output }) {
            try? RelayLocation.endpoints(in: data)
        }
        #expect(endpoints.admin.hasPrefix("http://[::1]:"))
        for location in [["--data-dir", data], ["--url", endpoints.admin, "--token-file", data + "/admin.token"]] {
            let program = try RunningProgram(
                BuiltProgram.url("ttmsctl"),
                arguments: ["status"] + location,
                log: directory.url.appending(path: "log")
            )
            #expect(try await program.waitForExit() == .code(0), "\(program.output)")
        }
        relay.signal(SIGTERM)
        #expect(try await relay.waitForExit() == .code(0))
    }
}
