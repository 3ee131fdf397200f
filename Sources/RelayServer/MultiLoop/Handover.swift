import RelayCore
import TTMSProtocol

/// The places of terminals that are not on their home shard.
///
/// Every CCID has a *home* shard, found by a hash of its bytes; every frame for it goes there first, from all shards, in order.
/// While the terminal's connection is on another shard, the home lends it there, and passes frames on. A terminal moves only
/// through its home: *claim* -> *recall* -> *returned* -> *grant* -> *sync*. A claim follows a heartbeat on another shard. The sync
/// ends when the borrower's own frames that went through the home have come back. Invariants:
/// 1. A terminal is on exactly one shard, or on its way between two.
/// 2. From recall to grant, its frames wait at home; none is under way in the store when it is returned.
/// 3. A message between two shards does not overtake the frames that were put into their batch before it.
/// 4. From grant to sync, the borrower holds its own frames back: earlier ones are still on their way through the home.
/// 5. Registrations are numbered over all shards, and a claim takes a terminal only from a connection with a lower number. A claim
///    that comes late does not undo a newer heartbeat. The terminal then stays where it is (*recall refused* instead of *returned*),
///    and the connection that claimed it has lost it (*claim refused*).
///
/// So frames for one terminal stay in the order in which they reached its home. With one event loop none of this is used.
final class Handover {
    /// A terminal of this home that is on another shard.
    enum Loan {
        /// On that shard.
        case lent(to: Int)
        /// Recalled: its frames wait here, and the shards that claim it wait in their order.
        case recalling(waiting: AppendBatch, claimants: [Claimant])
    }

    /// A shard that claims a terminal.
    struct Claimant {
        var shard: Int
        /// The number of the registration that the claim is for.
        var registration: UInt64
    }

    /// A connection that claims a terminal.
    struct Claim {
        var connection: TerminalConnection
        var registration: UInt64
    }

    /// The number of recalls by this home, by a hash of the CCIDs: a wait for certain terminals need not restart when any other
    /// moves.
    private var recallCounts = [UInt64](repeating: 0, count: Handover.recallBuckets)
    private static let recallBuckets = 64
    /// The memory of frames that wait here for terminals between two shards, in bytes.
    private(set) var waitingBytes = 0
    /// At home: terminals that are not here.
    var loans: [CCID: Loan] = [:]
    /// As borrower: terminals of other homes that are here.
    var borrowed: Set<CCID> = []
    /// Terminals that have to leave, each with the submission that the store has to carry out before. The next shard's submissions
    /// then come after it, durable or not.
    var recalled: [CCID: UInt64] = [:]
    /// Connections that wait for a terminal.
    var claims: [CCID: Claim] = [:]
    /// As borrower: frames of this shard that wait for the sync, and the number of that sync.
    var syncing: [CCID: (token: UInt64, waiting: AppendBatch)] = [:]
    var nextSync: UInt64 = 1

    func isRecalled(_ ccid: CCID) -> Bool {
        !self.recalled.isEmpty && self.recalled[ccid] != nil
    }

    /// Whether frames wait here, or may return here, for a terminal between two shards.
    var isMovingTerminals: Bool {
        !self.syncing.isEmpty || self.loans.values.contains { if case .recalling = $0 { true } else { false } }
    }

    /// Whether frames for `ccid` wait here, or may return here, because it is between two shards.
    func isMoving(_ ccid: CCID) -> Bool {
        if self.isSyncing(ccid) { return true }
        guard !self.loans.isEmpty, case .recalling = self.loans[ccid] else { return false }
        return true
    }

    /// At home: starts a recall, during which the terminal's frames wait here for its next shard.
    func beginRecall(of ccid: CCID, for claimants: [Claimant]) {
        self.loans[ccid] = .recalling(waiting: AppendBatch(), claimants: claimants)
        self.recallCounts[Self.recallBucket(ccid)] += 1
    }

    /// At home: lets `body` append a frame to those that wait for a terminal.
    ///
    /// - Returns: `false` when it is not being recalled.
    func withWaiting(_ ccid: CCID, _ body: (inout AppendBatch) -> Void) -> Bool {
        guard case .recalling(var waiting, let claimants) = self.loans[ccid] else { return false }
        // Removed from the table, so that the frames are not copied.
        self.loans[ccid] = nil
        self.waitingBytes -= waiting.cost
        body(&waiting)
        self.waitingBytes += waiting.cost
        self.loans[ccid] = .recalling(waiting: waiting, claimants: claimants)
        return true
    }

    /// At home: ends the recall.
    ///
    /// - Parameter loan: the terminal's place from now on; `nil` for here.
    /// - Returns: the frames that have waited, and the claimants; `nil` when it was not being recalled.
    func endRecall(of ccid: CCID, becoming loan: (_ claimants: [Claimant]) -> Loan?) -> (AppendBatch, [Claimant])? {
        guard case .recalling(let waiting, let claimants) = self.loans[ccid] else { return nil }
        self.loans[ccid] = loan(claimants)
        self.waitingBytes -= waiting.cost
        return (waiting, claimants)
    }

    /// As borrower: lets `body` append a frame to those that wait for the sync.
    ///
    /// - Returns: `false` when no sync is under way.
    func withFramesAwaitingSync(_ ccid: CCID, _ body: (inout AppendBatch) -> Void) -> Bool {
        guard var sync = self.syncing.removeValue(forKey: ccid) else { return false }
        self.waitingBytes -= sync.waiting.cost
        body(&sync.waiting)
        self.waitingBytes += sync.waiting.cost
        self.syncing[ccid] = sync
        return true
    }

    /// As borrower: completes or abandons the sync.
    ///
    /// - Returns: the frames that have waited for it.
    func endSync(of ccid: CCID) -> AppendBatch {
        guard let sync = self.syncing.removeValue(forKey: ccid) else { return AppendBatch() }
        self.waitingBytes -= sync.waiting.cost
        return sync.waiting
    }

    /// At home: the number of recalls of these terminals, and of some others; of all with `nil`.
    func recalls(of ccids: [CCID]?) -> UInt64 {
        guard let ccids else { return self.recallCounts.reduce(0, +) }
        return ccids.reduce(0) { $0 + self.recallCounts[Self.recallBucket($1)] }
    }

    /// The bucket of a CCID, from other bits than those that choose the home, which are the same for all terminals recalled there.
    private static func recallBucket(_ ccid: CCID) -> Int {
        Int(truncatingIfNeeded: (UInt64(ccid.rawValue) &* 0x9e37_79b9_7f4a_7c15) &>> 26) & (Self.recallBuckets - 1)
    }

    func isSyncing(_ ccid: CCID) -> Bool {
        !self.syncing.isEmpty && self.syncing[ccid] != nil
    }

    func isBorrowed(_ ccid: CCID) -> Bool {
        !self.borrowed.isEmpty && self.borrowed.contains(ccid)
    }

    /// Removes the claim of a connection that ends.
    func abandonClaim(of ccid: CCID, by connection: TerminalConnection) {
        if self.claims[ccid]?.connection === connection { self.claims[ccid] = nil }
    }

    /// Drops all state when the relay stops, and every terminal is on no event loop.
    func removeAll() {
        self.loans = [:]
        self.borrowed = []
        self.recalled = [:]
        self.claims = [:]
        self.syncing = [:]
        self.waitingBytes = 0
    }
}
