import Foundation
import Yams

/// A file of scenarios in YAML or JSON.
///
///     scenarios:
///       - { name: pipelined, kind: pairs, count: 50, window: 256 }
///       - { name: steady, kind: pairs, count: 200, rate: 20000, payloads: [64, 1000] }
struct ScenarioFile: Decodable, Equatable {
    var scenarios: [Scenario]

    private enum CodingKeys: String, CodingKey {
        case scenarios
    }

    init(from decoder: any Decoder) throws {
        try UnknownKey.refuse(in: decoder, known: [CodingKeys.scenarios.rawValue])
        self.scenarios = try decoder.container(keyedBy: CodingKeys.self).decode([Scenario].self, forKey: .scenarios)
    }

    /// Reads the text of a file.
    ///
    /// - Throws: ``ScenarioError``.
    static func scenarios(in text: String) throws(ScenarioError) -> [Scenario] {
        let scenarios: [Scenario]
        do {
            scenarios = try YAMLDecoder().decode(ScenarioFile.self, from: text).scenarios
        } catch {
            throw ScenarioError(Self.reason(error))
        }
        guard !scenarios.isEmpty else { throw ScenarioError("\"scenarios\" is empty.") }
        for scenario in scenarios { try scenario.validate() }
        return scenarios
    }

    /// Reads a file.
    ///
    /// - Throws: ``ScenarioError``, with the file's name.
    static func scenarios(at path: String) throws(ScenarioError) -> [Scenario] {
        // Foundation does not say in words why it cannot read a file.
        guard let file = fopen(path, "r") else {
            throw ScenarioError("\(path) cannot be read: \(String(cString: strerror(errno))).")
        }
        fclose(file)
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw ScenarioError("\(path) cannot be read: it is no file, or not UTF-8 text.")
        }
        do {
            return try self.scenarios(in: text)
        } catch {
            throw ScenarioError("\(path): \(error)")
        }
    }

    private static func reason(_ error: any Error) -> String {
        guard let error = error as? DecodingError else { return "\(error)" }
        switch error {
        case .keyNotFound(let key, let context): return "\(Self.place(context))\"\(key.stringValue)\" is missing."
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            return "\(Self.place(context))\(context.debugDescription)"
        @unknown default: return "\(error)"
        }
    }

    private static func place(_ context: DecodingError.Context) -> String {
        let path = context.codingPath.map { $0.intValue.map { "[\($0)]" } ?? $0.stringValue }.joined(separator: " ")
        return path.isEmpty ? "" : path + ": "
    }
}

/// A check that refuses unknown keys: a misspelt key would otherwise silently have its default.
struct UnknownKey: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }

    static func refuse(in decoder: any Decoder, known: [String]) throws {
        let keys = try decoder.container(keyedBy: UnknownKey.self).allKeys.map(\.stringValue)
        guard let unknown = keys.first(where: { !known.contains($0) }) else { return }
        throw DecodingError.dataCorrupted(
            DecodingError.Context(
                codingPath: decoder.codingPath,
                debugDescription: "there is no key \"\(unknown)\"; there are \(known.joined(separator: ", "))."
            )
        )
    }
}
