import AdminAPI
import ArgumentParser
import Foundation
import Glibc

/// How a command prints.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// Aligned columns, for people.
    case table
    /// The API's own models, for programs.
    case json
}

/// Standard output, a line at a time and never kept back: what a pipe reads is what has happened.
enum Console {
    /// Writes a line. Where that is not possible, it ends the process: what cannot be told need not be asked for.
    static func write(_ line: String) {
        // Not by `FileHandle`, whose `write` traps when the reader of a pipe, such as `head`, has gone.
        var rest = Array((line + "\n").utf8)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(STDOUT_FILENO, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                Self.end(because: errno)
            }
        }
    }

    private static func end(because error: CInt) -> Never {
        if error == EPIPE {
            // The quiet end that a shell expects of a pipe's writer; SwiftNIO has this signal ignored.
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        let text = "ttmsctl: The output cannot be written: \(String(cString: strerror(error))).\n"
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        exit(EndStatus.outputFailed.rawValue)
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
