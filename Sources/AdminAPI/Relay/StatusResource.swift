/// The answer to a drain.
public struct DrainReceipt: Codable, Equatable, Sendable {
    /// The state of the relay.
    public enum State: String, Codable, CaseIterable, Sendable {
        /// It takes no more from terminals, writes what is not delivered to disk, and ends.
        case draining
    }

    /// The state of the relay.
    public var state: State

    /// Makes a receipt.
    public init(state: State = .draining) {
        self.state = state
    }
}

/// A summary of the relay.
public struct StatusResource: Codable, Equatable, Sendable {
    /// The release, such as `0.1.0`.
    public var version: String
    /// The start time of the process.
    public var startedAt: String
    /// The relay's clock.
    public var now: String
    /// Whole seconds between the two.
    public var uptimeSeconds: Int64
    /// Addresses that terminals connect to.
    public var listeners: [String]
    /// Event loops that serve them.
    public var eventLoops: Int
    /// Open connections, registered or not.
    public var connections: Int
    /// Terminals online.
    public var terminalsOnline: Int
    /// The account of all accepted frames.
    public var ledger: Ledger
    /// The frames on disk, and the totals of the store.
    public var store: Store
    /// Whether the relay can serve.
    public var readiness: ReadinessResource

    enum CodingKeys: String, CodingKey {
        case version, now, listeners, connections, ledger, store, readiness
        case startedAt = "started_at"
        case uptimeSeconds = "uptime_seconds"
        case eventLoops = "event_loops"
        case terminalsOnline = "terminals_online"
    }

    /// Makes a status.
    public init(
        version: String,
        startedAt: String,
        now: String,
        uptimeSeconds: Int64,
        listeners: [String],
        eventLoops: Int,
        connections: Int,
        terminalsOnline: Int,
        ledger: Ledger,
        store: Store,
        readiness: ReadinessResource
    ) {
        self.version = version
        self.startedAt = startedAt
        self.now = now
        self.uptimeSeconds = uptimeSeconds
        self.listeners = listeners
        self.eventLoops = eventLoops
        self.connections = connections
        self.terminalsOnline = terminalsOnline
        self.ledger = ledger
        self.store = store
        self.readiness = readiness
    }
}

extension StatusResource {
    /// The account of accepted frames: `accepted = delivered + queued + in flight + expired + deleted + evicted`.
    public struct Ledger: Codable, Equatable, Sendable {
        /// Frames accepted since the relay started, and those found on disk at its start.
        public var accepted: UInt64 = 0
        /// Frames that were delivered.
        public var delivered: UInt64 = 0
        /// Frames that are queued.
        public var queued: UInt64 = 0
        /// Frames written to a terminal and not delivered yet.
        public var inFlight: UInt64 = 0
        /// Frames whose time to live ended.
        public var expired: UInt64 = 0
        /// Frames that an operator deleted.
        public var deleted: UInt64 = 0
        /// Frames removed as the oldest at a cap.
        public var evicted: UInt64 = 0
        /// Frames that were in flight when their connection or the relay before ended, and that may therefore arrive twice. They are
        /// also counted in their current state, so this is no part of the equation.
        public var requeued: UInt64 = 0
        /// The imbalance of the equation; any value but 0 is a fault of the relay.
        public var imbalance: Int64 = 0

        enum CodingKeys: String, CodingKey {
            case accepted = "accepted_total"
            case delivered = "delivered_total"
            case expired = "expired_total"
            case deleted = "deleted_total"
            case evicted = "evicted_total"
            case requeued = "requeued_total"
            case inFlight = "in_flight"
            case queued, imbalance
        }

        /// Makes the ledger of a relay that has taken nothing yet.
        public init() {}
    }

    /// The frames on disk, and the totals of all that ever were.
    public struct Store: Codable, Equatable, Sendable {
        /// Frames stored now.
        public var frames = 0
        /// Their bytes.
        public var bytes = 0
        /// Terminals for which frames are stored now.
        public var terminals = 0
        /// Frames ever appended.
        public var appended: UInt64 = 0
        /// Frames delivered and removed.
        public var removed: UInt64 = 0
        /// Frames whose time to live ended.
        public var expired: UInt64 = 0
        /// Frames deleted by an operator.
        public var deleted: UInt64 = 0
        /// Frames removed as the oldest at a cap.
        public var evicted: UInt64 = 0
        /// Frames refused at a cap. They were never accepted, and are in no other total.
        public var rejected: UInt64 = 0

        enum CodingKeys: String, CodingKey {
            case frames, bytes, terminals
            case appended = "appended_total"
            case removed = "removed_total"
            case expired = "expired_total"
            case deleted = "deleted_total"
            case evicted = "evicted_total"
            case rejected = "rejected_total"
        }

        /// Makes the totals of a new store.
        public init() {}
    }
}

extension StatusResource: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.connections, self.connections)
            json.member(CodingKeys.eventLoops, self.eventLoops)
            json.member(CodingKeys.ledger, self.ledger)
            json.member(CodingKeys.listeners, self.listeners)
            json.member(CodingKeys.now, self.now)
            json.member(CodingKeys.readiness, self.readiness)
            json.member(CodingKeys.startedAt, self.startedAt)
            json.member(CodingKeys.store, self.store)
            json.member(CodingKeys.terminalsOnline, self.terminalsOnline)
            json.member(CodingKeys.uptimeSeconds, self.uptimeSeconds)
            json.member(CodingKeys.version, self.version)
        }
    }
}

extension StatusResource.Ledger: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.accepted, self.accepted)
            json.member(CodingKeys.deleted, self.deleted)
            json.member(CodingKeys.delivered, self.delivered)
            json.member(CodingKeys.evicted, self.evicted)
            json.member(CodingKeys.expired, self.expired)
            json.member(CodingKeys.imbalance, self.imbalance)
            json.member(CodingKeys.inFlight, self.inFlight)
            json.member(CodingKeys.queued, self.queued)
            json.member(CodingKeys.requeued, self.requeued)
        }
    }
}

extension StatusResource.Store: JSONWritable {
    /// Writes all fields.
    public func write(to json: inout JSONWriter) {
        json.object { json in
            json.member(CodingKeys.appended, self.appended)
            json.member(CodingKeys.bytes, self.bytes)
            json.member(CodingKeys.deleted, self.deleted)
            json.member(CodingKeys.evicted, self.evicted)
            json.member(CodingKeys.expired, self.expired)
            json.member(CodingKeys.frames, self.frames)
            json.member(CodingKeys.rejected, self.rejected)
            json.member(CodingKeys.removed, self.removed)
            json.member(CodingKeys.terminals, self.terminals)
        }
    }
}
