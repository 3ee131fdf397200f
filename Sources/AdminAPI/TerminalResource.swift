/// One terminal.
public struct TerminalResource: Codable, Equatable, Sendable {
    /// 8 lower-case hex digits.
    public var ccid: String
    /// Whether it has a connection.
    public var state: TerminalState
    /// Since when it is in this state; `nil` when it was not seen since the relay started.
    @Nullable public var since: String?
    /// When its last heartbeat came; `nil` when none came since the relay started.
    @Nullable public var lastHeartbeatAt: String?
    /// Why its last connection ended; `nil` when none did since the relay started.
    @Nullable public var lastCloseReason: String?
    /// Its connection; `nil` when it is offline.
    @Nullable public var connection: Connection?
    /// What it sent and got since the relay started.
    public var counters: Counters
    /// What is kept for it on disk.
    public var backlog: Backlog

    enum CodingKeys: String, CodingKey {
        case ccid, state, since, connection, counters, backlog
        case lastHeartbeatAt = "last_heartbeat_at"
        case lastCloseReason = "last_close_reason"
    }

    /// Makes a terminal.
    public init(
        ccid: String,
        state: TerminalState,
        since: String?,
        lastHeartbeatAt: String?,
        lastCloseReason: String?,
        connection: Connection?,
        counters: Counters,
        backlog: Backlog
    ) {
        self.ccid = ccid
        self.state = state
        self.since = since
        self.lastHeartbeatAt = lastHeartbeatAt
        self.lastCloseReason = lastCloseReason
        self.connection = connection
        self.counters = counters
        self.backlog = backlog
    }
}

/// Whether a terminal has a connection.
public enum TerminalState: String, Codable, CaseIterable, Sendable {
    /// It has one.
    case online
    /// It has none, and is known from before, or something is kept for it.
    case offline
}

extension TerminalResource {
    /// A terminal's connection.
    public struct Connection: Codable, Equatable, Sendable {
        /// Unique since the relay started; a 64-bit number in decimal.
        public var id: String
        /// Address and port of the peer, such as `192.0.2.7:40112`.
        public var remoteAddress: String
        /// Address and port that it connected to.
        public var listener: String
        /// When it was accepted.
        public var openedAt: String
        /// What its length field means: `total`, `after-length`, `body`, `content` or `marker`; `nil` before its first frame.
        @Nullable public var dialect: String?
        /// Bytes handed to it that its peer has not acknowledged.
        public var unacknowledgedBytes: Int
        /// Whether the terminal reads so slowly that it is fed from disk.
        public var spilled: Bool

        enum CodingKeys: String, CodingKey {
            case id, listener, dialect, spilled
            case remoteAddress = "remote_address"
            case openedAt = "opened_at"
            case unacknowledgedBytes = "unacknowledged_bytes"
        }

        /// Makes a connection.
        public init(
            id: String,
            remoteAddress: String,
            listener: String,
            openedAt: String,
            dialect: String?,
            unacknowledgedBytes: Int,
            spilled: Bool
        ) {
            self.id = id
            self.remoteAddress = remoteAddress
            self.listener = listener
            self.openedAt = openedAt
            self.dialect = dialect
            self.unacknowledgedBytes = unacknowledgedBytes
            self.spilled = spilled
        }
    }

    /// What a terminal sent and got since the relay started.
    public struct Counters: Codable, Equatable, Sendable {
        /// Heartbeats from it.
        public var heartbeats: UInt64 = 0
        /// Data frames from it.
        public var framesReceived: UInt64 = 0
        /// Bytes of those.
        public var bytesReceived: UInt64 = 0
        /// Data frames written to it.
        public var framesDelivered: UInt64 = 0
        /// Bytes of those.
        public var bytesDelivered: UInt64 = 0
        /// Frames from it whose checksum did not hold: a stricter rule would have refused them.
        public var unsoundFrames: UInt64 = 0
        /// Frames for it that went to disk.
        public var framesQueued: UInt64 = 0
        /// Connections that registered it.
        public var connections: UInt64 = 0

        enum CodingKeys: String, CodingKey {
            case heartbeats = "heartbeats_total"
            case framesReceived = "frames_received_total"
            case bytesReceived = "bytes_received_total"
            case framesDelivered = "frames_delivered_total"
            case bytesDelivered = "bytes_delivered_total"
            case unsoundFrames = "unsound_frames_total"
            case framesQueued = "frames_queued_total"
            case connections = "connections_total"
        }

        /// Makes counters that have counted nothing.
        public init() {}
    }

    /// What is kept for a terminal on disk.
    public struct Backlog: Codable, Equatable, Sendable {
        /// Frames kept, those in flight included.
        public var frames: Int
        /// Their bytes.
        public var bytes: Int
        /// How many of them have been written to the terminal.
        public var inFlightFrames: Int
        /// When the relay took the oldest of them; `nil` when there is none.
        @Nullable public var oldestAcceptedAt: String?
        /// How long ago that was, in whole seconds.
        @Nullable public var oldestAgeSeconds: Int64?

        enum CodingKeys: String, CodingKey {
            case frames, bytes
            case inFlightFrames = "in_flight_frames"
            case oldestAcceptedAt = "oldest_accepted_at"
            case oldestAgeSeconds = "oldest_age_seconds"
        }

        /// Makes a backlog.
        public init(
            frames: Int,
            bytes: Int,
            inFlightFrames: Int,
            oldestAcceptedAt: String?,
            oldestAgeSeconds: Int64?
        ) {
            self.frames = frames
            self.bytes = bytes
            self.inFlightFrames = inFlightFrames
            self.oldestAcceptedAt = oldestAcceptedAt
            self.oldestAgeSeconds = oldestAgeSeconds
        }
    }
}
