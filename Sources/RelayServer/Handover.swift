import RelayCore
import TTMSProtocol

/// Where the terminals are that are not on their home shard.
///
/// Every CCID has a *home* shard, found by a hash of its bytes; every frame for it goes there first, from all shards, in order.
/// While the terminal's connection is on another shard, the home lends it there, and passes frames on. A terminal moves only
/// through its home: *claim* (a heartbeat came elsewhere) -> *recall* (give it up) -> *returned* -> *grant* -> *sync* (the
/// borrower's own frames that went by the home have come back). Invariants:
/// 1. A terminal is on exactly one shard, or on its way between two.
/// 2. From recall to grant, its frames wait at home; nothing of it is under way in the store when it is returned.
/// 3. A message between two shards does not overtake the frames that were put into their batch before it.
/// 4. From grant to sync, the borrower keeps its own frames back: earlier ones are still on their way by the home.
/// 5. Registrations are numbered over all shards, and a claim takes a terminal only from a connection with a lower number: a claim
///    that comes late does not undo a newer heartbeat. The terminal then stays where it is (*kept* instead of *returned*), and the
///    connection that claimed it has lost it (*refused*).
/// So frames for one terminal keep the order in which its home took them. With one event loop none of this is used.
struct Handover {
    /// A terminal of this home that is elsewhere.
    enum Loan {
        /// On that shard.
        case lent(to: Int)
        /// Asked back; its frames wait here, and the shards that want it stand in line.
        case recalling(waiting: AppendBatch, claimants: [Claimant])
    }

    /// A shard that wants a terminal.
    struct Claimant {
        var shard: Int
        /// The number of the registration that it wants it for.
        var registration: UInt64
    }

    /// A connection that wants a terminal.
    struct Claim {
        var connection: TerminalConnection
        var registration: UInt64
    }

    /// How many terminals this home has recalled so far.
    private(set) var recalls: UInt64 = 0
    /// At home: terminals that are not here.
    var loans: [CCID: Loan] = [:]
    /// Elsewhere: terminals of other homes that are here.
    var borrowed: Set<CCID> = []
    /// Terminals that have to leave, and the submission that the store has to have carried out before they may: the next shard's
    /// submissions come after it then, durable or not.
    var recalled: [CCID: UInt64] = [:]
    /// Connections that wait for a terminal.
    var claims: [CCID: Claim] = [:]
    /// Elsewhere: frames of this shard that are kept back until the sync, and which sync that is.
    var syncing: [CCID: (token: UInt64, kept: AppendBatch)] = [:]
    var nextSync: UInt64 = 1

    func isRecalled(_ ccid: CCID) -> Bool {
        !self.recalled.isEmpty && self.recalled[ccid] != nil
    }

    /// Whether frames wait here, or may come back to here, for a terminal that is between two shards.
    var isMovingTerminals: Bool {
        !self.syncing.isEmpty || self.loans.values.contains { if case .recalling = $0 { true } else { false } }
    }

    /// The same for one terminal.
    func isMoving(_ ccid: CCID) -> Bool {
        if self.isSyncing(ccid) { return true }
        guard !self.loans.isEmpty, case .recalling = self.loans[ccid] else { return false }
        return true
    }

    /// At home: has the frames of a terminal wait here from now on, for who wants it next.
    mutating func beginRecall(of ccid: CCID, for claimants: [Claimant]) {
        self.loans[ccid] = .recalling(waiting: AppendBatch(), claimants: claimants)
        self.recalls += 1
    }

    func isSyncing(_ ccid: CCID) -> Bool {
        !self.syncing.isEmpty && self.syncing[ccid] != nil
    }

    func isBorrowed(_ ccid: CCID) -> Bool {
        !self.borrowed.isEmpty && self.borrowed.contains(ccid)
    }

    /// The connection that waited for the terminal ends.
    mutating func abandonClaim(of ccid: CCID, by connection: TerminalConnection) {
        if self.claims[ccid]?.connection === connection { self.claims[ccid] = nil }
    }
}
