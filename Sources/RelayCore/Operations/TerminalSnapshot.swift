import TTMSProtocol

/// One terminal as an operator sees it.
public struct TerminalSnapshot: Equatable, Sendable {
    /// The terminal.
    public var ccid: CCID
    /// Its connection; `nil` when it is offline.
    public var connection: ConnectionSnapshot?
    /// Since when it is online or offline; `nil` when it was not seen since the relay started.
    public var since: Timestamp?
    /// When its last heartbeat came; `nil` when none came since the relay started.
    public var lastHeartbeatAt: Timestamp?
    /// How often its heartbeats come; `nil` before that is known.
    public var cadence: Cadence?
    /// Data frames per second that it sends and gets, over its last heartbeats.
    public var framesPerSecond: Double
    /// Why its last connection ended; `nil` when none did since the relay started.
    public var lastCloseReason: CloseReason?
    /// What it sent and got since the relay started.
    public var counters: TerminalCounters
    /// What is kept for it on disk.
    public var backlog: Backlog
    /// Its last connections that have ended, the oldest first; empty in lists.
    public var history: [ConnectionHistory.Entry]

    /// Whether it has a connection.
    public var isOnline: Bool { self.connection != nil }

    /// A terminal's habit, and how it keeps to it now.
    public struct Cadence: Equatable, Sendable {
        /// Milliseconds between its heartbeats.
        public var intervalMilliseconds: Int64
        /// How much that varies: the mean deviation, ms.
        public var deviationMilliseconds: Int64
        /// When the next heartbeat is overdue by this habit.
        public var dueAt: Timestamp
        /// Whether it is overdue; a terminal that is offline is late, too, when it would have come by now.
        public var isLate: Bool

        /// Makes a cadence.
        public init(intervalMilliseconds: Int64, deviationMilliseconds: Int64, dueAt: Timestamp, isLate: Bool) {
            self.intervalMilliseconds = intervalMilliseconds
            self.deviationMilliseconds = deviationMilliseconds
            self.dueAt = dueAt
            self.isLate = isLate
        }
    }

    /// Makes a snapshot.
    public init(
        ccid: CCID,
        connection: ConnectionSnapshot? = nil,
        since: Timestamp? = nil,
        lastHeartbeatAt: Timestamp? = nil,
        cadence: Cadence? = nil,
        framesPerSecond: Double = 0,
        lastCloseReason: CloseReason? = nil,
        counters: TerminalCounters = TerminalCounters(),
        backlog: Backlog = Backlog(),
        history: [ConnectionHistory.Entry] = []
    ) {
        self.ccid = ccid
        self.connection = connection
        self.since = since
        self.lastHeartbeatAt = lastHeartbeatAt
        self.cadence = cadence
        self.framesPerSecond = framesPerSecond
        self.lastCloseReason = lastCloseReason
        self.counters = counters
        self.backlog = backlog
        self.history = history
    }
}

/// What a terminal sent and got since the relay started.
public struct TerminalCounters: Equatable, Sendable {
    /// Heartbeats from it.
    public var heartbeats: UInt64 = 0
    /// Data frames from it.
    public var framesReceived: UInt64 = 0
    /// Bytes of those.
    public var bytesReceived: UInt64 = 0
    /// Data frames that it has acknowledged.
    public var framesDelivered: UInt64 = 0
    /// Bytes of those.
    public var bytesDelivered: UInt64 = 0
    /// Frames from it whose checksum did not hold: a stricter rule would have refused them.
    public var unsoundFrames: UInt64 = 0
    /// Frames for it that went to disk, from its first connection on.
    public var framesQueued: UInt64 = 0
    /// Connections that registered it.
    public var connections: UInt64 = 0

    /// Counters of a terminal that has done nothing yet.
    public init() {}
}
