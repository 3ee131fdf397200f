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
    /// Why its last connection ended; `nil` when none did since the relay started.
    public var lastCloseReason: CloseReason?
    /// What it sent and got since the relay started.
    public var counters: TerminalCounters
    /// What is kept for it on disk.
    public var backlog: Backlog

    /// Whether it has a connection.
    public var isOnline: Bool { self.connection != nil }

    /// Makes a snapshot.
    public init(
        ccid: CCID,
        connection: ConnectionSnapshot? = nil,
        since: Timestamp? = nil,
        lastHeartbeatAt: Timestamp? = nil,
        lastCloseReason: CloseReason? = nil,
        counters: TerminalCounters = TerminalCounters(),
        backlog: Backlog = Backlog()
    ) {
        self.ccid = ccid
        self.connection = connection
        self.since = since
        self.lastHeartbeatAt = lastHeartbeatAt
        self.lastCloseReason = lastCloseReason
        self.counters = counters
        self.backlog = backlog
    }
}

/// A terminal's connection as an operator sees it.
public struct ConnectionSnapshot: Equatable, Sendable {
    /// Unique since the relay started.
    public var id: UInt64
    /// Address and port of the peer, such as `192.0.2.7:40112`.
    public var remoteAddress: String
    /// Address and port that it connected to.
    public var listener: String
    /// When it was accepted.
    public var openedAt: Timestamp
    /// What its length field means; `nil` before the first frame.
    public var dialect: LengthDialect?
    /// Bytes handed to it that its peer has not acknowledged.
    public var unacknowledgedBytes: Int
    /// Whether the terminal reads so slowly that it is fed from disk.
    public var isSpilled: Bool

    /// Makes a snapshot.
    public init(
        id: UInt64,
        remoteAddress: String,
        listener: String,
        openedAt: Timestamp,
        dialect: LengthDialect? = nil,
        unacknowledgedBytes: Int = 0,
        isSpilled: Bool = false
    ) {
        self.id = id
        self.remoteAddress = remoteAddress
        self.listener = listener
        self.openedAt = openedAt
        self.dialect = dialect
        self.unacknowledgedBytes = unacknowledgedBytes
        self.isSpilled = isSpilled
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
    /// Frames for it that went to disk.
    public var framesQueued: UInt64 = 0
    /// Connections that registered it.
    public var connections: UInt64 = 0

    /// Counters of a terminal that has done nothing yet.
    public init() {}
}

/// The relay at a glance.
public struct RelayStatus: Equatable, Sendable {
    /// The release, such as `0.1.0`.
    public var version: String
    /// When the process started.
    public var startedAt: Timestamp
    /// The relay's clock.
    public var now: Timestamp
    /// Addresses that terminals connect to.
    public var listeners: [String]
    /// Event loops that serve them.
    public var eventLoops: Int
    /// Open connections, registered or not.
    public var connections: Int
    /// Terminals online.
    public var terminalsOnline: Int
    /// Where the frames are.
    public var ledger: Ledger
    /// What is on disk.
    public var store: StoreTotals
    /// Whether the relay can do its work.
    public var readiness: Readiness

    /// Makes a status.
    public init(
        version: String,
        startedAt: Timestamp,
        now: Timestamp,
        listeners: [String],
        eventLoops: Int,
        connections: Int,
        terminalsOnline: Int,
        ledger: Ledger,
        store: StoreTotals,
        readiness: Readiness
    ) {
        self.version = version
        self.startedAt = startedAt
        self.now = now
        self.listeners = listeners
        self.eventLoops = eventLoops
        self.connections = connections
        self.terminalsOnline = terminalsOnline
        self.ledger = ledger
        self.store = store
        self.readiness = readiness
    }
}

/// Whether the relay can do its work now.
public struct Readiness: Equatable, Sendable {
    /// One thing that has to be in order.
    public struct Check: Equatable, Sendable {
        /// What is looked at: `listeners`, `connections` (whether more can be accepted), `store`.
        public var name: String
        /// Whether it is in order.
        public var isPassing: Bool
        /// What is wrong, and what to do; empty when it is in order.
        public var detail: String

        /// Makes a check.
        public init(name: String, isPassing: Bool, detail: String = "") {
            self.name = name
            self.isPassing = isPassing
            self.detail = detail
        }
    }

    /// Everything that was looked at.
    public var checks: [Check]

    /// Whether all of it is in order.
    public var isReady: Bool { self.checks.allSatisfy(\.isPassing) }

    /// Makes a readiness.
    public init(checks: [Check]) {
        self.checks = checks
    }
}
