/// Number of one stored frame: the store's slot of its destination, and its sequence in that destination's queue.
///
/// The id has 24 bits of slot and 40 bits of sequence. Within a slot, ids rise in the order of acceptance and are never reused.
/// Between slots their order has no meaning.
public struct MessageID: RawRepresentable, Hashable, Sendable {
    /// Slot in the upper 24 bits, sequence in the lower 40.
    public let rawValue: UInt64

    /// Makes the id with this raw value.
    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// Largest slot. A store can know one destination more than this number.
    public static let maximumSlot: UInt32 = 1 << 24 - 1
    /// Largest sequence. At 100,000 queued frames per second for one terminal it suffices for four months. After it, the store
    /// rejects frames for that terminal instead of reusing a sequence.
    public static let maximumSequence: UInt64 = 1 << 40 - 1

    /// Makes the id of the frame at `sequence` in the queue of `slot`.
    @inlinable
    public init(slot: UInt32, sequence: UInt64) {
        assert(slot <= Self.maximumSlot && sequence <= Self.maximumSequence)
        self.rawValue = UInt64(slot) &<< 40 | sequence & (1 &<< 40 &- 1)
    }

    /// Store's number of the destination.
    @inlinable
    public var slot: UInt32 { UInt32(truncatingIfNeeded: self.rawValue &>> 40) }

    /// Place in the destination's queue, counted from the first frame ever appended to it.
    @inlinable
    public var sequence: UInt64 { self.rawValue & (1 &<< 40 &- 1) }
}

extension MessageID: LosslessStringConvertible {
    /// Reads the decimal number that ``description`` writes.
    public init?(_ description: String) {
        guard let rawValue = UInt64(description) else { return nil }
        self.rawValue = rawValue
    }

    /// The 64-bit number in decimal.
    public var description: String { String(self.rawValue) }
}
