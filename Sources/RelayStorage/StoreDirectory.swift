import Glibc
import RelayCore

/// The directory of a store: who may work in it, what was written there, and how far it is known to have got.
///
///     format      says that a store was made here, and by which format; locked while it is open
///     queue/      the RocksDB database
///     committed   the number of the last commit, and what the clocks said then; written after it, and synced now and then
///
/// `format` is written when the database is complete, so a database that is missing where `format` says otherwise has been taken
/// away, and is not made anew. `committed` may lag behind after a power failure, but never runs ahead: a database that ends before
/// it has lost commits that were promised, which RocksDB cannot tell from a log that was being written when the power failed. It is
/// synced once a second at the most, so that only damage to the last second's log can pass for such an end.
final class StoreDirectory {
    /// The format that this release writes. Format 2 added the families of traces and of keys, and switches; a store of format 1
    /// gets them when it is opened, and from then on older releases refuse it.
    static let format = 2

    let path: String
    /// The format of a store that is only looked at.
    private(set) var inspectedFormat = StoreDirectory.format
    private var formatFile: CInt
    private var committedFile: CInt
    private var nextSync = ContinuousClock.now

    /// Where the database is.
    var databasePath: String { "\(self.path)/queue" }
    private var unfinishedPath: String { "\(self.path)/queue.new" }

    /// Makes the directory if it is missing, and locks it.
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
    }

    /// Locks the directory of a store against relays, and nobody else, to look at it: nothing is made or changed.
    init(inspecting path: String) throws(StoreError) {
        self.path = path
        let format = open("\(path)/format", O_RDONLY | O_CLOEXEC)
        guard format >= 0 else {
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
            throw RocksDBFailure.damaged("The file \(path)/format of the store is missing")
        }
        try Self.lock(format, LOCK_SH, in: path)
        self.formatFile = format
        // Without it nothing is known to be lost, as after a power failure.
        self.committedFile = open("\(path)/committed", O_RDONLY | O_CLOEXEC)
        let written = try self.readFormat()
        self.inspectedFormat = written ?? Self.format
        guard access(self.databasePath, F_OK) == 0 else { throw written != nil ? self.databaseIsMissing : Self.missing(path) }
    }

    private static func missing(_ path: String) -> StoreError {
        StoreError(.missing, "There is no store in \(path). \(RocksDBFailure.advice(.missing))")
    }

    /// Closes `format` where it cannot be locked.
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

    /// Lets another process work in the directory.
    func unlock() {
        guard self.formatFile >= 0 else { return }
        Glibc.close(self.committedFile)
        Glibc.close(self.formatFile)
        self.formatFile = -1
        self.committedFile = -1
    }

    /// Sees to it that there is a database at ``databasePath``.
    ///
    /// - Parameter make: makes a complete one at the path that it is given, and closes it. What is there already is what an earlier
    ///   start left unfinished, and never held a frame.
    /// - Throws: ``StoreError/Code/newerFormat`` or `damaged` when what is there is not for this release to open.
    func prepare(make: (String) throws(StoreError) -> Void) throws(StoreError) {
        let format = try self.readFormat()
        let isThere = access(self.databasePath, F_OK) == 0
        if let format {
            guard isThere else { throw self.databaseIsMissing }
            // Before there is anything that an older release would not understand.
            if format < Self.format { try self.writeFormat() }
            return
        }
        if !isThere {
            try make(self.unfinishedPath)
            guard rename(self.unfinishedPath, self.databasePath) == 0 else {
                throw RocksDBFailure.system("Naming \(self.databasePath)")
            }
        }
        // Before the format says so: the database has its name, and the store its own, also when an earlier start made them and
        // was killed before it had synced that.
        try Self.syncDirectory(self.path)
        try Self.syncDirectory(Self.parent(of: self.path))
        try self.writeFormat()
    }

    private var databaseIsMissing: StoreError {
        RocksDBFailure.damaged("The database \(self.databasePath) of the store is missing")
    }

    // MARK: The last commit

    /// The number of a commit that was durable; later ones may have been, too.
    var committed: UInt64 {
        var number: UInt64 = 0
        let size = pread(self.committedFile, &number, MemoryLayout<UInt64>.size, 0)
        return size == MemoryLayout<UInt64>.size ? UInt64(bigEndian: number) : 0
    }

    /// What the clocks said when the last commit was noted, or later; `nil` when that is not known.
    var clockReading: ClockReading? {
        var words = [UInt64](repeating: 0, count: 4)
        let size = words.count * MemoryLayout<UInt64>.size
        guard pread(self.committedFile, &words, size, 0) == size, words.reduce(0, ^) == 0 else { return nil }
        let times = words[1...2].map { Timestamp(microseconds: Int64(bitPattern: UInt64(bigEndian: $0))) }
        return ClockReading(steady: times[0], wall: times[1])
    }

    /// Notes that commit `number` is durable, and the time. A failure is let pass: what is there is then older, and still true.
    func noteCommitted(_ number: UInt64, at steady: Timestamp) {
        var wall = timespec()
        clock_gettime(CLOCK_REALTIME, &wall)
        let wallMicroseconds = Int64(wall.tv_sec) &* 1_000_000 &+ Int64(wall.tv_nsec) / 1_000
        var words = [number, UInt64(bitPattern: steady.microseconds), UInt64(bitPattern: wallMicroseconds)].map(\.bigEndian)
        words.append(words.reduce(0, ^))
        pwrite(self.committedFile, &words, words.count * MemoryLayout<UInt64>.size, 0)
        let now = ContinuousClock.now
        guard now >= self.nextSync else { return }
        self.nextSync = now + Self.syncInterval
        fdatasync(self.committedFile)
    }

    /// One more sync per second does not slow down the hundreds that commits make.
    private static let syncInterval: Duration = .seconds(1)

    /// Whether files can be written and synced now, found out without RocksDB, which closes itself to reads when it fails.
    func probe() throws(StoreError) {
        let path = "\(self.path)/probe"
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw RocksDBFailure.system("Writing to \(self.path)") }
        defer {
            Glibc.close(file)
            unlink(path)
        }
        let block = [UInt8](repeating: 0, count: Self.probeBytes)
        // RocksDB syncs its log by the one, and the files that opening writes by both.
        guard write(file, block, block.count) == block.count, fdatasync(file) == 0, fsync(file) == 0 else {
            throw RocksDBFailure.system("Writing to \(self.path)")
        }
    }

    /// Room for a new log and the files that opening RocksDB writes.
    private static let probeBytes = 1 << 20

    // MARK: Format

    /// - Returns: `nil` when the store is not complete yet.
    /// - Throws: ``StoreError/Code/newerFormat`` when this release does not know the format.
    private func readFormat() throws(StoreError) -> Int? {
        var bytes = [UInt8](repeating: 0, count: 64)
        let size = pread(self.formatFile, &bytes, bytes.count, 0)
        guard size >= 0 else { throw RocksDBFailure.system("Reading \(self.path)/format") }
        guard size > 0 else { return nil }
        let line = bytes[..<size].prefix { $0 != UInt8(ascii: "\n") }
        guard let format = Int(String(decoding: line, as: UTF8.self)), format > 0 else {
            throw RocksDBFailure.damaged("The file \(self.path)/format holds no number")
        }
        guard format <= Self.format else {
            throw StoreError(
                .newerFormat,
                """
                The store in \(self.path) has format \(format), this release reads formats up to \(Self.format). Start the \
                release that wrote it, or a later one, or let this one work on another directory.
                """
            )
        }
        return format
    }

    private func writeFormat() throws(StoreError) {
        let line = Array("\(Self.format)\n".utf8)
        guard pwrite(self.formatFile, line, line.count, 0) == line.count, fsync(self.formatFile) == 0 else {
            throw RocksDBFailure.system("Writing \(self.path)/format")
        }
        try Self.syncDirectory(self.path)
    }

    // MARK: Directories

    /// Makes the directory and those above it, so that they survive a power failure, too.
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
