import TTMSProtocol

/// State of one terminal, for operators.
public struct TerminalSnapshot: Equatable, Sendable {
    /// CCID of the terminal.
    public var ccid: CCID
    /// Connection of the terminal; `nil` when it is offline.
    public var connection: ConnectionSnapshot?
    /// Time since which it is online or offline; `nil` when it was not seen since the relay started.
    public var since: Timestamp?
    /// Time of its last heartbeat; `nil` when there was none since the relay started.
    public var lastHeartbeatAt: Timestamp?
    /// Cadence of its heartbeats; `nil` while it is unknown.
    public var cadence: Cadence?
    /// Data frames per second that it sends and receives, over its last heartbeats.
    public var framesPerSecond: Double
    /// Close reason of its last connection; `nil` when none ended since the relay started.
    public var lastCloseReason: CloseReason?
    /// Traffic since the relay started.
    public var counters: TerminalCounters
    /// Size of its queue.
    public var backlog: Backlog
    /// Latest ended connections, oldest first; empty in lists.
    public var history: [ConnectionHistory.Entry]

    /// Whether it has a connection.
    public var isOnline: Bool { self.connection != nil }

    /// Cadence of a terminal, and whether it is late now.
    public struct Cadence: Equatable, Sendable {
        /// Mean time between its heartbeats, ms.
        public var intervalMilliseconds: Int64
        /// Mean deviation from it, ms.
        public var deviationMilliseconds: Int64
        /// Time from which on the next heartbeat is overdue.
        public var dueAt: Timestamp
        /// Whether it is overdue, also for a terminal that is offline.
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

/// Traffic counters of a terminal since the relay started.
public struct TerminalCounters: Equatable, Sendable {
    /// Heartbeats received.
    public var heartbeats: UInt64 = 0
    /// Data frames received.
    public var framesReceived: UInt64 = 0
    /// Bytes of these frames.
    public var bytesReceived: UInt64 = 0
    /// Data frames delivered to it.
    public var framesDelivered: UInt64 = 0
    /// Bytes of these frames.
    public var bytesDelivered: UInt64 = 0
    /// Frames from it whose checksum did not hold, which a stricter rule would refuse.
    public var unsoundFrames: UInt64 = 0
    /// Frames for it appended to the store, from its first connection on.
    public var framesQueued: UInt64 = 0
    /// Connections on which it registered.
    public var connections: UInt64 = 0

    /// Makes counters of 0.
    public init() {}
}
