import CRocksDB
import Foundation
import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// What is remembered of messages: their states with times, and the keys under which clients sent them.
@Suite struct TraceTests {
    private static func history(_ trace: MessageTrace?) -> [String] {
        trace?.history.map { "\($0.state) \($0.time.microseconds / 1_000_000 - Timestamp.second(0).microseconds / 1_000_000)" }
            ?? []
    }

    /// What can happen to a message that was taken at second 1, with the history that it has then.
    static let lives: [(name: String, life: @Sendable (any MessageStore, MessageID) throws -> Void, history: [String])] = [
        ("nothing", { _, _ in }, ["accepted 1", "queued 1"]),
        (
            "delivery",
            { store, id in
                try store.read(.a, now: 2)
                try store.remove(of: .a, through: id, now: 3)
                try store.at(4) { try $0.confirm([id]) }
            }, ["accepted 1", "queued 1", "inFlight 2", "acknowledged 3", "confirmed 4"]
        ),
        (
            "a connection that ends",
            { store, id in
                try store.read(.a, now: 2)
                store.at(3) { $0.rewind(.a) }
            }, ["accepted 1", "queued 1", "inFlight 2", "queued 3"]
        ),
        (
            "delivery by the second connection",
            { store, id in
                try store.read(.a, now: 2)
                store.at(3) { $0.rewind(.a) }
                try store.read(.a, now: 5)
                try store.remove(of: .a, through: id, now: 6)
            }, ["accepted 1", "queued 1", "queued 3", "inFlight 5", "acknowledged 6"]
        ),
        (
            "expiry",
            { store, _ in
                let expired = try store.at(9) { try $0.expire(now: $0.now, limit: 9) }
                #expect(expired == 1)
            },
            ["accepted 1", "queued 1", "expired 9"]
        ),
        ("expiry when it is read", { store, _ in try store.read(.a, now: 8) }, ["accepted 1", "queued 1", "expired 8"]),
        (
            "deletion",
            { store, id in
                let outcome = try store.at(2) { try $0.delete(id) }
                #expect(outcome == .deleted)
            },
            ["accepted 1", "queued 1", "deleted 2"]
        ),
        (
            "deletion of all",
            { store, _ in
                let deleted = try store.at(2) { try $0.deleteAll(of: .a) }
                #expect(deleted == 1)
            },
            ["accepted 1", "queued 1", "deleted 2"]
        ),
        (
            "eviction",
            { store, _ in
                store.limits.terminalFrames = 1
                try store.at(2) { _ = try $0.append("2", to: .a, at: 2) }
            }, ["accepted 1", "queued 1", "evicted 2"]
        ),
        (
            "a clock that is set back",
            { store, id in
                try store.read(.a, now: 0)
                try store.remove(of: .a, through: id, now: -5)
            }, ["accepted 1", "queued 1", "inFlight 1", "acknowledged 1"]
        ),
    ]

    @Test(arguments: StoreKind.allCases, lives.indices) func everyStateHasItsTime(_ kind: StoreKind, _ index: Int) throws {
        let (name, life, history) = Self.lives[index]
        for commits in [false, true] {
            try kind.withStore { store in
                let id = try store.traced("1", at: 1, timeToLive: 7)
                if commits { try store.commit() }
                try life(store, id)
                #expect(Self.history(try store.trace(of: id)) == history, "\(name)")
                try store.commit()
                #expect(Self.history(try store.trace(of: id)) == history, "\(name)")
                let isEnd = try #require(try store.trace(of: id)).state.isEnd
                #expect(try store.message(id)?.trace == (isEnd ? nil : store.trace(of: id)))
                #expect(store.staged == 0)
            }
        }
    }

    @Test(arguments: StoreKind.allCases) func whatIsNotTracedIsForgotten(_ kind: StoreKind) throws {
        try kind.withStore { store in
            let id = try #require(try store.append("1", to: .a).id)
            #expect(try store.trace(of: id) == nil)
            try store.confirm([id])
            _ = try store.read(.a)
            try store.remove(of: .a, through: id)
            #expect(try store.trace(of: id) == nil)
            #expect(store.takeTransitions().isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases) func transitionsAreToldOnceAndInOrder(_ kind: StoreKind) throws {
        try kind.withStore { store in
            let first = try store.traced("1", at: 1)
            let second = try store.traced("2", at: 1)
            let run = try store.readNext(of: .a, maximumBytes: 1, now: .second(1))
            #expect(run.traced == [first])
            try store.remove(of: .a, through: first)
            let told = store.takeTransitions().map { "\($0.id == first ? 1 : 2) \($0.state)" }
            #expect(
                told == ["1 accepted", "1 queued", "2 accepted", "2 queued", "1 inFlight", "1 acknowledged"]
            )
            #expect(store.takeTransitions().isEmpty)
            #expect(try store.delete(second) == .deleted)
            #expect(store.takeTransitions().map(\.state) == [.deleted])
        }
    }

    @Test(arguments: StoreKind.allCases) func aSwitchTracesATerminalForItsTimeAndItsFrames(_ kind: StoreKind) throws {
        try kind.withStore { store in
            store.now = .second(0)
            store.setTracing(of: .a, TraceSwitch(until: .second(10), remaining: 2))
            #expect(store.traced.contains(.a) && !store.traced.contains(.b))
            let ids = try [CCID.a, .b, .a, .a].map { try #require(try store.append("x", to: $0).id) }
            #expect(try ids.map { try store.trace(of: $0) != nil } == [true, false, true, false])
            #expect(store.traced.isEmpty && store.tracing(of: .a) == nil)

            store.setTracing(of: .b, TraceSwitch(until: .second(10), remaining: 9))
            store.now = .second(10)
            let late = try #require(try store.append("x", to: .b).id)
            #expect(try store.trace(of: late) == nil)
            #expect(store.tracing(of: .b) == nil)
            _ = try store.forget(limit: 9)
            #expect(store.traced.isEmpty)

            store.setTracing(of: .c, TraceSwitch(until: .second(90), remaining: 9))
            store.setTracing(of: .c, nil)
            #expect(store.traced.isEmpty)
        }
    }

    @Test(arguments: StoreKind.allCases) func tracesAreForgottenSomeTimeAfterTheEnd(_ kind: StoreKind) throws {
        var limits = StoreLimits()
        limits.traceRetention = 100
        try kind.withStore(limits) { store in
            let ids = try (0..<3).map { try store.traced("\($0)", at: Int64($0)) }
            #expect(store.traceTotals.traces == 3 && store.traceTotals.keys == 0)
            for (index, id) in ids.enumerated() where index < 2 {
                #expect(try store.at(Int64(10 + index)) { try $0.delete(id) } == .deleted)
            }
            try store.commit()
            #expect(try store.at(109) { try $0.forget(limit: 9) } == 0)
            #expect(try store.at(110) { try $0.forget(limit: 9) } == 1)
            try store.commit()
            #expect(try store.at(9_999) { try $0.forget(limit: 9) } == 1)
            #expect(try ids.map { try store.trace(of: $0) != nil } == [false, false, true], "what is kept is remembered")
            try store.commit()
            #expect(try ids.map { try store.trace(of: $0) != nil } == [false, false, true])
            #expect(store.traceTotals.traces == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func whenThereAreTooManyTheOldestGoFirst(_ kind: StoreKind) throws {
        var limits = StoreLimits()
        limits.traces = 3
        try kind.withStore(limits) { store in
            var ids = try (0..<3).map { try store.traced("\($0)", at: Int64($0)) }
            #expect(try store.delete(ids[1]) == .deleted)
            #expect(try store.delete(ids[0]) == .deleted)
            ids.append(try store.traced("3", at: 3))
            #expect(try ids.map { try store.trace(of: $0) != nil } == [true, false, true, true], "1 ended first")
            ids.append(try store.traced("4", at: 4))
            ids.append(try store.traced("5", at: 5))
            #expect(try ids.map { try store.trace(of: $0) != nil } == [false, false, true, true, true, false])
            #expect(store.traceTotals.forgottenEarly == 2 && store.traceTotals.untraced == 1)
        }
    }

    @Test(arguments: StoreKind.allCases) func endedMessagesAreListedByTerminalAndState(_ kind: StoreKind) throws {
        try kind.withStore { store in
            let ids = try (0..<40).map {
                try store.traced("\($0)", to: CCID(rawValue: $0.isMultiple(of: 2) ? 1 : 2), at: Int64($0))
            }
            func list(_ ccid: UInt32, _ state: MessageTrace.State, limit: Int = 3) throws -> [MessageID] {
                var found: [MessageID] = []
                var after: MessageID?
                repeat {
                    let page = try store.endedTraces(of: CCID(rawValue: ccid), in: state, after: after, limit: limit)
                    #expect(page.traces.count <= limit && page.traces.allSatisfy { $0.state == state })
                    found += page.traces.map(\.id)
                    after = page.next
                } while after != nil
                return found
            }
            let ofFirst = ids.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
            for id in ofFirst.prefix(15) { #expect(try store.delete(id) == .deleted) }
            #expect(try list(1, .deleted) == Array(ofFirst.prefix(15)), "staged")
            try store.commit()
            for id in ofFirst.dropFirst(15) { #expect(try store.delete(id) == .deleted) }
            #expect(try list(1, .deleted) == ofFirst, "committed and staged")
            #expect(try list(1, .deleted, limit: 100) == ofFirst)
            try store.commit()
            #expect(try list(1, .deleted) == ofFirst)
            #expect(try list(2, .deleted).isEmpty && list(1, .expired).isEmpty && list(3, .deleted).isEmpty)
            let beyond = try store.endedTraces(of: CCID(rawValue: 1), in: .deleted, after: MessageID(rawValue: .max), limit: 1)
            #expect(beyond == TracePage())
            store.now = .second(39 + Int64(store.limits.traceRetention))
            _ = try store.forget(limit: 5)
            #expect(try list(1, .deleted) == Array(ofFirst.dropFirst(5)), "forgotten, and staged")
        }
    }

    @Test func whatHasBeenForgottenBehindATerminalCostsItsReadersNothing() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        let kept = try store.traced("kept", to: .a, at: 1)
        let forgotten = try (0..<1_000).map { try store.traced("\($0)", to: .b, at: 1) }
        #expect(try store.at(2) { try $0.deleteAll(of: .b) } == 1_000)
        try store.commit()
        let retention = Int64(store.limits.traceRetention)
        #expect(try store.at(2 + retention) { try $0.forget(limit: 1_000) } == 1_000)
        #expect(try store.at(2 + retention) { try $0.delete(kept) } == .deleted)
        try store.commit()

        let counters = try #require(rocksdb_perfcontext_create())
        defer { rocksdb_perfcontext_destroy(counters) }
        rocksdb_set_perf_level(CInt(rocksdb_enable_count))
        rocksdb_perfcontext_reset(counters)
        #expect(try store.endedTraces(of: .a, in: .deleted, after: nil, limit: 9).traces.map(\.id) == [kept])
        #expect(try store.trace(of: kept)?.state == .deleted)
        #expect(try store.trace(of: try #require(forgotten.first)) == nil)
        let skipped = rocksdb_perfcontext_metric(counters, CInt(rocksdb_internal_delete_skipped_count))
        rocksdb_set_perf_level(CInt(rocksdb_disable))
        #expect(skipped < 10)
        try store.close()
    }

    // MARK: Keys

    private static func key(_ name: String, _ content: String = "") -> IdempotencyKey {
        IdempotencyKey(name: Array(name.utf8), content: Array(content.utf8))
    }

    @Test(arguments: StoreKind.allCases) func keysAreRememberedWithTheirMessageAndAnswer(_ kind: StoreKind) throws {
        var limits = StoreLimits()
        limits.traceRetention = 100
        try kind.withStore(limits) { store in
            let id = try store.traced("1", at: 1)
            let use = UsedKey(Self.key("one", "x"), id: id, usedAt: .second(1))
            #expect(try store.use(of: use.key) == nil)
            try store.remember(use)
            #expect(try store.use(of: use.key) == use)
            #expect(try store.use(of: Self.key("one", "y")) == use, "the caller compares the contents")
            #expect(try store.use(of: Self.key("two", "x")) == nil)
            try store.commit()
            #expect(try store.use(of: use.key) == use)
            try store.noteAnswer(.inFlight, to: use.key)
            #expect(store.staged == 0, "nobody waits for it")
            #expect(try store.use(of: use.key)?.answer == .inFlight)
            #expect(try store.at(100) { try $0.forget(limit: 9) } == 0)
            #expect(try store.at(101) { try $0.forget(limit: 9) } == 1)
            #expect(try store.use(of: use.key) == nil)
            try store.commit()
            #expect(try store.use(of: use.key) == nil)
        }
    }

    @Test(arguments: StoreKind.allCases) func keysWithOnePlaceAreToldApart(_ kind: StoreKind) throws {
        let keys = ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"].map { Self.key($0) }
        #expect(keys[0].place == keys[1].place)
        var limits = StoreLimits()
        limits.traces = 1
        try kind.withStore(limits) { store in
            for (index, key) in keys.enumerated() {
                let id = MessageID(slot: 0, sequence: UInt64(index + 1))
                try store.remember(UsedKey(key, id: id, usedAt: .second(Int64(index))))
                try store.commit()
            }
            #expect(try keys.map { try store.use(of: $0)?.id.sequence } == [1, 2])
            #expect(store.traceTotals.keys == 2)
            #expect(try store.at(1) { try $0.forget(limit: 9) } == 1, "one more than may be remembered")
            #expect(store.traceTotals.keys == 1)
            #expect(try keys.map { try store.use(of: $0)?.id.sequence } == [nil, 2])
        }
    }

    // MARK: On disk

    @Test func everythingOutlivesRestartsAndCrashes() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        let delivered = try store.traced("1", at: 1)
        let flying = try store.traced("2", at: 1)
        let waiting = try store.traced("3", at: 1)
        let use = UsedKey(Self.key("one", "x"), id: waiting, usedAt: .second(1))
        try store.remember(use)
        store.setTracing(of: .b, TraceSwitch(until: .second(1_000), remaining: 7))
        store.now = .second(2)
        _ = try store.readNext(of: .a, maximumBytes: 2, now: .second(2))
        try store.remove(of: .a, through: delivered, now: 3)
        try store.commit()
        try store.noteAnswer(.inFlight, to: use.key)
        let expected = try #require(try store.trace(of: delivered))
        #expect(expected.state == .acknowledged)

        for isCrash in [true, false] {
            if !isCrash { try store.close() }
            let place = isCrash ? try directory.copy() : directory
            // The store is closed there.
            defer { withExtendedLifetime(place) {} }
            let again = try RocksDBStore.open(place)
            again.now = .second(4)
            #expect(try again.trace(of: delivered) == expected)
            #expect(Self.history(try again.trace(of: flying)).prefix(3) == ["accepted 1", "queued 1", "inFlight 2"])
            #expect(try again.trace(of: flying)?.state == .queued)
            #expect(Self.history(try again.trace(of: waiting)) == ["accepted 1", "queued 1"])
            #expect(try again.use(of: use.key)?.id == waiting)
            #expect(try again.use(of: use.key)?.answer == (isCrash ? .queued : .inFlight))
            #expect(again.tracing(of: .b) == TraceSwitch(until: .second(1_000), remaining: 7))
            #expect(again.traced.contains(.b))
            #expect(again.takeTransitions().isEmpty)
            #expect(try again.at(200_000) { try $0.forget(limit: 9) } == 2, "the delivered one, and the key")
            #expect(again.traced.isEmpty)
            try again.close()
        }
    }

    @Test func aKeyAndItsMessageBecomeDurableTogether() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        for number in 0..<20 {
            let before = try directory.copy()
            let id = try store.traced("\(number)", at: 1)
            try store.remember(UsedKey(Self.key("\(number)"), id: id, usedAt: .second(1)))
            let uncommitted = try directory.copy()
            try store.commit()
            for (copy, isThere) in [(before, false), (uncommitted, false), (try directory.copy(), true)] {
                let crashed = try RocksDBStore.open(copy)
                #expect((try crashed.use(of: Self.key("\(number)")) != nil) == isThere)
                #expect((try crashed.message(id) != nil) == isThere)
            }
        }
        try store.close()
    }

    @Test func aStoreOfFormatOneIsReadAndGetsTheNewFamilies() throws {
        let directory = try TemporaryDirectory()
        let options = try DatabaseOptions()
        do {
            let database = try Database(path: "\(directory.path)/queue", creates: true, format: 1, options: options)
            let totals = StoreTotals()
            try CommitRecord(number: 0, clock: .second(0), totals: totals).writeFirst(to: database)
        }
        let format = URL(fileURLWithPath: "\(directory.path)/format")
        try Data("1\n".utf8).write(to: format)
        #expect(try StoreInspection(directory: directory.path).check().isSound)
        #expect(try String(contentsOf: format, encoding: .utf8) == "1\n", "looking changes nothing")

        let store = try RocksDBStore.open(directory)
        #expect(try String(contentsOf: format, encoding: .utf8) == FormatFile.text(3))
        let id = try store.traced("1", at: 1)
        try store.close()
        #expect(try RocksDBStore.open(directory).trace(of: id)?.state == .queued)
    }

    /// What `ttmsctl store check` finds of traces.
    enum Damage: CaseIterable {
        case traceUnreadable
        case keyUnreadable
        case tracedMessageMissing
        case endedMessageKept
    }

    @Test(arguments: Damage.allCases) func damageIsFound(_ damage: Damage) throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        let frame: [UInt8] = [0x24, 0x54, 0x54, 0x4d, 0x58, 0, 0x0d, 0, 0, 0, 1, 0xaa, 0x97]
        let id = try #require(try store.append(frame, to: .a, isTraced: true).id)
        try store.remember(UsedKey(Self.key("one"), id: id, usedAt: .second(1)))
        try store.close()
        let sound = try StoreInspection(directory: directory.path).check()
        #expect(sound.findings == [] && sound.traces == 1 && sound.keys == 1)

        do {
            let database = try Database(path: "\(directory.path)/queue", creates: false, options: try DatabaseOptions())
            let batch = WriteBatch()
            var trace = try #require(try Self.trace(id, in: database))
            switch damage {
            case .traceUnreadable: [1, 2].withUnsafeBytes { batch.put(id.rawValue, $0, in: database.family(.traces)) }
            case .keyUnreadable: [1, 2].withUnsafeBytes { batch.put(7, $0, in: database.family(.keys)) }
            case .tracedMessageMissing:
                trace = MessageTrace(
                    id: MessageID(slot: 0, sequence: 9),
                    destination: .a,
                    source: .b,
                    frameBytes: 13,
                    acceptedAt: .second(0),
                    expiresAt: nil
                )
                Self.put(trace, in: database, batch)
            case .endedMessageKept:
                trace.dropped(.deleted, at: .second(1))
                Self.put(trace, in: database, batch)
            }
            try database.write(batch)
        }
        let findings = try StoreInspection(directory: directory.path).check().findings.map(\.kind)
        #expect(findings == [damage == .traceUnreadable || damage == .keyUnreadable ? .contradiction : .trace])
    }

    private static func trace(_ id: MessageID, in database: Database) throws -> MessageTrace? {
        let iterator = try database.iterator(.traces)
        iterator.seek(id.rawValue)
        return TraceRecord.read(id, from: iterator.value)
    }

    private static func put(_ trace: MessageTrace, in database: Database, _ batch: WriteBatch) {
        var buffer = ByteBuffer()
        TraceRecord.write(trace, to: &buffer)
        buffer.withUnsafeReadableBytes { batch.put(trace.id.rawValue, $0, in: database.family(.traces)) }
    }
}

extension MessageStore {
    /// Carries `body` out at a second.
    @discardableResult
    func at<Result>(_ second: Int64, _ body: (any MessageStore) throws -> Result) rethrows -> Result {
        self.now = .second(second)
        return try body(self)
    }

    /// Appends a traced message for `a`.
    func traced(_ text: String, to ccid: CCID = .a, at second: Int64, timeToLive: UInt32? = nil) throws -> MessageID {
        try self.at(second) {
            try #require(try $0.append(text, to: ccid, at: second, timeToLive: timeToLive, isTraced: true).id)
        }
    }

    /// Reads everything for a terminal at a second.
    func read(_ ccid: CCID, now second: Int64) throws {
        try self.at(second) { _ = try $0.readNext(of: ccid, maximumBytes: 1 << 20, now: .second(second)) }
    }

    /// Ends what is in flight at a second.
    func remove(of ccid: CCID, through id: MessageID, now second: Int64) throws {
        #expect(try self.at(second) { try $0.remove(of: ccid, through: id) } == 1)
    }
}
