import TTMSProtocol

/// A connection as an operator sees it, open or ended.
public struct ConnectionSnapshot: Equatable, Sendable {
    /// Unique since the relay started; higher for the one that was accepted later.
    public var id: UInt64
    /// Address and port of the peer. Its text is made by who shows it, and not on the event loop.
    public var remoteAddress: PeerAddress
    /// Address and port that it connected to.
    public var listener: PeerAddress
    /// When it was accepted.
    public var openedAt: Timestamp
    /// What its length field means; `nil` before the first frame.
    public var dialect: LengthDialect?
    /// The terminals that reach it, or reached it when it ended; some of them only, when they are many.
    public var ccids: [CCID]
    /// How many terminals those are.
    public var ccidCount: Int
    /// When bytes came last; when it was accepted, if there was no heartbeat yet.
    public var lastReceivedAt: Timestamp
    /// What came and was delivered.
    public var counters: ConnectionCounters
    /// What counts as delivery on its listener.
    public var confirm = Confirmation.acknowledged
    /// Bytes handed to it that are not known to be delivered.
    public var unacknowledgedBytes: Int
    /// Bytes that have come and are not handled: of a frame whose end is missing, or behind what holds the connection back.
    public var unfinishedBytes = 0
    /// Whether the terminal reads so slowly that it is fed from disk.
    public var isSpilled: Bool
    /// Why it is not read from; `nil` while it is.
    public var pause: Pause?
    /// When and why it ended; `nil` while it is open.
    public var end: End?

    /// Why a connection is not read from.
    public enum Pause: String, CaseIterable, Sendable {
        /// The store is at a cap, and its policy is ``StoreLimits/Policy/pushBack``.
        case noRoom = "no_room"
        /// More waits for the store's commit than may.
        case storeBehind = "store_behind"
        /// It does not read the replies to its heartbeats.
        case repliesUnread = "replies_unread"
        /// What it sent before its heartbeat is neither delivered nor on disk yet.
        case receiptDue = "receipt_due"
        /// Its heartbeat would take a terminal over that was taken over too often lately.
        case takeoverDue = "takeover_due"
    }

    /// When and why a connection ended.
    public struct End: Equatable, Sendable {
        /// When.
        public var at: Timestamp
        /// Why.
        public var reason: CloseReason
        /// Bytes that had come before and were not handled: behind a frame that broke the protocol, or without room in the store.
        public var unreadBytes: Int
        /// What the peer sent that is no frame, escaped, and what it looks like; `nil` for other ends.
        public var detail: String?

        /// Makes an end.
        public init(at: Timestamp, reason: CloseReason, unreadBytes: Int = 0, detail: String? = nil) {
            self.at = at
            self.reason = reason
            self.unreadBytes = unreadBytes
            self.detail = detail
        }
    }

    /// CCIDs that are shown at the most: a concentrator may have thousands.
    public static let maximumCCIDs = 16

    /// Makes a snapshot.
    public init(
        id: UInt64,
        remoteAddress: PeerAddress,
        listener: PeerAddress,
        openedAt: Timestamp,
        dialect: LengthDialect? = nil,
        ccids: [CCID] = [],
        ccidCount: Int? = nil,
        lastReceivedAt: Timestamp? = nil,
        counters: ConnectionCounters = ConnectionCounters(),
        unacknowledgedBytes: Int = 0,
        isSpilled: Bool = false,
        pause: Pause? = nil,
        end: End? = nil
    ) {
        self.id = id
        self.remoteAddress = remoteAddress
        self.listener = listener
        self.openedAt = openedAt
        self.dialect = dialect
        self.ccids = ccids
        self.ccidCount = ccidCount ?? ccids.count
        self.lastReceivedAt = lastReceivedAt ?? openedAt
        self.counters = counters
        self.unacknowledgedBytes = unacknowledgedBytes
        self.isSpilled = isSpilled
        self.pause = pause
        self.end = end
    }
}
