import AdminAPI
import ArgumentParser
import Foundation

/// How a command prints.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// Aligned columns, for people.
    case table
    /// The API's own models, for programs.
    case json
}

/// Standard output, a line at a time and never kept back: what a pipe reads is what has happened.
enum Console {
    /// Writes a line.
    static func write(_ line: String) {
        FileHandle.standardOutput.write(Data((line + "\n").utf8))
    }

    /// Writes a model as JSON in one line, with `prefix` in front.
    static func write(json value: some Encodable, after prefix: String = "") throws(Failure) {
        do {
            Self.write(prefix + String(decoding: try APIJSON.encode(value), as: UTF8.self))
        } catch {
            throw Failure(.notUnderstood, "The answer cannot be written as JSON: \(error).")
        }
    }
}
