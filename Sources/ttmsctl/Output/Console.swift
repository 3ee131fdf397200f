import AdminAPI
import ArgumentParser
import Foundation
import Glibc
import RelayCore

/// How a command prints.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// Aligned columns, for people.
    case table
    /// The API's own models, for programs.
    case json
}

/// Standard output, a line at a time and never held back: a pipe's reader gets each line at once. And standard error.
enum Console {
    /// Writes a line for people: control characters are escaped, since most of it comes from elsewhere.
    static func write(_ line: String) {
        Self.write(raw: PayloadText.visible(line))
    }

    /// Writes a line for programs, as it is.
    static func write(raw line: String) {
        Self.write(Array((line + "\n").utf8))
    }

    /// Writes bytes to standard output. Where that is not possible, it ends the process: a result that cannot be shown is none.
    static func write(_ bytes: some Collection<UInt8>) {
        guard let error = Self.write(bytes, to: STDOUT_FILENO) else { return }
        Self.end(because: error)
    }

    /// Writes a message to standard error, in several lines where it has several. Nobody can be told that this fails.
    static func complain(_ message: String) {
        let lines = message.split(separator: "\n", omittingEmptySubsequences: false).map { PayloadText.visible(String($0)) }
        _ = Self.write(Array("ttmsctl: \(lines.joined(separator: "\n"))\n".utf8), to: STDERR_FILENO)
    }

    /// Writes a model as JSON in one line, with `prefix` before it.
    static func write(json value: some Encodable, after prefix: String = "") throws(Failure) {
        do {
            Self.write(raw: prefix + String(decoding: try APIJSON.encode(value), as: UTF8.self))
        } catch {
            throw Failure(.notUnderstood, "The answer cannot be written as JSON.")
        }
    }

    /// Ends the process as soon as the reader of the pipe on standard output has gone, such as `head`, and not only at the next
    /// line: for commands that can be silent for hours.
    static func endWithReader() {
        let thread = Thread {
            var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
            while true {
                let count = poll(&output, 1, -1)
                if count > 0, output.revents & Int16(POLLERR) != 0 { Self.end(because: EPIPE) }
                // Anything else, such as a closed terminal, shows at the next line.
                guard count < 0, errno == EINTR else { return }
            }
        }
        thread.stackSize = 64 << 10
        thread.start()
    }

    /// - Returns: the system's error number; `nil` when everything was written.
    private static func write(_ bytes: some Collection<UInt8>, to descriptor: CInt) -> CInt? {
        // Not by `FileHandle`, whose `write` traps when the reader of a pipe has gone, or the descriptor is closed.
        var rest = Array(bytes)[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                // Another program that shares the descriptor has set it to non-blocking.
                var output = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                _ = poll(&output, 1, -1)
            } else if errno != EINTR {
                return errno
            }
        }
        return nil
    }

    private static func end(because error: CInt) -> Never {
        if error == EPIPE {
            // The quiet end that a shell expects of a pipe's writer; SwiftNIO has this signal ignored.
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        Self.complain("The output cannot be written: \(SystemError(error))")
        exit(EndStatus.outputFailed.rawValue)
    }
}
