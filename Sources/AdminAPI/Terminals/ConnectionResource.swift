/// One connection, open or ended.
public struct ConnectionResource: Codable, Equatable, Sendable {
    /// Unique since the relay started; a 64-bit number in decimal, higher for the one that was accepted later.
    public var id: String
    /// Whether it is open.
    public var state: ConnectionState
    /// Address and port of the peer, such as `192.0.2.7:40112`.
    public var remoteAddress: String
    /// Address and port that it connected to.
    public var listener: String
    /// When it was accepted.
    public var openedAt: String
    /// When it ended; `nil` while it is open.
    @Nullable public var closedAt: String?
    /// Why it ended; `nil` while it is open.
    @Nullable public var closeReason: String?
    /// What the peer sent that is no frame, escaped, and what it looks like; `nil` for other ends.
    @Nullable public var detail: String?
    /// What its length field means: `total`, `after-length`, `body`, `content` or `marker`; `nil` before its first frame.
    @Nullable public var dialect: String?
    /// The terminals that reach it, or reached it at its end; 16 of them at the most.
    public var ccids: [String]
    /// How many terminals those are.
    public var ccidCount: Int
    /// When bytes came last; when it was accepted, if there was no heartbeat yet.
    public var lastReceivedAt: String
    /// Bytes handed to it that its peer has not acknowledged; 0 when it has ended.
    public var unacknowledgedBytes: Int
    /// Bytes that have come and are not handled: of a frame whose end is missing, or behind what holds the connection back.
    public var unfinishedBytes: Int
    /// Bytes that had come and were not handled when it ended; 0 while it is open.
    public var unreadBytes: Int
    /// Whether its terminal reads so slowly that it is fed from disk.
    public var spilled: Bool
    /// Why it is not read from: `no_room`, `store_behind`, `replies_unread`, `receipt_due` or `takeover_due`; `nil` while it is.
    @Nullable public var paused: String?
    /// What came and was delivered.
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
    /// It is.
    case open
    /// It has ended, or was never served.
    case closed
}

/// What a list of connections can be sorted by.
public enum ConnectionSort: String, CaseIterable, Sendable {
    /// The connection's number: the order in which they were accepted.
    case id
    /// When bytes came last.
    case lastReceived = "last_received"
    /// When it ended.
    case closed
    /// Bytes of data frames that came.
    case bytesReceived = "bytes_received"
    /// Bytes of data frames that were delivered.
    case bytesDelivered = "bytes_delivered"
    /// Bytes handed to it that are not acknowledged.
    case inFlightBytes = "in_flight_bytes"
}

/// What a connection brought and got.
public struct ConnectionCountersResource: Codable, Equatable, Sendable {
    /// Heartbeats that came.
    public var heartbeats: UInt64 = 0
    /// Data frames that came.
    public var framesReceived: UInt64 = 0
    /// Bytes of those.
    public var bytesReceived: UInt64 = 0
    /// Data frames that were delivered.
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
