import AdminAPI
import TestKit
import Testing

@testable import ttmsctl

/// Blocks by the command line, against the real relay.
struct BlockTests {
    @Test("a terminal is blocked, told so, listed, and let in again")
    func life() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let terminal = try control.start("simulate", "0000002a")
            try await control.waitUntilOnline("0000002a")
            let blocked = try await control.run("block", "0000002A", "--for", "7d", "--reason", "stolen")
            #expect(blocked.exit == .code(0))
            #expect(blocked.output.hasPrefix("0000002a is blocked until 2"), "\(blocked.output)")
            #expect(blocked.output.hasSuffix("; 1 connection was closed\n"))
            #expect(try await terminal.waitForExit() == .code(1))
            #expect(terminal.output.contains("closed by the relay: blocked."), "\(terminal.output)")
            let again = try await control.run("simulate", "0000002a")
            #expect(again.exit == .code(1))
            let words = "closed by the relay: it had not registered. An operator may have blocked 0000002a"
            #expect(again.output.contains(words), "\(again.output)")

            #expect(
                try await control.run("block", "192.0.2.9/24").output == "192.0.2.0/24 is blocked; 0 connections were closed\n"
            )
            let blocks = try await control.json([BlockResource].self, "blocks")
            #expect(blocks.map(\.target) == ["0000002a", "192.0.2.0/24"] && blocks.map(\.reason) == ["stolen", ""])
            #expect(try await control.run("blocks").output.contains("admin.token  stolen"))
            for target in ["0000002a", "192.0.2.0/24"] {
                #expect(try await control.run("unblock", target).output == "\(target) is no longer blocked\n")
            }
            #expect(try await control.run("unblock", "0000002a").exit == .code(EndStatus.refused.rawValue))
            #expect(try await control.run("block", "nobody").exit == .code(EndStatus.refused.rawValue))
        }
    }
}
