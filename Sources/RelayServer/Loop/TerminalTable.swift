import RelayCore
import TTMSProtocol

/// The terminals of one event loop by CCID, with open addressing and linear probing, because the lookup per frame is on the hot
/// path. `Dictionary` hashes with SipHash to resist chosen keys. Here a chosen set of CCIDs could lengthen probes, so the hash is
/// keyed with a random number per process. That number comes from Swift's own hashing, so that `SWIFT_DETERMINISTIC_HASHING` makes
/// this table's order repeatable, too.
struct TerminalTable: ~Copyable {
    private struct Slot {
        var key: UInt32
        var terminal: Unmanaged<Terminal>?
    }

    private var slots: UnsafeMutablePointer<Slot>
    private var shift: UInt64
    private var mask: Int
    private(set) var count = 0

    private static let seed = UInt64(truncatingIfNeeded: Hasher().finalize()) | 1

    init() {
        self.mask = 1_023
        self.shift = 54
        self.slots = Self.allocate(1_024)
    }

    deinit {
        for index in 0...self.mask { self.slots[index].terminal?.release() }
        self.slots.deallocate()
    }

    private static func allocate(_ count: Int) -> UnsafeMutablePointer<Slot> {
        let slots = UnsafeMutablePointer<Slot>.allocate(capacity: count)
        slots.initialize(repeating: Slot(key: 0, terminal: nil), count: count)
        return slots
    }

    @inline(__always)
    private func home(_ key: UInt32) -> Int {
        let mixed = (UInt64(key) &+ 0x9e37_79b9_7f4a_7c15) &* Self.seed
        let spread = (mixed ^ (mixed &>> 29)) &* 0xbf58_476d_1ce4_e5b9
        return Int(truncatingIfNeeded: spread &>> self.shift)
    }

    /// The terminal with this CCID. It is unmanaged, because a retain and a release per frame cost as much as the lookup.
    @inline(__always)
    func find(_ ccid: CCID) -> Unmanaged<Terminal>? {
        var index = self.home(ccid.rawValue)
        while true {
            let slot = self.slots[index]
            guard let terminal = slot.terminal else { return nil }
            if slot.key == ccid.rawValue { return terminal }
            index = (index &+ 1) & self.mask
        }
    }

    subscript(ccid: CCID) -> Terminal? {
        self.find(ccid)?.takeUnretainedValue()
    }

    /// Adds a terminal whose CCID is not in the table.
    mutating func insert(_ terminal: Terminal) {
        if (self.count + 1) * 2 > self.mask { self.grow() }
        self.place(terminal.ccid.rawValue, Unmanaged.passRetained(terminal))
        self.count += 1
    }

    private mutating func place(_ key: UInt32, _ terminal: Unmanaged<Terminal>) {
        var index = self.home(key)
        while self.slots[index].terminal != nil { index = (index &+ 1) & self.mask }
        self.slots[index] = Slot(key: key, terminal: terminal)
    }

    private mutating func grow() {
        let old = UnsafeMutableBufferPointer(start: self.slots, count: self.mask + 1)
        self.slots = Self.allocate(old.count * 2)
        self.mask = old.count * 2 - 1
        self.shift -= 1
        for slot in old {
            if let terminal = slot.terminal { self.place(slot.key, terminal) }
        }
        old.deallocate()
    }

    /// Removes a terminal; those after it in its probe move up, so that no gap ends a search too early.
    mutating func remove(_ ccid: CCID) {
        var gap = self.home(ccid.rawValue)
        while let terminal = self.slots[gap].terminal {
            if self.slots[gap].key == ccid.rawValue {
                terminal.release()
                self.count -= 1
                break
            }
            gap = (gap &+ 1) & self.mask
        }
        guard self.slots[gap].terminal != nil else { return }
        var next = gap
        while true {
            next = (next &+ 1) & self.mask
            guard let terminal = self.slots[next].terminal else { break }
            let distanceFromHome = (next &- self.home(self.slots[next].key)) & self.mask
            if distanceFromHome >= (next &- gap) & self.mask {
                self.slots[gap] = Slot(key: self.slots[next].key, terminal: terminal)
                gap = next
            }
        }
        self.slots[gap].terminal = nil
    }

    /// The number of parts for a walk over the table. Each terminal stays in its part when the table grows. A walk with pauses
    /// therefore meets every terminal that is present throughout, and none twice.
    static let parts = 1_024

    /// Calls `body` with the terminals of one part, 0..<``parts``, in no order.
    func forEach(inPart part: Int, _ body: (Terminal) -> Void) {
        self.forEachSlot(inPart: part) { slot in
            if let terminal = slot.terminal { body(terminal.takeUnretainedValue()) }
        }
    }

    /// Calls `body` with the CCIDs of one part, without access to the terminals themselves, which are not in a cache when they are
    /// many.
    func forEachCCID(inPart part: Int, _ body: (UInt32) -> Void) {
        self.forEachSlot(inPart: part) { body($0.key) }
    }

    @inline(__always)
    private func forEachSlot(inPart part: Int, _ body: (Slot) -> Void) {
        let width = (self.mask + 1) / Self.parts
        let homes = part * width..<(part + 1) * width
        var index = homes.lowerBound
        // Terminals whose home is here can lie further back, but no further than the next gap.
        while true {
            let slot = self.slots[index & self.mask]
            if slot.terminal != nil {
                if homes.contains(self.home(slot.key)) { body(slot) }
            } else if index >= homes.upperBound {
                return
            }
            index += 1
        }
    }

    /// Calls `body` with every terminal, in no order.
    func forEach(_ body: (Terminal) -> Void) {
        for index in 0...self.mask {
            if let terminal = self.slots[index].terminal { body(terminal.takeUnretainedValue()) }
        }
    }
}
