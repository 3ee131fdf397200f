import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// The same calls, drawn at random, on the store on disk and on the reference: they answer alike, over restarts and crashes.
@Suite struct StoreComparisonTests {
    @Test(arguments: 0..<16) func bothStoresAnswerAlike(_ seed: UInt64) throws {
        var random = SplitMix(state: seed)
        var directory = try TemporaryDirectory()
        var limits = StoreLimits(
            terminalFrames: Int.random(in: 3...40, using: &random),
            terminalBytes: 1_200,
            totalFrames: Int.random(in: 20...120, using: &random),
            totalBytes: 4_000,
            policy: StoreLimits.Policy.allCases[Int(seed) % StoreLimits.Policy.allCases.count],
            timeToLive: seed % 2 == 0 ? 30 : 0
        )
        if seed % 4 == 3 { limits = StoreLimits() }
        limits.traceRetention = 40
        limits.traces = seed % 2 == 0 ? 60 : 1_000
        let reference = MemoryStore(limits: limits)
        var store = try RocksDBStore.open(directory, limits: limits)
        let ccids = (0..<7).map { CCID(rawValue: $0) }
        var ids: [MessageID] = []
        var second: Int64 = 0

        for step in 0..<1_500 {
            second += Int64.random(in: 0...1, using: &random)
            let ccid = ccids.randomElement(using: &random) ?? .a
            store.now = .second(second)
            reference.now = .second(second)
            switch Int.random(in: 0..<100, using: &random) {
            case 0..<45:
                let frame = (0..<Int.random(in: 1...60, using: &random)).map { _ in
                    UInt8.random(in: .min ... .max, using: &random)
                }
                let timeToLive: UInt32? = [nil, nil, nil, 0, 5, 20].randomElement(using: &random) ?? nil
                let isInFlight = Bool.random(using: &random)
                let isTraced = Int.random(in: 0..<3, using: &random) == 0
                var preview = try store.preview(size: frame.count, to: ccid, timeToLive: timeToLive)
                var expected = try reference.preview(size: frame.count, to: ccid, timeToLive: timeToLive)
                // The reference does not know their order where both a terminal's cap and that of all ask for some.
                #expect(Set(preview.evicted) == Set(expected.evicted))
                (preview.evicted, expected.evicted) = ([], [])
                #expect(preview == expected)
                let time = second - Int64.random(in: 0...3, using: &random)
                let outcome = try store.append(
                    frame,
                    to: ccid,
                    at: time,
                    timeToLive: timeToLive,
                    isInFlight: isInFlight,
                    isTraced: isTraced
                )
                #expect(
                    try reference.append(
                        frame,
                        to: ccid,
                        at: time,
                        timeToLive: timeToLive,
                        isInFlight: isInFlight,
                        isTraced: isTraced
                    ) == outcome
                )
                if let id = outcome.id { ids.append(id) }
            case 45..<58:
                let bytes = Int.random(in: 0...300, using: &random)
                let run = try store.readNext(of: ccid, maximumBytes: bytes, now: .second(second))
                let expected = try reference.readNext(of: ccid, maximumBytes: bytes, now: .second(second))
                #expect(run.marks == expected.marks && run.frames == expected.frames && run.hasMore == expected.hasMore)
                #expect(run.traced == expected.traced)
                #expect(run.oldestAcceptedAt == expected.oldestAcceptedAt)
            case 58..<68:
                guard let id = ids.suffix(40).randomElement(using: &random) else { continue }
                #expect(try store.remove(of: ccid, through: id) == reference.remove(of: ccid, through: id))
            case 68..<74:
                store.rewind(ccid)
                reference.rewind(ccid)
            case 74..<80:
                guard let id = ids.suffix(40).randomElement(using: &random) else { continue }
                #expect(try store.message(id) == reference.message(id))
                if limits.traces == 1_000 { #expect(try store.trace(of: id) == reference.trace(of: id)) }
                #expect(try store.framesAhead(of: id) == reference.framesAhead(of: id))
                #expect(try store.delete(id) == reference.delete(id))
            case 80:
                let traceSwitch = TraceSwitch(until: .second(second + 30), remaining: 5)
                store.setTracing(of: ccid, traceSwitch)
                reference.setTracing(of: ccid, traceSwitch)
                guard let id = ids.suffix(40).randomElement(using: &random) else { continue }
                try store.confirm([id])
                try reference.confirm([id])
            case 81: #expect(try store.forget(limit: 20) == reference.forget(limit: 20))
            case 82: #expect(try store.deleteAll(of: ccid) == reference.deleteAll(of: ccid))
            case 83..<86:
                #expect(
                    try store.expire(now: .second(second), limit: .max) == reference.expire(now: .second(second), limit: .max)
                )
            case 86..<97:
                try store.commit()
                try reference.commit()
            case 97:
                try store.close()
                try reference.commit()
                store = try RocksDBStore.open(directory, limits: limits)
                reference.now = store.clock.last
                reference.restart()
            case 98:
                // Everything is durable, so the copy holds the same as the original.
                try store.commit(withCheckpoint: true)
                try reference.commit()
                directory = try directory.copy()
                store = try RocksDBStore.open(directory, limits: limits)
                reference.now = store.clock.last
                reference.restart()
            default:
                try store.commit(withCheckpoint: true)
                try reference.commit()
            }
            try #require(store.totals == reference.totals, "at step \(step)")
            try #require(store.totals.isBalanced)
            if step % 10 == 0 { try self.compare(store, reference, ccids) }
        }
        try self.compare(store, reference, ccids)
        // Of several that ended at the same time, a restart may have another forgotten first.
        if limits.traces == 1_000 {
            for id in ids { #expect(try store.trace(of: id) == reference.trace(of: id)) }
        }
        try store.close()
    }

    private func compare(_ store: RocksDBStore, _ reference: MemoryStore, _ ccids: [CCID]) throws {
        #expect(store.stagedFrames == reference.stagedFrames)
        #expect(store.terminals(after: nil, limit: .max) == reference.terminals(after: nil, limit: .max))
        for ccid in ccids {
            let messages = try store.messages(of: ccid, after: nil, limit: .max)
            let expected = try reference.messages(of: ccid, after: nil, limit: .max)
            try #require(messages == expected)
        }
    }
}

extension StoreTotals {
    /// Every frame that was taken is kept, or counted where it went.
    var isBalanced: Bool {
        self.appended == UInt64(self.frames) + self.removed + self.expired + self.deleted + self.evicted
    }
}

/// Random numbers that are the same in every run.
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        self.state &+= 0x9e37_79b9_7f4a_7c15
        var word = self.state
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
