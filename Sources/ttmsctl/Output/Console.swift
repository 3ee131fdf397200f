import AdminAPI
import ArgumentParser
import Foundation
import Glibc
import RelayCore

/// The output format of a command.
enum OutputFormat: String, CaseIterable, ExpressibleByArgument, Sendable {
    /// Aligned columns, for people.
    case table
    /// The API's own models, for programs.
    case json
}

/// Standard output and standard error. Output is not buffered: the reader of a pipe gets each line at once.
enum Console {
    /// Writes a line for people. Control characters are escaped, since most texts come from terminals and other clients.
    static func write(_ line: String) {
        Self.write(raw: PayloadText.visible(line))
    }

    /// Writes a line for programs, unchanged.
    static func write(raw line: String) {
        Self.write(Array((line + "\n").utf8))
    }

    /// Writes bytes to standard output. A failure ends the process, because its result cannot be shown.
    static func write(_ bytes: some Collection<UInt8>) {
        guard let error = Self.write(bytes, to: STDOUT_FILENO) else { return }
        Self.end(because: error)
    }

    /// Writes a message of one or more lines to standard error. A failure is ignored, because nothing is left to report it on.
    static func writeError(_ message: String) {
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

    /// Ends the process as soon as the reader of the pipe on standard output, such as `head`, has closed it. Without this, a
    /// command that is silent for hours would go on until its next line.
    static func endWithReader() {
        let thread = Thread {
            var output = pollfd(fd: STDOUT_FILENO, events: 0, revents: 0)
            while true {
                let count = poll(&output, 1, -1)
                if count > 0, output.revents & Int16(POLLERR) != 0 { Self.end(because: EPIPE) }
                // Another failure, such as a closed terminal, is found at the next line.
                guard count < 0, errno == EINTR else { return }
            }
        }
        thread.stackSize = 64 << 10
        thread.start()
    }

    /// - Returns: the system's error number; `nil` when everything was written.
    private static func write(_ bytes: some Collection<UInt8>, to descriptor: CInt) -> CInt? {
        // A system call, because `FileHandle.write` traps when the reader of a pipe has closed it, or the descriptor is closed.
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
            // The end that a shell expects of a pipe's writer. SwiftNIO sets this signal to be ignored.
            signal(SIGPIPE, SIG_DFL)
            raise(SIGPIPE)
        }
        Self.writeError("The output cannot be written: \(SystemError(error))")
        exit(EndStatus.outputFailed.rawValue)
    }
}
