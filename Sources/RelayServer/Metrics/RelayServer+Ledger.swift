import NIOCore
import RelayCore

/// The frames for which one shard has to account, all counted at the same moment.
struct LedgerCut: Sendable {
    var accepted: UInt64 = 0
    var delivered: UInt64 = 0
    var requeued: UInt64 = 0
    /// In flight, and not on disk.
    var inFlight = 0
    /// Held, or waiting for a terminal between two shards.
    var waiting = 0
    /// Delivered, but still counted by the store: their ids are not known yet.
    var awaitingRemoval = 0
    /// Handed to other shards, less those received from them.
    var handedOver: Int64 = 0
}

extension Shard {
    /// Counts, and hands over all items that this tick has for others, so that they are counted there after this.
    func cutLedger() -> LedgerCut {
        self.handOverAll()
        self.submit(isLast: true)
        var cut = LedgerCut(accepted: self.counters.accepted, delivered: self.counters.delivered)
        cut.requeued = self.counters.requeued
        self.forEachInFlight { cut.inFlight += $0.window.unjournaledFrames }
        for ccid in self.heldFrames.terminals { cut.waiting += self.terminals[ccid]?.held.count ?? 0 }
        for sync in self.handover.syncing.values { cut.waiting += sync.waiting.count }
        for case .recalling(let waiting, _) in self.handover.loans.values { cut.waiting += waiting.count }
        cut.awaitingRemoval = self.journals.deliveredFrames
        cut.handedOver = self.peers.handedOver
        return cut
    }
}

extension RelayServer {
    /// The ledger, with everything counted at one moment, however much is under way.
    func account() async -> RelayAccount {
        let number = await self.cuts.enter()
        defer { self.cuts.leave() }
        let (shards, groupCommit) = (self.shards, self.groupCommit)
        // From the event loops to the store's thread, and from there to the caller: no loop is woken for the answer.
        let (parts, totals, inFlight) = await withCheckedContinuation { continuation in
            let cut = ConsistentCut(number: number, shards: shards.count) { parts in
                groupCommit.post { store in
                    let totals = store?.totals ?? groupCommit.statistics.totals
                    continuation.resume(returning: (parts, totals, store?.inFlightFrames ?? 0))
                }
                for shard in shards {
                    if shard.eventLoop.inEventLoop {
                        shard.endCut(number)
                    } else {
                        shard.eventLoop.execute { shard.endCut(number) }
                    }
                }
            }
            shards[0].eventLoop.execute { shards[0].join(cut) }
        }
        var account = RelayAccount()
        account.shards = parts.map(\.statistics)
        account.totals = totals
        account.ledger = Ledger(parts.map(\.cut), totals, since: self.totalsAtStart, storedInFlight: inFlight)
        account.ledger.requeued += UInt64(self.requeuedAtStart)
        return account
    }
}

/// The ledger, and the other counts of the same moment.
struct RelayAccount: Sendable {
    var ledger = Ledger()
    var totals = StoreTotals()
    var shards: [ShardStatistics] = []
}

extension Ledger {
    /// Adds up the counts of all shards.
    ///
    /// - Parameters:
    ///   - before: the store's totals when the relay started.
    ///   - storedInFlight: frames that the store has in flight.
    init(_ cuts: [LedgerCut], _ totals: StoreTotals, since before: StoreTotals, storedInFlight: Int) {
        self.init()
        // Frames that a cap rejected were read, but never accepted.
        let refused = totals.rejected - before.rejected
        self.accepted = cuts.reduce(UInt64(before.frames)) { $0 + $1.accepted } &- refused
        self.delivered = cuts.reduce(0) { $0 + $1.delivered }
        let inFlight = cuts.reduce(storedInFlight) { $0 + $1.inFlight - $1.awaitingRemoval }
        let handedOver = cuts.reduce(0) { $0 + $1.handedOver }
        let queued = cuts.reduce(totals.frames - storedInFlight + Int(handedOver)) { $0 + $1.waiting }
        self.inFlight = UInt64(max(0, inFlight))
        self.queued = UInt64(max(0, queued))
        self.requeued = cuts.reduce(0) { $0 + $1.requeued }
        self.expired = totals.expired - before.expired
        self.deleted = totals.deleted - before.deleted
        self.evicted = totals.evicted - before.evicted
    }
}
