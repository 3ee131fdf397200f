import AdminAPI
import Foundation
import RelayCore
import RelayStorage
import TTMSProtocol
import TestKit
import Testing

@testable import ttmsctl

/// `ttmsctl store`, against what the real relay leaves behind.
@Suite(.serialized)
struct StoreTests {
    /// Sends messages to two terminals, and gives back what the relay then lists.
    private func fill(_ control: Control) async throws -> [MessageResource] {
        for number in 0..<50 {
            let destination = number.isMultiple(of: 2) ? "0000002a" : "ffffffff"
            // Not to be compressed, which would make these tables as small as others.
            let payload = (0..<1_000).map { _ in String(Int.random(in: 0..<16), radix: 16) }.joined()
            let arguments = [destination, "--hex", payload]
            let timeToLive = number < 10 ? ["--time-to-live", "0"] : []
            #expect(try await control.run(["send"] + arguments + timeToLive + ["--source", "000000ff"]).exit == .code(0))
        }
        let first = try await control.json([MessageResource].self, "messages", "0000002a")
        let second = try await control.json([MessageResource].self, "messages", "ffffffff")
        return first + second
    }

    private func lines(_ output: String) throws -> [ExportedMessage] {
        try output.split(separator: "\n").map { try APIJSON.decode(ExportedMessage.self, from: Data($0.utf8)) }
    }

    @Test("what a relay keeps is sound and exported, whether it was stopped or killed", arguments: [true, false])
    func sound(isStopped: Bool) async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            let messages = try await self.fill(control)
            let busy = try await control.run("store", "check")
            #expect(busy.exit == .code(EndStatus.busy.rawValue))
            #expect(busy.output.contains("Stop it first"))
            #expect(try await control.run("store", "export").exit == .code(EndStatus.busy.rawValue))

            if isStopped { try await relay.stop() } else { try await relay.kill() }

            let check = try await control.run("store", "check")
            #expect(check.exit == .code(0), "\(check.output)")
            #expect(check.output.hasSuffix("The store is sound.\n"))
            let report = try await control.json(StoreCheckReport.self, "store", "check")
            #expect(report.sound && report.findings.isEmpty && report.omittedFindings == 0)
            #expect(report.recorded.frames == 50 && report.recorded.appended == 50)
            #expect(
                report.found == .init(terminals: 2, frames: 50, bytes: 50 * 513, deadFrames: 0, traces: 50, idempotencyKeys: 0)
            )

            let all = try await control.run("store", "export")
            #expect(all.exit == .code(0))
            let exported = try self.lines(all.output)
            #expect(exported.map(\.id) == messages.map(\.id))
            #expect(exported.map(\.destination) == messages.map(\.ccid))
            #expect(exported.map(\.source) == messages.map(\.source))
            #expect(exported.map(\.acceptedAt) == messages.map(\.acceptedAt))
            #expect(exported.map(\.expiresAt) == messages.map(\.expiresAt))
            #expect(exported.map { PayloadEncoding.base64.decode($0.payload) } == messages.map(\.payloadContent))
            #expect(all.output.contains("\"expires_at\":null"))
            #expect(exported.map(\.history) == messages.map(\.history))

            let one = try await control.run("store", "export", "--ccid", "FFFFFFFF")
            #expect(try self.lines(one.output) == exported.filter { $0.destination == "ffffffff" })
            #expect(try await control.run("store", "export", "--ccid", "00000001") == .init(exit: .code(0), output: ""))

            // Looking has changed nothing.
            try await relay.start()
            let count = try await control.json([MessageResource].self, "messages", "0000002a").count
            #expect(count == 25)
        }
    }

    @Test("damage is told and ends with 1, and what can be read is exported all the same")
    func damaged() async throws {
        try await RelayProcess.with { relay in
            let control = try Control(relay)
            _ = try await self.fill(control)
            try await relay.stop()
            let queue = relay.dataDirectory.appending(path: "store/queue")
            let files = try FileManager.default.contentsOfDirectory(at: queue, includingPropertiesForKeys: nil)
            // The messages are the largest table by far.
            let tables = try files.filter { $0.pathExtension == "sst" }.map { ($0, try Data(contentsOf: $0)) }
            var (table, data) = try #require(tables.max { $0.1.count < $1.1.count })
            data[100] ^= 1
            try data.write(to: table)

            let check = try await control.run("store", "check")
            #expect(check.exit == .code(1))
            #expect(check.output.contains("The store is damaged:\n  unreadable: "), "\(check.output)")
            let report = try await control.json(StoreCheckReport.self, "store", "check")
            #expect(!report.sound)
            #expect(report.found.frames < report.recorded.frames)
            #expect(Set(report.findings.map(\.kind)) == ["unreadable", "count"])
            let export = try await control.run("store", "export")
            #expect(export.exit == .code(1))
            #expect(export.output.contains("The store is damaged; the readable messages were written.\nunreadable: "))
            #expect(export.output.split(separator: "\n").count { $0.hasPrefix("{") } == report.found.frames)

            // Where even opening fails, that is what is wrong.
            try FileManager.default.removeItem(at: queue.appending(path: "CURRENT"))
            #expect(try await control.run("store", "check").exit == .code(1))
            #expect(try await control.json(StoreCheckReport.self, "store", "check").findings.map(\.kind) == ["unreadable"])
            try FileManager.default.removeItem(at: relay.dataDirectory.appending(path: "store"))
            let missing = try await control.run("store", "check")
            #expect(missing.exit == .code(EndStatus.noInput.rawValue))
            #expect(missing.output.contains("There is no store"))
            #expect(!FileManager.default.fileExists(atPath: relay.dataDirectory.appending(path: "store").path))
        }
    }
}
