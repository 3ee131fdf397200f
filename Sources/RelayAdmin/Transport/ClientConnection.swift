import CMicroHTTPD

/// Bytes that have moved over a connection since it was made.
struct ClientTraffic: Equatable, Sendable {
    /// Those that have arrived, read or not.
    var received: UInt64 = 0
    /// Those that the client's kernel has acknowledged.
    var acknowledged: UInt64 = 0
    /// Whether there are some that it has not acknowledged, sent or not.
    var isOutstanding = false

    init(received: UInt64 = 0, acknowledged: UInt64 = 0, isOutstanding: Bool = false) {
        self.received = received
        self.acknowledged = acknowledged
        self.isOutstanding = isOutstanding
    }

    /// Asks the kernel; nothing has moved over what is no TCP connection.
    init(of descriptor: Int32) {
        var traffic = ttms_traffic()
        _ = ttms_read_traffic(descriptor, &traffic)
        self.init(
            received: traffic.received,
            acknowledged: traffic.acknowledged,
            isOutstanding: traffic.is_outstanding
        )
    }
}

/// One client's connection, as far as its time and its place are concerned: decides, and touches nothing.
///
/// A client has ``Limits/timeout`` for each step that has no progress: bytes that arrive while it sends a request, bytes that its
/// kernel acknowledges while it reads an answer. What has begun and makes progress takes as long as it takes.
struct ClientConnection {
    typealias Instant = ContinuousClock.Instant

    /// What the client may do, and for how long.
    struct Limits: Equatable, Sendable {
        /// How long nothing may move, at least a second.
        var timeout: Duration
        /// How much longer than announced a connection without a request stays open: a request may be on its way by then.
        static let grace = Duration.seconds(5)
        /// Bytes that have to move within ``timeout`` to be progress. One byte now and then would hold a place for ever.
        static let progress: UInt64 = 1_024
    }

    /// Whose turn it is.
    enum Turn: Equatable {
        /// The client's: to send a request.
        case request
        /// The relay's: a request is carried out.
        case relay
        /// The client's: to read an answer.
        case answer
        /// Nobody's: an answer that goes on has nothing to say, and the client only has to acknowledge what was said.
        case silence
    }

    /// Which of several connections is closed first for a newcomer's sake; the lowest first.
    enum Rank: Int, Comparable {
        /// No request has come from it, or one that goes on, to which the answer is no.
        case neverAsked
        /// It has asked, and may ask again.
        case idle
        /// It reads an answer.
        case reading

        static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }
    }

    /// The client's address without a port.
    let address: String
    /// Whether one of its requests came with a token in force.
    private(set) var hasToken = false
    private(set) var turn = Turn.request
    /// When its turn began, or since when it has made no progress.
    private(set) var since: Instant
    private var hasAsked = false
    /// The head of a request is there, and its answer is not complete.
    private var isAsking = false
    /// Whether the first bytes of a request have been seen.
    private var hasBegun = false
    /// The counters at ``since``.
    private var mark = ClientTraffic()

    init(address: String, now: Instant) {
        self.address = address
        self.since = now
    }

    /// The head of a request is there.
    mutating func asked(withToken: Bool) {
        self.hasAsked = true
        self.isAsking = true
        if withToken { self.hasToken = true }
    }

    /// It is another's turn.
    mutating func begin(_ turn: Turn, traffic: ClientTraffic, now: Instant) {
        if turn == .request { self.isAsking = false }
        guard turn != self.turn else { return }
        self.turn = turn
        self.restart(traffic, now)
        self.hasBegun = false
    }

    /// Whether the client has let its time pass. Looks at its progress, so it has to be called several times within ``Limits/timeout``.
    mutating func isOver(_ traffic: ClientTraffic, limits: Limits, now: Instant) -> Bool {
        let acknowledged = traffic.acknowledged &- self.mark.acknowledged
        switch self.turn {
        case .relay: return false
        case .request where !self.hasBegun && traffic.received == self.mark.received:
            // The client may still read the answer before.
            if traffic.isOutstanding, acknowledged > 0 { self.restart(traffic, now) }
            return now - self.since >= limits.timeout + Limits.grace
        case .request where !self.hasBegun:
            self.hasBegun = true
            self.restart(traffic, now)
            return false
        case .request: return self.isStuck(traffic, moved: traffic.received &- self.mark.received, limits, now)
        case .answer: return self.isStuck(traffic, moved: acknowledged, limits, now)
        case .silence:
            if !traffic.isOutstanding || acknowledged > 0 { self.restart(traffic, now) }
            return now - self.since >= limits.timeout
        }
    }

    /// Where it stands among those that can be closed for a newcomer; `nil` when it cannot: a request of it is carried out, or comes with a
    /// token.
    var rank: Rank? {
        switch self.turn {
        case .request where self.isAsking: self.hasToken ? nil : .neverAsked
        case .request: self.hasAsked ? .idle : .neverAsked
        case .answer, .silence: .reading
        case .relay: nil
        }
    }

    private mutating func isStuck(_ traffic: ClientTraffic, moved: UInt64, _ limits: Limits, _ now: Instant) -> Bool {
        if moved >= Limits.progress { self.restart(traffic, now) }
        return now - self.since >= limits.timeout
    }

    private mutating func restart(_ traffic: ClientTraffic, _ now: Instant) {
        self.since = now
        self.mark = traffic
    }
}
