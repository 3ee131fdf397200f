import AdminAPI
import Glibc
import RelayCore

/// A small file of the relay's own that is only ever replaced as a whole: there as it was or as it is, whenever the power fails.
/// Only the relay's user can read it.
struct KeptFile: Sendable {
    let path: String

    /// Why it cannot be read or replaced.
    struct Failure: Error, CustomStringConvertible {
        /// What was tried; goes on after "cannot be ".
        var verb: String
        /// What the system said.
        var reason: String

        /// - Parameter error: what the system call has said that was made last.
        init(_ verb: String, _ error: SystemError = SystemError()) {
            self.verb = verb
            self.reason = error.clause
        }

        /// Goes on after the name of the file.
        var description: String { "cannot be \(self.verb): \(self.reason)." }
    }

    /// Why a file of this kind cannot be used, in words.
    static func reason(_ error: any Error) -> String {
        switch error {
        case let error as Failure: "it cannot be \(error.verb): \(error.reason)"
        case let error as Damage: error.description
        default: JSONFlaw.text(of: error)
        }
    }

    /// The name alone.
    var name: Substring { self.path.split(separator: "/").last ?? "" }

    /// The whole file; `nil` when there is none.
    ///
    /// - Parameter limit: what is larger is not read any further.
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

    /// Whether there is one. A directory that cannot be looked into has it as far as is known.
    var exists: Bool {
        var status = stat()
        return stat(self.path, &status) == 0 || errno != ENOENT
    }

    /// The rights of others than the owner; 0 when they have none, or when there is no file.
    var rightsOfOthers: mode_t {
        var status = stat()
        return stat(self.path, &status) == 0 ? status.st_mode & 0o077 : 0
    }

    /// Replaces the file, or makes it. On disk when it returns.
    func replace(with contents: [UInt8]) throws(Failure) {
        let unfinished = self.path + ".new"
        // What an earlier process has left may have other rights.
        unlink(unfinished)
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Failure("made") }
        defer { close(descriptor) }
        guard Self.write(contents, to: descriptor), fsync(descriptor) == 0, rename(unfinished, self.path) == 0 else {
            let failure = Failure("written")
            unlink(unfinished)
            throw failure
        }
        Self.keepName(of: self.path)
    }

    /// Writes all of it, or as much as there is room for.
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

    /// A name is durable when its directory is synced. Where that is refused, the file may be the former one after a power failure,
    /// which is no reason to go without it now.
    static func keepName(of path: String) {
        let slash = path.lastIndex(of: "/")
        let directory = open(slash.map { String(path[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }
}
