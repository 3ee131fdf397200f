import CMicroHTTPD

/// The bytes that have moved over a connection since it was accepted.
struct ClientTraffic: Equatable, Sendable {
    /// Bytes that have arrived, whether read or not.
    var received: UInt64 = 0
    /// Bytes that the client's kernel has acknowledged.
    var acknowledged: UInt64 = 0
    /// Whether there are unacknowledged bytes, whether sent or not.
    var isOutstanding = false

    init(received: UInt64 = 0, acknowledged: UInt64 = 0, isOutstanding: Bool = false) {
        self.received = received
        self.acknowledged = acknowledged
        self.isOutstanding = isOutstanding
    }

    /// Reads the kernel's counters; all are 0 for a descriptor that is no TCP connection.
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

/// The time limits and the rank of one client's connection: a pure state machine.
///
/// A client has ``Limits/timeout`` for each step without progress. Progress are bytes that arrive while it sends a request, and bytes
/// that its kernel acknowledges while it reads an answer. A request or answer that makes progress has no limit in time.
struct ClientConnection {
    typealias Instant = ContinuousClock.Instant

    /// The limits of a client.
    struct Limits: Equatable, Sendable {
        /// The longest time without progress, at least a second.
        var timeout: Duration
        /// The time for which a connection without a request stays open after the announced timeout: a request may be on its way then.
        static let grace = Duration.seconds(5)
        /// The bytes that have to move within ``timeout`` to be progress. Single bytes could otherwise hold a place for ever.
        static let progress: UInt64 = 1_024
    }

    /// The side that acts next.
    enum Turn: Equatable {
        /// The client, which sends a request.
        case request
        /// The relay, which carries out a request.
        case relay
        /// The client, which reads an answer.
        case answer
        /// Neither: a continuous answer has no new bytes, and the client only has to acknowledge earlier ones.
        case silence
    }

    /// The order in which connections are closed for a new one; the lowest first.
    enum Rank: Int, Comparable {
        /// No request has come from it, or an unfinished one that will be refused.
        case withoutRequest
        /// It has sent requests, and may send more.
        case idle
        /// It reads an answer.
        case reading

        static func < (left: Rank, right: Rank) -> Bool { left.rawValue < right.rawValue }
    }

    /// The client's address without a port.
    let address: String
    /// Whether one of its requests came with a valid token.
    private(set) var hasToken = false
    private(set) var turn = Turn.request
    /// The time at which its turn began, or of its last progress.
    private(set) var since: Instant
    private var hasSentRequest = false
    /// Whether the head of a request has been received, and its answer is not complete.
    private var hasOpenRequest = false
    /// Whether the first bytes of a request have been received.
    private var hasBegun = false
    /// The counters at ``since``.
    private var mark = ClientTraffic()

    init(address: String, now: Instant) {
        self.address = address
        self.since = now
    }

    /// Records that the head of a request has been received.
    mutating func receivedHead(withToken: Bool) {
        self.hasSentRequest = true
        self.hasOpenRequest = true
        if withToken { self.hasToken = true }
    }

    /// Records whose turn it is.
    mutating func begin(_ turn: Turn, traffic: ClientTraffic, now: Instant) {
        if turn == .request { self.hasOpenRequest = false }
        guard turn != self.turn else { return }
        self.turn = turn
        self.restart(traffic, now)
        self.hasBegun = false
    }

    /// Whether the client has exceeded its time. It records progress, and has to be called several times within ``Limits/timeout``.
    mutating func isOver(_ traffic: ClientTraffic, limits: Limits, now: Instant) -> Bool {
        let acknowledged = traffic.acknowledged &- self.mark.acknowledged
        switch self.turn {
        case .relay: return false
        case .request where !self.hasBegun && traffic.received == self.mark.received:
            // The client may still read the preceding answer.
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

    /// Its order among the connections that can be closed for a new one. `nil` when it cannot be closed, because its request is being
    /// carried out or has a token.
    var rank: Rank? {
        switch self.turn {
        case .request where self.hasOpenRequest: self.hasToken ? nil : .withoutRequest
        case .request: self.hasSentRequest ? .idle : .withoutRequest
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
