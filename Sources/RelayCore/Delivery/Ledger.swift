/// Account of all accepted frames (G7): `accepted = delivered + queued + in flight + expired + deleted + evicted`.
///
/// Each part is counted where frames change hands, and never derived from another part. So a lost frame shows as an imbalance.
public struct Ledger: Equatable, Sendable {
    /// Data frames accepted from terminals and operators since the relay started, and those found on disk then. Frames rejected at
    /// a cap (``StoreTotals/rejected``) are in no part of the equation.
    public var accepted: UInt64 = 0
    /// Frames delivered to their destination.
    public var delivered: UInt64 = 0
    /// Frames that wait in memory or on disk.
    public var queued: UInt64 = 0
    /// Frames written to a terminal and not yet delivered.
    public var inFlight: UInt64 = 0
    /// Frames whose time to live ended while they were queued.
    public var expired: UInt64 = 0
    /// Queued frames that an operator deleted.
    public var deleted: UInt64 = 0
    /// Oldest frames removed at a cap.
    public var evicted: UInt64 = 0

    /// Frames requeued because their connection, or the previous relay process, ended; they may arrive twice (G9). They also count
    /// in their new place, so this is no part of the equation.
    public var requeued: UInt64 = 0

    /// Accepted frames that are in no other part. 0 proves that no frame was lost and none counted twice.
    public var imbalance: Int64 {
        let ends = self.delivered &+ self.queued &+ self.inFlight &+ self.expired &+ self.deleted &+ self.evicted
        return Int64(truncatingIfNeeded: self.accepted &- ends)
    }

    /// Makes the ledger of a relay that has accepted nothing yet.
    public init() {}
}
