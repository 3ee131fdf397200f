import Logging
import RelayCore
import TTMSProtocol

/// Eviction at the caps, in steps that do not delay commits.
extension RocksDBStore {
    /// Evicts until a frame of `size` bytes fits, or until the number of evictions for one frame is reached
    /// (``EvictionBudget``).
    ///
    /// - Parameter slot: the terminal's slot; `nil` when it has none yet.
    /// - Returns: the cap that the frame exceeds in any case.
    func makeRoom(in slot: UInt32?, size: Int) -> StoreLimits.Cap? {
        self.budget.begin(size: size)
        while true {
            let terminal = slot.map { self.table[$0].load } ?? StoreLoad()
            let admission = self.limits.admission(size: size, terminal: terminal, all: self.load)
            do throws(StoreError) {
                switch admission {
                case .admitted: return nil
                case .rejected(let cap): return cap
                case .evictOfTerminal:
                    guard let slot else { return nil }
                    guard self.budget.isLeft else {
                        self.overfull.insert(slot)
                        return nil
                    }
                    try self.evict(from: slot, isForAppend: true) { terminal, all in
                        self.budget.isLeft
                            && self.limits.admission(size: size, terminal: terminal, all: all) == .evictOfTerminal
                    }
                case .evictOfAll:
                    guard self.budget.isLeft else {
                        self.isOverfull = true
                        return nil
                    }
                    let (oldest, next) = try self.slotOfOldest()
                    try self.evict(from: oldest, before: next, isForAppend: true) { load, all in
                        self.budget.isLeft
                            && self.limits.admission(size: size, terminal: oldest == slot ? load : terminal, all: all)
                                == .evictOfAll
                    }
                }
            } catch {
                // The oldest frames are damaged or cannot be read now. They stay; the new one is rejected, and counted.
                self.note(evictionFailure: error)
                return .eviction
            }
        }
    }

    private func note(evictionFailure error: StoreError) {
        guard let heldBack = self.evictionLog.admit(error.code, at: .now) else { return }
        self.logger.error(
            "The oldest frame cannot be evicted.",
            metadata: ["error": "\(error)", "held_back": "\(heldBack)"]
        )
    }

    /// Stages the eviction of frames that appends have left above their caps. Without eviction, publishes the queues that are
    /// full.
    public func trim(limit: Int) throws(StoreError) -> Int {
        guard self.limits.policy == .dropOldest else {
            self.overfull = []
            self.isOverfull = false
            self.noteLoads()
            return self.unnoted.isEmpty ? 0 : limit
        }
        var evicted = 0
        while let slot = self.overfull.first {
            while self.table[slot].queuedFrames > 0, self.limits.isOver(terminal: self.table[slot].load) {
                guard evicted < limit else { return limit }
                let rest = limit - evicted
                var count = 0
                evicted += try self.evict(from: slot) { terminal, _ in
                    count += 1
                    return count < rest && self.limits.isOver(terminal: terminal)
                }
            }
            self.overfull.remove(slot)
        }
        while self.isOverfull, self.limits.isOver(all: self.load), self.totals.frames > self.inFlightFrames {
            guard evicted < limit else { return limit }
            let rest = limit - evicted
            var count = 0
            let (oldest, next) = try self.slotOfOldest()
            evicted += try self.evict(from: oldest, before: next) { _, all in
                count += 1
                return count < rest && self.limits.isOver(all: all)
            }
        }
        self.isOverfull = false
        return evicted
    }

    /// Evicts the oldest queued frames of a terminal that has one.
    ///
    /// - Parameters:
    ///   - next: the slot that may have the oldest frame of all others; `nil` when that does not matter.
    ///   - isForAppend: whether it counts against the budget.
    ///   - goesOn: whether one more frame has to be evicted, by the loads of the terminal and of all terminals without those
    ///     evicted so far.
    /// - Returns: the number of evicted frames.
    @discardableResult
    private func evict(
        from slot: UInt32,
        before next: (slot: UInt32, time: Int64)? = nil,
        isForAppend: Bool = false,
        while goesOn: (_ terminal: StoreLoad, _ all: StoreLoad) -> Bool
    ) throws(StoreError) -> Int {
        var victims: [EndedFrame] = []
        var follower: (sequence: UInt64, acceptedAt: Int64)?
        var (terminal, all) = (self.table[slot].load, self.load)
        try self.walk(slot, from: self.table[slot].cursor) { frame in
            let isNext = next.map { (frame.acceptedAt, slot) < ($0.time, $0.slot) } ?? true
            guard victims.isEmpty || (isNext && goesOn(terminal, all)) else {
                follower = (frame.sequence, frame.acceptedAt)
                return false
            }
            victims.append(EndedFrame(frame))
            if isForAppend { self.budget.spend(bytes: frame.bytes.count) }
            terminal.frames -= 1
            terminal.bytes -= frame.bytes.count
            all.frames -= 1
            all.bytes -= frame.bytes.count
            return true
        }
        guard let last = victims.last else { throw self.missing(in: slot) }
        self.table[slot].advance(
            to: follower?.sequence ?? self.table[slot].next,
            acceptedAt: follower?.acceptedAt,
            lastAcceptedAt: last.acceptedAt
        )
        try self.end(victims, of: slot, as: \.evicted)
        return victims.count
    }

    /// The slot with the oldest queued frame of all, and the slot that may have the oldest of the others. A queued frame
    /// exists.
    private func slotOfOldest() throws(StoreError) -> (slot: UInt32, next: (slot: UInt32, time: Int64)?) {
        while let (slot, time) = self.oldest.popFirst() {
            guard self.table[slot].queuedFrames > 0 else { continue }
            do throws(StoreError) {
                let oldest = try self.oldestQueuedAt(in: slot)
                let next = self.oldest.first
                self.oldest.schedule(slot, at: oldest)
                if oldest == time { return (slot, next) }
            } catch {
                self.oldest.schedule(slot, at: time)
                throw error
            }
        }
        throw RocksDBFailure.damaged("The store counts \(self.totals.frames) frames, but no queue has one")
    }

    func scheduleOldest() -> SlotSchedule {
        var schedule = SlotSchedule()
        for slot in self.table.queues.indices where self.table.queues[slot].queuedFrames > 0 {
            schedule.schedule(UInt32(truncatingIfNeeded: slot), at: self.table.queues[slot].oldestQueuedAt)
        }
        return schedule
    }
}
