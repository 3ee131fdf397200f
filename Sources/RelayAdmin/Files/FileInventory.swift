import Glibc
import Logging
import RelayCore
import Synchronization

/// The list of files that the admin API has written, stored in `admin.json`. By it a removed file differs from one that never
/// existed, and a truncated one from a whole one.
final class FileInventory: Sendable {
    private struct Contents: Codable, Equatable {
        /// Raised when an older relay would misread a newer file.
        var format = 1
        /// The names of the files.
        var files: Set<String> = []
        /// The first id of the audit log that is not assigned.
        var auditNext: UInt64 = 1
        /// Whether the relay ended in order, so that ``auditNext`` follows the last id, and is not the end of a reservation.
        var isAuditNextExact = false
        /// The SHA-256 of the token in `admin.token`, in hex.
        var adminToken: String?
        /// The latest reading of the clocks: that of blocks and tokens, and the wall clock.
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
            // Sorted, for the checksum.
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
    /// Audit ids that are reserved at once, so that the file is written once for all of them.
    private static let reserve: UInt64 = 1_000

    /// Seconds after which the clocks are read again.
    private static let readingAge = 300.0

    /// The clock of blocks and tokens.
    let clock: AccessClock
    private let file: StateFile
    private let logger: Logger
    private let contents: Mutex<Contents>
    /// The limit on log messages about failures to write the file.
    private let writeLog = Mutex(LogLimit<String>())

    /// Reads the file. When it is missing or damaged, the list is empty.
    ///
    /// - Parameters:
    ///   - traces: files and directories of which one exists once the admin API has run with this directory.
    ///   - clock: makes the clock of blocks and tokens, which continues from the latest reading.
    init(file: String, traces: [String] = [], clock: (ClockReading?) -> AccessClock = { _ in .wall }, logger: Logger) {
        self.file = StateFile(path: file)
        self.logger = logger
        var contents = Contents()
        do {
            if let sealed = try self.file.sealed(Contents.self, limit: Self.maximumFileSize) {
                contents = sealed
            } else if traces.contains(where: { access($0, F_OK) == 0 }) {
                logger.error(
                    "The list of the admin API's files is missing; files that were removed with it are not noticed",
                    metadata: [
                        "file": "\(file)",
                        "advice": "check the blocks and tokens by ttmsctl, and restore what is missing from a backup",
                    ]
                )
            }
        } catch {
            logger.error(
                "The list of the admin API's files cannot be used; a new one is made, and files that are missing now are not noticed",
                metadata: ["file": "\(file)", "reason": "\(StateFile.reason(error))"]
            )
        }
        let reading = contents.steady.flatMap { steady in contents.wall.map { ClockReading(steady: steady, wall: $0) } }
        self.clock = clock(reading)
        self.contents = Mutex(contents)
    }

    /// Whether the file with this name has been written.
    func holds(_ name: Substring) -> Bool { self.contents.withLock { $0.files.contains(String(name)) } }

    /// Adds a file that has been written.
    func add(_ name: Substring) { self.change { $0.files.insert(String(name)) } }

    /// The digest of the token that `admin.token` held.
    var adminToken: String? { self.contents.withLock { $0.adminToken } }

    /// Records the digest of the token in `admin.token`.
    func setAdminToken(_ digest: String?) { self.change { $0.adminToken = digest } }

    /// The first audit id that is not assigned, and whether all ids before it are assigned, or may only be reserved.
    var audit: (next: UInt64, isExact: Bool) { self.contents.withLock { ($0.auditNext, $0.isAuditNextExact) } }

    /// Records that audit ids below `next` are about to be assigned.
    func assignAuditIDs(below next: UInt64) {
        guard self.contents.withLock({ next > $0.auditNext || $0.isAuditNextExact }) else { return }
        self.change { contents in
            contents.auditNext = next + Self.reserve
            contents.isAuditNextExact = false
        }
    }

    /// Records the next id of the audit log when the relay ends, together with a reading of the clocks. Each further write would
    /// prolong the stop on a slow disk.
    func endAudit(at next: UInt64) {
        let now = self.clock.now()
        self.change { contents in
            contents.auditNext = next
            contents.isAuditNextExact = true
            contents.steady = now
        }
    }

    /// Stores a reading of the clocks, if the latest is old. After a restart, stored blocks end by it.
    func storeReading() {
        let now = self.clock.now()
        self.change { contents in
            if let latest = contents.steady, now.seconds(since: latest) < Self.readingAge { return }
            contents.steady = now
        }
    }

    /// Changes and writes the list. After a failure it is written with the next change, since it only serves to find damage.
    private func change(_ body: (inout Contents) -> Void) {
        self.contents.withLock { contents in
            let former = contents
            body(&contents)
            guard contents != former else { return }
            let reading = self.clock.reading
            (contents.steady, contents.wall) = (reading.steady, reading.wall)
            do throws(StateFile.Failure) {
                try self.file.replace(with: StateFile.json(Sealed(contents)))
            } catch {
                guard let heldBack = self.writeLog.withLock({ $0.admit(error.reason, at: .now) }) else { return }
                self.logger.warning(
                    "The list of the admin API's files cannot be written",
                    metadata: [
                        "file": "\(self.file.path)", "cannot_be": "\(error.verb)", "reason": "\(error.reason)",
                        "held_back": "\(heldBack)",
                    ]
                )
            }
        }
    }
}
