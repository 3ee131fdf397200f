import NIOCore
import RelayCore
import TTMSProtocol
import TestKit

/// What a seed stands for: how the relay is configured, which terminals there are, and how likely it is that what happens next.
///
/// Each seed leaves some kinds of events out and makes others frequent: faults that never rest would keep the relay from ever
/// getting far, and hide what only a long queue or a quiet hour shows.
struct Schedule {
    /// What can happen next.
    enum Event: CaseIterable {
        // What moves everything on.
        case network, loop, store, time
        // Terminals.
        case connect, heartbeat, burst
        // What goes wrong with connections.
        case finish, reset, vanish, stall, giveUp, noise
        // What goes wrong with the relay.
        case crash, powerCut, restart, diskFails, diskHeals
        // Operators.
        case inject, delete, deleteAll, kick, ledger
    }

    /// A device: the CCIDs that it registers, and what its length fields mean.
    struct Terminal {
        var ccids: [CCID]
        var dialect: LengthDialect
    }

    let seed: UInt64
    private(set) var options: ServerOptions
    /// Whether a connection moves to the home of its first terminal; otherwise terminals are lent.
    let movesConnections: Bool
    private(set) var limits = StoreLimits()
    private(set) var terminals: [Terminal] = []
    /// Never connects.
    let absent = CCID(rawValue: 0xab5e_0001)
    private(set) var steps: Int
    private(set) var sendCapacity: ClosedRange<Int>
    private(set) var receiveCapacity: ClosedRange<Int>
    /// Payload bytes.
    private(set) var payload: ClosedRange<Int>
    private var events: [(event: Event, upTo: Int)] = []
    private var total = 0

    init(seed: UInt64) {
        self.seed = seed
        var random = SeededGenerator(seed: seed)
        self.options = Self.options(&random)
        self.movesConnections = self.options.eventLoops > 1 && Int.random(in: 0..<3, using: &random) > 0
        self.limits = Self.limits(&random)
        self.steps = [150, 300, 600].randomElement(using: &random) ?? 300
        let isNarrow = Bool.random(using: &random)
        self.sendCapacity = isNarrow ? 64...600 : 500...20_000
        self.receiveCapacity = isNarrow ? 64...600 : 500...20_000
        self.payload = NumberedPayload.headerSize...(Bool.random(using: &random) ? 40 : 400)
        var next: UInt32 = 1
        for _ in 0..<Int.random(in: 2...5, using: &random) {
            // With a gateway for ten there are senders with more destinations than a receipt remembers one by one.
            let count = [1, 1, 1, 1, 1, 2, 2, 3, 10].randomElement(using: &random) ?? 1
            let ccids = (0..<count).map { CCID(rawValue: next + UInt32($0)) }
            next += UInt32(count)
            let dialect = LengthDialect.allCases.randomElement(using: &random) ?? .total
            self.terminals.append(Terminal(ccids: ccids, dialect: dialect))
        }
        self.drawEvents(&random)
    }

    private static func options(_ random: inout SeededGenerator) -> ServerOptions {
        let confirm: Confirmation = Int.random(in: 0..<4, using: &random) == 0 ? .heartbeat : .acknowledged
        let givesReceipts = Int.random(in: 0..<8, using: &random) > 0
        var options = ServerOptions(listeners: [
            ListenerOptions(host: "", port: 0, confirm: confirm, givesReceipts: givesReceipts)
        ])
        options.eventLoops = [1, 1, 1, 2, 2, 3].randomElement(using: &random) ?? 1
        let journals: [JournalOptions] = [
            .after(.milliseconds(10)), .after(.milliseconds(10)), .after(.milliseconds(3)), .after(.zero), .off,
            .after(.milliseconds(300)),
        ]
        options.journal = journals.randomElement(using: &random) ?? .off
        options.outbound.highWatermark = [800, 3_000, 1 << 20].randomElement(using: &random) ?? 800
        options.outbound.lowWatermark = options.outbound.highWatermark / 4
        options.outbound.readSize = [300, 1_500, 128 << 10].randomElement(using: &random) ?? 300
        options.outbound.storeHighWatermark = [2_000, 8 << 20].randomElement(using: &random) ?? 2_000
        options.session.unknownCommand = Bool.random(using: &random) ? .close : .ignore
        if Int.random(in: 0..<6, using: &random) == 0 { options.session.idleTimeout = .milliseconds(400) }
        if Int.random(in: 0..<4, using: &random) == 0 { options.maximumOfflineTerminals = 1 }
        return options
    }

    private static func limits(_ random: inout SeededGenerator) -> StoreLimits {
        var limits = StoreLimits()
        if Int.random(in: 0..<4, using: &random) == 0 { limits.timeToLive = 1 }
        if Int.random(in: 0..<4, using: &random) == 0 { limits.terminalFrames = Int.random(in: 3...30, using: &random) }
        if Int.random(in: 0..<6, using: &random) == 0 { limits.totalBytes = Int.random(in: 500...5_000, using: &random) }
        if Int.random(in: 0..<8, using: &random) == 0 { limits.terminals = Int.random(in: 1...6, using: &random) }
        limits.policy = StoreLimits.Policy.allCases.randomElement(using: &random) ?? .dropOldest
        return limits
    }

    /// Of what each kind is, how often it happens when this seed has it: nearly all is what moves everything on.
    private static func weight(_ event: Event) -> (weight: Int, isAlways: Bool) {
        switch event {
        case .network: (120, true)
        case .loop: (60, true)
        case .store: (20, true)
        case .time: (30, true)
        case .connect: (8, true)
        case .heartbeat: (8, true)
        case .burst: (16, true)
        case .finish, .reset, .vanish, .stall, .giveUp: (2, false)
        case .noise: (1, false)
        case .crash, .powerCut, .restart: (1, false)
        case .diskFails, .diskHeals: (2, false)
        case .inject: (4, false)
        case .delete, .deleteAll, .kick: (1, false)
        case .ledger: (4, true)
        }
    }

    private mutating func drawEvents(_ random: inout SeededGenerator) {
        for event in Event.allCases {
            let (weight, isAlways) = Self.weight(event)
            let factor = [1, 1, 2, 4].randomElement(using: &random) ?? 1
            guard isAlways || Int.random(in: 0..<3, using: &random) == 0 else { continue }
            self.total += weight * factor
            self.events.append((event, self.total))
        }
    }

    /// What happens next.
    func event(_ random: inout SeededGenerator) -> Event {
        let number = Int.random(in: 0..<self.total, using: &random)
        return self.events.first { number < $0.upTo }?.event ?? .loop
    }
}
