import Glibc
import RelayCore

/// A file that the command line names: a regular file, a pipe, or `-` for standard input.
///
/// Reads with system calls, because Foundation refuses files without a size, such as the pipe of a shell's `<(...)`.
struct InputFile: Sendable {
    /// The reason why a file was not read.
    enum ReadError: Error, Equatable {
        /// A system call failed with this error number.
        case system(CInt)
        /// The file has more bytes than the limit.
        case tooLarge

        /// The reason in a clause without a full stop, with advice if there is any.
        var reason: String {
            switch self {
            case .system(ENOENT): "there is no such file"
            case .system(let code): SystemError(code).clause
            case .tooLarge: "it is too large"
            }
        }

        /// Whether this user may not read the file.
        var isForbidden: Bool { self == .system(EACCES) || self == .system(EPERM) }
    }

    /// The name of standard input on the command line.
    static let standardInput = "-"

    private static let pieceSize = 64 << 10

    /// The path as the command line names it.
    let path: String

    /// The name of the file in messages.
    var name: String { self.path == Self.standardInput ? "standard input" : self.path }

    /// Reads the whole file.
    ///
    /// - Parameter limit: the largest number of bytes that is accepted.
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

    /// Reads the whole file for a request.
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
