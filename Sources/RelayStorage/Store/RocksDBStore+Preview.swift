import RelayCore
import TTMSProtocol

/// Previews for operators: the result of an append, and the place of a message. Nothing is changed.
extension RocksDBStore {
    /// The number of frames of its terminal before a message in its queue.
    public func framesAhead(of id: MessageID) throws(StoreError) -> Int? {
        guard let slot = self.table.slot(of: id), try self.message(id) != nil else { return nil }
        let queue = self.table[slot]
        let places = Int(id.sequence - queue.head)
        let hasHoles = Int(queue.next - queue.head) != queue.frames
        guard hasHoles, places > 0 else { return places }
        var walked = 0
        var found: Int?
        try self.walk(slot, from: queue.head) { frame in
            if frame.sequence >= id.sequence { found = walked }
            walked += 1
            return found == nil && walked <= AppendPreview.maximumWalk
        }
        return found ?? min(places, queue.frames - 1)
    }

    /// The result that appending a frame for `ccid` would have now.
    public func preview(size: Int, to ccid: CCID, timeToLive: UInt32?) throws(StoreError) -> AppendPreview {
        let known = self.table.slot(of: ccid)
        var terminal = known.map { self.table[$0].load } ?? StoreLoad()
        var preview = AppendPreview(framesAhead: terminal.frames, timeToLive: timeToLive ?? self.limits.timeToLive)
        // A copy searches for a slot, because a search changes its position.
        var table = self.table
        guard known != nil || table.freeSlot(occupied: self.totals.terminals) != nil,
            known.map({ self.table[$0].next <= MessageID.maximumSequence }) ?? true
        else {
            preview.rejection = .identifiers
            return preview
        }
        if terminal.frames == 0, self.totals.terminals >= self.limits.terminals {
            preview.rejection = .terminals
            return preview
        }
        var all = self.load
        var victims = Victims(store: self)
        var budget = self.budget
        budget.begin(size: size)
        while true {
            let victim: Victims.Victim
            switch self.limits.admission(size: size, terminal: terminal, all: all) {
            case .admitted: return preview
            case .rejected(let cap):
                preview.rejection = cap
                return preview
            case .evictOfTerminal:
                guard let known, budget.isLeft else { return preview }
                victim = try victims.next(of: known)
            case .evictOfAll:
                guard budget.isLeft else { return preview }
                victim = try victims.nextOfAll()
            }
            budget.spend(bytes: victim.size)
            all.frames -= 1
            all.bytes -= victim.size
            if victim.id.slot == known {
                terminal.frames -= 1
                terminal.bytes -= victim.size
                preview.framesAhead -= 1
            }
            preview.evictedFrames += 1
            if preview.evicted.count < AppendPreview.maximumListed { preview.evicted.append(victim.id) }
        }
    }
}

/// Finds the frames that would be evicted, one after the other.
private struct Victims {
    struct Victim {
        let id: MessageID
        let size: Int
    }

    private let store: RocksDBStore
    /// The positions at which the search continues, by slot.
    private var positions: [UInt32: UInt64] = [:]
    /// The slots that may have the oldest frame of all.
    private var oldest: SlotSchedule

    init(store: RocksDBStore) {
        self.store = store
        self.oldest = store.oldest
    }

    /// The next frame of a terminal that has one.
    mutating func next(of slot: UInt32) throws(StoreError) -> Victim {
        guard let frame = try self.first(of: slot) else { throw self.store.missing(in: slot) }
        self.positions[slot] = frame.id.sequence + 1
        return Victim(id: frame.id, size: frame.size)
    }

    /// The next frame of all. A queued frame exists.
    mutating func nextOfAll() throws(StoreError) -> Victim {
        while let (slot, time) = self.oldest.popFirst() {
            guard let frame = try self.first(of: slot) else { continue }
            self.oldest.schedule(slot, at: frame.acceptedAt)
            if frame.acceptedAt == time { return try self.next(of: slot) }
        }
        throw RocksDBFailure.damaged("The store counts frames, but no queue has one")
    }

    private func first(of slot: UInt32) throws(StoreError) -> (id: MessageID, size: Int, acceptedAt: Int64)? {
        var found: (id: MessageID, size: Int, acceptedAt: Int64)?
        try self.store.walk(slot, from: self.positions[slot] ?? self.store.table[slot].cursor) { frame in
            found = (MessageID(slot: slot, sequence: frame.sequence), frame.bytes.count, frame.acceptedAt)
            return false
        }
        return found
    }
}
