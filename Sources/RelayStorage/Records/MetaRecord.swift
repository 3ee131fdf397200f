import NIOCore
import RelayCore
import TTMSProtocol

/// Keys of the family `meta`: a kind in the highest byte, a number below it.
///
/// Together they describe all queues and their contents, without the messages. The *checkpoint* is the state of the whole store
/// after one commit, with one record per terminal. Each later commit has a *delta* with the records that it changed. All values
/// are absolute, so a record means the same however often it is written. Switches are separate: each exists while it is on.
enum MetaKey {
    /// A ``CommitRecord``, without terminals.
    static let checkpoint: UInt64 = 1 << 56
    private static let terminals: UInt64 = 2 << 56
    private static let deltas: UInt64 = 3 << 56
    private static let switches: UInt64 = 4 << 56

    /// A ``TerminalRecord`` as of the checkpoint.
    static func terminal(_ slot: UInt32) -> UInt64 { self.terminals | UInt64(slot) }

    /// A ``CommitRecord``, followed by a ``TerminalRecord`` per terminal that the commit changed.
    static func delta(_ commit: UInt64) -> UInt64 { self.deltas | commit }

    /// A ``SwitchRecord``: the terminal's messages are traced.
    static func traceSwitch(_ ccid: CCID) -> UInt64 { self.switches | UInt64(ccid.rawValue) }

    /// The first key that a switch can have.
    static let firstSwitch = switches

    /// The terminal of the switch under `key`; `nil` for other keys.
    static func switched(_ key: UInt64) -> CCID? { UInt32(exactly: key ^ self.switches).map(CCID.init(rawValue:)) }

    /// The slot of the terminal record under `key`; `nil` for other keys.
    static func slot(_ key: UInt64) -> UInt32? { UInt32(exactly: key ^ self.terminals) }

    /// The commit of the delta under `key`; `nil` for other keys.
    static func commit(_ key: UInt64) -> UInt64? { key >> 56 == self.deltas >> 56 ? key ^ self.deltas : nil }
}

/// The state of the whole store after a commit.
struct CommitRecord: Equatable {
    /// The number of the commit, from 1.
    var number: UInt64
    /// The time of the frame that was accepted last.
    var clock: Timestamp
    var totals: StoreTotals

    func write(to buffer: inout ByteBuffer) {
        buffer.writeMultipleIntegers(self.number, self.clock.microseconds)
        buffer.writeMultipleIntegers(Int64(self.totals.frames), Int64(self.totals.bytes), Int64(self.totals.terminals))
        buffer.writeMultipleIntegers(self.totals.appended, self.totals.removed, self.totals.expired)
        buffer.writeMultipleIntegers(self.totals.deleted, self.totals.evicted, self.totals.rejected)
    }
}

extension CommitRecord {
    init?(from buffer: inout ByteBuffer) {
        guard let (number, clock) = buffer.readMultipleIntegers(as: (UInt64, Int64).self),
            let (frames, bytes, terminals) = buffer.readMultipleIntegers(as: (Int64, Int64, Int64).self),
            let (appended, removed, expired) = buffer.readMultipleIntegers(as: (UInt64, UInt64, UInt64).self),
            let (deleted, evicted, rejected) = buffer.readMultipleIntegers(as: (UInt64, UInt64, UInt64).self)
        else { return nil }
        self.number = number
        self.clock = Timestamp(microseconds: clock)
        self.totals = StoreTotals()
        self.totals.frames = Int(frames)
        self.totals.bytes = Int(bytes)
        self.totals.terminals = Int(terminals)
        self.totals.appended = appended
        self.totals.removed = removed
        self.totals.expired = expired
        self.totals.deleted = deleted
        self.totals.evicted = evicted
        self.totals.rejected = rejected
    }
}

/// The recorded state of one terminal's queue.
struct TerminalRecord: Equatable {
    var slot: UInt32
    var ccid: CCID
    /// The sequence of the oldest frame, or of the next one.
    var head: UInt64
    var next: UInt64
    var frames: Int
    var bytes: Int
    /// The time at which the frame at the head was accepted, µs, or an earlier time.
    var oldestAt: Int64
    /// No frame expires before this, µs; `.max` when none does.
    var earliestExpiry: Int64
    var timeToLive: UInt32
    var isOldestExact: Bool
    var isMixed: Bool
    /// The number of frames in flight: after a restart they are requeued, and may arrive twice. Stores of early releases have 0
    /// here, and frames above ``maximumInFlight`` are not counted.
    var inFlight = 0

    /// Bytes of a record.
    static let size = 64
    private static let oldestExactFlag: UInt32 = 1
    private static let mixedFlag: UInt32 = 2
    /// The position of the count in the flags, above the lowest byte.
    private static let inFlightShift: UInt32 = 8
    private static let maximumInFlight = 1 << 24 - 1

    func write(to buffer: inout ByteBuffer) {
        let inFlight = UInt32(clamping: min(self.inFlight, Self.maximumInFlight))
        let flags =
            (self.isOldestExact ? Self.oldestExactFlag : 0) | (self.isMixed ? Self.mixedFlag : 0)
            | inFlight << Self.inFlightShift
        buffer.writeMultipleIntegers(self.slot, self.ccid.rawValue, self.timeToLive, flags)
        buffer.writeMultipleIntegers(self.head, self.next, Int64(self.frames), Int64(self.bytes))
        buffer.writeMultipleIntegers(self.oldestAt, self.earliestExpiry)
    }
}

extension TerminalRecord {
    init?(from buffer: inout ByteBuffer) {
        guard
            let (slot, ccid, timeToLive, flags) = buffer.readMultipleIntegers(as: (UInt32, UInt32, UInt32, UInt32).self),
            let (head, next, frames, bytes) = buffer.readMultipleIntegers(as: (UInt64, UInt64, Int64, Int64).self),
            let (oldestAt, earliestExpiry) = buffer.readMultipleIntegers(as: (Int64, Int64).self),
            slot <= MessageID.maximumSlot, head >= 1, head <= next, next <= MessageID.maximumSequence + 1,
            frames >= 0, frames <= next - head, bytes >= frames
        else { return nil }
        self.slot = slot
        self.ccid = CCID(rawValue: ccid)
        self.head = head
        self.next = next
        self.frames = Int(frames)
        self.bytes = Int(bytes)
        self.oldestAt = oldestAt
        self.earliestExpiry = earliestExpiry
        self.timeToLive = timeToLive
        self.isOldestExact = flags & Self.oldestExactFlag != 0
        self.isMixed = flags & Self.mixedFlag != 0
        self.inFlight = min(Int(flags >> Self.inFlightShift), self.frames)
    }
}
