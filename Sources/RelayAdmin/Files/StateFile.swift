import AdminAPI
import Glibc
import RelayCore

/// A small file that is only replaced as a whole: after a power failure it has its former or its new content. Only the relay's user
/// can read it.
struct StateFile: Sendable {
    let path: String

    /// The reason for which it cannot be read or replaced.
    struct Failure: Error, CustomStringConvertible {
        /// The failed operation; follows "cannot be ".
        var verb: String
        /// The system's error.
        var reason: String

        /// - Parameter error: the error of the last system call.
        init(_ verb: String, _ error: SystemError = SystemError()) {
            self.verb = verb
            self.reason = error.clause
        }

        /// The clause after the name of the file.
        var description: String { "cannot be \(self.verb): \(self.reason)." }
    }

    /// The reason for which a file of this kind cannot be used, in plain words.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as Failure: "it cannot be \(error.verb): \(error.reason)"
        case let error as Damage: error.description
        default: JSONFlaw.text(of: error)
        }
    }

    /// The name without the directory.
    var name: Substring { self.path.split(separator: "/").last ?? "" }

    /// The whole file; `nil` when there is none.
    ///
    /// - Parameter limit: the most bytes to be read.
    func contents(limit: Int) throws(Failure) -> [UInt8]? {
        let descriptor = open(self.path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw Failure("read")
        }
        defer { close(descriptor) }
        var contents: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while contents.count < limit {
            let count = read(descriptor, &piece, min(piece.count, limit - contents.count))
            guard count >= 0 else { throw Failure("read") }
            if count == 0 { break }
            contents += piece.prefix(count)
        }
        return contents
    }

    /// Whether there is one. In a directory that cannot be read, the file is assumed to exist.
    var exists: Bool {
        var status = stat()
        return stat(self.path, &status) == 0 || errno != ENOENT
    }

    /// The permissions of other users; 0 when they have none, or when there is no file.
    var rightsOfOthers: mode_t {
        var status = stat()
        return stat(self.path, &status) == 0 ? status.st_mode & 0o077 : 0
    }

    /// Replaces or creates the file. On disk when it returns.
    func replace(with contents: [UInt8]) throws(Failure) {
        let unfinished = self.path + ".new"
        // A file that an earlier process has left may have other permissions.
        unlink(unfinished)
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure("made") }
        defer { close(descriptor) }
        guard Self.write(contents, to: descriptor), fsync(descriptor) == 0, rename(unfinished, self.path) == 0 else {
            let failure = Failure("written")
            unlink(unfinished)
            throw failure
        }
        Self.syncName(of: self.path)
    }

    /// Writes all bytes; `false` when that fails, after as many as there is space for.
    static func write(_ contents: [UInt8], to descriptor: Int32) -> Bool {
        var rest = contents[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
            if count > 0 {
                rest = rest.dropFirst(count)
            } else if errno != EINTR {
                return false
            }
        }
        return true
    }

    /// Syncs the directory of a path, which makes the name durable. Where that fails, a power failure may restore the former file,
    /// which is no reason to fail now.
    static func syncName(of path: String) {
        let slash = path.lastIndex(of: "/")
        let directory = open(slash.map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }
}
