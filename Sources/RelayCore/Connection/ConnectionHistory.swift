import TTMSProtocol

/// Traffic counters of one connection.
public struct ConnectionCounters: Equatable, Sendable {
    /// Heartbeats received.
    public var heartbeats: UInt64 = 0
    /// Data frames received.
    public var framesReceived: UInt64 = 0
    /// Bytes of these frames.
    public var bytesReceived: UInt64 = 0
    /// Data frames whose last byte the peer has acknowledged.
    public var framesDelivered: UInt64 = 0
    /// Bytes of these frames.
    public var bytesDelivered: UInt64 = 0

    /// Makes counters of 0.
    public init() {}

    /// Makes counters from those of a terminal over all its connections.
    public init(_ counters: TerminalCounters) {
        self.heartbeats = counters.heartbeats
        self.framesReceived = counters.framesReceived
        self.bytesReceived = counters.bytesReceived
        self.framesDelivered = counters.framesDelivered
        self.bytesDelivered = counters.bytesDelivered
    }

    /// Returns the differences to the counters `earlier`.
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

/// Latest ended connections of one terminal, oldest first.
///
/// Most terminals of a healthy fleet have one connection and no history. A terminal has an empty array until its first connection
/// ends; then each record takes about 100 bytes.
public struct ConnectionHistory: Equatable, Sendable {
    /// Largest number of retained connections: enough to show a pattern, and bounded for terminals that reconnect again and again.
    public static let capacity = 8

    /// One connection, in the part that concerns this terminal.
    public struct Entry: Equatable, Sendable {
        /// Number of the connection.
        public var connection: UInt64
        /// Address of its peer.
        public var remoteAddress: PeerAddress
        /// Time at which the terminal registered on it.
        public var registeredAt: Timestamp
        /// Time at which it ended for the terminal.
        public var endedAt: Timestamp
        /// Traffic of the terminal on it.
        public var counters: ConnectionCounters
        /// Close reason, as it concerns this terminal.
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
        /// Counters of the terminal over all connections at the end of this one.
        var totals: ConnectionCounters
    }

    /// A single array, so that a terminal without history takes one pointer.
    private var records: [Record] = []

    /// Ended connections, oldest first, each with its own traffic.
    public var entries: [Entry] { self.records.map(\.entry) }

    /// Makes an empty history.
    public init() {}

    /// Records an ended connection.
    ///
    /// - Parameter entry: the connection, with the terminal's counters over all connections.
    public mutating func append(_ entry: Entry) {
        var own = entry
        if let last = self.records.last { own.counters = entry.counters.since(last.totals) }
        if self.records.count >= Self.capacity {
            // One subnet cannot displace the whole history by repeated takeovers: from half of it on, it displaces its own oldest
            // entry.
            let subnet = entry.remoteAddress.subnet
            func isOfSubnet(_ record: Record) -> Bool { record.entry.remoteAddress.subnet == subnet }
            let isGreedy = self.records.count(where: isOfSubnet) >= Self.capacity / 2
            let oldest = isGreedy ? self.records.firstIndex(where: isOfSubnet) : nil
            self.records.remove(at: oldest ?? 0)
        }
        self.records.append(Record(entry: own, totals: entry.counters))
        assert(self.records.count <= Self.capacity)
    }
}
