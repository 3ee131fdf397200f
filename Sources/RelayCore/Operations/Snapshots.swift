import TTMSProtocol

/// Overall state of the relay.
public struct RelayStatus: Equatable, Sendable {
    /// Release, such as `0.1.0`.
    public var version: String
    /// Time of the process's start.
    public var startedAt: Timestamp
    /// Present time of the relay's clock.
    public var now: Timestamp
    /// Addresses on which terminals are accepted.
    public var listeners: [String]
    /// Number of event loops that serve connections.
    public var eventLoops: Int
    /// Number of open connections, registered or not.
    public var connections: Int
    /// Number of terminals online.
    public var terminalsOnline: Int
    /// Account of all frames.
    public var ledger: Ledger
    /// Totals of the store.
    public var store: StoreTotals
    /// Readiness of the relay.
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

/// Readiness of the relay: whether it can work now.
public struct Readiness: Equatable, Sendable {
    /// One condition of readiness.
    public struct Check: Equatable, Sendable {
        /// Checked part: `listeners`, `connections` (whether more can be accepted), `store`.
        public var name: String
        /// Whether the condition holds.
        public var isPassing: Bool
        /// Cause and remedy; empty when the condition holds.
        public var detail: String

        /// Makes a check.
        public init(name: String, isPassing: Bool, detail: String = "") {
            self.name = name
            self.isPassing = isPassing
            self.detail = detail
        }
    }

    /// All checks.
    public var checks: [Check]

    /// Whether all checks pass.
    public var isReady: Bool { self.checks.allSatisfy(\.isPassing) }

    /// Makes a readiness.
    public init(checks: [Check]) {
        self.checks = checks
    }
}
