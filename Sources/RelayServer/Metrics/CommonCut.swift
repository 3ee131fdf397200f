import Synchronization

/// A look at all shards and the store as if in one moment, although no two of them are ever stopped together (after Chandy and
/// Lamport). Whoever counts first tells all others, behind every frame that it has sent them and before the next one, and each counts
/// when it hears of it first. So no frame is counted where it came from and again where it went, or nowhere. Until all have counted,
/// nothing that came later goes to the store, which then counts, too.
final class CommonCut: Sendable {
    typealias Part = (cut: LedgerCut, statistics: ShardStatistics)

    /// Cuts come one behind the other, and each has a higher number.
    let number: UInt64
    private let parts: Mutex<[Part?]>
    private let completion: @Sendable ([Part]) -> Void

    /// - Parameter completion: gets what all shards have counted, on the last one's event loop.
    init(number: UInt64, shards: Int, completion: @escaping @Sendable ([Part]) -> Void) {
        self.number = number
        self.parts = Mutex(Array(repeating: nil, count: shards))
        self.completion = completion
    }

    func add(_ part: Part, of shard: Int) {
        let all = self.parts.withLock { parts in
            parts[shard] = part
            return parts.allSatisfy { $0 != nil } ? parts.compactMap(\.self) : nil
        }
        if let all { self.completion(all) }
    }
}

/// What one event loop has to do for a ``CommonCut``.
final class CutParticipation {
    /// The cut that this event loop has counted for last.
    private(set) var latest: UInt64 = 0
    /// What gathers now came after a cut for which others have still to count: it does not go to the store before they have.
    private(set) var isOpen = false

    /// - Returns: whether this event loop has still to count for the cut.
    func joins(_ number: UInt64) -> Bool { number > self.latest }

    /// This event loop counts for the cut now.
    func began(_ number: UInt64) {
        assert(number > self.latest && !self.isOpen, "Cuts come one after the other.")
        self.latest = number
        self.isOpen = true
    }

    /// All have counted for the cut, and the store is next.
    ///
    /// - Returns: whether that ends the wait here.
    func end(_ number: UInt64) -> Bool {
        guard self.isOpen, number == self.latest else { return false }
        self.isOpen = false
        return true
    }
}

extension Shard {
    /// Counts for `cut`, if that has not been done, and has the others count.
    func join(_ cut: CommonCut) {
        guard self.cut.joins(cut.number) else { return }
        // The store has counted for the one before, or no other would be made; this shard may hear of that later.
        self.endCut(self.cut.latest)
        let part = (cut: self.cutLedger(), statistics: self.statistics())
        self.cut.began(cut.number)
        for index in self.shards.indices where index != self.index { self.send(to: index) { $0.join(cut) } }
        cut.add(part, of: self.index)
    }

    /// All have counted, and the store is the next to do so: what has gathered since may follow.
    func endCut(_ number: UInt64) {
        if self.cut.end(number) { self.submit() }
    }
}

/// Lets one task count at a time; the others wait in line.
final class CutQueue: Sendable {
    private let lock = FIFOLock<SingleKey>()
    private let latest = Atomic<UInt64>(0)

    /// Waits until no other task counts.
    ///
    /// - Returns: the number of the next cut. The caller ends it with ``leave()``.
    func enter() async -> UInt64 {
        await self.lock.acquire()
        return self.latest.wrappingAdd(1, ordering: .relaxed).newValue
    }

    /// The task that has entered has counted.
    func leave() { self.lock.release() }
}
