import Foundation
import Testing

@testable import ttms_relayd

/// README's table of settings and the sample file say what the program does, since they are made of the same table of keys.
///
/// After a change of the keys, `make documentation` writes both anew.
struct DocumentationTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let isWriting = ProcessInfo.processInfo.environment["WRITE_DOCUMENTATION"] != nil

    private static let sample = Self.root.appending(path: "deploy/ttms-relay.yaml")
    private static let readme = Self.root.appending(path: "README.md")
    private static let tableStart = "<!-- Generated from the table of keys by `make documentation`. -->\n"
    private static let tableEnd = "<!-- The end of the generated part. -->\n"

    @Test("README's table holds the keys of the program")
    func readme() throws {
        let rows = ConfigurationTable.keys.map { key in
            "| `\(key.name)` | \(key.help) | `\(key.defaultValue)` | \(key.allowed) |\n"
        }
        let expected = "\n| key | what it sets | default | allowed |\n|---|---|---|---|\n" + rows.joined() + "\n"
        let text = try String(contentsOf: Self.readme, encoding: .utf8)
        let start = try #require(text.range(of: Self.tableStart)).upperBound
        let end = try #require(text.range(of: Self.tableEnd)).lowerBound
        if Self.isWriting {
            try text.replacingCharacters(in: start..<end, with: expected).write(
                to: Self.readme,
                atomically: true,
                encoding: .utf8
            )
        } else {
            #expect(text[start..<end] == expected)
        }
    }

    @Test("the sample file holds each key with its default")
    func sample() throws {
        let head = """
            # A configuration of ttms-relayd with all keys at their defaults, each commented out. Settings in this file yield to the
            # environment (TTMS_ and the key in capitals) and to the command line (--set KEY=VALUE).
            #
            #   ttms-relayd --config ttms-relay.yaml --check-config


            """
        let keys = ConfigurationTable.keys.map { key in
            let values = key.defaultValue.components(separatedBy: ", ")
            let value = key.isList ? values.map { "\n#  - \"\($0)\"" }.joined() : " \(key.defaultValue)"
            return "# \(key.help).\n# Allowed: \(key.allowed).\n#\(key.name):\(value)\n"
        }
        let expected = head + keys.joined(separator: "\n")
        if Self.isWriting { try expected.write(to: Self.sample, atomically: true, encoding: .utf8) }
        #expect(try String(contentsOf: Self.sample, encoding: .utf8) == expected)

        // The comments are valid settings.
        let settings = expected.split(separator: "\n").compactMap { line in
            line.wholeMatch(of: /#([^ ].*| +- .*)/).map { String($0.1) }
        }
        let configuration = try load(file: settings.joined(separator: "\n"))
        #expect(configuration.redactedEntries.map(\.value) == ConfigurationTable.keys.map(\.defaultValue))
        #expect(configuration.redactedEntries.allSatisfy { $0.place != .default })
    }
}
