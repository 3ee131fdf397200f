import Glibc
import Logging

/// The secret that opens the admin API, kept in a file that only the relay's user can read.
struct BearerToken: Sendable {
    /// Fewer characters than this are no secret; 32 hex digits hold 128 bits.
    private static let minimumLength = 32
    /// More bytes than this are not a token's file.
    private static let maximumFileSize = 4_096

    private let secret: [UInt8]

    /// Takes a token that is known.
    init(secret: String) {
        self.secret = Array(secret.utf8)
    }

    /// Reads the token, or makes one of 256 bits when there is no file.
    ///
    /// - Throws: ``AdminError``.
    init(file: String, logger: Logger) throws(AdminError) {
        if try Self.create(file) {
            logger.notice("A new admin token was made", metadata: ["file": "\(file)"])
        }
        self.secret = try Self.read(file, logger: logger)
    }

    /// Whether `Authorization: Bearer …` has the token. Takes the same time wherever the two differ.
    func matches(authorization: String) -> Bool {
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer", !self.secret.isEmpty else { return false }
        let given = Array(parts[1].utf8)
        var difference = UInt8(given.count == self.secret.count ? 0 : 1)
        for (index, byte) in given.enumerated() {
            difference |= byte ^ self.secret[index % self.secret.count]
        }
        return difference == 0
    }

    /// Makes the file so that it is there whole or not at all, whenever the power fails.
    ///
    /// - Returns: `false` when it is there already.
    private static func create(_ file: String) throws(AdminError) -> Bool {
        if access(file, F_OK) == 0 { return false }
        let unfinished = file + ".new"
        // What an earlier start has left may have other rights.
        unlink(unfinished)
        let descriptor = open(unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw self.unusable(file, "made", errno) }
        defer { close(descriptor) }
        var generator = SystemRandomNumberGenerator()
        let digits = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            .map { String(UInt16($0) + 256, radix: 16).dropFirst() }
        let text = Array((digits.joined() + "\n").utf8)
        guard write(descriptor, text, text.count) == text.count, fsync(descriptor) == 0, rename(unfinished, file) == 0 else {
            let error = errno
            unlink(unfinished)
            throw self.unusable(file, "written", error)
        }
        self.keepName(of: file)
        return true
    }

    /// A name is durable when its directory is synced. Where that is refused, the token may be another one after a power failure,
    /// which is no reason not to start.
    private static func keepName(of file: String) {
        let slash = file.lastIndex(of: "/")
        let directory = open(slash.map { String(file[...$0]) } ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        close(directory)
    }

    private static func read(_ file: String, logger: Logger) throws(AdminError) -> [UInt8] {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw self.unusable(file, "read", errno) }
        defer { close(descriptor) }
        var status = stat()
        if fstat(descriptor, &status) == 0, status.st_mode & 0o077 != 0 {
            let mode = String(status.st_mode & 0o777, radix: 8)
            logger.warning(
                "Other users can read the admin token; take the right from them with chmod 600",
                metadata: ["file": "\(file)", "mode": "\(mode)"]
            )
        }
        var bytes = [UInt8](repeating: 0, count: self.maximumFileSize)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw self.unusable(file, "read", errno) }
        let token = String(decoding: bytes.prefix(count), as: UTF8.self).trimmed
        guard token.utf8.count >= self.minimumLength, token.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            throw AdminError(
                """
                The admin token in \(file) is not one: it has to be one line of at least \(self.minimumLength) printable \
                characters. Delete the file, and a new token is made at the next start.
                """
            )
        }
        return Array(token.utf8)
    }

    private static func unusable(_ file: String, _ verb: String, _ error: Int32) -> AdminError {
        AdminError(
            """
            The admin token's file \(file) cannot be \(verb): \(String(cString: strerror(error))). Check that its directory \
            exists and that this user may write there.
            """
        )
    }
}

extension String {
    fileprivate var trimmed: String {
        let isSpace = { (character: Character) in character.isWhitespace }
        let start = self.drop(while: isSpace)
        return String(start.reversed().drop(while: isSpace).reversed())
    }
}
