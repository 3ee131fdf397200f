import AdminAPI
import FoundationEssentials
import Glibc
import Logging
import RelayCore
import Synchronization

/// Appends to the audit log: assigns ids, syncs, begins a new file when one is full, and removes the oldest.
///
/// An entry that cannot be written is counted and logged, and its request is still carried out. On a full disk an operator has to
/// be able to delete messages.
actor AuditWriter {
    private struct Current {
        var file: AuditFiles.File
        var descriptor: Int32
        var size = 0
        /// The system's time of its last change.
        var written = timespec()

        /// Whether its name still refers to it, and only the relay has written to it.
        var isWhole: Bool {
            var (open, named) = (stat(), stat())
            return fstat(self.descriptor, &open) == 0 && stat(self.file.path, &named) == 0
                && open.st_dev == named.st_dev && open.st_ino == named.st_ino && Int(open.st_size) == self.size
                && open.st_mtim.tv_sec == self.written.tv_sec && open.st_mtim.tv_nsec == self.written.tv_nsec
        }

        /// Records the size and the time after a write.
        mutating func wrote(_ size: Int) {
            var status = stat()
            self.size = size
            if fstat(self.descriptor, &status) == 0 { self.written = status.st_mtim }
        }
    }

    /// The largest file, which can be read as a whole without harm.
    private static let largestFile = 4 << 20
    /// The number of files among which the limit is divided: at most that part of the log is removed at once.
    private static let parts = 8

    private let executor = DiskExecutor("audit")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let directory: String
    private let limit: Int
    private let fileLimit: Int
    private let logger: Logger
    private let inventory: FileInventory
    /// The file that is appended to.
    private var current: Current?
    /// The number of entries of each other file, by its first id.
    private var others: [UInt64: UInt64] = [:]
    private var nextID: UInt64
    /// Entries lost since the last log message about that.
    private var lost = 0
    /// The limit on log messages about changes between written and failing: on a full disk each entry can be one.
    private var healthLog = HealthLog<Health>(.written)

    private enum Health { case written, failing }
    /// All entries lost since the start.
    nonisolated let lostEntries = Atomic(0)

    /// Makes the directory when it is missing, and removes a line that a power cut has torn.
    ///
    /// - Parameter limit: bytes of all files together.
    /// - Throws: ``AdminError``.
    init(directory: String, inventory: FileInventory, limit: Int, logger: Logger) throws(AdminError) {
        self.directory = directory
        self.limit = limit
        self.fileLimit = min(limit / Self.parts, Self.largestFile)
        self.logger = logger
        self.inventory = inventory
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw AdminError("The audit log's directory \(directory) \(StateFile.Failure("made"))")
        }
        StateFile.syncName(of: directory)
        do {
            let files = try AuditFiles.all(in: directory)
            for (file, next) in zip(files, files.dropFirst()) { self.others[file.first] = next.first - file.first }
            let contents = try files.last.flatMap { try StateFile(path: $0.path).contents(limit: .max) } ?? []
            let found = (files.last?.first ?? 1) + UInt64(AuditFiles.lines(of: contents).count)
            let known = inventory.audit
            let isHollow = !files.isEmpty && AuditFiles.isHollow(contents)
            // After a crash, ids that were only reserved are not missing; for a file without a line this cannot be known.
            let next = max(found, known.next)
            guard let last = files.last, !isHollow, found >= known.next || !known.isExact else {
                self.nextID = next
                if let last = files.last { self.others[last.first] = found - last.first }
                guard found < next else { return }
                let missing = Int(clamping: next - found)
                self.lostEntries.add(known.isExact ? missing : 1, ordering: .relaxed)
                logger.error(
                    """
                    The audit log has lost entries while the relay was not running: a file was removed, emptied or truncated; restore a copy \
                    if there is one. New entries have ids after the lost ones
                    """,
                    metadata: [
                        "directory": "\(directory)", "missing_from": "\(found)", "next_id": "\(next)",
                        "missing": "\(known.isExact ? "" : "up to ")\(missing)",
                    ]
                )
                return
            }
            self.nextID = found
            let size = AuditFiles.wholeBytes(of: contents)
            let descriptor = open(last.path, O_WRONLY | O_APPEND | O_CLOEXEC)
            guard descriptor >= 0, ftruncate(descriptor, off_t(size)) == 0 else { throw StateFile.Failure("written") }
            self.current = Current(file: last, descriptor: descriptor)
            self.current?.wrote(size)
        } catch {
            throw AdminError("The audit log in \(directory) cannot be used: \(StateFile.reason(error)).")
        }
    }

    deinit {
        if let current { close(current.descriptor) }
    }

    /// Writes the entries that `take` returns, with ids assigned here and one sync for all.
    func write(_ take: @Sendable () -> [AuditResource]) {
        self.summariseHealth()
        self.findRemoved()
        var rest = take()[...]
        guard !rest.isEmpty else { return }
        while !rest.isEmpty {
            do throws(StateFile.Failure) {
                let count = try self.writeToOneFile(rest)
                rest = rest.dropFirst(count)
            } catch {
                if self.healthLog.change(to: .failing, at: .now) {
                    self.logger.error(
                        "The audit log cannot be written; requests are not recorded until it can",
                        metadata: ["directory": "\(self.directory)", "cannot_be": "\(error.verb)", "reason": "\(error.reason)"]
                    )
                }
                self.lost += rest.count
                self.lostEntries.add(rest.count, ordering: .relaxed)
                return
            }
        }
        guard self.healthLog.change(to: .written, at: .now) else { return }
        self.logger.notice("The audit log is written again", metadata: ["entries_lost": "\(self.lost)"])
        self.lost = 0
    }

    private func summariseHealth() {
        guard let summary = self.healthLog.takeSummary(at: .now) else { return }
        let isWritten = summary.health == .written
        self.logger.log(
            level: isWritten ? .notice : .error,
            isWritten
                ? "The audit log has failed and recovered repeatedly since the last message; it is written now"
                : "The audit log has failed and recovered repeatedly since the last message; it cannot be written now",
            metadata: ["directory": "\(self.directory)", "changes": "\(summary.changes)", "entries_lost": "\(self.lost)"]
        )
        self.lost = 0
    }

    /// Records the next id, after the last write.
    func end() {
        self.inventory.endAudit(at: self.nextID)
    }

    /// Finds files that were removed or replaced, because writes to them would be lost.
    private func findRemoved() {
        let present = Set(((try? AuditFiles.all(in: self.directory)) ?? []).map(\.first))
        var missing: UInt64 = 0
        for (first, count) in self.others where !present.contains(first) {
            missing += count
            self.others.removeValue(forKey: first)
        }
        if let current, !current.isWhole {
            let contents = (try? StateFile(path: current.file.path).contents(limit: .max)) ?? []
            let given = self.nextID - current.file.first
            let left = min(given, contents.first == 0 ? 0 : UInt64(AuditFiles.lines(of: contents).count))
            missing += given - left
            if left > 0 { self.others[current.file.first] = left }
            close(current.descriptor)
            self.current = nil
        }
        guard missing > 0 else { return }
        self.lostEntries.add(Int(clamping: missing), ordering: .relaxed)
        self.logger.error(
            """
            Files of the audit log were removed, emptied or replaced while the relay ran; their entries are lost unless a copy is \
            restored, and new ones are written to a new file
            """,
            metadata: ["directory": "\(self.directory)", "entries": "\(missing)", "next_id": "\(self.nextID)"]
        )
    }

    /// Writes as many entries as fit into the current file, at least one.
    private func writeToOneFile(_ entries: ArraySlice<AuditResource>) throws(StateFile.Failure) -> Int {
        var lines: [UInt8] = []
        var count = 0
        var file = try self.openFile()
        for entry in entries {
            var entry = entry
            entry.id = String(self.nextID + UInt64(count))
            // An entry consists of strings and numbers, which always encode.
            let line = ((try? APIJSON.encode(Sealed(entry))).map { Array($0) } ?? Array("{}".utf8)) + [UInt8(ascii: "\n")]
            if file.size + lines.count + line.count > self.fileLimit {
                if count > 0 { break }
                if file.size > 0 { file = try self.startFile() }
            }
            lines += line
            count += 1
        }
        self.inventory.assignAuditIDs(below: self.nextID + UInt64(count))
        guard StateFile.write(lines, to: file.descriptor), fdatasync(file.descriptor) == 0 else {
            let failure = StateFile.Failure("written")
            // Removes a partial line, so that the next one begins on a line of its own.
            ftruncate(file.descriptor, off_t(file.size))
            self.current?.wrote(file.size)
            throw failure
        }
        file.wrote(file.size + lines.count)
        self.current = file
        self.nextID += UInt64(count)
        return count
    }

    private func openFile() throws(StateFile.Failure) -> Current {
        if let current { return current }
        return try self.startFile()
    }

    private func startFile() throws(StateFile.Failure) -> Current {
        // The directory may have been removed.
        if mkdir(self.directory, 0o700) == 0 { StateFile.syncName(of: self.directory) }
        self.removeOldestFiles()
        let file = AuditFiles.File(first: self.nextID, directory: self.directory)
        let descriptor = open(file.path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw StateFile.Failure("made") }
        StateFile.syncName(of: file.path)
        if let current {
            close(current.descriptor)
            self.others[current.file.first] = self.nextID - current.file.first
        }
        let started = Current(file: file, descriptor: descriptor)
        self.current = started
        return started
    }

    /// Removes the oldest files until another one fits.
    private func removeOldestFiles() {
        let files = ((try? AuditFiles.all(in: self.directory)) ?? []).map { file in
            var status = stat()
            return (file: file, size: stat(file.path, &status) == 0 ? Int(status.st_size) : 0)
        }
        var total = files.reduce(self.fileLimit) { $0 + $1.size }
        for file in files where total > self.limit {
            unlink(file.file.path)
            self.others.removeValue(forKey: file.file.first)
            total -= file.size
        }
    }
}
