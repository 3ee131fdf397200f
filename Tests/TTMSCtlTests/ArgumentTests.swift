import AdminAPI
import ArgumentParser
import RelayCore
import TTMSProtocol
import TestKit
import Testing

@testable import ttmsctl

/// What the command line takes, and what it makes of it.
struct ArgumentTests {
    @Test(
        "command lines that are right",
        arguments: [
            "status", "status --output json --data-dir /x", "terminals", "terminals --state online --prefix 00 --limit 5",
            "terminal 0000002a", "terminal show 0000002A", "messages 0000002a", "message 12", "message show 12",
            "message why 12",
            "send 0000002a hi --wait 5s --idempotency-key again", "send 0000002a hi --preview", "send-bulk -", "trace 0000002a",
            "trace 0000002a --for 1h --frames 100", "trace 0000002a --off",
            "send 0000002a hi", "send 0000002a --hex 00ff", "send 0000002a --base64 aGk=", "send 0000002a --file x",
            "send 0000002a hi --source 00000001 --time-to-live 1h --url http://192.0.2.1:7280 --token-file x", "delete 12",
            "delete --all 0000002a", "kick 0000002a",
            "kick --connection 17",
            "terminals --late --no-backlog --remote-address ::1/64 --dialect total --sort rate --descending",
            "events", "events --type store --type message --ccid 0000002a --ccid 0000002b --count 5 --output json",
            "connections", "connections --state closed --ccid 0000002a --reason kicked --sort closed --descending --limit 5",
            "simulate 0000002a", "store check",
            "store check --output json --data-dir x",
            "store export", "store export --data-dir x --ccid 0000002a",
            "simulate 0000002a --send 00000001 hi --send 00000002 ho --heartbeat 0 --address [::1]:7222 --receive 1 --for 2.5",
        ]
    )
    func right(line: String) throws {
        _ = try TTMSCtl.parseAsRoot(line.split(separator: " ").map(String.init))
    }

    @Test("the version is that of the release, for every command")
    func version() throws {
        for line in [["--version"], ["status", "--version"]] {
            #expect {
                _ = try TTMSCtl.parseAsRoot(line)
            } throws: { error in
                TTMSCtl.exitCode(for: error) == .success && TTMSCtl.fullMessage(for: error) == "ttmsctl \(Release.version)"
            }
        }
    }

    @Test(
        "command lines that are wrong end with the code for usage",
        arguments: [
            "unknown", "status --output xml", "status --url http://x --data-dir y", "terminals --state asleep",
            "terminals --limit 0",
            "terminal", "terminal 2a", "terminal 0000002a1", "terminal 0000002g", "message x", "message -1", "send 0000002a",
            "send 0000002a hi --hex 00", "send 0000002a --hex 0", "send 0000002a --hex 0x00", "send 0000002a --base64 a",
            "send 0000002a hi --time-to-live 1", "send 0000002a hi --source 1", "delete", "delete 1 --all 0000002a", "kick",
            "kick 0000002a --connection 1", "kick --connection x", "terminals --sort age", "connections --limit 0",
            "connections --state online", "events --type gap", "events --type x", "events --ccid 2a", "events --count 0",
            "send 0000002a hi --wait 26s", "send 0000002a hi --idempotency-key é", "trace 0000002a --for 8d",
            "trace 0000002a --for 1h --off", "trace 0000002a --frames 1", "trace 0000002a --for 1h --frames 0", "send-bulk",
            "store check --url http://x", "store export --ccid 2a", "store export --output json",
            "simulate", "simulate 0000002a --send 00000001", "simulate 0000002a --send x hi",
            "simulate 0000002a --heartbeat -1",
            "simulate 0000002a --for 1e300", "simulate 0000002a --receive 0", "simulate 0000002a --address 7222",
        ]
    )
    func wrong(line: String) {
        #expect {
            _ = try TTMSCtl.parseAsRoot(line.split(separator: " ").map(String.init))
        } throws: { error in
            TTMSCtl.exitCode(for: error).rawValue == EndStatus.usage.rawValue
        }
    }

    @Test("times to live")
    func timesToLive() {
        let table: [(text: String, seconds: UInt32?)] = [
            ("0", 0), ("1s", 1), ("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800), ("4294967295s", .max),
            ("4294967296s", nil), ("4294967295d", nil), ("", nil), ("s", nil), ("0s", nil), ("1", nil), ("-1s", nil),
            ("1.5h", nil),
            ("1 h", nil), ("1w", nil),
        ]
        for row in table { #expect(TimeToLive(argument: row.text)?.seconds == row.seconds, "\(row.text)") }
    }

    @Test("addresses of listeners")
    func addresses() {
        let table: [(text: String, host: String?, port: Int?)] = [
            ("127.0.0.1:7222", "127.0.0.1", 7222), ("relay.example:1", "relay.example", 1), ("[::1]:65535", "::1", 65_535),
            ("127.0.0.1", nil, nil), ("127.0.0.1:0", nil, nil), ("127.0.0.1:65536", nil, nil), (":1", nil, nil),
            ("::1:1", nil, nil),
            ("[::1]", nil, nil), ("[127.0.0.1]:1", nil, nil),
        ]
        for row in table {
            #expect(Simulate.parts(row.text)?.host == row.host, "\(row.text)")
            #expect(Simulate.parts(row.text)?.port == row.port, "\(row.text)")
        }
    }

    @Test("payloads are posted as they were given")
    func requests() throws {
        let table: [(line: [String], expected: SendMessageRequest)] = [
            (["0000002a", "grüß"], SendMessageRequest(payload: "grüß", payloadEncoding: .utf8)),
            (["0000002a", ""], SendMessageRequest(payload: "", payloadEncoding: .utf8)),
            (["0000002a", "--hex", "00FF"], SendMessageRequest(payload: "00FF", payloadEncoding: .hex)),
            (
                ["0000002a", "--base64", "aGk=", "--source", "0000002A", "--time-to-live", "2m"],
                SendMessageRequest(source: "0000002a", payload: "aGk=", payloadEncoding: .base64, timeToLiveSeconds: 120)
            ),
        ]
        for row in table { #expect(try Send.parse(row.line).request() == row.expected) }
    }

    @Test("the payload of a file is its bytes, as many as fit")
    func files() throws {
        let maximum = Frame.maximumSize - Frame.minimumSize
        for (size, fits) in [(0, true), (1, true), (maximum, true), (maximum + 1, false)] {
            let content = [UInt8](repeating: 0xfe, count: size)
            let directory = try TemporaryDirectory()
            defer { withExtendedLifetime(directory) {} }
            let file = try directory.write(content, to: "payload")
            let send = try Send.parse(["0000002a", "--file", file])
            guard fits else {
                #expect(throws: Failure.self) { try send.request() }
                continue
            }
            let request = try send.request()
            #expect(request.payloadEncoding.decode(request.payload) == content)
        }
        let missing = try Send.parse(["0000002a", "--file", "/nonexistent"])
        #expect { try missing.request() } throws: { ($0 as? Failure)?.status == .noInput }
    }
}
