import Foundation
import TestKit
import Testing

@testable import ttmsctl

/// What ttmsctl says of a server that is no relay, or of none.
struct OtherServerTests {
    /// What no message for people holds.
    private static let rawErrors = ["Error(", "Error.", "NSError", "URLError", "codingPath", "NIO", "AsyncHTTPClient", "Fatal"]

    private static func run(_ arguments: [String], environment: [String: String] = [:]) async throws -> Control.Outcome {
        let directory = try TemporaryDirectory()
        let program = try RunningProgram(
            BuiltProgram.url("ttmsctl"),
            arguments: arguments,
            environment: ["TTMS_TOKEN": "secret-of-the-relay"].merging(environment) { _, given in given },
            log: directory.url.appending(path: "log")
        )
        let outcome = Control.Outcome(exit: try await program.waitForExit(), output: program.output)
        for raw in self.rawErrors { #expect(!outcome.output.contains(raw), "\(outcome.output)") }
        return outcome
    }

    @Test("answers that are none of a relay")
    func answers() async throws {
        let table: [(answer: String, status: EndStatus, words: String)] = [
            ("", .unavailable, "closed before the answer was complete"),
            ("SSH-2.0-OpenSSH_9.2\r\n", .notUnderstood, "does not speak HTTP"),
            ("\u{0}\u{1} garbage \r\n\r\n", .notUnderstood, "does not speak HTTP"),
            (self.answer("200 OK", "{", length: 9), .unavailable, "closed before the answer was complete"),
            ("HTTP/1.1 200 OK\r\nContent-Le", .unavailable, "closed before the answer was complete"),
            (self.answer("200 OK", "<html>", type: "text/html"), .notUnderstood, "it is not JSON"),
            (self.answer("200 OK", "{}"), .notUnderstood, "`version` is missing"),
            (self.answer("404 Not Found", ""), .notUnderstood, "HTTP status 404"),
            (self.answer("502 Bad Gateway", ""), .unavailable, "HTTP status 502"),
            (
                "HTTP/1.1 302 Found\r\nLocation: https://other.example/\r\nContent-Length: 0\r\n\r\n", .notUnderstood,
                "redirects to https://other.example/"
            ),
        ]
        for row in table {
            try await CannedServer.with(Array(row.answer.utf8)) { port in
                let outcome = try await Self.run(["status", "--url", "http://127.0.0.1:\(port)/"])
                #expect(outcome.exit == .code(row.status.rawValue), "\(outcome.output)")
                #expect(outcome.output.contains(row.words), "\(outcome.output)")
            }
        }
    }

    private func answer(
        _ status: String,
        _ content: String,
        type: String = "application/json",
        length: Int? = nil
    ) -> String {
        "HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(length ?? content.utf8.count)\r\n\r\n\(content)"
    }

    @Test("success that no relay has told is none, and an end half way is not taken for one")
    func changes() async throws {
        let page = self.answer("200 OK", "<html>", type: "text/html")
        try await CannedServer.with(Array(page.utf8)) { port in
            let outcome = try await Self.run(["kick", "0000002a", "--url", "http://127.0.0.1:\(port)"])
            #expect(outcome.exit == .code(EndStatus.notUnderstood.rawValue), "\(outcome.output)")
        }
        try await CannedServer.with([]) { port in
            let outcome = try await Self.run(["kick", "0000002a", "--url", "http://127.0.0.1:\(port)"])
            #expect(outcome.exit == .code(EndStatus.unavailable.rawValue), "\(outcome.output)")
            #expect(outcome.output.contains("It may have carried out the request"), "\(outcome.output)")
        }
    }

    @Test("events that are none end the command")
    func events() async throws {
        let longLine = String(repeating: "x", count: 2 << 20)
        for answer in [
            self.answer("200 OK", "<html>", type: "text/html"), self.answer("200 OK", longLine, type: "text/event-stream"),
        ] {
            try await CannedServer.with(Array(answer.utf8)) { port in
                let outcome = try await Self.run(["events", "--url", "http://127.0.0.1:\(port)"])
                #expect(outcome.exit == .code(EndStatus.notUnderstood.rawValue), "\(outcome.output)")
            }
        }
    }

    @Test("events that end half way are a broken connection")
    func brokenEvents() async throws {
        let answer = self.answer("200 OK", "retry: 1\n", type: "text/event-stream", length: 99)
        try await CannedServer.with(Array(answer.utf8)) { port in
            let url = "http://127.0.0.1:\(port)"
            let outcome = try await Self.run(["events", "--url", url])
            #expect(outcome.exit == .code(EndStatus.unavailable.rawValue), "\(outcome.output)")
            #expect(outcome.output.contains("The connection to the relay at \(url) broke"), "\(outcome.output)")
        }
    }

    @Test("control characters of an answer do not reach the terminal")
    func escapes() async throws {
        let answer = self.answer("400 Bad Request", #"{"code":"x","detail":"a\u001b[2Jb"}"#)
        try await CannedServer.with(Array(answer.utf8)) { port in
            let outcome = try await Self.run(["status", "--url", "http://127.0.0.1:\(port)"])
            #expect(outcome.exit == .code(EndStatus.refused.rawValue))
            #expect(outcome.output.contains(#"a\u{1b}[2Jb"#) && !outcome.output.contains("\u{1b}"), "\(outcome.output)")
        }
    }

    @Test(
        "nobody there",
        arguments: [
            ("http://127.0.0.1:1", "Connection refused"), ("http://[::1]:1", "refused|cannot|not|unreachable"),
            ("https://127.0.0.1:1", "Connection refused"), ("http://no-such-host.invalid", "is not known"),
        ]
    )
    func nobody(url: String, words: String) async throws {
        let outcome = try await Self.run(["status", "--url", url])
        #expect(outcome.exit == .code(EndStatus.unavailable.rawValue), "\(outcome.output)")
        #expect(try outcome.output.contains(Regex(words)), "\(outcome.output)")
    }

    @Test("a proxy that the environment names gets neither the request nor the token")
    func proxy() async throws {
        try await CannedServer.with(Array(self.answer("200 OK", "{}").utf8)) { port in
            let names = ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
            let proxies = Dictionary(uniqueKeysWithValues: names.map { ($0, "http://127.0.0.1:\(port)") })
            for url in ["http://127.0.0.1:1", "http://no-such-host.invalid"] {
                let outcome = try await Self.run(["status", "--url", url], environment: proxies)
                #expect(outcome.exit == .code(EndStatus.unavailable.rawValue), "\(outcome.output)")
            }
        }
    }
}
