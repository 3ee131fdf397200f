import TTMSProtocol

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
