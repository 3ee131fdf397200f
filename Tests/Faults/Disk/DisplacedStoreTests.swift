import Foundation
import TTMSProtocol
import TestKit
import Testing

extension Faults {
    /// Files of a running relay that are moved or removed: what is written to them would be lost, though every call succeeds.
    struct DisplacedStoreTests {
        /// What is not where it was.
        enum Displacement: CaseIterable, Sendable {
            case dataDirectory, store, database, anotherStore, current, manifest, log, format, committed

            /// What of the data directory is moved.
            func path(in data: URL) throws -> String {
                let queue = data.appendingPathComponent("store/queue")
                switch self {
                case .dataDirectory: return ""
                case .store, .anotherStore: return "store"
                case .database: return "store/queue"
                case .current: return "store/queue/CURRENT"
                case .format: return "store/format"
                case .committed: return "store/committed"
                case .manifest:
                    let current = try String(contentsOf: queue.appendingPathComponent("CURRENT"), encoding: .utf8)
                    return "store/queue/" + current.trimmingCharacters(in: .newlines)
                case .log:
                    let names = try FileManager.default.contentsOfDirectory(atPath: queue.path)
                    return "store/queue/" + (try #require(names.filter { $0.hasSuffix(".log") }.max()))
                }
            }
        }

        @Test("It is said soon, nothing more gets a receipt, and all goes on when it is back", arguments: Displacement.allCases)
        func displaced(displacement: Displacement) async throws {
            let root = try TemporaryDirectory()
            let data = root.url.appendingPathComponent("data")
            let aside = root.url.appendingPathComponent("aside")
            try await RelayProcess.with(dataDirectory: data) { relay in
                let sender = try relay.terminal(.sender)
                try sender.send(NumberedFrames.to(.receiver, 0..<10))
                try sender.register(.sender)
                let path = data.appendingPathComponent(try displacement.path(in: data))
                try FileManager.default.moveItem(at: path, to: aside)
                if displacement == .anotherStore {
                    try FileManager.default.createDirectory(at: path, withIntermediateDirectories: false)
                    try Data("2\n".utf8).write(to: path.appendingPathComponent("format"))
                }
                // Nobody sends anything.
                let detail = try await eventually("the relay is not ready") {
                    let answer = try await relay.admin.request("GET", "/readyz")
                    return answer.status == 503 ? answer.text : nil
                }
                #expect(detail.contains(data.appendingPathComponent("store").path))
                #expect(detail.contains(/while the relay uses it|not the one that the relay uses/))
                try sender.send(NumberedFrames.to(.receiver, 10..<20) + WireFrame.heartbeat(of: .sender))
                try await relay.waitForStatus("ledger.accepted_total", 20)
                _ = try await relay.admin.request("GET", "/readyz")
                #expect(!sender.hasInput, "a receipt was given for what nobody will find")

                if displacement == .anotherStore { try FileManager.default.removeItem(at: path) }
                try FileManager.default.moveItem(at: aside, to: path)
                #expect(try sender.receiveFrame().count == Frame.heartbeatSize)
                try await eventually("the relay is ready") {
                    try await relay.admin.request("GET", "/readyz").status == 200 ? () : nil
                }
                let receiver = try relay.terminal(.receiver)
                #expect(try receiver.receiveNumbers(20) == Array(0..<20))
                try await relay.waitForStatus("ledger.imbalance", 0)
                try await relay.stop()
                try await relay.expectSoundStore()
            }
        }
    }
}
