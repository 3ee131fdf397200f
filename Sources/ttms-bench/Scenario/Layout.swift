/// The roles of a scenario's terminals. Indices are those of ``LoadPlan``.
struct Layout: Equatable, Sendable {
    /// The number of all terminals.
    var terminals: Int
    /// The terminals that are online for traffic; the others connect later, or never.
    var online: Range<Int>
    /// Terminals that send traffic.
    var senders: [Sender]
    /// See ``LoadPlan/slow``.
    var slow: Range<Int> = 0..<0
    /// Terminals that connect after frames are queued for them, group by group.
    var groups: [Range<Int>] = []

    /// Gives both ends of a pair successive indices, so that they are on the same event loop.
    init(_ scenario: Scenario) {
        let count = scenario.count
        switch scenario.kind {
        case .pairs:
            self.senders = Self.pairs(count)
            self.terminals = 2 * count
        case .manyToOne:
            self.senders = (1...count).map { Sender(index: $0, target: .one(0)) }
            self.terminals = count + 1
        case .oneToMany:
            self.senders = [Sender(index: 0, target: .each(first: 1, count: count, step: 1))]
            self.terminals = count + 1
        case .random:
            self.senders = (0..<count).map { Sender(index: $0, target: .any(first: 0, count: count)) }
            self.terminals = count
        case .idle:
            // Each sends one frame, to itself.
            self.senders = (0..<count).map { Sender(index: $0, target: .one($0)) }
            self.terminals = count
        case .storm:
            self.senders = Self.pairs(scenario.senders)
            self.groups = [2 * scenario.senders..<2 * scenario.senders + count]
            self.terminals = 2 * scenario.senders + count
        case .backlog:
            let senders = min(scenario.senders, count)
            self.senders = (0..<senders).map { Sender(index: $0, target: .one($0)) }
            self.groups = [senders..<senders + count, senders + count..<senders + 2 * count]
            self.terminals = senders + 2 * count
        }
        self.online = 0..<(self.groups.first?.lowerBound ?? self.terminals)
        guard scenario.slowPairs > 0 else { return }
        // The first of a slow pair has an even index: see ``LoadPlan/readsSlowly(_:)``.
        let first = (self.terminals + 1) / 2 * 2
        self.senders += Self.pairs(scenario.slowPairs, from: first)
        self.slow = first..<first + 2 * scenario.slowPairs
        self.terminals = self.slow.upperBound
        self.online = 0..<self.terminals
    }

    private static func pairs(_ count: Int, from first: Int = 0) -> [Sender] {
        (0..<count).map { Sender(index: first + 2 * $0, target: .one(first + 2 * $0 + 1)) }
    }

    /// The senders, each with its part of a group of offline terminals.
    ///
    /// - Returns: each sender with the number of its terminals.
    func storing(for group: Range<Int>) -> [(sender: Sender, terminals: Int)] {
        let senders = Array(self.senders.prefix(group.count))
        return senders.enumerated().map { position, sender in
            let count = (group.count - position - 1) / senders.count + 1
            let target = Target.each(first: group.lowerBound + position, count: count, step: senders.count)
            return (Sender(index: sender.index, target: target), count)
        }
    }

    /// Connections that are open at the same time, at most.
    var connections: Int { self.online.count + (self.groups.map(\.count).max() ?? 0) }
}
