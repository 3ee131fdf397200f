#if canImport(Glibc)
import Glibc
#endif

/// Meaning of an operating system's error number for a file of the relay, with advice for an operator.
///
/// All failures on a path, at the start, in the store and in `ttmsctl`, use the texts of this table.
public struct SystemError: Error, Equatable, Sendable {
    /// Error number.
    public let number: CInt

    /// Makes the error of the system call that has just failed.
    public init(_ number: CInt = errno) {
        self.number = number
    }

    /// Finds the error whose text is part of `text`, a message of a library.
    public init?(in text: String) {
        let known = Self.known.filter { text.contains(String(cString: strerror($0))) }
        // The longest match, because some texts contain others.
        guard let number = known.max(by: { strlen(strerror($0)) < strlen(strerror($1)) }) else { return nil }
        self.number = number
    }

    private static let known: [CInt] = [
        EACCES, EPERM, EROFS, ENOSPC, EDQUOT, EFBIG, EIO, EUCLEAN, ENXIO, ENODEV, EREMOTEIO, ESTALE, ENOENT, ENOTDIR, EISDIR,
        ELOOP,
        ENAMETOOLONG, ENOLCK, EMFILE, ENFILE, ENOMEM, EOPNOTSUPP, EINVAL,
    ]

    /// Text of the system.
    public var text: String { String(cString: strerror(self.number)) }

    /// Returns ``description`` without its last full stop, for use within a longer text.
    public var clause: String {
        let text = self.description
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// Meaning and advice in one or two sentences; empty where ``text`` is all that is known.
    public var advice: String {
        switch self.number {
        case EACCES, EPERM:
            "User \(geteuid()) is not allowed to: give the path to the relay's user (chown), or work as the user that owns it."
        case EROFS:
            "The file system is mounted read-only, perhaps since an error: check the kernel's log, and mount it writable."
        case ENOSPC: "Free disk space."
        case EDQUOT: "The user's disk quota is used up: free disk space, or raise the quota."
        case EFBIG: "The process may not write files of this size: raise its limit (ulimit -f, LimitFSIZE=)."
        case EIO, EUCLEAN, ENXIO, ENODEV, EREMOTEIO: "The disk or its driver reports an error: check the kernel's log."
        case ESTALE: "The file server no longer knows the file: mount its file system again."
        case ENOTDIR: "A part of the path is a file instead of a directory."
        case ENOENT: "A part of the path is missing: it was moved or deleted, or its disk is not mounted."
        case EISDIR: "It is a directory instead of a file."
        case ELOOP, ENAMETOOLONG: "The path cannot be followed: name another one."
        case ENOLCK, EOPNOTSUPP, EINVAL:
            "The file system does not support it, as some network file systems do: put the data directory on a local disk."
        case EMFILE: "The process may not open more files: raise its limit (ulimit -n, LimitNOFILE=)."
        case ENFILE: "The machine has reached its limit of open files: raise fs.file-max."
        case ENOMEM: "There is not enough memory: give the process or the machine more."
        default: ""
        }
    }
}

extension SystemError: CustomStringConvertible {
    /// Text of the system and, if there is any, the advice.
    public var description: String { self.advice.isEmpty ? "\(self.text)." : "\(self.text). \(self.advice)" }
}
