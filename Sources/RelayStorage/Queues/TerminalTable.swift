import RelayCore
import TTMSProtocol

/// The queues of all terminals by slot, and the slot of each terminal.
///
/// A terminal has a slot from its first frame on. A slot whose queue is empty may pass to another terminal, so that terminals
/// of the past do not fill the memory. Its sequences continue, so that no id is used twice.
struct TerminalTable {
    private(set) var queues: [TerminalQueue] = []
    private var slots: [CCID: UInt32] = [:]
    /// The position at which the search for an empty queue continues.
    private var hand = 0

    /// Below this, every terminal gets a slot of its own; above, only while at least half of them are in use.
    static let slotsBeforeReuse = 1 << 16
    /// Slots of one search for an empty queue; the next search continues after them.
    static let slotsPerSearch = 1_000

    subscript(slot: UInt32) -> TerminalQueue {
        @inline(__always) _read { yield self.queues[Int(slot)] }
        @inline(__always) _modify { yield &self.queues[Int(slot)] }
    }

    /// The slot of a terminal that has one.
    @inline(__always)
    func slot(of ccid: CCID) -> UInt32? { self.slots[ccid] }

    /// The slot of a message, if there is such a slot.
    func slot(of id: MessageID) -> UInt32? { Int(id.slot) < self.queues.count ? id.slot : nil }

    /// Finds a slot for a terminal that has none; ``assign(_:to:)`` then gives it to it.
    ///
    /// - Parameter occupied: the number of queues with frames.
    /// - Returns: `nil` when all are taken.
    mutating func freeSlot(occupied: Int) -> UInt32? {
        let count = self.queues.count
        if count >= Self.slotsBeforeReuse, occupied < count / 2 || count > Int(MessageID.maximumSlot) {
            // While there are unused slots, one of them costs less than a long search.
            let steps = count > Int(MessageID.maximumSlot) ? count : Self.slotsPerSearch
            for _ in 0..<min(steps, count) {
                self.hand = self.hand + 1 < count ? self.hand + 1 : 0
                if self.queues[self.hand].frames == 0, self.queues[self.hand].next <= MessageID.maximumSequence {
                    return UInt32(self.hand)
                }
            }
        }
        return count <= Int(MessageID.maximumSlot) ? UInt32(count) : nil
    }

    /// Records that no frame was accepted after `time`, µs.
    mutating func noteAcceptance(_ time: Int64) {
        for index in self.queues.indices { self.queues[index].lastAcceptedAt = time }
    }

    /// Assigns `slot` to `ccid`, and removes it from its former terminal.
    mutating func assign(_ ccid: CCID, to slot: UInt32) {
        let index = Int(slot)
        while index >= self.queues.count { self.queues.append(TerminalQueue()) }
        if let previous = self.queues[index].ccid, self.slots[previous] == slot { self.slots[previous] = nil }
        self.queues[index].ccid = ccid
        self.slots[ccid] = slot
    }
}
