import CRocksDB
import Logging
import RelayCore
import TTMSProtocol

/// The store on disk: ``MessageStore`` over RocksDB.
///
/// Frames are in chunks under rising ids (``Chunk``). The state of every queue is in memory, and recorded by each commit
/// (``MetaKey``), so nothing is read for a count. Delivery moves a queue's head and writes no tombstones; frames below the
/// heads are dropped when RocksDB merges its files. Staged changes are held until they are durable (``Staging``), so that a
/// failed commit can be repeated on a database opened again.
///
/// Like every store it is confined to one thread.
public final class RocksDBStore: MessageStore {
    /// Caps, policy, and the default time to live.
    public var limits: StoreLimits {
        didSet { if self.limits != oldValue { self.noteLimits() } }
    }
    /// The frames and bytes in all queues, and the ends of all others since the store was created.
    public internal(set) var totals = StoreTotals()
    /// Changes staged since the last successful commit.
    public internal(set) var staged = 0
    /// The part of ``staged`` that adds frames and keys.
    public internal(set) var stagedGrowth = 0

    /// Whether a run ends before the first staged frame.
    public var readsStagedApart = false

    /// Whether there was no store in the directory before it was opened.
    public private(set) var isNew = false

    let directory: StoreDirectory
    let options: DatabaseOptions
    let logger: Logger
    let space: StoreSpace
    /// The dead bytes above which their space is reclaimed.
    let reclaimBytes: Int

    /// The open database; `nil` after a failure until it is opened again, and after ``close()``.
    var database: Database?
    /// The failure because of which RocksDB refuses writes until it is opened again; `nil` when it accepts them.
    var failure: StoreError?
    /// Whether the last commit was refused for lack of space.
    var isShortOfRoom = false
    /// The iterator since the last commit, shared by all reads until the next.
    var iterator: DatabaseIterator?

    var table = TerminalTable()
    var staging = Staging()
    var clock = AcceptanceClock()
    /// The latest time of a sweep for expired frames.
    var latestTime = Timestamp(microseconds: .min)
    /// The time that was last recorded for the next start.
    var notedTime = Timestamp(microseconds: 0)
    /// The clocks when the store was last used; `nil` when it has no frame that could expire.
    public private(set) var lastReading: ClockReading?
    /// The time of the work that is being carried out.
    public var now = Timestamp(microseconds: 0)
    var book = TraceBook()
    /// Frames in flight.
    public internal(set) var inFlightFrames = 0
    /// Frames that were in flight when the store was opened, as of its last commit; their terminals may have received them.
    public internal(set) var foundInFlight = 0
    var inFlightBytes = 0
    /// The times at which queues may have expired frames.
    var expiries = SlotSchedule()
    /// The progress of searches in queues whose frames do not expire in order, by slot.
    var scans: [UInt32: ExpiryScan] = [:]
    /// The slots that may have the oldest queued frame of all.
    var oldest = SlotSchedule()
    var budget = EvictionBudget()
    /// The slots that appends have left above their cap.
    var overfull: Set<UInt32> = []
    var isOverfull = false
    /// Slots whose fullness under the present limits is not published yet.
    private(set) var unnoted = 0..<0
    /// Queues that one call of ``noteLoads()`` publishes, in about a millisecond.
    static let queuesPerStep = 5_000
    /// The checkpoint that is being written.
    var fold: CheckpointFold?
    /// Limits the log of failures to evict: there can be one per frame.
    var evictionLog = LogLimit<StoreError.Code>()

    /// The last commit.
    var commitNumber: UInt64 = 0
    /// The record of the last commit; `nil` before the first one that was read or made.
    var lastCommit: CommitRecord?
    /// Slots changed since the last commit.
    var changed: [UInt32] = []
    /// Slots changed since the last checkpoint.
    var unrecorded: [UInt32] = []
    /// The commit of the last checkpoint.
    var checkpointNumber: UInt64 = 0
    /// Bytes of the deltas since the last checkpoint.
    var deltaBytes = 0
    /// Bytes on disk of removed frames, as far as known.
    var deadBytes = 0
    /// The part of ``deadBytes`` that the running merge reclaims if it succeeds.
    var bytesInMerging = 0
    /// A missing file of the database.
    var missingFile: String?
    /// The position at which the next check for missing files begins.
    var checkPosition = 0
    /// The failure of the last merge.
    var reclaimFailure: StoreError?
    /// The times of further attempts after a failed merge.
    var mergePace = MergePace()
    /// Limits the log of failed merges.
    var mergeLog = HealthLog<StoreError.Code?>(nil)
    /// The duration of the last synced write.
    var lastWriteTime: Duration = .zero
    let batch = WriteBatch()
    var chunkWriter = ChunkWriter()
    /// The terminals whose queue has frames.
    public let kept = KeptTerminals()
    /// The terminals whose queue is full.
    public let full = FullTerminals()

    /// Opens the store in `directory`, which is created if it is missing, and reads its counts.
    ///
    /// - Throws: ``StoreError``: `inUse`, `newerFormat`, `damaged`, or a failure of the disk.
    public convenience init(directory: String, limits: StoreLimits, logger: Logger) throws(StoreError) {
        do throws(StoreError) {
            try self.init(directory: directory, limits: limits, logger: logger, reclaimBytes: nil)
        } catch {
            throw RocksDBFailure.atStart(error)
        }
    }

    /// - Parameter reclaimBytes: the dead bytes above which their space is reclaimed; `nil` for a share of the disk.
    init(directory: String, limits: StoreLimits, logger: Logger, reclaimBytes: Int?) throws(StoreError) {
        self.limits = limits
        self.logger = logger
        self.directory = try StoreDirectory(path: directory)
        self.space = StoreSpace(directory: directory)
        self.reclaimBytes = reclaimBytes ?? self.space.budget.reclaim
        let options = try DatabaseOptions(budget: self.space.budget, logger: logger)
        self.options = options
        var isNew = false
        try self.directory.prepare { path throws(StoreError) in
            isNew = true
            try Database.destroy(path, options: options)
            let database = try Database(path: path, creates: true, options: options)
            try CommitRecord(number: 0, clock: Timestamp(microseconds: .min), totals: StoreTotals()).writeFirst(to: database)
        }
        self.isNew = isNew
        self.space.makeRoomForEnds()
        self.database = try self.openAgain()
        self.space.refill()
        try self.readState()
        try self.directory.confirm(last: self.commitNumber)
        for note in self.directory.notes {
            self.logger.warning("A file of the store was damaged and is written again", metadata: ["what": "\(note)"])
        }
        self.noteLimits()
        while !self.unnoted.isEmpty { self.noteLoads() }
        if self.totals.frames > 0 {
            let lastTime = self.clock.last
            self.lastReading = self.directory.clockReading ?? ClockReading(steady: lastTime, wall: lastTime)
        }
        self.logger.info(
            "The store is open.",
            metadata: [
                "directory": "\(directory)", "frames": "\(self.totals.frames)", "bytes": "\(self.totals.bytes)",
                "terminals": "\(self.totals.terminals)", "commit": "\(self.commitNumber)",
            ]
        )
    }

    deinit {
        self.releaseFiles()
    }

    /// Commits, writes a checkpoint, and closes the database, even when that failed.
    ///
    /// The checkpoint and the flush only shorten the next start. On a disk with slow syncs they are left out, because they need
    /// ten further syncs.
    public func close() throws(StoreError) {
        defer { self.releaseFiles() }
        do throws(StoreError) {
            try self.commit(withCheckpoint: self.syncsQuickly)
        } catch {
            // The ends of frames are committed, so that delivered and deleted frames do not return.
            if error.code == .diskFull { try? self.commitEnds() }
            throw error
        }
        guard self.syncsQuickly else { return }
        self.noteTime(self.commitNumber)
        self.database?.flush()
    }

    /// Whether the last synced write was so short that ten more do not matter.
    private var syncsQuickly: Bool { self.lastWriteTime < .milliseconds(50) }

    /// Releases the database and the lock. In this order: RocksDB requires its iterators to be released first, and uses the
    /// files until it is closed.
    private func releaseFiles() {
        self.iterator = nil
        self.database = nil
        self.directory.unlock()
    }

    /// The open database; throws the reason when there is none.
    func openDatabase() throws(StoreError) -> Database {
        if let database = self.database { return database }
        throw self.failure ?? StoreError(.other, "The store is closed.")
    }

    /// The load of all queues.
    var load: StoreLoad {
        StoreLoad(
            frames: self.totals.frames,
            bytes: self.totals.bytes,
            inFlightFrames: self.inFlightFrames,
            inFlightBytes: self.inFlightBytes
        )
    }

    private func noteLimits() {
        self.full.reset(policy: self.limits.policy)
        self.unnoted = 0..<(self.limits.policy == .pushBack ? self.table.queues.count : 0)
        self.noteLoads()
    }

    /// Publishes which of the next queues are full under changed limits. Until then a queue is published at its next change.
    func noteLoads() {
        let slots = self.unnoted.prefix(Self.queuesPerStep)
        for slot in slots { self.noteLoad(of: UInt32(truncatingIfNeeded: slot)) }
        self.unnoted = self.unnoted.dropFirst(slots.count)
    }

    /// Publishes to other threads when the queue in `slot`, or the store, is full, or has room again.
    @inline(__always)
    func noteLoad(of slot: UInt32) {
        guard self.limits.policy == .pushBack, let ccid = self.table[slot].ccid else { return }
        self.full.note(ccid, self.table[slot].load, all: self.load, terminals: self.totals.terminals, self.limits)
    }

    /// Marks the queue in `slot` as changed, so that the next commit records it.
    @inline(__always)
    func noteChange(of slot: UInt32) {
        if self.table[slot].isChanged { return }
        self.table[slot].isChanged = true
        self.changed.append(slot)
        if self.table[slot].isUnrecorded { return }
        self.table[slot].isUnrecorded = true
        self.unrecorded.append(slot)
    }
}
