import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// What ``MessageStore`` promises, of every store.
@Suite struct StoreContractTests {
    @Test(arguments: StoreKind.allCases) func framesComeOutInTheirOrderAndPerTerminal(_ kind: StoreKind) throws {
        try kind.withStore { store in
            for number in 0..<20 {
                try store.append("a\(number)", to: .a)
                try store.append("b\(number)", to: .b)
                if number % 7 == 0 { try store.commit() }
            }
            #expect(try store.read(.a) == (0..<20).map { "a\($0)" })
            try store.commit()
            #expect(try store.read(.b) == (0..<20).map { "b\($0)" })
            #expect(try store.read(.c).isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases) func idsRiseFromOneAndAreNotUsedTwice(_ kind: StoreKind) throws {
        try kind.withStore { store in
            let first = try #require(try store.append("1", to: .a).id)
            let second = try #require(try store.append("2", to: .a).id)
            #expect(first.sequence == 1 && second.sequence == 2 && first.slot == second.slot)
            _ = try store.read(.a)
            #expect(try store.remove(of: .a, through: second) == 2)
            try store.commit()
            #expect(try store.append("3", to: .a).id?.sequence == 3)
            #expect(try store.append("1", to: .b).id?.slot != first.slot)
        }
    }

    @Test(arguments: StoreKind.allCases) func aRunEndsAtItsBytesButHasAtLeastOneFrame(_ kind: StoreKind) throws {
        try kind.withStore { store in
            for text in ["aaaa", "bbbb", "cccc", "dddd"] { try store.append(text, to: .a) }
            try store.commit()
            let run = try store.readNext(of: .a, maximumBytes: 8, now: .second(0))
            #expect(run.texts == ["aaaa", "bbbb"])
            #expect(run.hasMore)
            #expect(run.marks.map(\.id.sequence) == [1, 2])
            #expect(try store.read(.a, maximumBytes: 0) == ["cccc"])
            let last = try store.readNext(of: .a, maximumBytes: 100, now: .second(0))
            #expect(last.texts == ["dddd"])
            #expect(!last.hasMore)
            #expect(try store.read(.a).isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases) func removalEndsFramesInFlightFromTheOldest(_ kind: StoreKind) throws {
        try kind.withStore { store in
            let ids = try ["1", "2", "3"].compactMap { try store.append($0, to: .a).id }
            try store.append("x", to: .b)
            #expect(try store.remove(of: .a, through: ids[2]) == 0, "nothing is in flight")
            #expect(try store.read(.a, maximumBytes: 2) == ["1", "2"])
            #expect(try store.remove(of: .b, through: ids[0]) == 0, "another terminal's id")
            #expect(try store.remove(of: .a, through: ids[0]) == 1)
            #expect(try store.remove(of: .a, through: ids[0]) == 0, "it is gone")
            #expect(try store.remove(of: .a, through: ids[2]) == 1, "the third is not in flight")
            #expect(try store.texts(.a) == ["3"])
            #expect(store.totals.removed == 2)
            #expect(store.totals.frames == 2)
        }
    }

    @Test(arguments: StoreKind.allCases) func rewindingBringsFramesBackBeforeAllOthers(_ kind: StoreKind) throws {
        try kind.withStore { store in
            for text in ["1", "2", "3"] { try store.append(text, to: .a) }
            try store.commit()
            let run = try store.readNext(of: .a, maximumBytes: 2, now: .second(0))
            try store.remove(of: .a, through: run.marks[0].id)
            try store.append("4", to: .a)
            store.rewind(.a)
            store.rewind(.b)
            #expect(store.backlog(of: .a).inFlightFrames == 0)
            #expect(try store.read(.a) == ["2", "3", "4"])
        }
    }

    @Test(arguments: StoreKind.allCases) func framesCanBeInFlightFromTheirBirth(_ kind: StoreKind) throws {
        try kind.withStore { store in
            let first = try #require(try store.append("1", to: .a, isInFlight: true).id)
            try store.append("2", to: .a, isInFlight: true)
            #expect(store.backlog(of: .a).inFlightFrames == 2)
            #expect(try store.read(.a).isEmpty)
            #expect(try store.delete(first) == .inFlight)
            #expect(try store.remove(of: .a, through: first) == 1)
            try store.append("3", to: .a)
            // Behind a queued frame nothing can be in flight: the order would be lost.
            try store.append("4", to: .a, isInFlight: true)
            #expect(store.backlog(of: .a) == Backlog(frames: 3, bytes: 3, inFlightFrames: 1, oldestAcceptedAt: .after(1)))
            store.rewind(.a)
            #expect(try store.read(.a) == ["2", "3", "4"])
        }
    }

    @Test(arguments: StoreKind.allCases) func countsAreKnownPerTerminalAndInAll(_ kind: StoreKind) throws {
        try kind.withStore { store in
            #expect(store.backlog(of: .a) == Backlog())
            try store.append("12345", to: .a, at: 10)
            try store.append("123", to: .a, at: 11)
            try store.append("1", to: .b, at: 12)
            #expect(
                store.backlog(of: .a)
                    == Backlog(frames: 2, bytes: 8, inFlightFrames: 0, oldestAcceptedAt: .second(10))
            )
            _ = try store.read(.a, maximumBytes: 5, at: 12)
            #expect(store.backlog(of: .a).inFlightFrames == 1)
            #expect(store.totals.frames == 3)
            #expect(store.totals.bytes == 9)
            #expect(store.totals.terminals == 2)
            try store.remove(of: .b, through: MessageID(slot: 1, sequence: 1))
            #expect(store.totals.terminals == 2, "it was not in flight")
            _ = try store.read(.b, at: 12)
            try store.remove(of: .b, through: MessageID(slot: 1, sequence: 1))
            #expect(store.totals.terminals == 1)
            #expect(store.backlog(of: .b) == Backlog())
        }
    }

    @Test(arguments: StoreKind.allCases) func theOldestFrameIsKnownAfterDelivery(_ kind: StoreKind) throws {
        try kind.withStore { store in
            for second: Int64 in 1...4 { try store.append("x", to: .a, at: second) }
            try store.commit()
            let run = try store.readNext(of: .a, maximumBytes: 2, now: .second(5))
            #expect(store.backlog(of: .a).oldestAcceptedAt == .second(1))
            try store.remove(of: .a, through: run.marks[0].id)
            #expect(store.backlog(of: .a).oldestAcceptedAt == .second(2))
            try store.remove(of: .a, through: run.marks[1].id)
            try store.commit()
            #expect(store.backlog(of: .a).oldestAcceptedAt == .second(3))
        }
    }

    @Test(arguments: StoreKind.allCases) func terminalsAreListedByCCID(_ kind: StoreKind) throws {
        try kind.withStore { store in
            for ccid in [CCID.c, .a, .b] { try store.append("x", to: ccid) }
            #expect(store.terminals(after: nil, limit: 10).map(\.ccid) == [.a, .b, .c])
            #expect(store.terminals(after: .a, limit: 1).map(\.ccid) == [.b])
            #expect(store.terminals(after: nil, limit: 0).isEmpty)
            #expect(store.terminals(after: .c, limit: 10).isEmpty)
            _ = try store.deleteAll(of: .b)
            #expect(store.terminals(after: nil, limit: 10).map(\.ccid) == [.a, .c])
            #expect(store.terminals(after: nil, limit: 1).first?.backlog.frames == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func messagesCanBeLookedAt(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(timeToLive: 60)) { store in
            let first = try #require(try store.append("1", to: .a, at: 1).id)
            let second = try #require(try store.append("2", to: .a, at: 2, timeToLive: 0).id)
            let third = try #require(try store.append("3", to: .a, at: 3, timeToLive: 5).id)
            _ = try store.read(.a, maximumBytes: 1, at: 3)
            let expected = [
                StoredMessage(
                    id: first,
                    destination: .a,
                    frame: Array("1".utf8),
                    acceptedAt: .second(1),
                    expiresAt: .second(61),
                    isInFlight: true
                ),
                StoredMessage(
                    id: second,
                    destination: .a,
                    frame: Array("2".utf8),
                    acceptedAt: .second(2),
                    expiresAt: nil,
                    isInFlight: false
                ),
                StoredMessage(
                    id: third,
                    destination: .a,
                    frame: Array("3".utf8),
                    acceptedAt: .second(3),
                    expiresAt: .second(8),
                    isInFlight: false
                ),
            ]
            for _ in 0..<2 {
                #expect(try store.messages(of: .a, after: nil, limit: 10) == expected)
                #expect(try store.messages(of: .a, after: first, limit: 1) == [expected[1]])
                #expect(try store.messages(of: .a, after: third, limit: 1).isEmpty)
                #expect(try store.message(third) == expected[2])
                try store.commit()
            }
            #expect(try store.message(MessageID(slot: 0, sequence: 4)) == nil)
            #expect(try store.message(MessageID(rawValue: .max)) == nil)
            #expect(try store.message(MessageID(rawValue: 0)) == nil)
            #expect(try store.messages(of: .b, after: nil, limit: 10).isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases, [false, true])
    func oneQueuedMessageCanBeDeleted(_ kind: StoreKind, isCommitted: Bool) throws {
        try kind.withStore { store in
            let ids = try ["1", "2", "3", "4"].compactMap { try store.append($0, to: .a).id }
            if isCommitted { try store.commit() }
            _ = try store.read(.a, maximumBytes: 1)
            #expect(try store.delete(ids[0]) == .inFlight)
            #expect(try store.delete(ids[2]) == .deleted)
            #expect(try store.delete(ids[2]) == .unknown)
            #expect(try store.delete(MessageID(slot: 7, sequence: 1)) == .unknown)
            if isCommitted { try store.commit() }
            #expect(try store.delete(ids[2]) == .unknown)
            #expect(try store.delete(ids[1]) == .deleted)
            #expect(try store.message(ids[2]) == nil)
            #expect(try store.texts(.a) == ["1", "4"])
            if isCommitted { try store.commit() }
            #expect(try store.read(.a) == ["4"])
            #expect(store.totals.deleted == 2)
            #expect(store.totals.bytes == 2)
        }
    }

    @Test(arguments: StoreKind.allCases, [false, true])
    func allQueuedMessagesCanBeDeleted(_ kind: StoreKind, isCommitted: Bool) throws {
        try kind.withStore { store in
            for number in 0..<10 {
                try store.append("\(number)", to: .a)
                if isCommitted, number == 4 || number == 7 { try store.commit() }
            }
            #expect(try store.read(.a, maximumBytes: 2) == ["0", "1"])
            #expect(try store.deleteAll(of: .a) == 8)
            #expect(try store.deleteAll(of: .a) == 0)
            #expect(try store.deleteAll(of: .b) == 0)
            #expect(try store.texts(.a) == ["0", "1"])
            try store.append("new", to: .a)
            if isCommitted { try store.commit() }
            #expect(try store.texts(.a) == ["0", "1", "new"])
            store.rewind(.a)
            #expect(try store.read(.a) == ["0", "1", "new"])
        }
    }

    @Test(arguments: StoreKind.allCases) func timesToLiveEnd(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(timeToLive: 100)) { store in
            try store.append("default", to: .a, at: 0)
            try store.append("short", to: .a, at: 0, timeToLive: 10)
            try store.append("for ever", to: .a, at: 0, timeToLive: 0)
            try store.append("short too", to: .b, at: 5, timeToLive: 10)
            try store.commit()
            #expect(try store.expire(now: .second(10), limit: 100) == 0)
            // The second frame was taken a microsecond after the first.
            #expect(try store.expire(now: .second(11), limit: 100) == 1)
            #expect(try store.texts(.a) == ["default", "for ever"])
            #expect(try store.expire(now: .second(11), limit: 100) == 0)
            #expect(try store.expire(now: .second(15), limit: 100) == 1)
            #expect(try store.expire(now: .second(1_000_000_000), limit: 100) == 1)
            #expect(try store.texts(.a) == ["for ever"])
            #expect(store.totals.expired == 3)
            #expect(store.totals.terminals == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func expiryStopsAtItsLimitAndGoesOn(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(timeToLive: 1)) { store in
            for number in 0..<10 { try store.append("\(number)", to: number % 2 == 0 ? .a : .b) }
            try store.commit()
            #expect(try store.expire(now: .second(9), limit: 4) == 4)
            try store.commit()
            #expect(try store.expire(now: .second(9), limit: 4) == 4)
            #expect(try store.expire(now: .second(9), limit: 4) == 2)
            #expect(store.totals.frames == 0)
        }
    }

    @Test(arguments: StoreKind.allCases) func expiredFramesAreNotRead(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(timeToLive: 0)) { store in
            try store.append("1", to: .a, timeToLive: 5)
            try store.append("2", to: .a)
            try store.append("3", to: .a, timeToLive: 5)
            try store.append("4", to: .a)
            try store.commit()
            let run = try store.readNext(of: .a, maximumBytes: 1, now: .second(6))
            #expect(run.texts == ["2"])
            #expect(run.hasMore)
            #expect(try store.read(.a, at: 6) == ["4"])
            #expect(store.totals.expired == 2)
            try store.commit()
            store.rewind(.a)
            #expect(try store.texts(.a) == ["2", "4"])
        }
    }

    @Test(arguments: StoreKind.allCases) func framesInFlightDoNotExpireUntilTheyComeBack(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(timeToLive: 5)) { store in
            try store.append("1", to: .a)
            try store.append("2", to: .a)
            try store.commit()
            #expect(try store.read(.a, maximumBytes: 1) == ["1"])
            #expect(try store.expire(now: .second(60), limit: 9) == 1)
            #expect(try store.texts(.a) == ["1"])
            #expect(try store.expire(now: .second(60), limit: 9) == 0)
            store.rewind(.a)
            #expect(try store.expire(now: .second(60), limit: 9) == 1)
            #expect(store.totals.frames == 0)
        }
    }

    @Test(arguments: StoreKind.allCases) func stagedChangesAreCounted(_ kind: StoreKind) throws {
        try kind.withStore(StoreLimits(terminalFrames: 2, policy: .rejectNewest)) { store in
            #expect(store.staged == 0)
            let id = try #require(try store.append("1", to: .a).id)
            #expect(store.staged > 0)
            try store.commit()
            #expect(store.staged == 0)
            _ = try store.read(.a)
            store.rewind(.a)
            _ = try store.read(.a)
            #expect(store.staged == 0, "what is in flight is nobody's business after a restart")
            try store.remove(of: .a, through: id)
            #expect(store.staged > 0)
            try store.commit()
            for _ in 0..<2 { try store.append("x", to: .a) }
            try store.commit()
            #expect(try store.append("x", to: .a).id == nil)
            #expect(store.staged > 0, "a rejection is counted durably")
        }
    }

    @Test(arguments: StoreKind.allCases) func framesInMemoryOnlyAreCounted(_ kind: StoreKind) throws {
        try kind.withStore { store in
            try store.append("0", to: .a)
            try store.commit()
            #expect(store.stagedFrames == 0)
            #expect(!store.hasStagedFrames(for: .a))
            let ids = try (1...4).compactMap { try store.append("\($0)", to: .b).id }
            try store.append("5", to: .c)
            #expect(store.stagedFrames == 5)
            _ = try store.read(.b, maximumBytes: 1)
            try store.remove(of: .b, through: ids[0])
            #expect(try store.delete(ids[2]) == .deleted)
            #expect(try store.deleteAll(of: .c) == 1)
            #expect(store.stagedFrames == 2, "those that are gone need no disk")
            #expect(store.hasStagedFrames(for: .b))
            #expect(!store.hasStagedFrames(for: .a))
            try store.commit()
            #expect(store.stagedFrames == 0)
            #expect(!store.hasStagedFrames(for: .b))
        }
    }

    @Test(arguments: StoreKind.allCases) func timesRiseWithinAQueueAndAnOldFrameKeepsItsOwn(_ kind: StoreKind) throws {
        try kind.withStore { store in
            try store.append("1", to: .a, at: 100)
            try store.append("2", to: .b, at: 100)
            try store.append("3", to: .c, at: 50)
            try store.append("4", to: .a, at: 101)
            try store.append("5", to: .a, at: 60)
            try store.append("6", to: .c, at: 50)
            func times(_ ccid: CCID) throws -> [Timestamp] {
                try store.messages(of: ccid, after: nil, limit: 9).map(\.acceptedAt)
            }
            #expect(try times(.a) == [.second(100), .second(101), .second(101).later(by: 1)])
            #expect(try times(.b) == [.second(100).later(by: 1)])
            #expect(try times(.c) == [.second(50), .second(50).later(by: 1)])
        }
    }

    @Test(arguments: StoreKind.allCases) func anOldFrameLivesForWhatIsLeftOfItsTime(_ kind: StoreKind) throws {
        try kind.withStore { store in
            try store.append("new", to: .b, at: 100, timeToLive: 5)
            try store.append("old", to: .a, at: 94, timeToLive: 5)
            try store.append("young", to: .a, at: 97, timeToLive: 5)
            #expect(try store.expire(now: .second(100), limit: 9) == 1)
            #expect(try store.read(.a, at: 100) == ["young"])
        }
    }

    @Test(arguments: StoreKind.allCases, [1, 13, 77, 32_767, 65_535])
    func framesOfAllSizesComeBack(_ kind: StoreKind, size: Int) throws {
        try kind.withStore { store in
            let frames = (0..<5).map { number in (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ number) } }
            for frame in frames {
                try store.append(frame, to: .a)
                try store.append(frame, to: .b)
            }
            #expect(try store.readNext(of: .a, maximumBytes: .max, now: .second(0)).frames == frames)
            try store.commit()
            #expect(try store.readNext(of: .b, maximumBytes: .max, now: .second(0)).frames == frames)
        }
    }
}

extension Timestamp {
    func later(by microseconds: Int64) -> Timestamp { Timestamp(microseconds: self.microseconds + microseconds) }

    /// What a store makes of second 0 for the frame after `count` others.
    static func after(_ count: Int64) -> Timestamp { .second(0).later(by: count) }
}
