import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// No call does all that there is to do when that is much: the rest has further calls, and comes to the same.
@Suite struct SliceTests {
    private static let frame = [UInt8](repeating: 1, count: 20)

    @Test(arguments: StoreKind.allCases, [true, false])
    func aLoweredCapIsReachedInSteps(_ kind: StoreKind, isOfTerminal: Bool) throws {
        let (many, few) = (5_000, 100)
        try kind.withStore { store in
            for number in 0..<many {
                try store.append(Self.frame, to: isOfTerminal ? .a : CCID(rawValue: UInt32(number % 3)), at: Int64(number))
            }
            try store.commit()
            if isOfTerminal { store.limits.terminalFrames = few } else { store.limits.totalFrames = few }
            #expect(store.totals.frames == many, "nothing gives way to no frame")
            try store.append(Self.frame, to: .a, at: Int64(many))
            #expect(store.totals.evicted == UInt64(EvictionBudget.perCommit + 1))
            // Until the commit each frame makes no more room than it takes.
            try store.append(Self.frame, to: .a, at: Int64(many))
            #expect(store.totals.evicted == UInt64(EvictionBudget.perCommit + 2))
            try store.commit()
            var steps = 0
            while try store.trim(limit: 300) == 300 {
                steps += 1
                #expect(store.totals.evicted == UInt64(EvictionBudget.perCommit + 2 + 300 * steps))
                try store.commit()
            }
            #expect(steps > 10)
            #expect(store.totals.frames == few && store.totals.isBalanced)
            #expect(try store.trim(limit: 300) == 0)
            // What is left is the newest.
            let oldest = store.backlog(of: .a).oldestAcceptedAt
            #expect(oldest.map { $0 > .second(Int64(many - few - 5)) } == true)
            #expect(try store.append(Self.frame, to: .a, at: Int64(many)).id != nil)
            #expect(store.totals.frames == few)
        }
    }

    @Test(arguments: StoreKind.allCases) func aLargeFrameEvictsManySmallOnesAtOnce(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(totalBytes: 40_000)) { store in
            for number in 0..<2_000 { try store.append(Self.frame, to: CCID(rawValue: UInt32(number % 7))) }
            try store.append([UInt8](repeating: 2, count: 30_000), to: .a)
            #expect(store.totals.bytes == 40_000 && store.totals.evicted == 1_500)
        }
    }

    @Test(arguments: StoreKind.allCases) func aPreviewTellsWhatTheAppendWouldDo(_ kind: StoreKind) throws {
        try kind.withStore { store in
            for _ in 0..<3_000 { try store.append(Self.frame, to: .a) }
            try store.commit()
            store.limits.totalFrames = 10
            let preview = try store.preview(size: 20, to: .b, timeToLive: nil)
            try store.append(Self.frame, to: .b)
            #expect(preview.evictedFrames == Int(store.totals.evicted) && preview.rejection == nil)
        }
    }

    @Test(arguments: StoreKind.allCases) func aReadOverManyExpiredFramesIsReadOn(_ kind: StoreKind) throws {
        try kind.withStore { store in
            let over = 2 * StoreLimits.expiriesPerRead + 10
            for _ in 0..<over { try store.append("old", to: .a, at: 0, timeToLive: 1) }
            try store.append("new", to: .a, at: 0, timeToLive: 0)
            for _ in 0..<2 {
                let run = try store.readNext(of: .a, maximumBytes: 1 << 20, now: .second(9))
                #expect(run.marks.isEmpty && run.hasMore)
            }
            let run = try store.readNext(of: .a, maximumBytes: 1 << 20, now: .second(9))
            #expect(run.texts == ["new"] && !run.hasMore)
            #expect(store.totals.expired == UInt64(over))
        }
    }

    @Test(arguments: StoreKind.allCases) func aDeletionOfManyTracedMessagesGoesInSteps(_ kind: StoreKind) throws {
        try kind.withStore { store in
            for number in 0..<25 { try store.append("\(number)", to: .a, isTraced: true) }
            try store.append("other", to: .b)
            try store.commit()
            var deletion = try store.deleteAll(of: .a, through: nil, limit: 10)
            #expect(deletion.frames == 10)
            // What comes meanwhile was not meant.
            try store.append("late", to: .a, isTraced: true)
            var sum = deletion.frames
            while let rest = deletion.rest {
                deletion = try store.deleteAll(of: .a, through: rest, limit: 10)
                sum += deletion.frames
            }
            #expect(sum == 25)
            #expect(try store.texts(.a) == ["late"])
            #expect(store.totals.deleted == 25 && store.totals.isBalanced)
        }
    }

    @Test func aQueueOfDifferentTimesToLiveIsSearchedInSteps() throws {
        let directory = try TemporaryDirectory()
        var store = try RocksDBStore.open(directory)
        let count = 35_000
        for number in 0..<count {
            try store.append(Self.frame, to: .a, timeToLive: number % 100 == 7 ? 10 : 100_000)
            if number % 5_000 == 0 { try store.commit() }
        }
        try store.append("another", to: .b, timeToLive: 10)
        try store.commit()
        let copy = try directory.copy()
        // The store is closed there.
        defer { withExtendedLifetime(copy) {} }
        store = try RocksDBStore.open(copy)
        var steps = 0
        while try store.expire(now: .second(50), limit: 1_000) == 1_000 {
            steps += 1
            // Frames go in flight, come back, and are added meanwhile.
            if steps == 2 {
                _ = try store.readNext(of: .a, maximumBytes: 100, now: .second(50))
                store.rewind(.a)
                try store.append("late", to: .a, at: 50, timeToLive: 0)
            }
            try #require(steps < 20)
        }
        #expect(steps >= 3)
        #expect(store.totals.expired == UInt64(count / 100 + 1))
        #expect(store.backlog(of: .a).frames == count - count / 100 + 1)
        #expect(try store.expire(now: .second(60), limit: 1_000) == 0)
        #expect(store.totals.isBalanced)
        try store.commit()
        try store.close()
    }

    @Test func fullQueuesUnderChangedLimitsArePublishedInSteps() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory, limits: StoreLimits(policy: .pushBack))
        let count = RocksDBStore.queuesPerStep + 10
        let ccids = (0..<UInt32(count)).map { CCID(rawValue: $0) }
        for ccid in ccids { try store.append("1", to: ccid) }
        try store.commit()
        store.limits.terminalFrames = 1
        #expect(store.full.count == RocksDBStore.queuesPerStep)
        #expect(store.full.cap(for: ccids[count - 1], kept: store.kept) == nil)
        // One that changes meanwhile is full at once.
        try store.append("2", to: ccids[count - 2])
        #expect(store.full.cap(for: ccids[count - 2], kept: store.kept) == .terminalFrames)
        #expect(try store.trim(limit: 9) == 0)
        #expect(store.full.count == count)
        try store.commit()
        let opened = try RocksDBStore.open(try directory.copy(), limits: store.limits)
        #expect(opened.full.count == count, "a start publishes all before anybody asks")
    }

    @Test func aCheckpointOfManyTerminalsTakesSeveralCommits() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        let count = UInt32(2 * RocksDBStore.recordsPerCommit + 50)
        for number in 0..<count { try store.append("1", to: CCID(rawValue: number)) }
        try store.commit()
        try store.append("2", to: CCID(rawValue: 7))
        store.beginFold()
        let before = store.checkpointNumber
        for step in 0..<3 {
            let run = try store.readNext(of: CCID(rawValue: UInt32(step)), maximumBytes: 99, now: .second(0))
            try store.remove(of: CCID(rawValue: UInt32(step)), through: try #require(run.marks.last).id)
            try store.append("3", to: CCID(rawValue: count - 1))
            try store.commit()
            #expect((store.fold == nil) == (step == 2))
            let copy = try directory.copy()
            #expect(try StoreInspection(directory: copy.path).check().findings.allSatisfy { $0.kind == .unsound })
            let opened = try RocksDBStore.open(copy)
            #expect(opened.totals == store.totals)
            #expect(try opened.texts(CCID(rawValue: 7)) == ["1", "2"])
            #expect(try opened.texts(CCID(rawValue: count - 1)) == ["1"] + Array(repeating: "3", count: step + 1))
        }
        #expect(store.checkpointNumber == before + 1)
        #expect(store.deltaBytes < 4_096)
        try store.close()
        #expect(try RocksDBStore.open(directory).totals == store.totals)
    }
}
