import Logging
import RelayCore
import Synchronization

/// What the admin API has written into the data directory, kept in `admin.json`: a file that has gone can be told from one that never
/// was, and a file that has lost its end from one that has none.
final class KeptInventory: Sendable {
    private struct Contents: Codable, Equatable {
        /// Raised when an older relay would misread what a newer one writes.
        var format = 1
        /// The names of the files that were written.
        var files: Set<String> = []
        /// Ids of the audit log from this one on have not been given.
        var auditNext: UInt64 = 1
        /// Whether the relay ended in order, so that ``auditNext`` is the id behind the last one, and not one that it had reserved.
        var isAuditNextExact = false
        /// The SHA-256 of the token in `admin.token`, in hex.
        var adminToken: String?
        /// The latest reading of the clocks: by the clock of blocks and tokens, and by the wall clock.
        var steady: Timestamp?
        var wall: Timestamp?

        enum CodingKeys: String, CodingKey {
            case format, files
            case auditNext = "audit_next"
            case isAuditNextExact = "audit_next_is_exact"
            case adminToken = "admin_token_sha256"
            case steady = "clock_steady"
            case wall = "clock_wall"
        }

        init() {}

        func encode(to encoder: any Encoder) throws {
            var fields = encoder.container(keyedBy: CodingKeys.self)
            try fields.encode(self.format, forKey: .format)
            // In one order, for the checksum.
            try fields.encode(self.files.sorted(), forKey: .files)
            try fields.encode(self.auditNext, forKey: .auditNext)
            try fields.encode(self.isAuditNextExact, forKey: .isAuditNextExact)
            try fields.encodeIfPresent(self.adminToken, forKey: .adminToken)
            try fields.encodeIfPresent(self.steady, forKey: .steady)
            try fields.encodeIfPresent(self.wall, forKey: .wall)
        }
    }

    /// More bytes than the file has.
    private static let maximumFileSize = 64 << 10
    /// Audit ids that are reserved at once, so that the file is written once for as many.
    private static let reserve: UInt64 = 1_000

    /// Seconds after which the clocks are read anew.
    private static let readingAge = 300.0

    /// The clock of blocks and tokens.
    let clock: AccessClock
    private let file: KeptFile
    private let logger: Logger
    private let contents: Mutex<Contents>
    /// Which failures to write the file are logged.
    private let writeLog = Mutex(LogLimit<String>())

    /// Reads the file. Without it, or when it is damaged, nothing is known.
    ///
    /// - Parameter clock: makes the clock of blocks and tokens, which goes on from the latest reading.
    init(file: String, clock: (ClockReading?) -> AccessClock = { _ in .wall }, logger: Logger) {
        self.file = KeptFile(path: file)
        self.logger = logger
        var contents = Contents()
        do {
            if let sealed = try self.file.sealed(Contents.self, limit: Self.maximumFileSize) { contents = sealed }
        } catch {
            logger.error(
                "The list of what the admin API keeps cannot be used; it is made anew, and what is missing now is not noticed",
                metadata: ["file": "\(file)", "reason": "\(KeptFile.reason(error))"]
            )
        }
        let reading = contents.steady.flatMap { steady in contents.wall.map { ClockReading(steady: steady, wall: $0) } }
        self.clock = clock(reading)
        self.contents = Mutex(contents)
    }

    /// Whether the file of this name has been written.
    func holds(_ name: Substring) -> Bool { self.contents.withLock { $0.files.contains(String(name)) } }

    /// The file of this name has been written.
    func add(_ name: Substring) { self.change { $0.files.insert(String(name)) } }

    /// The digest of the token that `admin.token` held.
    var adminToken: String? { self.contents.withLock { $0.adminToken } }

    /// `admin.token` holds the token with this digest.
    func setAdminToken(_ digest: String?) { self.change { $0.adminToken = digest } }

    /// The audit id from which on none have been given, and whether those before it have been, or may only have been.
    var audit: (next: UInt64, isExact: Bool) { self.contents.withLock { ($0.auditNext, $0.isAuditNextExact) } }

    /// Audit ids below `next` are about to be given.
    func giveAuditIDs(below next: UInt64) {
        guard self.contents.withLock({ next > $0.auditNext || $0.isAuditNextExact }) else { return }
        self.change { contents in
            contents.auditNext = next + Self.reserve
            contents.isAuditNextExact = false
        }
    }

    /// The relay ends, and `next` would be the next id of the audit log. A reading of the clocks is kept with it: one write, because on
    /// a slow disk each one prolongs the stop.
    func endAudit(at next: UInt64) {
        let now = self.clock.now()
        self.change { contents in
            contents.auditNext = next
            contents.isAuditNextExact = true
            contents.steady = now
        }
    }

    /// Keeps a reading of the clocks, if the latest is old. A block that is kept ends by it after a restart.
    func keepReading() {
        let now = self.clock.now()
        self.change { contents in
            if let latest = contents.steady, now.seconds(since: latest) < Self.readingAge { return }
            contents.steady = now
        }
    }

    /// What cannot be written is written with the next change: it is only for finding damage.
    private func change(_ body: (inout Contents) -> Void) {
        self.contents.withLock { contents in
            let former = contents
            body(&contents)
            guard contents != former else { return }
            let reading = self.clock.reading
            (contents.steady, contents.wall) = (reading.steady, reading.wall)
            do throws(KeptFile.Failure) {
                try self.file.replace(with: KeptFile.json(Sealed(contents)))
            } catch {
                guard let heldBack = self.writeLog.withLock({ $0.admit(error.reason, at: .now) }) else { return }
                self.logger.warning(
                    "The list of what the admin API keeps cannot be written",
                    metadata: [
                        "file": "\(self.file.path)", "cannot_be": "\(error.verb)", "reason": "\(error.reason)",
                        "held_back": "\(heldBack)",
                    ]
                )
            }
        }
    }
}
