#if canImport(Glibc)
import Glibc
#endif

/// What an error number of the operating system means for a file of the relay's, and what an operator does about it.
///
/// The one table: whatever fails on a path, at the start, in the store or in `ttmsctl`, is put in these words.
public struct SystemError: Error, Equatable, Sendable {
    /// The error number.
    public let number: CInt

    /// Makes the error of a call that has failed right before.
    public init(_ number: CInt = errno) {
        self.number = number
    }

    /// Finds the error that `text`, a message of a library, ends with.
    public init?(in text: String) {
        let known = Self.known.filter { text.contains(String(cString: strerror($0))) }
        // The longest: the texts of some are contained in others.
        guard let number = known.max(by: { strlen(strerror($0)) < strlen(strerror($1)) }) else { return nil }
        self.number = number
    }

    private static let known: [CInt] = [
        EACCES, EPERM, EROFS, ENOSPC, EDQUOT, EFBIG, EIO, EUCLEAN, ENXIO, ENODEV, EREMOTEIO, ESTALE, ENOENT, ENOTDIR, EISDIR,
        ELOOP,
        ENAMETOOLONG, ENOLCK, EMFILE, ENFILE, ENOMEM, EOPNOTSUPP, EINVAL,
    ]

    /// The system's own words.
    public var text: String { String(cString: strerror(self.number)) }

    /// ``description`` without its last full stop, for a text that goes on.
    public var clause: String {
        let text = self.description
        return text.hasSuffix(".") ? String(text.dropLast()) : text
    }

    /// A sentence or two: what it means, what to do. Empty where nothing more than ``text`` can be said.
    public var advice: String {
        switch self.number {
        case EACCES, EPERM:
            "User \(geteuid()) is not allowed to: give the path to the relay's user (chown), or work as the user that owns it."
        case EROFS:
            "The file system is mounted read-only, perhaps since an error: look at the kernel's log, and mount it writable."
        case ENOSPC: "Free disk space."
        case EDQUOT: "The user's disk quota is used up: free disk space, or raise the quota."
        case EFBIG: "The process may not write files of this size: raise its limit (ulimit -f, LimitFSIZE=)."
        case EIO, EUCLEAN, ENXIO, ENODEV, EREMOTEIO: "The disk or its driver refuses: look at the kernel's log."
        case ESTALE: "The file server does not know the file any more: mount its file system again."
        case ENOTDIR: "A part of the path is a file, where a directory is wanted."
        case ENOENT: "A part of the path is missing: it was moved or deleted, or its disk is not mounted."
        case EISDIR: "It is a directory, where a file is wanted."
        case ELOOP, ENAMETOOLONG: "The path cannot be followed: name another one."
        case ENOLCK, EOPNOTSUPP, EINVAL:
            "The file system does not support it, as some network file systems do: put the data directory on a local disk."
        case EMFILE: "The process may not open more files: raise its limit (ulimit -n, LimitNOFILE=)."
        case ENFILE: "The machine has no more open files to give: raise fs.file-max."
        case ENOMEM: "There is no memory left for it: give the process or the machine more."
        default: ""
        }
    }
}

extension SystemError: CustomStringConvertible {
    /// The system's words and, where there is more to say, the advice.
    public var description: String { self.advice.isEmpty ? "\(self.text)." : "\(self.text). \(self.advice)" }
}
