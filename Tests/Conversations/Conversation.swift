import Foundation
import TestKit
import Testing

/// One exchange with the relay, as it stands in `Data`: a name, how the relay is set up, and what happens step by step.
struct Conversation: Decodable, Sendable {
    /// What the relay has to do.
    let name: String
    /// Configuration keys and values.
    let settings: [String: String]?
    /// Where terminals connect; one free port on 127.0.0.1 when nothing is said.
    let listeners: [String]?
    /// Milliseconds beyond its pauses after which a timeout of the relay can come between: one that fails so late is played again.
    let lateness: Int?
    let steps: [Step]

    /// One file: a section of PROTOCOL.md.
    private struct Section: Decodable {
        let section: String
        let conversations: [Conversation]
    }

    /// A conversation under its section.
    struct Titled: Sendable, CustomTestStringConvertible {
        let section: String
        let conversation: Conversation

        var testDescription: String { "\(self.section): \(self.conversation.name)" }
    }

    /// All of them, in the order of the file names.
    ///
    /// - Throws: `DecodingError`, with the file's name printed before.
    static func all() throws -> [Titled] {
        guard let data = Bundle.module.url(forResource: "Data", withExtension: nil) else {
            throw CocoaError(.fileNoSuchFile)
        }
        let files = try FileManager.default.contentsOfDirectory(at: data, includingPropertiesForKeys: nil)
            .filter { $0.pathExtension == "json" }
            .sorted { $0.lastPathComponent < $1.lastPathComponent }
        return try files.flatMap { file in
            do {
                let section = try JSONDecoder().decode(Section.self, from: Data(contentsOf: file))
                return section.conversations.map { Titled(section: section.section, conversation: $0) }
            } catch {
                throw UnreadableFile(description: "\(file.lastPathComponent): \(error)")
            }
        }
    }
}

/// A file of conversations that cannot be read.
struct UnreadableFile: Error, CustomStringConvertible {
    let description: String
}
