import Foundation
import Glibc
import RelayCore

/// The contents of a configuration file when it was read, and the identity of that file.
struct ConfigurationText: Equatable, Sendable {
    /// The largest size of a configuration.
    private static let maximumBytes = 4 << 20
    /// The time without a write after which a file counts as complete.
    private static let restTime: Duration = .milliseconds(300)
    /// The number of further reads while another process writes to the file.
    private static let attempts = 20

    let bytes: [UInt8]
    /// Whether the file can be read again: a pipe or a terminal device cannot.
    let isRegular: Bool
    private let device: dev_t
    private let inode: ino_t
    private let modifiedAt: Duration

    /// Reads the file at `path`.
    ///
    /// - Parameter onlyRegular: whether a pipe is refused at once, without a wait for its writer.
    /// - Throws: the error for a file that cannot be read.
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

    /// Reads a file again, once no process has written to it for a moment.
    ///
    /// - Parameter former: the former contents; a file that still has them is returned at once.
    static func settled(path: String, after former: ConfigurationText?) async throws(ConfigurationErrors) -> ConfigurationText {
        for _ in 0..<self.attempts {
            let text = try ConfigurationText(path: path, onlyRegular: true)
            guard text.bytes != former?.bytes, text.wasWrittenJustNow else { return text }
            try? await Task.sleep(for: self.restTime)
        }
        throw self.failure(path, "another process writes to it all the time")
    }

    /// Whether both are states of the same file; a file put in place by a rename is another one.
    func isSameFile(as other: ConfigurationText) -> Bool { self.device == other.device && self.inode == other.inode }

    private var wasWrittenJustNow: Bool {
        let age = .microseconds(Timestamp.now.microseconds) - self.modifiedAt
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

/// Signs that a configuration file is not complete: a process is writing it, or the disk was full.
///
/// The configuration in force is the measure: the first contents of a file cannot be judged.
enum IncompleteConfiguration {
    /// Checks the contents for such a sign.
    ///
    /// - Parameters:
    ///   - bytes: the present contents of the file.
    ///   - former: the contents that were read last.
    ///   - isSameFile: whether the file was overwritten, not replaced.
    /// - Returns: the error for the file; `nil` without such a sign.
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
            !$0.isEmpty && !$0.hasPrefix("#") && !["---", "null", "~"].contains($0)
        }
        if written.isEmpty {
            guard self.setsSomething(former, path: path) else { return nil }
            return error(
                "it sets nothing, although settings in force come from it: it may be incomplete",
                "the settings; to return to all defaults on purpose, the single line {}"
            )
        }
        // YAML's own mark for the end of a document.
        if written.last == "..." { return nil }
        if former.last == UInt8(ascii: "\n"), bytes.last != UInt8(ascii: "\n") {
            return error(
                "its last line has no line feed, unlike that of the former contents: it may be cut off",
                "a last line that ends with a line feed",
                line: lines.count
            )
        }
        if isSameFile, former.starts(with: bytes) {
            return error(
                "it ends after this line, and its former contents continue: it may be cut off",
                "the whole file; to remove settings at its end on purpose, the last line ..., or a new file put in place by a rename",
                line: lines.count - 1
            )
        }
        return nil
    }

    private static func setsSomething(_ bytes: [UInt8], path: String) -> Bool {
        (try? ConfigurationSource.yaml(Data(bytes), path: path))?.places.isEmpty == false
    }
}
