import AdminAPI
import FoundationEssentials
import Glibc
import Logging
import Synchronization

/// Appends to the audit log: gives ids, syncs, begins a new file when one is full, and removes the oldest.
///
/// What cannot be written is counted and said, and what was to be recorded happens all the same: a full disk must not keep an
/// operator from deleting what fills it.
actor AuditWriter {
    /// Of this size one file is read as a whole without harm.
    private static let largestFile = 4 << 20
    /// The log loses its oldest entries file by file: never more than this part at once.
    private static let parts = 8

    private let executor = DiskExecutor("audit")
    nonisolated var unownedExecutor: UnownedSerialExecutor { self.executor.asUnownedSerialExecutor() }

    private let directory: String
    private let limit: Int
    private let fileLimit: Int
    private let logger: Logger
    /// The file that is written to, kept open.
    private var current: (descriptor: Int32, size: Int)?
    private var nextID: UInt64
    /// Entries lost since the log could be written last.
    private var lost = 0
    /// All that were ever lost.
    nonisolated let lostEntries = Atomic(0)

    /// Makes the directory when it is missing, and cuts off what a power cut has torn.
    ///
    /// - Parameter limit: bytes of all files together.
    /// - Throws: ``AdminError``.
    init(directory: String, limit: Int, logger: Logger) throws(AdminError) {
        self.directory = directory
        self.limit = limit
        self.fileLimit = min(limit / Self.parts, Self.largestFile)
        self.logger = logger
        guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
            throw AdminError("The audit log's directory \(directory) cannot be made: \(String(cString: strerror(errno))).")
        }
        KeptFile.keepName(of: directory)
        do {
            guard let last = try AuditFiles.all(in: directory).last else {
                self.nextID = 1
                return
            }
            let file = KeptFile(path: last.path)
            let contents = try file.contents(limit: .max) ?? []
            let size = AuditFiles.wholeBytes(of: contents)
            self.nextID = last.first + UInt64(AuditFiles.lines(of: contents).count)
            let descriptor = open(last.path, O_WRONLY | O_APPEND | O_CLOEXEC)
            guard descriptor >= 0, ftruncate(descriptor, off_t(size)) == 0 else { throw KeptFile.Failure("written") }
            self.current = (descriptor, size)
        } catch {
            let reason = (error as? KeptFile.Failure).map { "\($0.verb): \($0.reason)" } ?? "read: \(error)"
            throw AdminError("The audit log in \(directory) cannot be \(reason). Check that this user may write there.")
        }
    }

    deinit {
        if let current { close(current.descriptor) }
    }

    /// Writes the entries that `take` hands out when their turn has come; they get their ids here, and one sync for all.
    func write(_ take: @Sendable () -> [AuditResource]) {
        var rest = take()[...]
        while !rest.isEmpty {
            do throws(KeptFile.Failure) {
                let count = try self.writeToOneFile(rest)
                rest = rest.dropFirst(count)
            } catch {
                if self.lost == 0 {
                    self.logger.error(
                        "The audit log cannot be written; what happens is not recorded until it can",
                        metadata: ["directory": "\(self.directory)", "cannot_be": "\(error.verb)", "reason": "\(error.reason)"]
                    )
                }
                self.lost += rest.count
                self.lostEntries.add(rest.count, ordering: .relaxed)
                return
            }
        }
        guard self.lost > 0 else { return }
        self.logger.notice("The audit log is written again", metadata: ["entries_lost": "\(self.lost)"])
        self.lost = 0
    }

    /// Writes as many entries as the current file has room for, at least one.
    private func writeToOneFile(_ entries: ArraySlice<AuditResource>) throws(KeptFile.Failure) -> Int {
        var lines: [UInt8] = []
        var count = 0
        var file = try self.openFile()
        for entry in entries {
            var entry = entry
            entry.id = String(self.nextID + UInt64(count))
            // Strings and numbers: it always encodes.
            let line = ((try? APIJSON.encode(entry)).map { Array($0) } ?? Array("{}".utf8)) + [UInt8(ascii: "\n")]
            if file.size + lines.count + line.count > self.fileLimit {
                if count > 0 { break }
                if file.size > 0 { file = try self.startFile() }
            }
            lines += line
            count += 1
        }
        guard KeptFile.write(lines, to: file.descriptor), fdatasync(file.descriptor) == 0 else {
            let failure = KeptFile.Failure("written")
            // No half line may stand in front of the next one.
            ftruncate(file.descriptor, off_t(file.size))
            throw failure
        }
        self.current = (file.descriptor, file.size + lines.count)
        self.nextID += UInt64(count)
        return count
    }

    private func openFile() throws(KeptFile.Failure) -> (descriptor: Int32, size: Int) {
        if let current { return current }
        return try self.startFile()
    }

    private func startFile() throws(KeptFile.Failure) -> (descriptor: Int32, size: Int) {
        self.makeRoom()
        let file = AuditFiles.File(first: self.nextID, directory: self.directory)
        let descriptor = open(file.path, O_WRONLY | O_APPEND | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw KeptFile.Failure("made") }
        KeptFile.keepName(of: file.path)
        if let current { close(current.descriptor) }
        self.current = (descriptor, 0)
        return (descriptor, 0)
    }

    /// Removes the oldest files until another one fits.
    private func makeRoom() {
        let files = ((try? AuditFiles.all(in: self.directory)) ?? []).map { file in
            var status = stat()
            return (path: file.path, size: stat(file.path, &status) == 0 ? Int(status.st_size) : 0)
        }
        var total = files.reduce(self.fileLimit) { $0 + $1.size }
        for file in files where total > self.limit {
            unlink(file.path)
            total -= file.size
        }
    }
}
