import TTMSProtocol

/// What a connection brought and got.
public struct ConnectionCounters: Equatable, Sendable {
    /// Heartbeats that came.
    public var heartbeats: UInt64 = 0
    /// Data frames that came.
    public var framesReceived: UInt64 = 0
    /// Bytes of those.
    public var bytesReceived: UInt64 = 0
    /// Data frames whose last byte the peer has acknowledged.
    public var framesDelivered: UInt64 = 0
    /// Bytes of those.
    public var bytesDelivered: UInt64 = 0

    /// Counters of a connection on which nothing happened yet.
    public init() {}

    /// What a terminal has counted on all its connections.
    public init(_ counters: TerminalCounters) {
        self.heartbeats = counters.heartbeats
        self.framesReceived = counters.framesReceived
        self.bytesReceived = counters.bytesReceived
        self.framesDelivered = counters.framesDelivered
        self.bytesDelivered = counters.bytesDelivered
    }

    /// What has been counted since `earlier`.
    func since(_ earlier: ConnectionCounters) -> ConnectionCounters {
        var result = self
        result.heartbeats &-= earlier.heartbeats
        result.framesReceived &-= earlier.framesReceived
        result.bytesReceived &-= earlier.bytesReceived
        result.framesDelivered &-= earlier.framesDelivered
        result.bytesDelivered &-= earlier.bytesDelivered
        return result
    }
}

/// The last connections of one terminal that have ended, the oldest first.
///
/// Most terminals of a healthy fleet have one connection and no history, so a terminal owns nothing but an empty array until its
/// first connection ends; from then on some 100 bytes per connection that is remembered.
public struct ConnectionHistory: Equatable, Sendable {
    /// Connections that are remembered at the most: enough to see a pattern, and bounded for terminals that reconnect for ever.
    public static let capacity = 8

    /// One connection, as far as this terminal used it.
    public struct Entry: Equatable, Sendable {
        /// The connection's number.
        public var connection: UInt64
        /// Where it came from.
        public var remoteAddress: PeerAddress
        /// When the terminal registered on it.
        public var registeredAt: Timestamp
        /// When the terminal lost it.
        public var endedAt: Timestamp
        /// What the terminal sent and got on it.
        public var counters: ConnectionCounters
        /// How it ended for this terminal.
        public var reason: CloseReason

        /// Makes an entry.
        public init(
            connection: UInt64,
            remoteAddress: PeerAddress,
            registeredAt: Timestamp,
            endedAt: Timestamp,
            counters: ConnectionCounters,
            reason: CloseReason
        ) {
            self.connection = connection
            self.remoteAddress = remoteAddress
            self.registeredAt = registeredAt
            self.endedAt = endedAt
            self.counters = counters
            self.reason = reason
        }
    }

    private struct Record: Equatable, Sendable {
        var entry: Entry
        /// The terminal's counters over all connections when this one ended.
        var totals: ConnectionCounters
    }

    /// One array only: most terminals have no history, and pay a pointer for it.
    private var records: [Record] = []

    /// The connections, the oldest first, each with what was sent and got on it.
    public var entries: [Entry] { self.records.map(\.entry) }

    /// A terminal without history.
    public init() {}

    /// A connection has ended.
    ///
    /// - Parameter entry: its counters are the terminal's, over all connections.
    public mutating func append(_ entry: Entry) {
        var own = entry
        if let last = self.records.last { own.counters = entry.counters.since(last.totals) }
        if self.records.count >= Self.capacity {
            // Who fights for the terminal from one address cannot empty its history: with half of it, it replaces its own oldest.
            let subnet = entry.remoteAddress.subnet
            func isOfSubnet(_ record: Record) -> Bool { record.entry.remoteAddress.subnet == subnet }
            let isGreedy = self.records.count(where: isOfSubnet) >= Self.capacity / 2
            let oldest = isGreedy ? self.records.firstIndex(where: isOfSubnet) : nil
            self.records.remove(at: oldest ?? 0)
        }
        self.records.append(Record(entry: own, totals: entry.counters))
    }
}
