import Foundation
import TestKit
import Testing

extension Faults {
    /// Files of the admin API that are missing or damaged.
    struct AdminFilesTests {
        /// A relay that has written all of them, and has stopped.
        private static func withFiles(_ body: (RelayProcess) async throws -> Void) async throws {
            try await RelayProcess.with { relay in
                _ = try await relay.admin.json("POST", "/api/v1/blocks", json: ["target": "192.0.2.1"], status: 201)
                _ = try await relay.admin.json("POST", "/api/v1/tokens", json: ["name": "t", "scopes": ["read"]], status: 201)
                try await relay.stop()
                try await body(relay)
            }
        }

        struct Damage: CustomTestStringConvertible, Sendable {
            var file: String
            var testDescription: String
            var happen: @Sendable (Data) -> Data?
        }

        static let damages: [Damage] =
            ["blocks.json", "tokens.json"].flatMap { file in
                [
                    Damage(file: file, testDescription: "\(file) missing") { _ in nil },
                    Damage(file: file, testDescription: "\(file) empty") { _ in Data() },
                    Damage(file: file, testDescription: "\(file) zeroed") { Data(count: $0.count) },
                    Damage(file: file, testDescription: "\(file) with another content") { content in
                        let text = String(decoding: content, as: UTF8.self)
                        return Data(
                            text.replacing("192.0.2.1", with: "192.0.2.7").replacing(#""read""#, with: #""admin""#).utf8
                        )
                    },
                    Damage(file: file, testDescription: "\(file) cut off") { $0.prefix($0.count / 2) },
                ]
            } + [
                Damage(file: "admin.token", testDescription: "admin.token cut off") { $0.prefix(40) }
            ]

        @Test("Who may use the relay, and who is shut out, is not forgotten in silence", arguments: Self.damages)
        func refused(_ damage: Damage) async throws {
            try await Self.withFiles { relay in
                let url = relay.dataDirectory.appendingPathComponent(damage.file)
                let content = try Data(contentsOf: url)
                if let damaged = damage.happen(content) {
                    try damaged.write(to: url)
                } else {
                    try FileManager.default.removeItem(at: url)
                }
                await #expect(throws: RelayProcess.Failure.self) { try await relay.start() }
                #expect(relay.output.contains(damage.file) && relay.output.contains("Restore a copy"))
                #expect(!relay.output.contains("DecodingError") && !relay.output.contains("Failure("), "\(relay.output)")
                // The remedy.
                try content.write(to: url)
                try await relay.start()
                #expect(try await relay.admin.json("GET", "/api/v1/blocks").at("data")?.array?.count == 1)
            }
        }

        @Test("Files of a former release, without checksums and inventory, are read")
        func former() async throws {
            try await Self.withFiles { relay in
                for name in ["blocks.json", "tokens.json"] {
                    let url = relay.dataDirectory.appendingPathComponent(name)
                    let text = try String(contentsOf: url, encoding: .utf8)
                    // Not the digests of tokens, which lie deeper.
                    let former = text.replacing(#/,\n  "sha256" : "[0-9a-f]*"/#, with: "")
                    #expect(former != text)
                    try former.write(to: url, atomically: true, encoding: .utf8)
                }
                try FileManager.default.removeItem(at: relay.dataDirectory.appendingPathComponent("admin.json"))
                try await relay.start()
                #expect(try await relay.admin.json("GET", "/api/v1/blocks").at("data")?.array?.count == 1)
                #expect(try await relay.admin.json("GET", "/api/v1/tokens").at("data")?.array?.count == 2)
            }
        }

        @Test("A missing list of files is an error in the log, though not at the first start")
        func missingInventory() async throws {
            try await Self.withFiles { relay in
                let text = "The list of the admin API's files is missing"
                #expect(!relay.output.contains(text))
                for name in ["admin.json", "blocks.json"] {
                    try FileManager.default.removeItem(at: relay.dataDirectory.appendingPathComponent(name))
                }
                try await relay.start()
                #expect(relay.output.contains(text))
                try await relay.stop()
            }
        }

        @Test("A file that is removed while the relay runs is there again soon")
        func removed() async throws {
            try await RelayProcess.with { relay in
                _ = try await relay.admin.json("POST", "/api/v1/blocks", json: ["target": "192.0.2.1"], status: 201)
                let blocks = relay.dataDirectory.appendingPathComponent("blocks.json")
                try FileManager.default.removeItem(at: blocks)
                try FileManager.default.removeItem(at: relay.dataDirectory.appendingPathComponent("audit"))
                _ = try await eventually("the blocks' file is written again") {
                    FileManager.default.fileExists(atPath: blocks.path) ? () : nil
                }
                // The file is there before the line about it is.
                try await eventually("the log says so") {
                    relay.output.contains("was removed while the relay ran") ? () : nil
                }
                _ = try await relay.admin.json("POST", "/api/v1/blocks", json: ["target": "192.0.2.2"], status: 201)
                #expect(try await relay.admin.json("GET", "/api/v1/audit").at("data")?.array?.count == 1)
                #expect(try await relay.admin.metrics()["ttms_audit_entries_lost_total"] == 1)
            }
        }
    }
}
