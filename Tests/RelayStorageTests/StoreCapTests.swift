import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// What gives way at the caps, of every store.
@Suite struct StoreCapTests {
    @Test(arguments: StoreKind.allCases) func newestFramesAreRefused(_ kind: StoreKind) throws {
        let limits = StoreLimits(
            terminalFrames: 3,
            terminalBytes: 12,
            totalFrames: 5,
            totalBytes: 20,
            policy: .rejectNewest
        )
        try kind.withStore(limits) { store in
            for text in ["1", "2", "3"] { #expect(try store.append(text, to: .a).id != nil) }
            #expect(try store.append("4", to: .a) == .rejected(.terminalFrames))
            #expect(try store.append("1234567890123", to: .b) == .rejected(.terminalBytes))
            #expect(try store.append("123456789012", to: .b).id != nil)
            #expect(try store.append("123456", to: .c) == .rejected(.totalBytes))
            #expect(try store.append("12345", to: .c).id != nil)
            #expect(try store.append("", to: .c, size: 1) == .rejected(.totalFrames))
            #expect(store.totals.rejected == 4)
            #expect(store.totals.appended == 5)
            #expect(try store.texts(.a) == ["1", "2", "3"])
            // Changed while it runs.
            store.limits.terminalFrames = 9
            store.limits.totalFrames = 9
            store.limits.totalBytes = 99
            let outcome = try store.append("4", to: .a)
            #expect(outcome.id?.sequence == 4)
        }
    }

    @Test(arguments: StoreKind.allCases) func theOldestOfATerminalGiveWay(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminalFrames: 3, terminalBytes: 10)) { store in
            for number in 0..<6 {
                #expect(try store.append("\(number)", to: .a).id != nil)
                if number == 4 { try store.commit() }
            }
            try store.append("b", to: .b)
            #expect(try store.texts(.a) == ["3", "4", "5"])
            #expect(try store.append("123456789", to: .a).id != nil)
            #expect(try store.texts(.a) == ["5", "123456789"])
            #expect(store.totals.evicted == 5)
            #expect(try store.texts(.b) == ["b"])
        }
    }

    @Test(arguments: StoreKind.allCases) func theOldestOfAllGiveWay(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(totalFrames: 4)) { store in
            try store.append("b1", to: .b)
            try store.append("a1", to: .a)
            try store.append("a2", to: .a)
            try store.commit()
            try store.append("b2", to: .b)
            for number in 1...3 { try store.append("c\(number)", to: .c) }
            #expect(try store.texts(.a).isEmpty)
            #expect(try store.texts(.b) == ["b2"])
            #expect(try store.texts(.c) == ["c1", "c2", "c3"])
            #expect(store.totals.evicted == 3)
            #expect(store.totals.terminals == 2)
        }
    }

    @Test(arguments: StoreKind.allCases) func oneTerminalTooManyIsRefusedUntilAnotherHasNothingLeft(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminals: 2, policy: .dropOldest)) { store in
            let first = try store.append("a", to: .a).id
            try store.append("b", to: .b)
            #expect(try store.append("c", to: .c) == .rejected(.terminals))
            #expect(try store.append("b2", to: .b).id != nil)
            let id = try #require(first)
            #expect(try store.delete(id) == .deleted)
            #expect(try store.append("c", to: .c).id != nil)
            #expect(try store.append("a", to: .a) == .rejected(.terminals))
            #expect(try store.append("a", to: .a, isInFlight: true).id != nil, "it was taken long before")
            #expect(store.totals.evicted == 0)
        }
    }

    @Test(arguments: StoreKind.allCases) func noCapRefusesWhatIsInFlightAlready(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminalFrames: 1, policy: .rejectNewest)) { store in
            for text in ["1", "2", "3"] { #expect(try store.append(text, to: .a, isInFlight: true).id != nil) }
            #expect(try store.append("4", to: .a) == .rejected(.terminalFrames))
            store.rewind(.a)
            let kept = try store.texts(.a)
            #expect(kept == ["1", "2", "3"])
        }
    }

    @Test(arguments: StoreKind.allCases) func framesInFlightDoNotGiveWay(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminalFrames: 3, totalFrames: 4)) { store in
            for text in ["1", "2", "3"] { try store.append(text, to: .a) }
            try store.commit()
            #expect(try store.read(.a, maximumBytes: 2) == ["1", "2"])
            try store.append("4", to: .a)
            #expect(try store.texts(.a) == ["1", "2", "4"])
            #expect(try store.read(.a) == ["4"])
            #expect(try store.append("5", to: .a) == .rejected(.terminalFrames))
            try store.append("b1", to: .b)
            try store.append("b2", to: .b)
            #expect(try store.texts(.b) == ["b2"])
            try store.commit()
            store.rewind(.a)
            try store.append("b3", to: .b)
            #expect(try store.texts(.a) == ["2", "4"])
            #expect(store.totals.evicted == 3)
            #expect(store.totals.rejected == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func aFrameThatNeverFitsEvictsNothing(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminalBytes: 10, totalBytes: 12)) { store in
            try store.append("12345", to: .a)
            #expect(try store.append("12345678901", to: .a) == .rejected(.terminalBytes))
            #expect(try store.append("12345678901", to: .b) == .rejected(.terminalBytes))
            #expect(try store.texts(.a) == ["12345"])
            #expect(store.totals.evicted == 0)
        }
    }

    @Test(arguments: StoreKind.allCases) func fullTerminalsAreToldAndNothingIsRefused(_ kind: StoreKind) throws {
        let limits = StoreLimits(terminalFrames: 16, terminalBytes: 1_000, totalFrames: 100, policy: .pushBack)
        try kind.withStore(limits) { store in
            var ids: [MessageID] = []
            for number in 0..<20 {
                #expect(store.full.cap(for: .a, kept: store.kept) == (number < 16 ? nil : .terminalFrames))
                ids.append(try #require(try store.append("a", to: .a).id))
            }
            #expect(store.full.isAny)
            #expect(store.full.count == 1)
            #expect(store.full.cap(for: .b, kept: store.kept) == nil)
            try store.append([UInt8](repeating: 0, count: 1_000), to: .b)
            #expect(store.full.cap(for: .b, kept: store.kept) == .terminalBytes)
            #expect(store.totals.rejected == 0)
            #expect(store.totals.evicted == 0)
            // An eighth of the cap has to be free.
            for id in ids.prefix(5) { #expect(try store.delete(id) == .deleted) }
            #expect(store.full.cap(for: .a, kept: store.kept) == .terminalFrames)
            try store.commit()
            let run = try store.readNext(of: .a, maximumBytes: 1, now: .second(0))
            #expect(store.full.cap(for: .a, kept: store.kept) == .terminalFrames, "what is in flight takes room")
            try store.remove(of: .a, through: try #require(run.marks.last?.id))
            #expect(store.full.cap(for: .a, kept: store.kept) == nil)
            _ = try store.deleteAll(of: .b)
            #expect(!store.full.isAny)
        }
    }

    @Test(arguments: StoreKind.allCases) func terminalsForWhichThereIsNoPlaceAreTold(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminals: 2, policy: .pushBack)) { store in
            let first = try #require(try store.append("a", to: .a).id)
            #expect(!store.full.isAny)
            try store.append("b", to: .b)
            #expect(store.full.isAny)
            #expect(store.full.cap(for: .a, kept: store.kept) == nil)
            #expect(store.full.cap(for: .c, kept: store.kept) == .terminals)
            let operators = AppendBatch.Entry(ccid: .c, token: 1)
            #expect(try store.refusal(of: operators, size: 20) == .terminals)
            // It was taken before that was known.
            let third = try #require(try store.append("c", to: .c).id)
            #expect(store.totals.rejected == 0)
            let releases = store.full.releases
            #expect(try store.delete(first) == .deleted)
            #expect(store.full.cap(for: .a, kept: store.kept) == .terminals && store.full.releases == releases)
            #expect(try store.delete(third) == .deleted)
            #expect(store.full.cap(for: .a, kept: store.kept) == nil && store.full.releases > releases)
            #expect(!store.full.isAny)
            store.limits.terminals = 1
            #expect(store.full.cap(for: .a, kept: store.kept) == .terminals)
        }
    }

    @Test(arguments: StoreKind.allCases) func fullStoreIsTold(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(totalFrames: 100, totalBytes: 80, policy: .pushBack)) { store in
            try store.append([UInt8](repeating: 0, count: 40), to: .a)
            #expect(store.full.cap(for: .c, kept: store.kept) == nil)
            try store.append([UInt8](repeating: 0, count: 39), to: .b, timeToLive: 9)
            #expect(!store.full.isAny)
            try store.append("1", to: .a)
            #expect(store.full.cap(for: .c, kept: store.kept) == .totalBytes)
            #expect(store.full.count == 0)
            #expect(try store.expire(now: .second(60), limit: 9) == 1)
            #expect(!store.full.isAny)
        }
    }

    @Test(arguments: StoreKind.allCases) func otherLimitsMakeOthersFull(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminalFrames: 2)) { store in
            for _ in 0..<3 { try store.append("a", to: .a) }
            try store.append("b", to: .b)
            #expect(!store.full.isAny)
            store.limits.policy = .pushBack
            #expect(store.full.cap(for: .a, kept: store.kept) == .terminalFrames)
            #expect(store.full.cap(for: .b, kept: store.kept) == nil)
            #expect(store.full.policy == .pushBack)
            store.limits.totalFrames = 3
            #expect(store.full.cap(for: .b, kept: store.kept) == .totalFrames)
            store.limits.policy = .rejectNewest
            #expect(!store.full.isAny)
            #expect(store.full.policy == .rejectNewest)
        }
    }

    @Test func fullTerminalsAreFoundAtTheStart() throws {
        let directory = try TemporaryDirectory()
        let limits = StoreLimits(terminalFrames: 2, policy: .pushBack)
        let first = try RocksDBStore.open(directory, limits: limits)
        for _ in 0..<2 { try first.append("a", to: .a) }
        try first.append("b", to: .b)
        try first.close()
        let second = try RocksDBStore.open(directory, limits: limits)
        #expect(second.full.cap(for: .a, kept: second.kept) == .terminalFrames)
        #expect(second.full.cap(for: .b, kept: second.kept) == nil)
        try second.close()
    }

    @Test(arguments: StoreKind.allCases) func operatorsAreRefusedWhereTerminalsWait(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminalFrames: 2, policy: .pushBack)) { store in
            let (terminals, operators) = (AppendBatch.Entry(ccid: .a), AppendBatch.Entry(ccid: .a, token: 1))
            #expect(try store.refusal(of: operators, size: 20) == nil)
            for _ in 0..<2 { try store.append("a", to: .a) }
            #expect(try store.refusal(of: terminals, size: 20) == nil)
            #expect(try store.refusal(of: operators, size: 20) == .terminalFrames)
            #expect(try store.preview(size: 20, to: .a, timeToLive: nil).rejection == .terminalFrames)
            store.countRefused()
            #expect(store.totals.rejected == 1)
            store.limits.policy = .rejectNewest
            #expect(try store.refusal(of: operators, size: 20) == nil, "there the append refuses it")
        }
    }
}

extension MessageStore {
    fileprivate func append(_ text: String, to ccid: CCID, size: Int) throws(StoreError) -> AppendOutcome {
        try self.append([UInt8](repeating: 0, count: size), to: ccid)
    }
}
