import TTMSProtocol

/// Which terminals to list, and in which order.
public struct TerminalQuery: Equatable, Sendable {
    /// What a list of terminals can be sorted by. A terminal that has no such value counts as having the least.
    public enum Sort: String, CaseIterable, Sendable {
        /// The terminal's number.
        case ccid
        /// Frames kept for it.
        case backlog
        /// How long ago the oldest of them was taken.
        case oldestAge = "oldest_age"
        /// Data frames per second.
        case rate
        /// When its last heartbeat came.
        case lastHeartbeat = "last_heartbeat"
        /// Bytes handed to its connection that are not acknowledged.
        case inFlightBytes = "in_flight_bytes"
    }

    /// Only those that are online, or offline; `nil` for both.
    public var isOnline: Bool?
    /// Only those that are late by their own habit, or are not; `nil` for both.
    public var isLate: Bool?
    /// Only those for which something is kept, or nothing is; `nil` for both.
    public var hasBacklog: Bool?
    /// Up to 8 lower-case hex digits that a CCID begins with.
    public var prefix: String
    /// Only those connected from there.
    public var remoteAddress: IPNetwork?
    /// Only those whose connection speaks it.
    public var dialect: LengthDialect?
    /// What the list is sorted by; among equals by CCID.
    public var sort: Sort
    /// Whether the highest comes first.
    public var isDescending: Bool
    /// Only what comes behind this place.
    public var after: ListPosition?
    /// Terminals at the most.
    public var limit: Int

    /// Makes a query.
    public init(
        isOnline: Bool? = nil,
        isLate: Bool? = nil,
        hasBacklog: Bool? = nil,
        prefix: String = "",
        remoteAddress: IPNetwork? = nil,
        dialect: LengthDialect? = nil,
        sort: Sort = .ccid,
        isDescending: Bool = false,
        after: ListPosition? = nil,
        limit: Int = 100
    ) {
        self.isOnline = isOnline
        self.isLate = isLate
        self.hasBacklog = hasBacklog
        self.prefix = prefix
        self.remoteAddress = remoteAddress
        self.dialect = dialect
        self.sort = sort
        self.isDescending = isDescending
        self.after = after
        self.limit = limit
    }
}

/// Which connections to list, and in which order.
public struct ConnectionQuery: Equatable, Sendable {
    /// What a list of connections can be sorted by. A connection that has no such value counts as having the least.
    public enum Sort: String, CaseIterable, Sendable {
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

    /// Only those that are open, or have ended; `nil` for both.
    public var isOpen: Bool?
    /// Only those that this terminal reaches, or reached at the end.
    public var ccid: CCID?
    /// Only those from there.
    public var remoteAddress: IPNetwork?
    /// Only those that speak it.
    public var dialect: LengthDialect?
    /// Only those that ended for it.
    public var reason: CloseReason?
    /// What the list is sorted by; among equals by number.
    public var sort: Sort
    /// Whether the highest comes first.
    public var isDescending: Bool
    /// Only what comes behind this place.
    public var after: ListPosition?
    /// Connections at the most.
    public var limit: Int

    /// Makes a query.
    public init(
        isOpen: Bool? = nil,
        ccid: CCID? = nil,
        remoteAddress: IPNetwork? = nil,
        dialect: LengthDialect? = nil,
        reason: CloseReason? = nil,
        sort: Sort = .id,
        isDescending: Bool = false,
        after: ListPosition? = nil,
        limit: Int = 100
    ) {
        self.isOpen = isOpen
        self.ccid = ccid
        self.remoteAddress = remoteAddress
        self.dialect = dialect
        self.reason = reason
        self.sort = sort
        self.isDescending = isDescending
        self.after = after
        self.limit = limit
    }
}
