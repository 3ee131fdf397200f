import HeapModule

/// The slots to search, by time: when frames may have expired, or where the oldest frame may be.
///
/// A slot's time is a lower bound. It is never late; it may be early, and then the search finds nothing and schedules the slot
/// again. This makes changes cheap: most of them leave the bound valid, and change nothing here.
struct SlotSchedule {
    private struct Entry: Comparable {
        let time: Int64
        let slot: UInt32

        static func < (left: Entry, right: Entry) -> Bool {
            (left.time, left.slot) < (right.time, right.slot)
        }
    }

    /// The time of each slot; `.max` when it is not scheduled.
    private var times: [Int64] = []
    /// Every scheduled slot at its time, and entries that an earlier time has made stale.
    private var entries = Heap<Entry>()

    /// The time of `slot` in microseconds; `.max` when it is not scheduled.
    func time(of slot: UInt32) -> Int64 {
        Int(slot) < self.times.count ? self.times[Int(slot)] : .max
    }

    /// Schedules `slot` at `time`, unless it is scheduled earlier.
    @inline(__always)
    mutating func schedule(_ slot: UInt32, at time: Int64) {
        if time < self.time(of: slot) { self.insert(slot, at: time) }
    }

    private mutating func insert(_ slot: UInt32, at time: Int64) {
        let index = Int(slot)
        if index >= self.times.count {
            self.times.append(contentsOf: repeatElement(.max, count: index + 1 - self.times.count))
        }
        self.times[index] = time
        self.entries.insert(Entry(time: time, slot: slot))
        // Stale entries are removed when they are due, which may be never.
        if self.entries.count > 2 * self.times.count + 1_024 { self.rebuild() }
    }

    private mutating func rebuild() {
        var live: [Entry] = []
        for (index, time) in self.times.enumerated() where time < .max {
            live.append(Entry(time: time, slot: UInt32(truncatingIfNeeded: index)))
        }
        self.entries = Heap(live)
    }

    /// The slot with the earliest time, or one that had that time and may have no other.
    var first: (slot: UInt32, time: Int64)? { self.entries.min.map { ($0.slot, $0.time) } }

    /// Takes out the slot with the earliest time, if that is not after `limit`.
    mutating func popFirst(through limit: Int64 = .max) -> (slot: UInt32, time: Int64)? {
        while let first = self.entries.min, first.time <= limit {
            self.entries.removeMin()
            let index = Int(first.slot)
            guard self.times[index] == first.time else { continue }
            self.times[index] = .max
            return (first.slot, first.time)
        }
        return nil
    }
}
