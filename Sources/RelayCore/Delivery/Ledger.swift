/// Where every accepted frame is (G7): `accepted = delivered + queued + in flight + expired + deleted + evicted`.
///
/// Counted at the places where frames change hands, never derived from each other, so that a lost frame shows as an imbalance.
public struct Ledger: Equatable, Sendable {
    /// Data frames taken from terminals and operators since the relay started, and those found on disk then; without those that a cap
    /// refused (``StoreTotals/rejected``), which are in no part of the equation.
    public var accepted: UInt64 = 0
    /// Frames that left for good because their destination has them.
    public var delivered: UInt64 = 0
    /// Frames that wait in memory or on disk.
    public var queued: UInt64 = 0
    /// Frames written to a terminal and not yet delivered.
    public var inFlight: UInt64 = 0
    /// Frames whose time to live ended.
    public var expired: UInt64 = 0
    /// Frames that an operator deleted.
    public var deleted: UInt64 = 0
    /// Frames dropped as the oldest at a cap.
    public var evicted: UInt64 = 0

    /// Frames that were in flight when their connection, or the relay before this one, ended, and are sent again: those that may
    /// come twice (G9). They are counted where they are then, so this is no part of the equation.
    public var requeued: UInt64 = 0

    /// What an imbalance of 0 proves: nothing was lost, and nothing came twice.
    public var imbalance: Int64 {
        let ends = self.delivered &+ self.queued &+ self.inFlight &+ self.expired &+ self.deleted &+ self.evicted
        return Int64(truncatingIfNeeded: self.accepted &- ends)
    }

    /// The ledger of a relay that has taken nothing yet.
    public init() {}
}
