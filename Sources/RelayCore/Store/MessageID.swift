/// Names one queued frame: the store's slot of its destination, and its place in that destination's queue.
///
/// 24 bits of slot and 40 bits of sequence make one 64-bit number. Within a slot, ids rise in the order in which the relay took
/// the frames, and are never used twice; between slots their order means nothing.
public struct MessageID: RawRepresentable, Hashable, Sendable {
    /// Slot in the upper 24 bits, sequence in the lower 40.
    public let rawValue: UInt64

    /// Makes the id with this number.
    @inlinable
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// The largest slot, and so the number of destinations that a store can know, less one.
    public static let maximumSlot: UInt32 = 1 << 24 - 1
    /// The largest sequence. At 100,000 queued frames per second for one terminal it lasts four months; the store then refuses
    /// frames for that terminal rather than use a sequence twice.
    public static let maximumSequence: UInt64 = 1 << 40 - 1

    /// Makes the id of the frame at `sequence` in the queue of `slot`.
    @inlinable
    public init(slot: UInt32, sequence: UInt64) {
        self.rawValue = UInt64(slot) &<< 40 | sequence & (1 &<< 40 &- 1)
    }

    /// The store's number of the destination.
    @inlinable
    public var slot: UInt32 { UInt32(truncatingIfNeeded: self.rawValue &>> 40) }

    /// The place in the destination's queue, counted from the first frame that it was ever given.
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
