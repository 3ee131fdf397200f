import NIOCore
import TTMSProtocol

/// Contract of the store: a FIFO of frames per terminal, durable at ``commit()``.
///
/// A store is confined to one thread (the group commit's), so it is not `Sendable` and takes no locks. Each call *stages* its
/// change, which later calls see at once.
///
/// `commit` makes all staged changes durable together (written and fsynced). If it throws, they stay staged and can be committed
/// again. A crash before `commit` returns loses them.
///
/// Each terminal's queue is, oldest first: frames **in flight** (read for delivery, not removed yet), then frames **queued**.
/// - `append` adds a queued frame at the end, or one that is already in flight; the latter only while nothing is queued.
/// - `readNext` puts queued frames in flight, in order.
/// - `remove` ends frames in flight, from the oldest on: they are delivered.
/// - `rewind` requeues all frames in flight: the connection ended.
/// - Expiry, eviction and deletion concern queued frames only, because bytes written to a terminal cannot be recalled.
///
/// After a restart all stored frames are queued. Counts are known without a scan.
public protocol MessageStore: TraceStore {
    /// Caps, policy, and the default time to live. Can be changed at any time.
    var limits: StoreLimits { get set }

    /// Stored frames and bytes, and counters of all others since the store was made.
    var totals: StoreTotals { get }

    /// Number of frames in flight, of all terminals.
    var inFlightFrames: Int { get }

    /// Terminals with stored frames, those in flight included, for other threads.
    var kept: KeptTerminals { get }

    /// Terminals without room, for which senders have to wait, for other threads.
    var full: FullTerminals { get }

    /// Number of changes staged since the last successful commit; 0 when a commit would write nothing.
    var staged: Int { get }

    /// Number of staged changes that need room on the disk: added frames and keys.
    ///
    /// While nothing else is staged, every end of a frame is durable.
    var stagedGrowth: Int { get }

    /// Stored frames that were staged since the last successful commit: they are in memory only, and a crash would lose them.
    var stagedFrames: Int { get }

    /// Whether frames for `ccid` have been staged since the last successful commit, so that a read may return frames that are not
    /// durable.
    func hasStagedFrames(for ccid: CCID) -> Bool

    /// Whether a run that begins with durable frames ends before the first staged one. While commits fail, durable frames then need
    /// not wait for staged ones.
    var readsStagedApart: Bool { get set }

    /// Whether a stored message has been staged since the last successful commit.
    func isStaged(_ id: MessageID) -> Bool

    /// Stages a frame for `ccid`, and evicts older ones or rejects it according to the caps.
    ///
    /// When a cap was lowered far below the stored amount, one append evicts a limited number of frames (``EvictionBudget``).
    /// ``trim(limit:)`` evicts the rest.
    ///
    /// With ``StoreLimits/Policy/pushBack`` no cap evicts or rejects: the frame was accepted while there was room, or could not be
    /// left with its sender (``refusal(of:size:)``).
    ///
    /// - Parameters:
    ///   - frame: 13...65535 bytes, in the form that its destination gets.
    ///   - acceptedAt: time of acceptance. Times rise within each queue: one slightly earlier than the last becomes the next
    ///     microsecond after it (``AcceptanceClock``).
    ///   - timeToLive: seconds; 0 for no end; `nil` for the limits' default.
    ///   - isInFlight: whether the frame has been written to the terminal already (journal). No cap rejects it, because it was
    ///     accepted before; the connections' windows bound the number of such frames.
    ///   - isTraced: whether the frame is traced even when its terminal's switch is off.
    /// - Throws: ``StoreError`` when a frame that has to be evicted cannot be read.
    func append(
        _ frame: UnsafeRawBufferPointer,
        to ccid: CCID,
        acceptedAt: Timestamp,
        timeToLive: UInt32?,
        isInFlight: Bool,
        isTraced: Bool
    ) throws(StoreError) -> AppendOutcome

    /// Stages the count of a rejected frame that is not passed to ``append(_:to:acceptedAt:timeToLive:isInFlight:isTraced:)``.
    func countRefused()

    /// Reads queued frames of `ccid`, oldest first, and puts them in flight.
    ///
    /// Frames whose time to live has ended by `now` are expired instead (staged). At least one frame is read when there is one.
    ///
    /// The exception: after ``StoreLimits/expiriesPerRead`` expiries the run ends, possibly empty, with ``StoredRun/hasMore``.
    ///
    /// - Parameter maximumBytes: limit of the frames' bytes.
    func readNext(of ccid: CCID, maximumBytes: Int, now: Timestamp) throws(StoreError) -> StoredRun

    /// Stages the end of all frames in flight of `ccid` up to and including `through`: they are delivered.
    ///
    /// - Returns: the number of removed frames; 0 when none of them is in flight now.
    @discardableResult
    func remove(of ccid: CCID, through: MessageID) throws(StoreError) -> Int

    /// Requeues all frames in flight of `ccid`.
    func rewind(_ ccid: CCID)

    /// Makes everything staged durable.
    ///
    /// - Throws: ``StoreError``; everything staged stays staged.
    func commit() throws(StoreError)

    /// Makes all staged changes durable except ``stagedGrowth``. Called after a commit of everything has failed for lack of room.
    ///
    /// - Throws: ``StoreError``; everything staged stays staged.
    func commitEnds() throws(StoreError)

    /// Returns the backlog of `ccid`; empty when the store does not know it.
    func backlog(of ccid: CCID) -> Backlog

    /// Returns terminals with stored frames, in the order of their CCIDs.
    ///
    /// - Parameters:
    ///   - after: only terminals with higher CCIDs.
    ///   - limit: largest number of terminals.
    func terminals(after: CCID?, limit: Int) -> [TerminalBacklog]

    /// Returns stored messages for `ccid`, oldest first, those in flight included.
    ///
    /// - Parameters:
    ///   - after: only messages after this one.
    ///   - limit: largest number of messages.
    func messages(of ccid: CCID, after: MessageID?, limit: Int) throws(StoreError) -> [StoredMessage]

    /// Returns the stored message with this id; `nil` when there is none.
    func message(_ id: MessageID) throws(StoreError) -> StoredMessage?

    /// Returns the number of stored frames of its terminal before a stored message, those in flight included; `nil` when it is not
    /// stored.
    ///
    /// The result is an upper bound when frames between were deleted or have expired and more than ``AppendPreview/maximumWalk``
    /// are to be counted. A longer count would delay the commits.
    func framesAhead(of id: MessageID) throws(StoreError) -> Int?

    /// Returns the result that an append of `size` bytes, 13...65535, for `ccid` would have now. Nothing is staged.
    func preview(size: Int, to ccid: CCID, timeToLive: UInt32?) throws(StoreError) -> AppendPreview

    /// Stages the deletion of one queued message.
    func delete(_ id: MessageID) throws(StoreError) -> DeleteOutcome

    /// Stages the deletion of queued messages of `ccid`, oldest first.
    ///
    /// - Parameters:
    ///   - through: the last message to delete; `nil` for all that are queued now.
    ///   - limit: largest number of messages, where each has to be read, so that one call does not delay the commits.
    func deleteAll(of ccid: CCID, through: MessageID?, limit: Int) throws(StoreError) -> BulkDeletion

    /// Stages the expiry of queued messages whose time to live has ended by `now`.
    ///
    /// - Parameter limit: largest number of messages, so that one call does not delay the commits.
    /// - Returns: the number of expired messages; `limit` when there may be more, also when many were only read.
    func expire(now: Timestamp, limit: Int) throws(StoreError) -> Int

    /// Stages the eviction of the oldest queued frames that an append has left beyond a cap.
    ///
    /// - Parameter limit: largest number of frames.
    /// - Returns: the number of evicted frames; `limit` when there may be more.
    func trim(limit: Int) throws(StoreError) -> Int

    /// Checks that the store's files can be opened again. Called about once a second, also when nothing is staged.
    ///
    /// - Throws: ``StoreError``; commits then fail with the same error until a check passes.
    func check() throws(StoreError)

    /// Commits and closes the files. No call may follow.
    func close() throws(StoreError)
}

/// Result of one call of ``MessageStore/deleteAll(of:through:limit:)``.
public struct BulkDeletion: Equatable, Sendable {
    /// Number of deleted messages.
    public var frames: Int
    /// Last message that further calls have to delete; `nil` when all are deleted.
    public var rest: MessageID?

    /// Makes the result of a call.
    public init(frames: Int, rest: MessageID? = nil) {
        self.frames = frames
        self.rest = rest
    }
}

extension MessageStore {
    /// Stages the deletion of all queued messages of `ccid`.
    ///
    /// - Returns: the number of deleted messages.
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

    /// Returns the cap because of which a frame of `size` bytes is not to be appended, although
    /// ``append(_:to:acceptedAt:timeToLive:isInFlight:isTraced:)`` would accept it. With ``StoreLimits/Policy/pushBack`` terminals
    /// wait, but an operator gets the answer of ``StoreLimits/Policy/rejectNewest``.
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

/// Result of an append.
public enum AppendOutcome: Equatable, Sendable {
    /// It is staged under this id.
    case queued(MessageID)
    /// A cap rejected it.
    case rejected(StoreLimits.Cap)
}

/// Result of a deletion.
public enum DeleteOutcome: Equatable, Sendable {
    /// The message was queued, and its deletion is staged.
    case deleted
    /// The message is in flight, so it is not deleted.
    case inFlight
    /// No message with this id is stored.
    case unknown
}

/// Frames read for delivery: their bytes in sequence, ready for the socket.
public struct StoredRun: Sendable {
    /// End and id of one frame.
    public struct Mark: Equatable, Sendable {
        /// Offset in ``StoredRun/bytes`` after the frame.
        public let end: Int
        /// The frame's id.
        public let id: MessageID

        /// Marks the frame `id` that ends at `end`.
        public init(end: Int, id: MessageID) {
            self.end = end
            self.id = id
        }
    }

    /// Bytes of the frames; the readable bytes begin with the first frame.
    public var bytes: ByteBuffer
    /// One per frame, in order.
    public var marks: [Mark]
    /// Whether queued frames remain after these.
    public var hasMore: Bool
    /// Ids of the frames that are traced.
    public var traced: [MessageID] = []
    /// Time at which the first of the frames was accepted; `nil` when there is none.
    public var oldestAcceptedAt: Timestamp?

    /// Makes a run.
    public init(
        bytes: ByteBuffer = ByteBuffer(),
        marks: [Mark] = [],
        hasMore: Bool = false,
        oldestAcceptedAt: Timestamp? = nil
    ) {
        assert(zip(marks, marks.dropFirst()).allSatisfy { $0.end < $1.end }, "marks out of order")
        self.bytes = bytes
        self.marks = marks
        self.hasMore = hasMore
        self.oldestAcceptedAt = oldestAcceptedAt
    }
}

/// Stored frame with its attributes.
public struct StoredMessage: Equatable, Sendable {
    /// Id of the message.
    public let id: MessageID
    /// Destination of the message.
    public let destination: CCID
    /// Frame in the form that its destination gets.
    public let frame: [UInt8]
    /// Time at which the relay accepted it.
    public let acceptedAt: Timestamp
    /// Time at which its time to live ends; `nil` for never.
    public let expiresAt: Timestamp?
    /// Whether it has been written to its terminal's connection.
    public let isInFlight: Bool
    /// Trace of the message; `nil` when it is not traced.
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

/// Account of all frames of a store: `appended == frames + removed + expired + deleted + evicted`.
public struct StoreTotals: Equatable, Sendable {
    /// Frames stored now.
    public var frames = 0
    /// Bytes of these frames.
    public var bytes = 0
    /// Terminals with stored frames.
    public var terminals = 0
    /// Frames ever appended.
    public var appended: UInt64 = 0
    /// Frames delivered and removed.
    public var removed: UInt64 = 0
    /// Frames whose time to live ended while they were queued.
    public var expired: UInt64 = 0
    /// Frames deleted by an operator.
    public var deleted: UInt64 = 0
    /// Oldest frames removed at a cap.
    public var evicted: UInt64 = 0
    /// Frames rejected at a cap; they were never appended.
    public var rejected: UInt64 = 0

    /// Makes the totals of a new store.
    public init() {}
}
