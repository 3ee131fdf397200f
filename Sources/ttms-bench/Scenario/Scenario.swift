/// The description of a load, from a scenario file or the command line. `Scenario+Default.swift` holds those of `compare`.
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
        /// `count` terminals connect, send one frame each, and then heartbeats; the cost of each terminal is measured.
        case idle
        /// `count` terminals with queued frames reconnect at once, while pairs send; then all close.
        case storm
        /// Senders fill the queues of `count` offline terminals; then these drain them, while others are filled.
        case backlog
    }

    /// The name of the scenario in the results.
    var name: String
    var kind: Kind
    /// The number of terminals or pairs; see ``Kind``.
    var count: Int
    /// Frames of each sender that have not arrived, at most; for a closed loop.
    var window: Int?
    /// Frames per second of all senders, for an open loop; in a storm, those of the pairs.
    var rate: Int?
    /// Payload sizes in bytes, which a sender's frames have in turn.
    var payloads: [Int] = [64]
    /// Seconds of measured traffic.
    var seconds = 3.0
    /// Seconds of traffic before the measurement.
    var warmup = 1.0
    /// Further pairs whose receivers read about 40 kB/s. They are measured apart from the others.
    var slowPairs = 0
    /// Requests per second to the admin API beside the traffic.
    var adminRate = 0
    /// Clients beside the traffic that misuse the admin API.
    var badAdminClients = 0
    /// Frames for each terminal, in a storm and a backlog.
    var frames = 10
    /// Heartbeats of each terminal in an idle fleet: 1,440 are those of a day, one per minute.
    var heartbeats = 1_440
    /// Pairs that send during a storm; terminals that fill a backlog.
    var senders = 100
    /// Seconds after which an unfinished step is given up.
    var limit = 120.0

    init(name: String, kind: Kind, count: Int) {
        self.name = name
        self.kind = kind
        self.count = count
    }

    /// Whether its terminals send all the time.
    var isTraffic: Bool {
        switch self.kind {
        case .pairs, .manyToOne, .oneToMany, .random: true
        case .idle, .storm, .backlog: false
        }
    }

    /// Whether the server has to store frames for offline terminals.
    var needsStore: Bool { self.kind == .storm || self.kind == .backlog }

    /// The sending mode of the senders.
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

    /// Reads a scenario; missing keys have their defaults.
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
