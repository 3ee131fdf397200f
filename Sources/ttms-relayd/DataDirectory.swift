import AdminAPI
import Foundation

/// The directory that holds all that the relay keeps: the queue, the admin token, and where the relay is found.
///
/// One relay owns it at a time: `lock` is held by `flock` as long as the process lives, however it ends.
final class DataDirectory: Sendable {
    let path: String
    private let lock: CInt

    /// Makes the directory when it is missing, and takes it.
    ///
    /// - Throws: ``DataDirectoryError``.
    init(_ path: String) throws(DataDirectoryError) {
        self.path = path
        do {
            try FileManager.default.createDirectory(
                atPath: path,
                withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700]
            )
        } catch {
            throw .unusable(path, "it cannot be made: \(error.localizedDescription)")
        }
        Self.keepNames(above: path)
        let lock = open(path + "/lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard lock >= 0 else { throw .unusable(path, String(cString: strerror(errno))) }
        guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            let owner = Self.read(lock)
            close(lock)
            throw .inUse(path, owner: owner)
        }
        self.lock = lock
        ftruncate(lock, 0)
        let text = "\(getpid())\n"
        _ = text.withCString { pwrite(lock, $0, strlen($0), 0) }
    }

    /// Where the queue is.
    var store: String { self.path + "/" + Endpoints.storeDirectoryName }
    /// Where the admin token is.
    var tokenFile: String { self.path + "/" + Endpoints.tokenFileName }

    /// Says where the relay is found; readers see the whole file or none.
    func publish(_ endpoints: Endpoints) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let url = URL(fileURLWithPath: self.path).appendingPathComponent(Endpoints.fileName)
        try encoder.encode(endpoints).write(to: url, options: .atomic)
    }

    /// The relay is not to be found any more.
    func withdraw() {
        unlink(self.path + "/" + Endpoints.fileName)
    }

    /// Sees to it that the directory outlives a power failure with all that is synced in it: a name is durable when the directory
    /// that it stands in is. Where that cannot be opened, somebody else has made what is in it.
    private static func keepNames(above path: String) {
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

/// Why the data directory cannot be used.
enum DataDirectoryError: Error, CustomStringConvertible {
    /// It cannot be made or written to.
    case unusable(String, String)
    /// Another relay has it.
    case inUse(String, owner: String)

    var description: String {
        switch self {
        case .unusable(let path, let reason):
            "the data directory \(path) cannot be used: \(reason). Give the relay a directory that it may write to with --data-dir."
        case .inUse(let path, let owner):
            "the data directory \(path) is in use by another relay\(owner.isEmpty ? "" : " (process \(owner))"). "
                + "Stop that one first, or give this one a directory of its own with --data-dir."
        }
    }
}
