/// One connection, open or ended.
public struct ConnectionResource: Codable, Equatable, Sendable {
    /// A 64-bit number in decimal, unique since the relay started and ascending in the order of acceptance.
    public var id: String
    /// Whether it is open.
    public var state: ConnectionState
    /// Address and port of the peer, such as `192.0.2.7:40112`.
    public var remoteAddress: String
    /// Address and port that it connected to.
    public var listener: String
    /// The time at which it was accepted.
    public var openedAt: String
    /// The time at which it ended; `nil` while it is open.
    @Nullable public var closedAt: String?
    /// Its close reason; `nil` while it is open.
    @Nullable public var closeReason: String?
    /// The peer's bytes that are no frame, escaped, and their likely protocol; `nil` for other close reasons.
    @Nullable public var detail: String?
    /// The meaning of its length field: `total`, `after-length`, `body`, `content` or `marker`; `nil` before its first frame.
    @Nullable public var dialect: String?
    /// The terminals that it reaches, or reached at its end; at most 16 of them.
    public var ccids: [String]
    /// The number of those terminals.
    public var ccidCount: Int
    /// The time at which bytes were received last; the time of acceptance before the first heartbeat.
    public var lastReceivedAt: String
    /// Bytes handed to it that its peer has not acknowledged; 0 when it has ended.
    public var unacknowledgedBytes: Int
    /// Received bytes that are not handled: those of an unfinished frame, and held-back bytes.
    public var unfinishedBytes: Int
    /// Received bytes that were not handled when it ended; 0 while it is open.
    public var unreadBytes: Int
    /// Whether its terminal reads so slowly that it is fed from disk.
    public var spilled: Bool
    /// The cause of its pause: `no_room`, `store_behind`, `replies_unread`, `receipt_due` or `takeover_due`; `nil` when it is read.
    @Nullable public var paused: String?
    /// The counts of received and delivered frames.
    public var counters: ConnectionCountersResource

    enum CodingKeys: String, CodingKey {
        case id, state, listener, detail, dialect, ccids, spilled, paused, counters
        case remoteAddress = "remote_address"
        case openedAt = "opened_at"
        case closedAt = "closed_at"
        case closeReason = "close_reason"
        case ccidCount = "ccid_count"
        case lastReceivedAt = "last_received_at"
        case unacknowledgedBytes = "unacknowledged_bytes"
        case unfinishedBytes = "unfinished_bytes"
        case unreadBytes = "unread_bytes"
    }

    /// Makes a connection.
    public init(
        id: String,
        state: ConnectionState,
        remoteAddress: String,
        listener: String,
        openedAt: String,
        closedAt: String?,
        closeReason: String?,
        detail: String? = nil,
        dialect: String?,
        ccids: [String],
        ccidCount: Int,
        lastReceivedAt: String,
        unacknowledgedBytes: Int,
        unfinishedBytes: Int = 0,
        unreadBytes: Int = 0,
        spilled: Bool,
        paused: String? = nil,
        counters: ConnectionCountersResource
    ) {
        self.id = id
        self.state = state
        self.remoteAddress = remoteAddress
        self.listener = listener
        self.openedAt = openedAt
        self.closedAt = closedAt
        self.closeReason = closeReason
        self.detail = detail
        self.dialect = dialect
        self.ccids = ccids
        self.ccidCount = ccidCount
        self.lastReceivedAt = lastReceivedAt
        self.unacknowledgedBytes = unacknowledgedBytes
        self.unfinishedBytes = unfinishedBytes
        self.unreadBytes = unreadBytes
        self.spilled = spilled
        self.paused = paused
        self.counters = counters
    }
}

/// Whether a connection is open.
public enum ConnectionState: String, Codable, JSONWritable, CaseIterable, Sendable {
    /// It is open.
    case open
    /// It has ended, or was never served.
    case closed
}

/// The order of a list of connections.
public enum ConnectionSort: String, CaseIterable, Sendable {
    /// By the connection's number, which is the order of acceptance.
    case id
    /// By the time at which bytes were received last.
    case lastReceived = "last_received"
    /// By the time at which it ended.
    case closed
    /// By the bytes of received data frames.
    case bytesReceived = "bytes_received"
    /// By the bytes of delivered data frames.
    case bytesDelivered = "bytes_delivered"
    /// By the bytes handed to it that are not acknowledged.
    case inFlightBytes = "in_flight_bytes"
}

/// The counts of one connection.
public struct ConnectionCountersResource: Codable, Equatable, Sendable {
    /// Heartbeats received.
    public var heartbeats: UInt64 = 0
    /// Data frames received.
    public var framesReceived: UInt64 = 0
    /// Bytes of those.
    public var bytesReceived: UInt64 = 0
    /// Data frames delivered.
    public var framesDelivered: UInt64 = 0
    /// Bytes of those.
    public var bytesDelivered: UInt64 = 0

    enum CodingKeys: String, CodingKey {
        case heartbeats = "heartbeats_total"
        case framesReceived = "frames_received_total"
        case bytesReceived = "bytes_received_total"
        case framesDelivered = "frames_delivered_total"
        case bytesDelivered = "bytes_delivered_total"
    }

    /// Makes counters that have counted nothing.
    public init() {}
}

extension ConnectionResource: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.ccidCount, self.ccidCount)
            json.member(CodingKeys.ccids, self.ccids)
            json.member(CodingKeys.closeReason, self._closeReason)
            json.member(CodingKeys.closedAt, self._closedAt)
            json.member(CodingKeys.counters, self.counters)
            json.member(CodingKeys.detail, self._detail)
            json.member(CodingKeys.dialect, self._dialect)
            json.member(CodingKeys.id, self.id)
            json.member(CodingKeys.lastReceivedAt, self.lastReceivedAt)
            json.member(CodingKeys.listener, self.listener)
            json.member(CodingKeys.openedAt, self.openedAt)
            json.member(CodingKeys.paused, self._paused)
            json.member(CodingKeys.remoteAddress, self.remoteAddress)
            json.member(CodingKeys.spilled, self.spilled)
            json.member(CodingKeys.state, self.state)
            json.member(CodingKeys.unacknowledgedBytes, self.unacknowledgedBytes)
            json.member(CodingKeys.unfinishedBytes, self.unfinishedBytes)
            json.member(CodingKeys.unreadBytes, self.unreadBytes)
        }
    }
}

extension ConnectionCountersResource: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.bytesDelivered, self.bytesDelivered)
            json.member(CodingKeys.bytesReceived, self.bytesReceived)
            json.member(CodingKeys.framesDelivered, self.framesDelivered)
            json.member(CodingKeys.framesReceived, self.framesReceived)
            json.member(CodingKeys.heartbeats, self.heartbeats)
        }
    }
}
