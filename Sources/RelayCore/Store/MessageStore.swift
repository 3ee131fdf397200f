import NIOCore
import TTMSProtocol

/// The contract of the queue on disk: a FIFO of frames per terminal, durable at ``commit()``.
///
/// A store belongs to one thread (the group commit's), so it is not `Sendable` and takes no locks. Every change is *staged* by its
/// call and takes effect for later calls at once; `commit` makes all staged changes durable together (written and fsynced) or
/// throws and leaves them staged, to be committed again; nothing staged survives a crash before `commit` returns.
///
/// Each terminal's queue is, oldest first: frames **in flight** (read for delivery, not removed yet), then frames **queued**.
/// - `append` adds a queued frame at the end, or one that is in flight from its birth; the latter only while nothing is queued.
/// - `readNext` turns queued frames into frames in flight, in order.
/// - `remove` ends frames in flight, from the oldest on: they are delivered.
/// - `rewind` turns all frames in flight back into queued ones: the connection ended.
/// - Expiry, eviction and deletion concern queued frames only: what has been written to a terminal cannot be recalled.
///
/// After a restart everything kept is queued. Counts are known without scanning.
public protocol MessageStore: TraceStore {
    /// Caps, policy, and the default time to live. May be changed at any time.
    var limits: StoreLimits { get set }

    /// Frames and bytes kept, and what has become of all others since the store was made.
    var totals: StoreTotals { get }

    /// Frames in flight, of all terminals.
    var inFlightFrames: Int { get }

    /// The terminals for which frames are kept, those in flight included, for other threads to look at.
    var kept: KeptTerminals { get }

    /// The terminals that have no room for more, for other threads to look at: senders have to wait for them.
    var full: FullTerminals { get }

    /// Changes staged since the last successful commit. Rises with each change; 0 when a commit would write nothing.
    var staged: Int { get }

    /// Of the staged changes, those that need room on the disk to become durable: frames and keys that were added.
    ///
    /// While this is all that is staged, everything that ends a frame is durable.
    var stagedGrowth: Int { get }

    /// Frames kept that were staged since the last successful commit: they are in memory only, and a crash would lose them.
    var stagedFrames: Int { get }

    /// Whether frames for `ccid` have been staged since the last successful commit, so that what is read of its queue may not be
    /// durable.
    func hasStagedFrames(for ccid: CCID) -> Bool

    /// Whether a run ends before the first frame that is staged, unless it begins there: while commits fail, what is durable need not
    /// wait for what is not.
    var readsStagedApart: Bool { get set }

    /// Whether a kept message has been staged since the last successful commit.
    func isStaged(_ id: MessageID) -> Bool

    /// Stages a frame for `ccid`, evicting older ones or refusing it where a cap says so.
    ///
    /// Where far more is kept than a cap allows, since that has become lower, one frame evicts only some of it
    /// (``EvictionBudget``), and ``trim(limit:)`` the rest.
    ///
    /// With ``StoreLimits/Policy/pushBack`` the caps do neither: the frame was taken when there was room, or could
    /// not be left with its sender (``refusal(of:size:)``).
    ///
    /// - Parameters:
    ///   - frame: 13...65535 bytes, as its destination gets them.
    ///   - acceptedAt: when the relay took it. A store keeps these rising within each queue, and a time that is a little earlier than
    ///     the last counts as just after it (``AcceptanceClock``).
    ///   - timeToLive: seconds; 0 for ever; `nil` for the limits' default.
    ///   - isInFlight: the frame has been written to the terminal already (journal). No cap refuses it: it was taken long before,
    ///     and the connections' windows bound how many there are.
    ///   - isTraced: its trace is kept, also without its terminal's switch.
    /// - Throws: ``StoreError`` when reading what has to be evicted fails.
    func append(
        _ frame: UnsafeRawBufferPointer,
        to ccid: CCID,
        acceptedAt: Timestamp,
        timeToLive: UInt32?,
        isInFlight: Bool,
        isTraced: Bool
    ) throws(StoreError) -> AppendOutcome

    /// Stages that a frame was refused that is not given to ``append(_:to:acceptedAt:timeToLive:isInFlight:isTraced:)`` at all.
    func countRefused()

    /// Reads queued frames of `ccid`, oldest first, and puts them in flight.
    ///
    /// Frames whose time to live is over by `now` are expired instead (staged). At least one frame is read when there is one, unless
    /// ``StoreLimits/expiriesPerRead`` had to be expired before it: then there is more to read, and perhaps nothing in the run.
    ///
    /// - Parameter maximumBytes: of frames.
    func readNext(of ccid: CCID, maximumBytes: Int, now: Timestamp) throws(StoreError) -> StoredRun

    /// Stages the end of all frames in flight of `ccid` up to and including `through`: they are delivered.
    ///
    /// - Returns: how many frames that were; 0 when none of them is in flight any more.
    @discardableResult
    func remove(of ccid: CCID, through: MessageID) throws(StoreError) -> Int

    /// Turns all frames in flight of `ccid` back into queued ones.
    func rewind(_ ccid: CCID)

    /// Makes everything staged durable.
    ///
    /// - Throws: ``StoreError``; everything staged stays staged.
    func commit() throws(StoreError)

    /// Makes durable what is staged except ``stagedGrowth``, where a commit of everything has failed for want of room.
    ///
    /// - Throws: ``StoreError``; everything staged stays staged.
    func commitEnds() throws(StoreError)

    /// What is kept for `ccid`; empty when the store does not know it.
    func backlog(of ccid: CCID) -> Backlog

    /// Terminals for which something is kept, in the order of their CCIDs.
    ///
    /// - Parameters:
    ///   - after: only terminals with higher CCIDs.
    ///   - limit: terminals at the most.
    func terminals(after: CCID?, limit: Int) -> [TerminalBacklog]

    /// Messages kept for `ccid`, oldest first, those in flight included.
    ///
    /// - Parameters:
    ///   - after: only messages behind this one.
    ///   - limit: messages at the most.
    func messages(of ccid: CCID, after: MessageID?, limit: Int) throws(StoreError) -> [StoredMessage]

    /// The message with this id; `nil` when it is not kept (any more).
    func message(_ id: MessageID) throws(StoreError) -> StoredMessage?

    /// How many frames of its terminal are kept before a kept message, those in flight included; `nil` when it is not kept.
    ///
    /// Where frames between were deleted or have expired, and more than ``AppendPreview/maximumWalk`` are to be counted, it may
    /// count those, too: one answer must not hold up the commits.
    func framesAhead(of id: MessageID) throws(StoreError) -> Int?

    /// What would become of a frame of `size` bytes, 13...65535, that were appended for `ccid` now. Nothing is staged.
    func preview(size: Int, to ccid: CCID, timeToLive: UInt32?) throws(StoreError) -> AppendPreview

    /// Stages the deletion of one queued message.
    func delete(_ id: MessageID) throws(StoreError) -> DeleteOutcome

    /// Stages the deletion of queued messages of `ccid`, oldest first.
    ///
    /// - Parameters:
    ///   - through: the last to be deleted; `nil` for all that are queued now.
    ///   - limit: messages at the most, where each has to be looked at, so that one call does not hold up the commits.
    func deleteAll(of ccid: CCID, through: MessageID?, limit: Int) throws(StoreError) -> BulkDeletion

    /// Stages the expiry of queued messages whose time to live is over by `now`.
    ///
    /// - Parameter limit: messages at the most, so that one call does not hold up the commits.
    /// - Returns: how many expired; `limit` when there may be more, also where it has only looked at many.
    func expire(now: Timestamp, limit: Int) throws(StoreError) -> Int

    /// Stages the eviction of the oldest queued frames of what an append has found, and left, beyond its cap.
    ///
    /// - Parameter limit: frames at the most.
    /// - Returns: how many were evicted; `limit` when there may be more.
    func trim(limit: Int) throws(StoreError) -> Int

    /// Whether what is written now can be found again: called about once a second, also when nothing is staged.
    ///
    /// - Throws: ``StoreError``; commits then fail with the same until it is so again.
    func check() throws(StoreError)

    /// Commits, and lets go of the files. Nothing may be called after it.
    func close() throws(StoreError)
}

/// What came of one call of ``MessageStore/deleteAll(of:through:limit:)``.
public struct BulkDeletion: Equatable, Sendable {
    /// Messages deleted.
    public var frames: Int
    /// The last message that is to be deleted by further calls; `nil` when all are.
    public var rest: MessageID?

    /// Makes the outcome of a call.
    public init(frames: Int, rest: MessageID? = nil) {
        self.frames = frames
        self.rest = rest
    }
}

extension MessageStore {
    /// Stages the deletion of all queued messages of `ccid`.
    ///
    /// - Returns: how many those were.
    @discardableResult
    package func deleteAll(of ccid: CCID, limit: Int = 1_000) throws(StoreError) -> Int {
        var deletion = try self.deleteAll(of: ccid, through: nil, limit: limit)
        var frames = deletion.frames
        while let rest = deletion.rest {
            deletion = try self.deleteAll(of: ccid, through: rest, limit: limit)
            frames += deletion.frames
        }
        return frames
    }

    /// Why a frame of `size` bytes is not to be appended, although no cap would refuse it there: with ``StoreLimits/Policy/pushBack``
    /// a terminal is made to wait, but an operator waits for the answer, and gets the one of ``StoreLimits/Policy/rejectNewest``.
    package func refusal(of entry: AppendBatch.Entry, size: Int) throws(StoreError) -> StoreLimits.Cap? {
        guard self.limits.policy == .pushBack, entry.isFromOperator else { return nil }
        return try self.preview(size: size, to: entry.ccid, timeToLive: entry.timeToLive).rejection
    }

    /// Stages a frame that is traced only if its terminal's switch is on.
    public func append(
        _ frame: UnsafeRawBufferPointer,
        to ccid: CCID,
        acceptedAt: Timestamp,
        timeToLive: UInt32?,
        isInFlight: Bool
    ) throws(StoreError) -> AppendOutcome {
        try self.append(
            frame,
            to: ccid,
            acceptedAt: acceptedAt,
            timeToLive: timeToLive,
            isInFlight: isInFlight,
            isTraced: false
        )
    }
}

/// What became of a frame that was to be kept.
public enum AppendOutcome: Equatable, Sendable {
    /// It is staged under this id.
    case queued(MessageID)
    /// A cap stood in its way, and nothing gave way to it.
    case rejected(StoreLimits.Cap)
}

/// What became of a deletion.
public enum DeleteOutcome: Equatable, Sendable {
    /// The message is no longer kept, and was not delivered.
    case deleted
    /// The message has been written to its terminal.
    case inFlight
    /// There is no such message (any more).
    case unknown
}

/// Frames read for delivery: their bytes one behind the other, ready for the socket.
public struct StoredRun: Sendable {
    /// Where one of the frames ends, and which it is.
    public struct Mark: Equatable, Sendable {
        /// Offset in ``StoredRun/bytes`` just behind the frame.
        public let end: Int
        /// The frame's id.
        public let id: MessageID

        /// Marks the frame `id` that ends at `end`.
        public init(end: Int, id: MessageID) {
            self.end = end
            self.id = id
        }
    }

    /// The frames' bytes; its readable bytes begin with the first frame.
    public var bytes: ByteBuffer
    /// One per frame, in order.
    public var marks: [Mark]
    /// Whether queued frames remain behind these.
    public var hasMore: Bool
    /// Those of the frames whose messages are traced.
    public var traced: [MessageID] = []
    /// When the relay took the first of the frames; `nil` when there is none.
    public var oldestAcceptedAt: Timestamp?

    /// Makes a run.
    public init(
        bytes: ByteBuffer = ByteBuffer(),
        marks: [Mark] = [],
        hasMore: Bool = false,
        oldestAcceptedAt: Timestamp? = nil
    ) {
        self.bytes = bytes
        self.marks = marks
        self.hasMore = hasMore
        self.oldestAcceptedAt = oldestAcceptedAt
    }
}

/// A kept frame with what the store knows of it.
public struct StoredMessage: Equatable, Sendable {
    /// Its id.
    public let id: MessageID
    /// Its destination.
    public let destination: CCID
    /// The frame as its destination gets it.
    public let frame: [UInt8]
    /// When the relay took it.
    public let acceptedAt: Timestamp
    /// When its time to live is over; `nil` when it is kept for ever.
    public let expiresAt: Timestamp?
    /// Whether it has been written to its terminal.
    public let isInFlight: Bool
    /// What has happened to it; `nil` when it is not traced.
    public let trace: MessageTrace?

    /// Makes a message.
    public init(
        id: MessageID,
        destination: CCID,
        frame: [UInt8],
        acceptedAt: Timestamp,
        expiresAt: Timestamp?,
        isInFlight: Bool,
        trace: MessageTrace? = nil
    ) {
        self.trace = trace
        self.id = id
        self.destination = destination
        self.frame = frame
        self.acceptedAt = acceptedAt
        self.expiresAt = expiresAt
        self.isInFlight = isInFlight
    }
}

/// Where the frames are that a store ever took: `appended == frames + removed + expired + deleted + evicted`.
public struct StoreTotals: Equatable, Sendable {
    /// Frames kept now.
    public var frames = 0
    /// Their bytes.
    public var bytes = 0
    /// Terminals for which frames are kept now.
    public var terminals = 0
    /// Frames ever taken.
    public var appended: UInt64 = 0
    /// Frames delivered and removed.
    public var removed: UInt64 = 0
    /// Frames whose time to live ended.
    public var expired: UInt64 = 0
    /// Frames deleted by an operator.
    public var deleted: UInt64 = 0
    /// Frames dropped as the oldest at a cap.
    public var evicted: UInt64 = 0
    /// Frames refused at a cap; they were never taken.
    public var rejected: UInt64 = 0

    /// The totals of a new store.
    public init() {}
}
