import TTMSProtocol
import TestKit

/// Two clients that take the terminal ``CCID/receiver`` from each other again and again, and a sender whose numbered frames arrive
/// all the time, also in the same moments.
///
/// One thread does all of it, so that what was sent before what is known.
struct Fight {
    /// When a client says that it is the terminal.
    enum Manner: CaseIterable {
        /// On a new connection, as soon as the relay has closed its old one.
        case whenSuperseded
        /// Every few milliseconds in turns, each time on a new connection.
        case inTurns
        /// Every few milliseconds both at once, each on a new connection.
        case atOnce
        /// Every few milliseconds in turns, on two connections that stay, because each has a terminal of its own, too.
        case onStandingConnections

        /// Whether the relay hears the heartbeats in the order in which they were sent, and takes each for a newer one. On two
        /// standing connections it may not: one that has lost the terminal on another event loop, and does not know it yet, only
        /// hears a heartbeat of a terminal that it has.
        var isOrdered: Bool { self == .whenSuperseded || self == .inTurns }
    }

    private static let interval: Duration = .milliseconds(3)
    /// Beyond this a client's kernel takes nothing: often enough a frame is on its way when the terminal is taken over.
    private static let receiveBuffer = 8_192
    private static let frameSize = 1_000
    /// Frames that are sent right before each heartbeat, and right after it.
    private static let burst = 4

    private let relay: RelayProcess
    private let manner: Manner
    private let sender: TerminalClient
    /// In the order of their connections.
    private var contenders: [Contender] = []
    /// By whom the heartbeats were sent, in that order.
    private var heartbeats: [(contender: Contender, tenure: Int)] = []
    /// The one of each client.
    private var latest: [Contender] = []
    private var due = ContinuousClock.now
    private let end: ContinuousClock.Instant
    /// Frames that were sent.
    private(set) var sent = 0

    /// Connects the sender and both clients.
    init(at relay: RelayProcess, _ manner: Manner) throws {
        self.relay = relay
        self.manner = manner
        self.sender = try relay.terminal(.sender)
        self.end = .now + patience * Soak.rounds(1)
        // With two event loops, these two live on different ones.
        for own in [CCID(rawValue: 0x10), CCID(rawValue: 0x12)] {
            let client = try relay.connect(receiveBuffer: Self.receiveBuffer)
            if manner == .onStandingConnections { try client.register(own) }
            self.latest.append(Contender(client))
        }
        self.contenders = self.latest
        for client in self.latest.indices { try self.heartbeat(of: client) }
    }

    // MARK: What came

    /// What came on each tenure, in the order of the heartbeats that began them.
    var tenures: [[Int]] {
        self.heartbeats.compactMap { $0.tenure < $0.contender.tenures.count ? $0.contender.tenures[$0.tenure] : nil }
            .filter { !$0.isEmpty }
    }

    private var isComplete: Bool { Set(self.tenures.joined()).count == self.sent }

    // MARK: The fight

    /// Goes on until the terminal has been taken over so many times.
    ///
    /// - Throws: ``DeadlineExceeded``; what the clients throw.
    mutating func run(takeovers: Int) async throws {
        let admin = try self.relay.admin
        while try await admin.metrics()["ttms_takeovers_total"] ?? 0 < Double(takeovers) {
            let enough = self.heartbeats.count + 20
            while self.heartbeats.count < enough { try await self.turn() }
        }
    }

    /// Lets the first client win, and waits until it has the terminal, and all frames have come to it or have come before.
    ///
    /// - Returns: the address of its connection.
    /// - Throws: ``DeadlineExceeded``; what the clients throw.
    mutating func settle() async throws -> String {
        try self.renew(0)
        let (admin, winner) = (try self.relay.admin, self.latest[0])
        while true {
            try await self.read()
            guard winner.isAnswered else { continue }
            let owner = try await admin.terminal(.receiver)?.at("connection.remote_address")?.string
            // Once more for a heartbeat that did not win the terminal, and to show that nothing comes behind the last frame.
            let isSettled = owner == winner.address && winner.tenures.last == [] && self.isComplete
            if isSettled { return winner.address }
            try self.heartbeat(of: 0)
        }
    }

    private mutating func turn() async throws {
        try await self.read()
        switch self.manner {
        case .whenSuperseded:
            for client in self.latest.indices where !self.latest[client].isOpen { try self.renew(client) }
        case .inTurns, .atOnce, .onStandingConnections:
            guard ContinuousClock.now >= self.due, self.latest.allSatisfy(\.isAnswered) else { return }
            self.due = .now + Self.interval
            for client in self.latest.indices where self.manner == .atOnce || client == self.heartbeats.count % 2 {
                try self.renew(client)
            }
        }
    }

    private mutating func read() async throws {
        guard ContinuousClock.now < self.end else {
            let newest = self.latest.map { "\($0.address), open: \($0.isOpen), answered: \($0.isAnswered)" }
            throw DeadlineExceeded(
                "after \(self.heartbeats.count) heartbeats and \(self.sent) frames the fight hangs: \(newest)"
            )
        }
        var hasCome = false
        for contender in self.contenders where try contender.takeWhatCame() { hasCome = true }
        self.contenders.removeAll { !$0.isOpen }
        if !hasCome { try await Task.sleep(for: .milliseconds(1)) }
    }

    /// Has a client say that it is the terminal, on a new connection if it does not keep its own.
    private mutating func renew(_ client: Int) throws {
        try self.send()
        if self.manner != .onStandingConnections {
            self.latest[client] = Contender(try self.relay.connect(receiveBuffer: Self.receiveBuffer))
            self.contenders.append(self.latest[client])
        }
        try self.heartbeat(of: client)
        try self.send()
    }

    private mutating func heartbeat(of client: Int) throws {
        let contender = self.latest[client]
        self.heartbeats.append((contender, contender.heartbeats))
        try contender.heartbeat()
    }

    private mutating func send() throws {
        try self.sender.send(NumberedFrames.to(.receiver, self.sent..<self.sent + Self.burst, size: Self.frameSize))
        self.sent += Self.burst
    }
}
