import AdminAPI
import Foundation
import TestKit
import Testing

@testable import ttmsctl

/// Tokens by the command line, against the real relay.
struct TokenTests {
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
            #expect(denied.output.contains("needs the scope admin"), "\(denied.output)")

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
