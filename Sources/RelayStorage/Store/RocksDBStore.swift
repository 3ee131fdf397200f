import CRocksDB
import Logging
import RelayCore
import TTMSProtocol

/// The queue on disk: ``MessageStore`` over RocksDB.
///
/// Frames lie in chunks under rising ids (``Chunk``), the state of every queue is in memory and told to the disk by each commit
/// (``MetaKey``), so nothing is ever looked up to be counted. Delivery moves a queue's head and writes no tombstones; what lies
/// below the heads is dropped when RocksDB merges its files. What is staged is kept until it is durable (``Staging``), so that a
/// commit that failed can be made again on a database opened anew.
///
/// Like every store it belongs to one thread.
public final class RocksDBStore: MessageStore {
    /// Caps, policy, and the default time to live.
    public var limits: StoreLimits {
        didSet { if self.limits != oldValue { self.noteLimits() } }
    }
    /// Frames and bytes kept, and what has become of all others since the store was made.
    public internal(set) var totals = StoreTotals()
    /// Changes staged since the last successful commit.
    public internal(set) var staged = 0
    /// Of these, the frames and keys that were added.
    public internal(set) var stagedGrowth = 0

    /// Whether a run ends before the first frame that is staged.
    public var readsStagedApart = false

    /// Whether there was no store in the directory before it was opened.
    public private(set) var isNew = false

    let directory: StoreDirectory
    let options: DatabaseOptions
    let logger: Logger
    let space: StoreSpace
    /// When the room of dead frames is taken back.
    let reclaimBytes: Int

    /// `nil` while it could not be opened again after a failure, and after ``close()``.
    var database: Database?
    /// Why RocksDB takes no more writes until it is opened anew; `nil` when it does.
    var failure: StoreError?
    /// The last commit was refused for want of room.
    var isShortOfRoom = false
    /// Kept from the last commit until the next, so that many reads share one.
    var iterator: DatabaseIterator?

    var table = TerminalTable()
    var staging = Staging()
    var clock = AcceptanceClock()
    /// The latest time that somebody has asked for expired frames by.
    var latestTime = Timestamp(microseconds: .min)
    /// The time that was noted last for the next start.
    var notedTime = Timestamp(microseconds: 0)
    /// What the clocks said when the store was used last; `nil` when it keeps nothing that could expire.
    public private(set) var lastReading: ClockReading?
    /// When that happens which is carried out now.
    public var now = Timestamp(microseconds: 0)
    var book = TraceBook()
    /// Frames in flight.
    public internal(set) var inFlightFrames = 0
    /// Frames that were in flight when the store was opened, as of its last commit: their terminals may have them.
    public internal(set) var foundInFlight = 0
    var inFlightBytes = 0
    /// When to look for expired frames.
    var expiries = SlotSchedule()
    /// How far the queues have been searched for expired frames whose frames do not expire in order.
    var scans: [UInt32: ExpiryScan] = [:]
    /// Where the oldest queued frame of all may be.
    var oldest = SlotSchedule()
    var budget = EvictionBudget()
    /// What an append has left beyond its cap.
    var overfull: Set<UInt32> = []
    var isOverfull = false
    /// Slots for which it is not published yet whether they are full under the limits.
    private(set) var unnoted = 0..<0
    /// Queues that one call of ``noteLoads()`` publishes: about a millisecond.
    static let queuesPerStep = 5_000
    /// The checkpoint that is being written.
    var fold: CheckpointFold?
    /// Which failures to evict are logged: there can be one per frame.
    var evictionLog = LogLimit<StoreError.Code>()

    /// The last commit.
    var commitNumber: UInt64 = 0
    /// What the last commit said; `nil` before the first one that was read or made.
    var lastCommit: CommitRecord?
    /// Slots changed since the last commit.
    var changed: [UInt32] = []
    /// Slots changed since the last checkpoint.
    var unrecorded: [UInt32] = []
    /// The commit of the last checkpoint.
    var checkpointNumber: UInt64 = 0
    /// Bytes of the deltas since then.
    var deltaBytes = 0
    /// Bytes on disk of frames that are no longer kept, as far as known.
    var deadBytes = 0
    /// Those that the merging under way takes back if it succeeds.
    var bytesInMerging = 0
    /// A file of the database that is not there any more.
    var missingFile: String?
    /// Where the next look for missing files begins.
    var checkPosition = 0
    /// Why that failed last.
    var reclaimFailure: StoreError?
    /// When a merge is attempted again after one that failed.
    var mergePace = MergePace()
    /// Which failures of merges are logged.
    var mergeLog = HealthLog<StoreError.Code?>(nil)
    /// What the last synced write took.
    var lastWriteTime: Duration = .zero
    let batch = WriteBatch()
    var chunkWriter = ChunkWriter()
    /// The terminals for which frames are kept.
    public let kept = KeptTerminals()
    /// The terminals that have no room for more.
    public let full = FullTerminals()

    /// Opens the store in `directory`, which is made if it is missing, and counts what it holds.
    ///
    /// - Throws: ``StoreError``: `inUse`, `newerFormat`, `damaged`, or what the disk says.
    public convenience init(directory: String, limits: StoreLimits, logger: Logger) throws(StoreError) {
        do throws(StoreError) {
            try self.init(directory: directory, limits: limits, logger: logger, reclaimBytes: nil)
        } catch {
            throw RocksDBFailure.atStart(error)
        }
    }

    /// - Parameter reclaimBytes: dead bytes worth the work of taking their room back; `nil` for a share of the disk.
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
            self.logger.warning("A file of the store was damaged and is written anew", metadata: ["what": "\(note)"])
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
        self.letGo()
    }

    /// Commits, writes a checkpoint, and closes the database, also where that failed.
    ///
    /// Checkpoint and flush only save the next start some reading. On a disk on which each sync takes long, the one that makes frames
    /// durable has to be enough: there are ten in a row otherwise.
    public func close() throws(StoreError) {
        defer { self.letGo() }
        do throws(StoreError) {
            try self.commit(withCheckpoint: self.syncsQuickly)
        } catch {
            // What has been delivered and deleted need not come again.
            if error.code == .diskFull { try? self.commitEnds() }
            throw error
        }
        guard self.syncsQuickly else { return }
        self.noteTime(self.commitNumber)
        self.database?.flush()
    }

    /// Whether the last synced write took so little that ten more do not matter.
    private var syncsQuickly: Bool { self.lastWriteTime < .milliseconds(50) }

    /// In this order: RocksDB wants its iterators gone first, and the files are its own until it has closed them.
    private func letGo() {
        self.iterator = nil
        self.database = nil
        self.directory.unlock()
    }

    /// The database, or why there is none now.
    func openDatabase() throws(StoreError) -> Database {
        if let database = self.database { return database }
        throw self.failure ?? StoreError(.other, "The store is closed.")
    }

    /// What all terminals' queues hold.
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

    /// Publishes which of the next queues are full under limits that have changed. Until then a queue counts as full from its next
    /// change on.
    func noteLoads() {
        let slots = self.unnoted.prefix(Self.queuesPerStep)
        for slot in slots { self.noteLoad(of: UInt32(truncatingIfNeeded: slot)) }
        self.unnoted = self.unnoted.dropFirst(slots.count)
    }

    /// Tells other threads when the queue in `slot`, or the store, is full, or has room again.
    @inline(__always)
    func noteLoad(of slot: UInt32) {
        guard self.limits.policy == .pushBack, let ccid = self.table[slot].ccid else { return }
        self.full.note(ccid, self.table[slot].load, all: self.load, terminals: self.totals.terminals, self.limits)
    }

    /// Has the next commit tell of the queue in `slot`.
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
