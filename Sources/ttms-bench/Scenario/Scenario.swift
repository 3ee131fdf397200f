/// What a load does, as a scenario file or the command line says it. `Scenario+Default.swift` holds those of `compare`.
struct Scenario: Codable, Equatable, Sendable {
    enum Kind: String, Codable, CaseIterable, Sendable {
        /// `count` pairs, one end of which sends to the other.
        case pairs
        /// `count` terminals send to one.
        case manyToOne = "many-to-one"
        /// One terminal sends to `count` in turn.
        case oneToMany = "one-to-many"
        /// `count` terminals send to each other at random.
        case random
        /// `count` terminals connect, send one frame each, and then heartbeats: what does each cost?
        case idle
        /// `count` terminals come back at once, with frames waiting for them, while pairs go on; then all close.
        case storm
        /// Senders fill the queues of `count` terminals that are away; then these drain them, while others are filled.
        case backlog
    }

    /// Names the scenario in what is printed.
    var name: String
    var kind: Kind
    /// How many; see ``Kind``.
    var count: Int
    /// Frames that each sender has under way; for a closed loop.
    var window: Int?
    /// Frames a second in all; for an open loop. In a storm, those of the pairs.
    var rate: Int?
    /// Bytes of the payloads; a sender's frames take turns.
    var payloads: [Int] = [64]
    /// How long traffic is measured.
    var seconds = 3.0
    /// How long traffic goes on before it is measured.
    var warmup = 1.0
    /// Pairs beside the others whose receivers take some 40 kB/s. They are not measured, the others are.
    var slowPairs = 0
    /// Requests a second to the admin API beside the traffic.
    var adminRate = 0
    /// Clients beside the traffic that do to the admin API what they should not.
    var badAdminClients = 0
    /// Frames for each terminal, in a storm and a backlog.
    var frames = 10
    /// Heartbeats of each terminal, in an idle crowd: 1,440 are a day, one a minute.
    var heartbeats = 1_440
    /// Pairs that go on during a storm; terminals that fill a backlog.
    var senders = 100
    /// Seconds after which a step that is not done is given up.
    var limit = 120.0

    init(name: String, kind: Kind, count: Int) {
        self.name = name
        self.kind = kind
        self.count = count
    }

    /// Whether it is about terminals that send all the time.
    var isTraffic: Bool {
        switch self.kind {
        case .pairs, .manyToOne, .oneToMany, .random: true
        case .idle, .storm, .backlog: false
        }
    }

    /// Whether the server has to keep frames for terminals that are away.
    var needsStore: Bool { self.kind == .storm || self.kind == .backlog }

    /// How senders send.
    var pace: Pace {
        if let rate { return .open(rate: rate) }
        return .closed(window: self.window ?? 1)
    }

    enum CodingKeys: String, CodingKey, CaseIterable {
        case name, kind, count, window, rate, payloads, seconds, warmup, frames, heartbeats, senders, limit
        case slowPairs = "slow_pairs"
        case adminRate = "admin_rate"
        case badAdminClients = "bad_admin_clients"
    }

    /// Reads what a file says; what it does not say has its default.
    init(from decoder: any Decoder) throws {
        try UnknownKey.refuse(in: decoder, known: CodingKeys.allCases.map(\.rawValue))
        let keys = try decoder.container(keyedBy: CodingKeys.self)
        let kind = try keys.decode(Kind.self, forKey: .kind)
        self.init(
            name: try keys.decodeIfPresent(String.self, forKey: .name) ?? kind.rawValue,
            kind: kind,
            count: try keys.decode(Int.self, forKey: .count)
        )
        self.window = try keys.decodeIfPresent(Int.self, forKey: .window)
        self.rate = try keys.decodeIfPresent(Int.self, forKey: .rate)
        self.payloads = try keys.decodeIfPresent([Int].self, forKey: .payloads) ?? self.payloads
        self.seconds = try keys.decodeIfPresent(Double.self, forKey: .seconds) ?? self.seconds
        self.warmup = try keys.decodeIfPresent(Double.self, forKey: .warmup) ?? self.warmup
        self.slowPairs = try keys.decodeIfPresent(Int.self, forKey: .slowPairs) ?? self.slowPairs
        self.adminRate = try keys.decodeIfPresent(Int.self, forKey: .adminRate) ?? self.adminRate
        self.badAdminClients = try keys.decodeIfPresent(Int.self, forKey: .badAdminClients) ?? self.badAdminClients
        self.frames = try keys.decodeIfPresent(Int.self, forKey: .frames) ?? self.frames
        self.heartbeats = try keys.decodeIfPresent(Int.self, forKey: .heartbeats) ?? self.heartbeats
        self.senders = try keys.decodeIfPresent(Int.self, forKey: .senders) ?? self.senders
        self.limit = try keys.decodeIfPresent(Double.self, forKey: .limit) ?? self.limit
    }
}
