/// One terminal.
public struct TerminalResource: Codable, Equatable, Sendable {
    /// 8 lower-case hex digits.
    public var ccid: String
    /// Whether it has a connection.
    public var state: TerminalState
    /// The start of this state; `nil` when it was not seen since the relay started.
    @Nullable public var since: String?
    /// The time of its last heartbeat; `nil` when none came since the relay started.
    @Nullable public var lastHeartbeatAt: String?
    /// The interval of its heartbeats; `nil` before it is known.
    @Nullable public var cadence: Cadence?
    /// Data frames per second that it sends and receives, over its last heartbeats.
    public var framesPerSecond: Double
    /// The close reason of its last connection; `nil` when none ended since the relay started.
    @Nullable public var lastCloseReason: String?
    /// Its connection; `nil` when it is offline.
    @Nullable public var connection: Connection?
    /// The counts of the terminal since the relay started.
    public var counters: Counters
    /// The size of its queue on disk.
    public var backlog: Backlog
    /// Its last connections that have ended, the oldest first, at most 8; `nil` in lists.
    public var history: [PastConnection]?

    /// The fields, by the names to which a list can be limited.
    public enum CodingKeys: String, CodingKey, CaseIterable {
        // In the order of the names, which is that of the members in JSON.
        case backlog, cadence, ccid, connection, counters
        case framesPerSecond = "frames_per_second"
        case history
        case lastCloseReason = "last_close_reason"
        case lastHeartbeatAt = "last_heartbeat_at"
        case since, state
    }

    /// Makes a terminal.
    public init(
        ccid: String,
        state: TerminalState,
        since: String?,
        lastHeartbeatAt: String?,
        cadence: Cadence? = nil,
        framesPerSecond: Double = 0,
        lastCloseReason: String?,
        connection: Connection?,
        counters: Counters,
        backlog: Backlog,
        history: [PastConnection]? = nil
    ) {
        self.ccid = ccid
        self.state = state
        self.since = since
        self.lastHeartbeatAt = lastHeartbeatAt
        self.cadence = cadence
        self.framesPerSecond = framesPerSecond
        self.lastCloseReason = lastCloseReason
        self.connection = connection
        self.counters = counters
        self.backlog = backlog
        self.history = history
    }
}

/// Whether a terminal has a connection.
public enum TerminalState: String, Codable, JSONWritable, CaseIterable, Sendable {
    /// It has one.
    case online
    /// It has none, but is remembered or has stored frames.
    case offline
}

/// The order of a list of terminals.
public enum TerminalSort: String, CaseIterable, Sendable {
    /// By the terminal's number.
    case ccid
    /// By the number of its stored frames.
    case backlog
    /// By the age of the oldest of them.
    case oldestAge = "oldest_age"
    /// By the data frames per second.
    case rate
    /// By the time of its last heartbeat.
    case lastHeartbeat = "last_heartbeat"
    /// By the bytes handed to its connection that are not acknowledged.
    case inFlightBytes = "in_flight_bytes"
}

/// The direction of a list's order.
public enum SortOrder: String, CaseIterable, Sendable {
    /// The least first.
    case ascending
    /// The greatest first.
    case descending
}

extension TerminalResource {
    /// The interval of a terminal's heartbeats, learned from them, and whether the next one is overdue.
    public struct Cadence: Codable, Equatable, Sendable {
        /// Time between heartbeats.
        public var intervalMilliseconds: Int64
        /// The mean deviation of that time.
        public var deviationMilliseconds: Int64
        /// The time from which the next heartbeat is overdue.
        public var dueAt: String
        /// Whether it is overdue.
        public var late: Bool

        enum CodingKeys: String, CodingKey {
            case late
            case intervalMilliseconds = "interval_ms"
            case deviationMilliseconds = "deviation_ms"
            case dueAt = "due_at"
        }

        /// Makes a cadence.
        public init(intervalMilliseconds: Int64, deviationMilliseconds: Int64, dueAt: String, late: Bool) {
            self.intervalMilliseconds = intervalMilliseconds
            self.deviationMilliseconds = deviationMilliseconds
            self.dueAt = dueAt
            self.late = late
        }
    }

    /// The part of a connection's life for which a terminal was registered on it.
    public struct PastConnection: Codable, Equatable, Sendable {
        /// The connection's number.
        public var id: String
        /// Address and port of the peer.
        public var remoteAddress: String
        /// The time at which the terminal registered on it.
        public var registeredAt: String
        /// The time at which the terminal left it.
        public var endedAt: String
        /// The close reason.
        public var closeReason: String
        /// The counts of the terminal on it.
        public var counters: ConnectionCountersResource

        enum CodingKeys: String, CodingKey {
            case id, counters
            case remoteAddress = "remote_address"
            case registeredAt = "registered_at"
            case endedAt = "ended_at"
            case closeReason = "close_reason"
        }

        /// Makes a connection of the past.
        public init(
            id: String,
            remoteAddress: String,
            registeredAt: String,
            endedAt: String,
            closeReason: String,
            counters: ConnectionCountersResource
        ) {
            self.id = id
            self.remoteAddress = remoteAddress
            self.registeredAt = registeredAt
            self.endedAt = endedAt
            self.closeReason = closeReason
            self.counters = counters
        }
    }
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
        /// The time at which it was accepted.
        public var openedAt: String
        /// The meaning of its length field: `total`, `after-length`, `body`, `content` or `marker`; `nil` before its first frame.
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

    /// The counts of a terminal since the relay started.
    public struct Counters: Codable, Equatable, Sendable {
        /// Heartbeats from it.
        public var heartbeats: UInt64 = 0
        /// Data frames from it.
        public var framesReceived: UInt64 = 0
        /// Bytes of those.
        public var bytesReceived: UInt64 = 0
        /// Data frames delivered to it.
        public var framesDelivered: UInt64 = 0
        /// Bytes of those.
        public var bytesDelivered: UInt64 = 0
        /// Frames from it whose checksum does not hold, accepted in the dialect `marker`.
        public var unsoundFrames: UInt64 = 0
        /// Frames for it that were written to disk since its first connection.
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

    /// The size of a terminal's queue on disk.
    public struct Backlog: Codable, Equatable, Sendable {
        /// Stored frames, including those in flight.
        public var frames: Int
        /// Their bytes.
        public var bytes: Int
        /// The stored frames that are in flight.
        public var inFlightFrames: Int
        /// The time at which the relay accepted the oldest of them; `nil` when there is none.
        @Nullable public var oldestAcceptedAt: String?
        /// The age of that frame in whole seconds.
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

// MARK: JSON

extension TerminalResource: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) { self.write(CodingKeys.allCases, to: &json) }

    /// Writes some of the fields, given in the order of their names.
    public func write(_ fields: [CodingKeys], to json: inout JSONWriter) {
        json.object { json in
            for field in fields {
                switch field {
                case .backlog: json.member(field, self.backlog)
                case .cadence: json.member(field, self._cadence)
                case .ccid: json.member(field, self.ccid)
                case .connection: json.member(field, self._connection)
                case .counters: json.member(field, self.counters)
                case .framesPerSecond: json.member(field, self.framesPerSecond)
                case .history: if let history { json.member(field, history) }
                case .lastCloseReason: json.member(field, self._lastCloseReason)
                case .lastHeartbeatAt: json.member(field, self._lastHeartbeatAt)
                case .since: json.member(field, self._since)
                case .state: json.member(field, self.state)
                }
            }
        }
    }
}

extension TerminalResource.Cadence: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.deviationMilliseconds, self.deviationMilliseconds)
            json.member(CodingKeys.dueAt, self.dueAt)
            json.member(CodingKeys.intervalMilliseconds, self.intervalMilliseconds)
            json.member(CodingKeys.late, self.late)
        }
    }
}

extension TerminalResource.PastConnection: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.closeReason, self.closeReason)
            json.member(CodingKeys.counters, self.counters)
            json.member(CodingKeys.endedAt, self.endedAt)
            json.member(CodingKeys.id, self.id)
            json.member(CodingKeys.registeredAt, self.registeredAt)
            json.member(CodingKeys.remoteAddress, self.remoteAddress)
        }
    }
}

extension TerminalResource.Connection: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.dialect, self._dialect)
            json.member(CodingKeys.id, self.id)
            json.member(CodingKeys.listener, self.listener)
            json.member(CodingKeys.openedAt, self.openedAt)
            json.member(CodingKeys.remoteAddress, self.remoteAddress)
            json.member(CodingKeys.spilled, self.spilled)
            json.member(CodingKeys.unacknowledgedBytes, self.unacknowledgedBytes)
        }
    }
}

extension TerminalResource.Counters: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.bytesDelivered, self.bytesDelivered)
            json.member(CodingKeys.bytesReceived, self.bytesReceived)
            json.member(CodingKeys.connections, self.connections)
            json.member(CodingKeys.framesDelivered, self.framesDelivered)
            json.member(CodingKeys.framesQueued, self.framesQueued)
            json.member(CodingKeys.framesReceived, self.framesReceived)
            json.member(CodingKeys.heartbeats, self.heartbeats)
            json.member(CodingKeys.unsoundFrames, self.unsoundFrames)
        }
    }
}

extension TerminalResource.Backlog: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.bytes, self.bytes)
            json.member(CodingKeys.frames, self.frames)
            json.member(CodingKeys.inFlightFrames, self.inFlightFrames)
            json.member(CodingKeys.oldestAcceptedAt, self._oldestAcceptedAt)
            json.member(CodingKeys.oldestAgeSeconds, self._oldestAgeSeconds)
        }
    }
}
