import RelayCore
import TTMSProtocol

/// The queues of all terminals by slot, and the slot of each terminal.
///
/// A terminal has a slot from its first frame on. Terminals come and go, and so that those who are gone do not fill the memory,
/// a slot whose queue is empty may pass to another terminal. Its sequences go on, so that no id is used twice.
struct TerminalTable {
    private(set) var queues: [TerminalQueue] = []
    private var slots: [CCID: UInt32] = [:]
    /// Where the search for an empty queue goes on.
    private var hand = 0

    /// Below this, every terminal gets a slot of its own; above, only while at least half of them are in use.
    static let slotsBeforeReuse = 1 << 16
    /// Slots that one search for an empty queue looks at; the next search goes on behind them.
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
    /// - Parameter occupied: how many queues have frames.
    /// - Returns: `nil` when all are taken.
    mutating func freeSlot(occupied: Int) -> UInt32? {
        let count = self.queues.count
        if count >= Self.slotsBeforeReuse, occupied < count / 2 || count > Int(MessageID.maximumSlot) {
            // While there are new slots, one of those costs less than a long search.
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

    /// No frame that is here was taken after `time`, µs.
    mutating func noteAcceptance(_ time: Int64) {
        for index in self.queues.indices { self.queues[index].lastAcceptedAt = time }
    }

    /// Gives `slot` to `ccid`, taking it from the terminal that had it.
    mutating func assign(_ ccid: CCID, to slot: UInt32) {
        let index = Int(slot)
        while index >= self.queues.count { self.queues.append(TerminalQueue()) }
        if let previous = self.queues[index].ccid, self.slots[previous] == slot { self.slots[previous] = nil }
        self.queues[index].ccid = ccid
        self.slots[ccid] = slot
    }
}
