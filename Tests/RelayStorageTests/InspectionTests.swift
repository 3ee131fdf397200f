import Foundation
import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// An offline store is looked at without being changed, and every kind of damage is found.
@Suite struct InspectionTests {
    /// A frame as the relay forwards it.
    private static func frame(_ number: Int, size: Int = 100) -> [UInt8] {
        var buffer = ByteBuffer()
        let payload = (0..<(size - Frame.minimumSize)).map { UInt8(truncatingIfNeeded: $0 &* number &+ number) }
        _ = buffer.writeFrame(header: Frame.forwardHeader, address: .c, command: .data, content: payload)
        return Array(buffer.readableBytesView)
    }

    /// A store closed by a kill: frames for `a` in files and for `b` in the log, some of each gone.
    private func store(_ body: (RocksDBStore) throws -> Void = { _ in }) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        for number in 0..<400 { try store.append(Self.frame(number, size: 500), to: .a) }
        try store.close()
        let again = try RocksDBStore.open(directory)
        for number in 0..<20 {
            try again.append(Self.frame(number), to: .b, timeToLive: number == 7 ? 1 : nil)
            try again.commit()
        }
        for (ccid, bytes) in [(CCID.a, 2_000), (.b, 400)] {
            let marks = try again.readNext(of: ccid, maximumBytes: bytes, now: .second(0)).marks
            try again.remove(of: ccid, through: try #require(marks.last).id)
            again.rewind(ccid)
        }
        #expect(try again.expire(now: .second(3_600), limit: 10) == 1)
        #expect(try again.delete(MessageID(slot: 0, sequence: 300)) == .deleted)
        try again.commit()
        try body(again)
        return try directory.copy()
    }

    private func check(_ directory: TemporaryDirectory) throws(StoreError) -> InspectionResult {
        try StoreInspection(directory: directory.path).check()
    }

    private func kinds(_ directory: TemporaryDirectory) throws -> Set<InspectionResult.Finding.Kind> {
        Set(try self.check(directory).findings.map(\.kind))
    }

    @Test func aSoundStoreIsSoundAndStaysAsItIs() throws {
        let directory = try self.store()
        let before = try directory.contents()
        let result = try self.check(directory)
        #expect(result.findings == [])
        #expect(result.commit == 22)
        #expect(result.totals.isBalanced)
        #expect(result.found.terminals == 2)
        #expect(result.found.frames == result.totals.frames)
        #expect(result.found.bytes == result.totals.bytes)
        #expect(result.totals.appended == 420)
        #expect(result.totals.expired == 1 && result.totals.deleted == 1 && result.totals.removed > 4)
        #expect(try directory.contents() == before)
        #expect(try RocksDBStore.open(directory).totals == result.totals)
    }

    @Test func messagesComeInTheOrderOfDelivery() throws {
        let directory = try self.store()
        let store = try RocksDBStore.open(try directory.copy())
        for ccid in [CCID.a, .b, .c] {
            var messages: [StoredMessage] = []
            let result = try StoreInspection(directory: directory.path).messages(of: ccid) { messages.append($0) }
            #expect(result.isSound)
            #expect(messages == (try store.messages(of: ccid, after: nil, limit: .max)))
        }
        var count = 0
        _ = try StoreInspection(directory: directory.path).messages { _ in count += 1 }
        #expect(count == store.totals.frames)
    }

    @Test func whatTheReaderThrowsEndsTheReading() throws {
        struct Enough: Error {}
        var count = 0
        let directory = try self.store()
        let inspection = try StoreInspection(directory: directory.path)
        #expect(throws: Enough.self) {
            _ = try inspection.messages { _ throws(Enough) in
                count += 1
                if count == 3 { throw Enough() }
            }
        }
        #expect(count == 3)
    }

    // MARK: What cannot be looked at

    @Test func aStoreThatARelayHasIsRefused() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        #expect { try self.check(directory) } throws: { ($0 as? StoreError)?.code == .inUse }
        try store.close()
        let inspection = try StoreInspection(directory: directory.path)
        #expect(try self.check(directory).isSound)
        try #expect(directory.refusal().code == .inUse)
        withExtendedLifetime(inspection) {}
    }

    @Test func whereThereIsNoStoreNoneIsMade() throws {
        let directory = try TemporaryDirectory()
        for path in [directory.path, "\(directory.path)/none"] {
            #expect { try StoreInspection(directory: path) } throws: { ($0 as? StoreError)?.code == .missing }
        }
        #expect(try directory.contents() == [:])
        try Data("9\n".utf8).write(to: URL(fileURLWithPath: "\(directory.path)/format"))
        #expect { try self.check(directory) } throws: { ($0 as? StoreError)?.code == .newerFormat }
    }

    // MARK: Damage

    /// Records that contradict each other, each made on a store that is otherwise sound.
    enum Contradiction: CaseIterable {
        case chunkMissing, chunkStray, chunkOverlapping, chunkUnreadable, chunkTooLong
        case frameCorrupted, frameForeign, timeFalling, timeToLiveUnknown
        case terminalCount, terminalUnreadable, queueTwice, ledger, commitMissing, checkpointMissing, keyUnknown

        var kinds: Set<InspectionResult.Finding.Kind> {
            switch self {
            case .chunkMissing, .chunkUnreadable: self == .chunkMissing ? [.count] : [.contradiction, .count]
            case .chunkStray: [.stray]
            case .chunkOverlapping, .queueTwice, .commitMissing, .keyUnknown: [.contradiction]
            case .chunkTooLong: [.contradiction]
            case .frameCorrupted, .frameForeign: [.unsound]
            case .timeFalling, .timeToLiveUnknown: [.misdated]
            case .terminalCount: [.ledger, .count]
            case .terminalUnreadable, .checkpointMissing: [.contradiction]
            case .ledger: [.ledger]
            }
        }
    }

    @Test(arguments: Contradiction.allCases) func contradictionsAreFound(_ contradiction: Contradiction) throws {
        let directory = try self.store { store in
            try store.append(Self.frame(1), to: .c)
            try store.commit()
            let database = try store.openDatabase()
            let batch = WriteBatch()
            try Self.contradict(contradiction, store, database, batch)
            try database.write(batch)
        }
        #expect(try self.kinds(directory) == contradiction.kinds)
    }

    /// Terminal `c` has slot 2 and one frame, sequence 1, from the last commit, 23.
    private static func contradict(
        _ contradiction: Contradiction,
        _ store: RocksDBStore,
        _ database: Database,
        _ batch: WriteBatch
    ) throws {
        let key = MessageID(slot: 2, sequence: 1).rawValue
        let queue = store.table[2]
        func chunk(_ frames: [[UInt8]], at time: Int64? = nil, timeToLive: UInt32? = nil) -> [UInt8] {
            let time = time ?? queue.oldestQueuedAt
            var writer = ChunkWriter(acceptedAt: time, timeToLive: timeToLive ?? queue.timeToLive)
            for (index, frame) in frames.enumerated() { frame.withUnsafeBytes { writer.append($0, at: time + Int64(index)) } }
            return writer.withRecord { Array($0) }
        }
        func put(_ key: UInt64, _ bytes: [UInt8], _ family: Database.Family = .messages) {
            bytes.withUnsafeBytes { batch.put(key, $0, in: database.family(family)) }
        }
        /// Commit 24, with a changed ledger and changed records.
        func commit(_ totals: StoreTotals, _ records: TerminalRecord..., number: UInt64 = 24) {
            var buffer = ByteBuffer()
            CommitRecord(number: number, clock: store.clock.last, totals: totals).write(to: &buffer)
            for record in records { record.write(to: &buffer) }
            put(MetaKey.delta(number), Array(buffer.readableBytesView), .meta)
        }
        var record = TerminalRecord(
            slot: 2,
            ccid: .c,
            head: queue.head,
            next: queue.next,
            frames: 1,
            bytes: 100,
            oldestAt: queue.oldestQueuedAt,
            earliestExpiry: 0,
            timeToLive: queue.timeToLive,
            isOldestExact: true,
            isMixed: false
        )
        var totals = store.totals
        switch contradiction {
        case .chunkMissing: batch.remove(key, in: database.family(.messages))
        case .chunkStray: put(MessageID(slot: 9, sequence: 4).rawValue, chunk([Self.frame(1)]))
        case .chunkOverlapping:
            // The second place of the first record is a hole: nothing but the overlap is wrong.
            put(key, chunk([Self.frame(1), []]))
            put(key + 1, chunk([[]]))
        case .chunkUnreadable: put(key, [2, 0, 1])
        case .chunkTooLong: put(key, chunk([Self.frame(1)]) + [0])
        case .frameCorrupted:
            var frame = Self.frame(1)
            frame[50] ^= 1
            put(key, chunk([frame]))
        case .frameForeign: put(key, chunk([[UInt8](repeating: 0, count: 100)]))
        case .timeFalling: put(key, chunk([Self.frame(1)], at: queue.oldestQueuedAt - 1))
        case .timeToLiveUnknown: put(key, chunk([Self.frame(1)], timeToLive: queue.timeToLive + 1))
        case .terminalCount:
            record.bytes += 1
            commit(totals, record)
        case .terminalUnreadable: put(MetaKey.terminal(0), [1, 2, 3], .meta)
        case .queueTwice:
            record.slot = 3
            (record.frames, record.bytes, record.head) = (0, 0, record.next)
            commit(totals, record)
        case .ledger:
            totals.removed += 1
            commit(totals)
        case .commitMissing: commit(totals, number: 25)
        case .checkpointMissing: batch.remove(MetaKey.checkpoint, in: database.family(.meta))
        case .keyUnknown: put(9 << 56, [], .meta)
        }
    }

    @Test func commitsThatAreGoneAreMissed() throws {
        let directory = try self.store()
        let record = CommitMark(number: 1_000, reading: nil).record
        try Data(record + record).write(to: URL(fileURLWithPath: "\(directory.path)/committed"))
        #expect(try self.kinds(directory) == [.lostCommits])
    }

    @Test func behindAnUnreadableBlockTheRestIsRead() throws {
        let directory = try self.store()
        let sizes = try directory.files(".sst").map { ($0, try Data(contentsOf: URL(fileURLWithPath: $0)).count) }
        let table = try #require(sizes.max { $0.1 < $1.1 }).0
        var data = try Data(contentsOf: URL(fileURLWithPath: table))
        data[data.count / 2] ^= 0x01
        try data.write(to: URL(fileURLWithPath: table))
        var sequences: [UInt64] = []
        var others = 0
        let result = try StoreInspection(directory: directory.path).messages { message in
            if message.destination == .a { sequences.append(message.id.sequence) } else { others += 1 }
        }
        #expect(result.findings.map(\.kind) == [.unreadable, .count])
        #expect(result.findings.allSatisfy { $0.ccid == .a })
        // From both sides of the damage, in order; and the other terminal's without exception.
        let kept = try RocksDBStore.open(try self.store()).backlog(of: .a).frames
        #expect(sequences == sequences.sorted() && sequences.count > kept / 2 && sequences.count < kept)
        #expect(sequences.contains { $0 < 50 } && sequences.contains(400))
        #expect(others == result.totals.frames - kept)
    }

    @Test func aDatabaseThatCannotBeOpenedIsDamaged() throws {
        let directory = try self.store()
        try FileManager.default.removeItem(atPath: "\(directory.path)/queue/CURRENT")
        do throws(StoreError) {
            _ = try self.check(directory)
            Issue.record("it was opened")
        } catch {
            let result = try #require(InspectionResult(notOpened: error))
            #expect(result.findings.map(\.kind) == [.unreadable])
        }
        #expect(InspectionResult(notOpened: StoreError(.inUse, "")) == nil)
    }

    @Test func manyFindingsAreCounted() {
        var result = InspectionResult()
        for _ in 0..<(InspectionResult.maximumFindings + 5) { result.add(.stray, "x") }
        #expect(result.findings.count == InspectionResult.maximumFindings)
        #expect(result.omittedFindings == 5)
    }
}

extension TemporaryDirectory {
    /// Every file, and what is in it.
    fileprivate func contents() throws -> [String: Data] {
        var contents: [String: Data] = [:]
        for file in try FileManager.default.subpathsOfDirectory(atPath: self.path) {
            contents[file] = FileManager.default.contents(atPath: "\(self.path)/\(file)") ?? Data()
        }
        return contents
    }
}
