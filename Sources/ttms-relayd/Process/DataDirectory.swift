import AdminAPI
import Foundation
import RelayCore

/// The directory of the relay's files: the store, the admin token, and the addresses of the relay.
///
/// One relay owns it at a time: `lock` is held by `flock` until the process has ended, in whatever way.
final class DataDirectory: Sendable {
    let path: String
    /// Whether this process has created it.
    let isNew: Bool
    private let lock: CInt

    /// Creates the directory if it is missing, and locks it.
    ///
    /// - Throws: ``DataDirectoryError``.
    init(_ path: String) throws(DataDirectoryError) {
        self.path = path
        var isNew = true
        do throws(SystemError) {
            isNew = try Self.make(path)
        } catch {
            throw .unusable(path, "it cannot be created: \(error)")
        }
        self.isNew = isNew
        if access(path + "/" + Endpoints.storeDirectoryName, F_OK) != 0,
            let point = MountTable.current.missingMount(of: URL(fileURLWithPath: path).standardizedFileURL.path)
        {
            throw .notMounted(path, point)
        }
        Self.syncNames(above: path)
        let lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .unusable(path, "its file lock cannot be opened: \(SystemError())") }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let error = SystemError()
            guard error.number == EWOULDBLOCK else {
                close(lock)
                throw .unusable(path, "its file lock cannot be locked: \(error)")
            }
            let owner = Self.read(lock)
            close(lock)
            throw .inUse(path, owner: owner)
        }
        self.lock = lock
        ftruncate(lock, 0)
        let text = "\(getpid())\n"
        _ = text.withCString { pwrite(lock, $0, strlen($0), 0) }
    }

    /// The directory of the store.
    var store: String { self.path + "/" + Endpoints.storeDirectoryName }
    /// The path of the admin token.
    var tokenFile: String { self.path + "/" + Endpoints.tokenFileName }

    /// Publishes the relay's addresses; readers find the whole file or none.
    func publish(_ endpoints: Endpoints) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let contents = try encoder.encode(endpoints)
        let unfinished = "\(self.path)/\(Endpoints.fileName).new"
        func failure(_ error: SystemError = SystemError()) -> DataDirectoryError {
            unlink(unfinished)
            return .unusable(self.path, "its file \(Endpoints.fileName) cannot be written: \(error)")
        }
        let file = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failure() }
        defer { close(file) }
        // The file is small: a file system writes it as a whole or not at all.
        let count = contents.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        // A write that ends early leaves no error number: there was no room for the rest.
        guard count == contents.count else { throw count < 0 ? failure() : failure(SystemError(ENOSPC)) }
        guard rename(unfinished, "\(self.path)/\(Endpoints.fileName)") == 0 else { throw failure() }
    }

    /// Removes the published addresses.
    func withdraw() {
        unlink(self.path + "/" + Endpoints.fileName)
    }

    /// Creates the directory and those above it.
    ///
    /// - Returns: whether the directory was missing.
    private static func make(_ path: String) throws(SystemError) -> Bool {
        if mkdir(path, 0o700) == 0 { return true }
        let error = SystemError()
        if error.number == EEXIST { return false }
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard error.number == ENOENT, parent != path, !parent.isEmpty else { throw error }
        _ = try self.make(parent)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw SystemError() }
        return true
    }

    /// Syncs the directories above, so that the directory survives a power failure with all synced files in it: a name is
    /// durable when its directory is. A directory that cannot be opened was created by another user.
    private static func syncNames(above path: String) {
        var url = URL(fileURLWithPath: path).standardizedFileURL
        while url.pathComponents.count > 1 {
            url.deleteLastPathComponent()
            let parent = open(url.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard parent >= 0 else { return }
            fsync(parent)
            close(parent)
        }
    }

    private static func read(_ descriptor: CInt) -> String {
        var bytes = [UInt8](repeating: 0, count: 32)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// The reason why the data directory cannot be used.
enum DataDirectoryError: Error, CustomStringConvertible {
    /// The directory cannot be created or written to.
    case unusable(String, String)
    /// A file system that belongs there is not mounted.
    case notMounted(String, String)
    /// Another relay uses the directory.
    case inUse(String, owner: String)

    var description: String {
        switch self {
        case .unusable(let path, let reason):
            "the data directory \(path) cannot be used: \(reason) Or give the relay another directory with --data-dir."
        case .notMounted(let path, let point):
            "the data directory \(path) holds no store, and the file system that /etc/fstab mounts on \(point) is not mounted: it may "
                + "hold the messages. Mount it. To start with an empty store nevertheless, remove its line from /etc/fstab."
        case .inUse(let path, let owner):
            "the data directory \(path) is in use by another relay\(owner.isEmpty ? "" : " (process \(owner))"). "
                + "Stop that one first, or give this one a directory of its own with --data-dir."
        }
    }
}
