import AdminAPI
import Foundation
import TestKit
import Testing

@testable import ttmsctl

/// Tokens by the command line, against the real relay.
struct TokenTests {
    @Test("what was done and denied is in the audit log, also after a crash")
    func audit() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            #expect(try await control.run("send", "0000002a", "hello").exit == .code(0))
            let wrong = relay.dataDirectory.appending(path: "wrong.token")
            try Data("wrong".utf8).write(to: wrong)
            for _ in 0..<3 { _ = try await control.run("status", "--token-file", wrong.path) }
            try await relay.kill()
            try await relay.start()
            #expect(try await control.run("delete", "--all", "0000002a").exit == .code(0))
            let entries = try await control.json([AuditResource].self, "audit", "--since", "1h")
            // Of the three denials the first is on disk, and the crash has cost the count of the others.
            #expect(entries.map(\.status) == [200, 401, 202])
            #expect(entries.map(\.method) == ["DELETE", "GET", "POST"])
            #expect(entries.map(\.tokenName) == ["admin.token", nil, "admin.token"])
            let denied = try await control.run("audit", "--outcome", "denied").output.split(separator: "\n")
            #expect(
                denied.count == 2 && denied[1].hasSuffix("denied   401     -      127.0.0.1  GET     /api/v1/status      1")
            )
            #expect(try await control.run("drain").exit == .code(0))
            try await relay.waitForEnd()
            try await relay.start()
            #expect(try await control.json([AuditResource].self, "audit", "--limit", "1").map(\.target) == ["/api/v1/drain"])
            #expect(try await control.run("audit", "--since", "soon").exit == .code(EndStatus.usage.rawValue))
        }
    }

    @Test("a token made by the command line opens what it may, and survives a crash")
    func life() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let made = try await control.json(
                TokenResource.self,
                "token",
                "create",
                "monitor",
                "--scope",
                "read",
                "--for",
                "90d"
            )
            let file = relay.dataDirectory.appending(path: "monitor.token")
            try Data((made.token ?? "").utf8).write(to: file)
            #expect(try await control.run("status", "--token-file", file.path).exit == .code(0))
            let denied = try await control.run("drain", "--token-file", file.path)
            #expect(denied.exit == .code(EndStatus.noPermission.rawValue))
            #expect(denied.output.contains("requires the scope admin"), "\(denied.output)")

            try await relay.kill()
            try await relay.start()
            #expect(try await control.run("status", "--token-file", file.path).exit == .code(0))
            let list = try await control.run("token", "list").output
            #expect(list.contains("\(made.id)  monitor      read") && !list.contains(made.token ?? "none"), "\(list)")

            #expect(try await control.run("token", "revoke", made.id).output == "token \(made.id) revoked\n")
            let refused = try await control.run("status", "--token-file", file.path)
            #expect(refused.exit == .code(EndStatus.noPermission.rawValue))
            let wrong = try await control.run("token", "create", "monitor", "--scope", "write")
            #expect(wrong.exit == .code(EndStatus.usage.rawValue))
        }
    }
}
