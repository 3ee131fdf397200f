import NIOCore
import RelayCore

/// Where the frames are that one shard has to answer for, all counted in the same moment.
struct LedgerCut: Sendable {
    var accepted: UInt64 = 0
    var delivered: UInt64 = 0
    var requeued: UInt64 = 0
    /// In flight, and nowhere else.
    var inFlight = 0
    /// Held, kept back or waiting in memory.
    var waiting = 0
    /// Delivered, but still counted by the store: their ids are not known yet.
    var awaitingRemoval = 0
    /// Handed to other shards, less those that other shards have handed here.
    var passedOn: Int64 = 0
}

extension Shard {
    /// Counts, and hands over everything that this tick has for others, so that what is counted there comes after.
    func cutLedger() -> LedgerCut {
        self.handOverAll()
        self.submit()
        var cut = LedgerCut(accepted: self.counters.accepted, delivered: self.counters.delivered)
        cut.requeued = self.counters.requeued
        self.forEachInFlight { cut.inFlight += $0.window.unjournaledFrames }
        for ccid in self.holding.keys { cut.waiting += self.terminals[ccid]?.held.count ?? 0 }
        for sync in self.handover.syncing.values { cut.waiting += sync.kept.count }
        for case .recalling(let waiting, _) in self.handover.loans.values { cut.waiting += waiting.count }
        cut.awaitingRemoval = self.awaitingRemoval
        cut.passedOn = self.passedOn
        return cut
    }
}

extension RelayServer {
    /// The ledger with everything counted in the same moment.
    ///
    /// With one event loop that is exact: the store counts when it has carried out what the loop had submitted by then, and nothing
    /// that came later. With several, frames can be between two of them while one after the other is counted; an imbalance is
    /// then looked at again before it is reported.
    func account() async -> RelayAccount {
        var result = await self.accountOnce()
        var attempts = 1
        while result.ledger.imbalance != 0, self.shards.count > 1, attempts < Self.attempts {
            result = await self.accountOnce()
            attempts += 1
        }
        return result
    }

    private static let attempts = 20

    private func accountOnce() async -> RelayAccount {
        var account = RelayAccount()
        var cuts: [LedgerCut] = []
        for shard in self.shards.dropLast() {
            let (cut, statistics) = await shard.ask { ($0.cutLedger(), $0.statistics()) }
            cuts.append(cut)
            account.shards.append(statistics)
        }
        guard let last = self.shards.last else { return account }
        let groupCommit = self.groupCommit
        // From the event loop to the store's thread, and from there to who asks: the loop is not woken for the answer.
        let (cut, statistics, totals, inFlight) = await withCheckedContinuation { continuation in
            last.eventLoop.execute {
                let (cut, statistics) = (last.cutLedger(), last.statistics())
                groupCommit.post { store in
                    let totals = store?.totals ?? groupCommit.statistics.totals
                    continuation.resume(returning: (cut, statistics, totals, store?.inFlightFrames ?? 0))
                }
            }
        }
        cuts.append(cut)
        account.shards.append(statistics)
        account.totals = totals
        account.ledger = Ledger(cuts, totals, since: self.totalsAtStart, storedInFlight: inFlight)
        account.ledger.requeued += UInt64(self.requeuedAtStart)
        return account
    }
}

/// The ledger, and what else was counted in the same moment.
struct RelayAccount: Sendable {
    var ledger = Ledger()
    var totals = StoreTotals()
    var shards: [ShardStatistics] = []
}

extension Ledger {
    /// Adds up what all shards have counted.
    ///
    /// - Parameters:
    ///   - before: the store's totals when the relay started.
    ///   - storedInFlight: frames that the store has in flight.
    init(_ cuts: [LedgerCut], _ totals: StoreTotals, since before: StoreTotals, storedInFlight: Int) {
        self.init()
        self.accepted = UInt64(before.frames) + cuts.reduce(0) { $0 + $1.accepted }
        self.delivered = cuts.reduce(0) { $0 + $1.delivered }
        let inFlight = cuts.reduce(storedInFlight) { $0 + $1.inFlight - $1.awaitingRemoval }
        let passedOn = cuts.reduce(0) { $0 + $1.passedOn }
        let queued = cuts.reduce(totals.frames - storedInFlight + Int(passedOn)) { $0 + $1.waiting }
        self.inFlight = UInt64(max(0, inFlight))
        self.queued = UInt64(max(0, queued))
        self.requeued = cuts.reduce(0) { $0 + $1.requeued }
        self.expired = totals.expired - before.expired
        self.deleted = totals.deleted - before.deleted
        self.evicted = totals.evicted + totals.rejected - before.evicted - before.rejected
    }
}
