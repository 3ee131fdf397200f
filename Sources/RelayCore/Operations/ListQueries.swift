import TTMSProtocol

/// Filter, order and page of a list of terminals.
public struct TerminalQuery: Equatable, Sendable {
    /// Order of a list of terminals. A terminal without the value counts as having the least.
    public enum Sort: String, CaseIterable, Sendable {
        /// CCID.
        case ccid
        /// Number of its stored frames.
        case backlog
        /// Age of the oldest of them.
        case oldestAge = "oldest_age"
        /// Data frames per second.
        case rate
        /// Time of its last heartbeat.
        case lastHeartbeat = "last_heartbeat"
        /// Bytes written to its connection that are not acknowledged.
        case inFlightBytes = "in_flight_bytes"
    }

    /// Only terminals that are online, or offline; `nil` for both.
    public var isOnline: Bool?
    /// Only terminals that are late by their cadence, or are not; `nil` for both.
    public var isLate: Bool?
    /// Only terminals with stored frames, or without; `nil` for both.
    public var hasBacklog: Bool?
    /// Prefix of the CCID, at most 8 lower-case hex digits.
    public var prefix: String
    /// Only terminals connected from these addresses.
    public var remoteAddress: IPNetwork?
    /// Only terminals whose connection has this dialect.
    public var dialect: LengthDialect?
    /// Order of the list; among equals by CCID.
    public var sort: Sort
    /// Whether the highest value is first.
    public var isDescending: Bool
    /// Only items after this position.
    public var after: ListPosition?
    /// Largest number of terminals.
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

/// Filter, order and page of a list of connections.
public struct ConnectionQuery: Equatable, Sendable {
    /// Order of a list of connections. A connection without the value counts as having the least.
    public enum Sort: String, CaseIterable, Sendable {
        /// Number of the connection: the order of the accepts.
        case id
        /// Time of the last received bytes.
        case lastReceived = "last_received"
        /// Time of its end.
        case closed
        /// Bytes of received data frames.
        case bytesReceived = "bytes_received"
        /// Bytes of delivered data frames.
        case bytesDelivered = "bytes_delivered"
        /// Bytes written to it that are not acknowledged.
        case inFlightBytes = "in_flight_bytes"
    }

    /// Only connections that are open, or have ended; `nil` for both.
    public var isOpen: Bool?
    /// Only connections on which this terminal is registered, or was at the end.
    public var ccid: CCID?
    /// Only connections from these addresses.
    public var remoteAddress: IPNetwork?
    /// Only connections with this dialect.
    public var dialect: LengthDialect?
    /// Only connections that ended for this reason.
    public var reason: CloseReason?
    /// Order of the list; among equals by number.
    public var sort: Sort
    /// Whether the highest value is first.
    public var isDescending: Bool
    /// Only items after this position.
    public var after: ListPosition?
    /// Largest number of connections.
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
