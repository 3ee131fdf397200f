import Glibc
import RelayCore

/// The directory of a store: its lock, its format, and its last known commit.
///
///     format      the format of the store (``FormatFile``); locked while it is open
///     queue/      the RocksDB database
///     committed   the last commit and the clocks at that time (``CommittedFile``); written after it, and synced at intervals
///
/// Since format 3 both have checksums, and `committed` exists before the first frame. A missing, empty or changed file is
/// detected. Then the other one has its content, or the store is refused until an operator accepts that its end may be missing
/// (``StoreAcceptance``).
///
/// `format` is written when the database is complete. If `format` exists and the database does not, it was removed, and is not
/// created again.
///
/// After a power failure `committed` may name an earlier commit, but never a later one. A database that ends before it has lost
/// durable commits; RocksDB cannot distinguish that from a log that was being written when the power failed. `committed` is
/// synced at most once a second, so only damage to the last second's log is not detected.
final class StoreDirectory {
    /// The format that this release writes. Format 2 added the families of traces and of keys, and switches. A store of format
    /// 1 gets them when it is opened; older releases refuse it then. Format 3 added checksums to `format` and `committed`.
    static let format = 3
    /// The first format whose database has all families.
    private static let firstWithAllFamilies = 2

    let path: String
    /// The format of a store that is only read.
    private(set) var inspectedFormat = StoreDirectory.format
    private var formatFile: CInt
    private var committedFile: CInt
    private var nextSync = ContinuousClock.now
    /// The contents of `committed` when the store was opened.
    private var found = CommittedFile.Content.absent
    /// Descriptions of damage that could be corrected, for the log and for inspections.
    private(set) var notes: [String] = []
    /// Whether no commit is known, because an earlier start did not finish creating the store.
    private var isUnfinished = false
    /// Whether both files have the form of the present format.
    private var isCurrent = false
    /// Whether the last write was a slow one.
    private var isSlow = false

    /// The path of the database.
    var databasePath: String { "\(self.path)/queue" }
    private var unfinishedPath: String { "\(self.path)/queue.new" }

    /// Creates the directory if it is missing, and locks it.
    init(path: String) throws(StoreError) {
        self.path = path
        try Self.makeDirectories(path)
        let format = open("\(path)/format", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard format >= 0 else { throw RocksDBFailure.system("Opening \(path)/format") }
        try Self.lock(format, LOCK_EX, in: path)
        let committed = open("\(path)/committed", O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard committed >= 0 else {
            let error = RocksDBFailure.system("Opening \(path)/committed")
            Glibc.close(format)
            throw error
        }
        self.formatFile = format
        self.committedFile = committed
        self.found = try CommittedFile.read(committed)
    }

    /// Locks the directory of a store against relays, but not against other inspections; nothing is created or changed.
    init(inspecting path: String) throws(StoreError) {
        self.path = path
        let format = open("\(path)/format", O_RDONLY | O_CLOEXEC)
        if format < 0 {
            let number = errno
            guard number == ENOENT || number == ENOTDIR else {
                let error = RocksDBFailure.system("Opening \(path)/format")
                guard number == EACCES || number == EPERM else { throw error }
                throw StoreError(
                    .noPermission,
                    "\(path)/format may not be read by this user. \(RocksDBFailure.advice(.noPermission))"
                )
            }
            guard access("\(path)/queue", F_OK) == 0 else { throw Self.missing(path) }
        }
        if format >= 0 { try Self.lock(format, LOCK_SH, in: path) }
        self.formatFile = format
        self.committedFile = open("\(path)/committed", O_RDONLY | O_CLOEXEC)
        try self.inspect()
    }

    /// Locks the directory of an existing store, to write its files again.
    convenience init(accepting path: String) throws(StoreError) {
        guard access("\(path)/queue", F_OK) == 0 else { throw Self.missing(path) }
        try self.init(path: path)
        // An unknown format counts as the present one: earlier ones have another `committed`, and do not require it.
        if case .format(let format) = try FormatFile.read(self.formatFile) { self.inspectedFormat = min(format, Self.format) }
    }

    private func inspect() throws(StoreError) {
        self.found = try CommittedFile.read(self.committedFile)
        let isThere = access(self.databasePath, F_OK) == 0
        let format = try self.readFormat()
        guard isThere else { throw format != nil ? self.databaseIsMissing : Self.missing(self.path) }
        self.isUnfinished = format == nil
        self.inspectedFormat = format ?? Self.format
    }

    private static func missing(_ path: String) -> StoreError {
        StoreError(.missing, "There is no store in \(path). \(RocksDBFailure.advice(.missing))")
    }

    /// Locks `format`, and closes it when that fails.
    private static func lock(_ format: CInt, _ operation: CInt, in path: String) throws(StoreError) {
        guard flock(format, operation | LOCK_NB) != 0 else { return }
        let isTaken = errno == EWOULDBLOCK
        let error = RocksDBFailure.system("Locking \(path)/format")
        Glibc.close(format)
        guard isTaken else { throw error }
        throw StoreError(.inUse, "The store in \(path) is open already. \(RocksDBFailure.advice(.inUse))")
    }

    deinit {
        self.unlock()
    }

    /// Releases the lock, so that another process can use the directory.
    func unlock() {
        if self.committedFile >= 0 { Glibc.close(self.committedFile) }
        if self.formatFile >= 0 { Glibc.close(self.formatFile) }
        self.formatFile = -1
        self.committedFile = -1
    }

    /// Ensures that there is a database at ``databasePath``.
    ///
    /// - Parameter make: creates a complete database at the given path, and closes it. Files at that path were left
    ///   unfinished by an earlier start, and never held a frame.
    /// - Throws: ``StoreError/Code/newerFormat`` or `damaged` when this release must not open the present files.
    func prepare(make: (String) throws(StoreError) -> Void) throws(StoreError) {
        let isThere = access(self.databasePath, F_OK) == 0
        if let format = try self.readFormat() {
            guard isThere else { throw self.databaseIsMissing }
            // Before the database has contents that an older release does not understand.
            if format < Self.firstWithAllFamilies { try self.writeFormat("\(Self.firstWithAllFamilies)\n") }
            return
        }
        guard self.found.mark?.number ?? 0 == 0 else { throw self.databaseIsMissing }
        self.isUnfinished = true
        if !isThere {
            // Written before the first frame, so that its loss is detected.
            try self.writeMark(CommitMark(number: 0, reading: nil))
            self.found = try CommittedFile.read(self.committedFile)
            try make(self.unfinishedPath)
            guard rename(self.unfinishedPath, self.databasePath) == 0 else {
                throw RocksDBFailure.system("Naming \(self.databasePath)")
            }
        }
        // Before `format` is written, the names of the database and the store are synced. An earlier start may have been killed
        // before it had synced them.
        try Self.syncDirectory(self.path)
        try Self.syncDirectory(Self.parent(of: self.path))
    }

    /// Compares the end of the database, commit `last`, with the known commits, and brings both files into the present form.
    ///
    /// - Throws: ``StoreError/Code/damaged`` when commits are missing or may be missing.
    func confirm(last: UInt64) throws(StoreError) {
        try self.check(last: last)
        if self.isCurrent { return }
        try self.writeMark(CommitMark(number: last, reading: self.found.mark?.reading))
        try self.writeFormat(FormatFile.text(Self.format))
        self.isCurrent = true
    }

    /// Compares the end of the database with the known commits, without changes.
    func check(last: UInt64) throws(StoreError) {
        if self.isUnfinished {
            guard last == 0 else { throw RocksDBFailure.unproven("The file \(self.path)/format is missing or empty", last) }
            return
        }
        switch self.found {
        case .mark(let mark), .half(let mark), .early(let mark):
            guard last < mark.number else { return }
            throw RocksDBFailure.unproven("Commit \(mark.number) has been on disk", last)
        case .absent:
            // A store of an earlier format may have been closed before it wrote the file.
            if self.inspectedFormat < Self.format, last < 2 { return }
            throw RocksDBFailure.unproven("The file \(self.path)/committed is missing or empty", last)
        case .damaged:
            throw RocksDBFailure.unproven("The file \(self.path)/committed fails its checksum", last)
        }
    }

    /// Accepts that the store ends with commit `last`.
    func accept(last: UInt64, at steady: Timestamp) throws(StoreError) {
        try self.writeMark(CommitMark(number: last, reading: ClockReading(steady: steady, wall: Timestamp.now)))
        try self.writeFormat(FormatFile.text(Self.format))
    }

    private var databaseIsMissing: StoreError {
        RocksDBFailure.damaged("The database \(self.databasePath) of the store is missing")
    }

    // MARK: The last commit

    /// The clocks when the last commit was recorded, or later; `nil` when that is not known.
    var clockReading: ClockReading? { self.found.mark?.reading }

    /// Records that commit `number` is durable, and the time. A failure is ignored: the recorded commit is then an earlier one.
    ///
    /// - Parameter writeTime: the time of the commit's synced write. On a slow disk a second sync after each commit would
    ///   double every wait. The second sync is then made after ten such writes, and not at all when the relay stops.
    func noteCommitted(_ number: UInt64, at steady: Timestamp, writeTime: Duration = .zero) {
        _ = CommittedFile.write(
            CommitMark(number: number, reading: ClockReading(steady: steady, wall: Timestamp.now)),
            to: self.committedFile
        )
        let now = ContinuousClock.now
        let wasSlow = self.isSlow
        self.isSlow = writeTime > Self.slowWrite
        let interval = max(Self.syncInterval, writeTime * 10)
        if self.isSlow, !wasSlow { self.nextSync = now + interval }
        guard now >= self.nextSync else { return }
        self.nextSync = now + interval
        fdatasync(self.committedFile)
    }

    private func writeMark(_ mark: CommitMark) throws(StoreError) {
        guard CommittedFile.write(mark, to: self.committedFile), ftruncate(self.committedFile, off_t(2 * CommitMark.size)) == 0,
            fsync(self.committedFile) == 0
        else { throw RocksDBFailure.system("Writing \(self.path)/committed") }
    }

    /// One more sync per second does not slow down the hundreds that commits make.
    private static let syncInterval: Duration = .seconds(1)
    /// A synced write that takes longer marks a slow disk.
    private static let slowWrite: Duration = .milliseconds(200)

    /// Checks that the store's path still leads to the opened files.
    ///
    /// - Throws: ``StoreError/Code/displaced``.
    func checkPlace() throws(StoreError) {
        var (found, opened) = (stat(), stat())
        let path = "\(self.path)/format"
        let what: String
        if stat(path, &found) != 0 {
            let number = errno
            guard number == ENOENT || number == ENOTDIR else { return }
            what = "The store in \(self.path) is missing: it was moved or removed while the relay uses it"
        } else if fstat(self.formatFile, &opened) == 0, found.st_ino != opened.st_ino || found.st_dev != opened.st_dev {
            what = "The store in \(self.path) is not the one that the relay uses: another directory was put or mounted there"
        } else if fstat(self.committedFile, &opened) == 0, opened.st_nlink == 0 || stat("\(self.path)/committed", &found) != 0 {
            what = "The file \(self.path)/committed of the store was removed while the relay uses it"
        } else {
            return
        }
        throw StoreError(.displaced, "\(what). \(RocksDBFailure.advice(.displaced))")
    }

    /// Checks that files can be written and synced. RocksDB is not used for this, since it refuses reads after a failure.
    func probe() throws(StoreError) {
        let path = "\(self.path)/probe"
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw RocksDBFailure.system("Writing to \(self.path)") }
        defer {
            Glibc.close(file)
            unlink(path)
        }
        let block = [UInt8](repeating: 0, count: Self.probeBytes)
        // RocksDB syncs its log by `fdatasync`, and the files that opening writes by both.
        let count = write(file, block, block.count)
        // A write that ends early sets no error number: there was no space for the rest.
        if count >= 0, count < block.count { errno = ENOSPC }
        guard count == block.count, fdatasync(file) == 0, fsync(file) == 0 else {
            throw RocksDBFailure.system("Writing to \(self.path)")
        }
    }

    /// Space for a new log and for the files that RocksDB writes when it is opened.
    private static let probeBytes = 1 << 20

    // MARK: Format

    /// - Returns: `nil` when the store is not complete yet.
    /// - Throws: ``StoreError/Code/newerFormat`` when this release does not know the format; `damaged` when the format cannot
    ///   be read.
    private func readFormat() throws(StoreError) -> Int? {
        let content = try FormatFile.read(self.formatFile)
        if case .half = self.found {
            self.notes.append("One of the two records in \(self.path)/committed is damaged. The other is whole, and is used.")
        }
        let format: Int
        switch content {
        case .format(let found): format = found
        case .half(let found):
            self.notes.append("One of the two lines in \(self.path)/format is damaged. The other has format \(found).")
            format = found
        case .absent, .damaged:
            let what = content == .absent ? "missing or empty" : "damaged"
            // The form of `committed` shows the format; a store without commits may be one whose creation has not finished.
            switch self.found {
            case .mark(let mark) where mark.number > 0, .half(let mark) where mark.number > 0:
                guard access(self.databasePath, F_OK) == 0 else { return nil }
                self.notes.append(
                    "The file \(self.path)/format is \(what). The store's other files show format \(Self.format)."
                )
                format = Self.format
            case _ where content == .absent: return nil
            default: throw RocksDBFailure.damaged("The file \(self.path)/format holds no number")
            }
        }
        guard format <= Self.format else {
            throw StoreError(
                .newerFormat,
                """
                The store in \(self.path) has format \(format), this release reads formats up to \(Self.format). Start the \
                release that wrote it, or a later one, or give this one another directory.
                """
            )
        }
        self.inspectedFormat = format
        if format == Self.format, case .early = self.found {
            self.notes.append("The file \(self.path)/committed is cut off. Its number is there, and is used.")
        }
        if case .mark = self.found { self.isCurrent = content == .format(Self.format) }
        return format
    }

    private func writeFormat(_ text: String) throws(StoreError) {
        let bytes = Array(text.utf8)
        guard pwrite(self.formatFile, bytes, bytes.count, 0) == bytes.count,
            ftruncate(self.formatFile, off_t(bytes.count)) == 0, fsync(self.formatFile) == 0
        else { throw RocksDBFailure.system("Writing \(self.path)/format") }
        try Self.syncDirectory(self.path)
    }

    // MARK: Directories

    /// Creates the directory and those above it, and syncs them, so that they survive a power failure.
    private static func makeDirectories(_ path: String) throws(StoreError) {
        let parent = Self.parent(of: path)
        if mkdir(path, 0o700) != 0 {
            if errno == EEXIST { return }
            guard errno == ENOENT, parent != path else { throw RocksDBFailure.system("Making the directory \(path)") }
            try self.makeDirectories(parent)
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
                throw RocksDBFailure.system("Making the directory \(path)")
            }
        }
        try self.syncDirectory(parent)
    }

    private static func parent(of path: String) -> String {
        path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    }

    private static func syncDirectory(_ path: String) throws(StoreError) {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw RocksDBFailure.system("Opening the directory \(path)") }
        defer { Glibc.close(directory) }
        guard fsync(directory) == 0 else { throw RocksDBFailure.system("Syncing the directory \(path)") }
    }
}
