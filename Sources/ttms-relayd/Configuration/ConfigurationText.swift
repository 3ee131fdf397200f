import Foundation
import Glibc
import RelayCore

/// The contents of a configuration file as they were when it was read, and what tells that file from another one of its name.
struct ConfigurationText: Equatable, Sendable {
    /// More is no configuration.
    private static let maximumBytes = 4 << 20
    /// How long a file has to have been left alone before it is taken for complete.
    private static let restTime: Duration = .milliseconds(300)
    /// How often it is read again while somebody writes to it.
    private static let attempts = 20

    let bytes: [UInt8]
    /// Whether it can be read again: a pipe or a terminal cannot.
    let isRegular: Bool
    private let device: dev_t
    private let inode: ino_t
    private let modifiedAt: Duration

    /// Reads the file at `path`.
    ///
    /// - Parameter onlyRegular: whether a pipe is refused instead of waited for.
    /// - Throws: why it cannot be read.
    init(path: String, onlyRegular: Bool = false) throws(ConfigurationErrors) {
        let flags = O_RDONLY | O_CLOEXEC | (onlyRegular ? O_NONBLOCK : 0)
        let descriptor = open(path, flags)
        guard descriptor >= 0 else { throw Self.failure(path, "it cannot be read: \(Self.reason(errno))") }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.failure(path, "it cannot be read: \(Self.reason(errno))") }
        self.isRegular = status.st_mode & S_IFMT == S_IFREG
        self.device = status.st_dev
        self.inode = status.st_ino
        self.modifiedAt = .seconds(status.st_mtim.tv_sec) + .nanoseconds(status.st_mtim.tv_nsec)
        guard self.isRegular || !onlyRegular else {
            throw Self.failure(path, "it is not a regular file, so it cannot be read again")
        }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(descriptor, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure(path, "it cannot be read: \(Self.reason(errno))") }
            if count == 0 { break }
            bytes += piece.prefix(count)
            guard bytes.count <= Self.maximumBytes else { throw Self.failure(path, "it has more than 4 MiB") }
        }
        self.bytes = bytes
    }

    /// Reads a file that was read before, when nobody has written to it for a moment.
    ///
    /// - Parameter former: what it held then; read at once when it still does.
    static func settled(path: String, after former: ConfigurationText?) async throws(ConfigurationErrors) -> ConfigurationText {
        for _ in 0..<self.attempts {
            let text = try ConfigurationText(path: path, onlyRegular: true)
            guard text.bytes != former?.bytes, text.wasWrittenJustNow else { return text }
            try? await Task.sleep(for: self.restTime)
        }
        throw self.failure(path, "somebody writes to it all the time")
    }

    /// Whether both are the same file, which the one is then the later state of; a file put in place by a rename is another one.
    func isSameFile(as other: ConfigurationText) -> Bool { self.device == other.device && self.inode == other.inode }

    private var wasWrittenJustNow: Bool {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let age = .seconds(now.tv_sec) + .nanoseconds(now.tv_nsec) - self.modifiedAt
        return age >= .zero && age < Self.restTime
    }

    private static func failure(_ path: String, _ problem: String) -> ConfigurationErrors {
        ConfigurationErrors(errors: [
            ConfigurationError(key: "", place: .file(path: path, line: nil), problem: problem, allowed: "a readable file")
        ])
    }

    private static func reason(_ error: CInt) -> String {
        switch error {
        case ENOENT: "there is no such file"
        case EISDIR: "it is a directory; Docker makes one where the file that it is to mount does not exist"
        case EACCES, EPERM: "user \(geteuid()) may not read it"
        default: SystemError(error).clause
        }
    }
}

/// Signs that a configuration file is not complete: somebody writes it at this moment, or the disk was full.
///
/// What is in force is the measure: of a file that is read for the first time nobody can tell.
enum IncompleteConfiguration {
    /// Finds such a sign.
    ///
    /// - Parameters:
    ///   - bytes: what the file holds now.
    ///   - former: what it held when it was read last.
    ///   - isSameFile: whether it was written over, not replaced.
    /// - Returns: the error to refuse it with; `nil` when there is no sign.
    static func error(
        _ bytes: [UInt8],
        after former: [UInt8],
        isSameFile: Bool,
        path: String
    ) -> ConfigurationError? {
        func error(_ problem: String, _ allowed: String, line: Int? = nil) -> ConfigurationError {
            ConfigurationError(key: "", place: .file(path: path, line: line), problem: problem, allowed: allowed)
        }
        guard bytes != former else { return nil }
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map {
            String(decoding: $0, as: UTF8.self)
        }
        let written = lines.map { $0.trimmingCharacters(in: .whitespaces) }.filter {
            !$0.isEmpty && !$0.hasPrefix("#") && $0 != "---"
        }
        if written.isEmpty {
            guard self.setsSomething(former, path: path) else { return nil }
            return error(
                "it sets nothing, and settings in force come from it: it looks as if it were being written",
                "the settings; to go back to all defaults on purpose, the one line {}"
            )
        }
        // YAML's own mark for the end of a document.
        if written.last == "..." { return nil }
        if former.last == UInt8(ascii: "\n"), bytes.last != UInt8(ascii: "\n") {
            return error(
                "its last line has no end, as that of the former contents has: it looks cut off",
                "a last line that ends with a line feed",
                line: lines.count
            )
        }
        if isSameFile, former.starts(with: bytes) {
            return error(
                "it ends after this line, and its former contents go on: it looks cut off",
                "the whole file; to take settings out at its end on purpose, the last line ..., or a new file put in place by a rename",
                line: lines.count - 1
            )
        }
        return nil
    }

    private static func setsSomething(_ bytes: [UInt8], path: String) -> Bool {
        (try? ConfigurationSource.yaml(Data(bytes), path: path))?.places.isEmpty == false
    }
}
