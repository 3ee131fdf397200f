import TTMSProtocol

/// State of a connection, open or ended, for operators.
public struct ConnectionSnapshot: Equatable, Sendable {
    /// Number, unique since the relay started; a connection accepted later has a higher one.
    public var id: UInt64
    /// Address and port of the peer. Its text is made outside the event loop.
    public var remoteAddress: PeerAddress
    /// Address and port that the peer connected to.
    public var listener: PeerAddress
    /// Time of its accept.
    public var openedAt: Timestamp
    /// Meaning of the length field; `nil` before the first frame.
    public var dialect: LengthDialect?
    /// Terminals registered on it, or registered when it ended; at most ``maximumCCIDs``.
    public var ccids: [CCID]
    /// Number of all these terminals.
    public var ccidCount: Int
    /// Time of the last received bytes; of its accept when there was no heartbeat yet.
    public var lastReceivedAt: Timestamp
    /// Traffic counters.
    public var counters: ConnectionCounters
    /// Condition for delivery on its listener.
    public var confirm = Confirmation.acknowledged
    /// Bytes written to it that are not known to be delivered.
    public var unacknowledgedBytes: Int
    /// Received bytes that are not handled: of an unfinished frame, or held back while the connection is paused.
    public var unfinishedBytes = 0
    /// Whether a terminal reads so slowly that it is fed from the store.
    public var isSpilled: Bool
    /// Cause of its pause; `nil` while it is read from.
    public var pause: Pause?
    /// Time and reason of its end; `nil` while it is open.
    public var end: End?

    /// Cause for which a connection is not read from.
    public enum Pause: String, CaseIterable, Sendable {
        /// The store is at a cap, and its policy is ``StoreLimits/Policy/pushBack``.
        case noRoom = "no_room"
        /// The frames that wait for a commit take more memory than allowed.
        case storeBehind = "store_behind"
        /// The peer does not read the replies to its heartbeats.
        case repliesUnread = "replies_unread"
        /// The frames before its heartbeat are neither delivered nor on disk yet.
        case receiptDue = "receipt_due"
        /// Its heartbeat would take over a terminal that was taken over too often recently.
        case takeoverDue = "takeover_due"
    }

    /// Time and reason of a connection's end.
    public struct End: Equatable, Sendable {
        /// Time of the end.
        public var at: Timestamp
        /// Close reason.
        public var reason: CloseReason
        /// Bytes received before the end and not handled: after a violation of the protocol, or without room in the store.
        public var unreadBytes: Int
        /// Bytes of the peer that are no frame, escaped, with the protocol that they resemble; `nil` for other ends.
        public var detail: String?

        /// Makes an end.
        public init(at: Timestamp, reason: CloseReason, unreadBytes: Int = 0, detail: String? = nil) {
            self.at = at
            self.reason = reason
            self.unreadBytes = unreadBytes
            self.detail = detail
        }
    }

    /// Largest number of CCIDs in a snapshot; a concentrator may have thousands.
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
