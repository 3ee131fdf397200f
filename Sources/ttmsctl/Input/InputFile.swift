import Glibc
import RelayCore

/// A file that the command line names: a regular file, a pipe, or `-` for standard input.
///
/// Read by system calls, because Foundation refuses what has no size, such as the pipe of a shell's `<(...)`.
struct InputFile: Sendable {
    /// Why a file was not read.
    enum ReadError: Error, Equatable {
        /// The system refused; with its error number.
        case system(CInt)
        /// It holds more bytes than fit.
        case tooLarge

        /// What happened, in a clause without a full stop, and what to do where more can be said.
        var reason: String {
            switch self {
            case .system(ENOENT): "there is no such file"
            case .system(let code): SystemError(code).clause
            case .tooLarge: "it is too large"
            }
        }

        /// Whether this user may not read it.
        var isForbidden: Bool { self == .system(EACCES) || self == .system(EPERM) }
    }

    /// The name of standard input on the command line.
    static let standardInput = "-"

    private static let pieceSize = 64 << 10

    /// As it was named.
    let path: String

    /// The file for people.
    var name: String { self.path == Self.standardInput ? "standard input" : self.path }

    /// Reads all of it.
    ///
    /// - Parameter limit: the number of bytes beyond which it is refused.
    /// - Throws: ``ReadError``.
    func contents(limit: Int) throws(ReadError) -> [UInt8] {
        let isStandardInput = self.path == Self.standardInput
        let descriptor = isStandardInput ? STDIN_FILENO : open(self.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .system(errno) }
        defer { if !isStandardInput { close(descriptor) } }

        var contents: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: Self.pieceSize)
        while true {
            let count = piece.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
            if count == 0 { return contents }
            guard count > 0 else {
                guard errno == EINTR else { throw .system(errno) }
                continue
            }
            contents += piece.prefix(count)
            guard contents.count <= limit else { throw .tooLarge }
        }
    }

    /// Reads all of it, to be sent.
    ///
    /// - Throws: a ``Failure`` that names the file.
    func contentsToSend(limit: Int) throws(Failure) -> [UInt8] {
        do {
            return try self.contents(limit: limit)
        } catch .tooLarge {
            throw Failure(.badInput, "\(self.name) is too large: it has more than \(limit) bytes.")
        } catch {
            throw Failure(.noInput, "\(self.name) cannot be read: \(error.reason).")
        }
    }
}
