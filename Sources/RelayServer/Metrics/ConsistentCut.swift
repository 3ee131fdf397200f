import Synchronization

/// A consistent count over all shards and the store, although no two of them are ever stopped together (after Chandy and Lamport).
/// The first shard to count notifies all others, after every frame that it has sent them and before the next one. Each counts at
/// its first notification. So no frame is counted both where it came from and where it went, or nowhere. Until all have counted, no
/// later frame is given to the store, which then counts, too.
final class ConsistentCut: Sendable {
    typealias Part = (cut: LedgerCut, statistics: ShardStatistics)

    /// The number of the cut: cuts follow each other, and each has a higher number.
    let number: UInt64
    private let parts: Mutex<[Part?]>
    private let completion: @Sendable ([Part]) -> Void

    /// - Parameter completion: receives the counts of all shards, on the last one's event loop.
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

/// One event loop's part in a ``ConsistentCut``.
final class CutParticipation {
    /// The latest cut for which this event loop has counted.
    private(set) var latest: UInt64 = 0
    /// Whether other shards still have to count for the latest cut. Items that gather meanwhile are not submitted to the store
    /// before.
    private(set) var isOpen = false

    /// - Returns: whether this event loop still has to count for the cut.
    func joins(_ number: UInt64) -> Bool { number > self.latest }

    /// Records that this event loop counts for the cut.
    func began(_ number: UInt64) {
        assert(number > self.latest && !self.isOpen, "Cuts come one after the other.")
        self.latest = number
        self.isOpen = true
    }

    /// Records that all have counted for the cut, and the store is next.
    ///
    /// - Returns: whether that ends the wait here.
    func end(_ number: UInt64) -> Bool {
        guard self.isOpen, number == self.latest else { return false }
        self.isOpen = false
        return true
    }
}

extension Shard {
    /// Counts for `cut`, if that has not been done, and makes the others count.
    func join(_ cut: ConsistentCut) {
        guard self.cut.joins(cut.number) else { return }
        // The store has counted for the former cut, or there would be no new one; this shard may be notified of that later.
        self.endCut(self.cut.latest)
        let part = (cut: self.cutLedger(), statistics: self.statistics())
        self.cut.began(cut.number)
        for index in self.shards.indices where index != self.index { self.send(to: index) { $0.join(cut) } }
        cut.add(part, of: self.index)
    }

    /// Ends the wait after all have counted, and the store is the next to do so: items that have gathered since may follow.
    func endCut(_ number: UInt64) {
        if self.cut.end(number) { self.submit() }
    }
}

/// Lets one task count at a time; the others wait in their order.
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

    /// Records that the task that has entered has counted.
    func leave() { self.lock.release() }
}
