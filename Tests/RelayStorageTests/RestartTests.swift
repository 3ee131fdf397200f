import Foundation
import Logging
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// What a store finds when it is opened: after a close, after a kill, and when something else is there.
@Suite struct RestartTests {
    @Test func framesThatMayComeTwiceAreKnownToTheNextStart() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        #expect(store.foundInFlight == 0)
        try store.append("1", to: .a)
        for text in ["2", "3"] { try store.append(text, to: .b, isInFlight: true) }
        for text in ["4", "5"] { try store.append(text, to: .c) }
        try store.commit()
        _ = try store.read(.c)
        #expect(try RocksDBStore.open(try directory.copy()).foundInFlight == 2, "as of the last commit")
        try store.append("6", to: .a)
        try store.commit()
        #expect(try RocksDBStore.open(try directory.copy()).foundInFlight == 4)
        try store.remove(of: .b, through: try #require(try store.messages(of: .b, after: nil, limit: 1).first?.id))
        try store.commit(withCheckpoint: true)
        #expect(try RocksDBStore.open(try directory.copy()).foundInFlight == 3)
        store.rewind(.b)
        store.rewind(.c)
        try store.close()
        #expect(try RocksDBStore.open(directory).foundInFlight == 0)
    }

    @Test func everythingKeptIsQueuedAfterAClose() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory, limits: StoreLimits(timeToLive: 60))
        for text in ["1", "2", "3"] { try store.append(text, to: .a) }
        let run = try store.readNext(of: .a, maximumBytes: 2, now: .second(0))
        try store.remove(of: .a, through: run.marks[0].id)
        // Not committed by hand: close commits.
        try store.close()

        let again = try RocksDBStore.open(directory)
        #expect(again.totals == store.totals)
        #expect(
            again.backlog(of: .a) == Backlog(frames: 2, bytes: 2, inFlightFrames: 0, oldestAcceptedAt: .after(1))
        )
        #expect(try again.texts(.a) == ["2", "3"])
        #expect(try again.append("4", to: .a).id?.sequence == 4)
        #expect(try again.messages(of: .a, after: nil, limit: 1).first?.expiresAt == Timestamp.second(60).later(by: 1))
        try again.close()
    }

    @Test func whatWasCommittedSurvivesAKill() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        for round in 0..<50 {
            for ccid in [CCID.a, .b] { try store.append("\(ccid) \(round)", to: ccid) }
            try store.commit()
        }
        let run = try store.readNext(of: .a, maximumBytes: 55, now: .second(0))
        try store.remove(of: .a, through: run.marks[3].id)
        try store.commit()
        try store.append("not committed", to: .a)

        let killed = try RocksDBStore.open(try directory.copy())
        #expect(try killed.texts(.a) == (4..<50).map { "0000000a \($0)" })
        #expect(try killed.texts(.b) == (0..<50).map { "0000000b \($0)" })
        #expect(killed.totals.appended == 100)
        #expect(killed.totals.removed == 4)
        #expect(try killed.append("x", to: .a).id?.sequence == 51)
    }

    @Test func holesSurviveAKill() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        let ids = try (0..<9).compactMap { try store.append("\($0)", to: .a).id }
        try store.commit()
        _ = try store.read(.a, maximumBytes: 1)
        #expect(try store.delete(ids[4]) == .deleted)
        try store.commit()
        #expect(try RocksDBStore.open(try directory.copy()).texts(.a) == ["0", "1", "2", "3", "5", "6", "7", "8"])
        #expect(try store.deleteAll(of: .a) == 7)
        try store.append("9", to: .a)
        try store.commit()
        #expect(try RocksDBStore.open(try directory.copy()).texts(.a) == ["0", "9"])
    }

    @Test func aDeletionOfAllOverridesThatOfOne() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        var ids: [MessageID] = []
        for chunk in 0..<3 {
            for number in 0..<3 { ids += try [store.append("\(chunk)\(number)", to: .a).id].compactMap { $0 } }
            try store.commit()
        }
        #expect(try store.read(.a, maximumBytes: 2) == ["00"])
        #expect(try store.delete(ids[4]) == .deleted)
        #expect(try store.deleteAll(of: .a) == 7)
        #expect(try store.texts(.a) == ["00"])
        try store.commit()
        #expect(try store.texts(.a) == ["00"])
        #expect(try RocksDBStore.open(try directory.copy()).texts(.a) == ["00"])
    }

    @Test func aRecordCutOffAtTheEndOfTheLogWasNeverPromised() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        try store.append("promised", to: .a)
        try store.commit()
        let before = try directory.copy()
        try store.append("cut off", to: .a)
        try store.commit()
        let after = try directory.copy()
        let log = try #require(try before.files(".log").last)
        let whole = try Data(contentsOf: URL(fileURLWithPath: after.files(".log").last ?? ""))
        let promised = try Data(contentsOf: URL(fileURLWithPath: log)).count
        try #require(whole.count > promised + 8)
        for size in [promised + 1, promised + 7, promised + 8, (promised + whole.count) / 2, whole.count - 1] {
            let torn = try before.copy()
            try whole.prefix(size).write(to: URL(fileURLWithPath: torn.files(".log").last ?? ""))
            #expect(try RocksDBStore.open(torn).texts(.a) == ["promised"], "cut at \(size)")
        }
    }

    @Test func aSecondOpenIsRefused() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        try #expect(directory.refusal().code == .inUse)
        try store.append("1", to: .a)
        try store.close()
        let next = try RocksDBStore.open(directory)
        #expect(try next.texts(.a) == ["1"])
        try #expect(directory.refusal().code == .inUse)
    }

    @Test func aNewerFormatIsRefused() throws {
        let directory = try TemporaryDirectory()
        try RocksDBStore.open(directory).close()
        try Data("\(StoreDirectory.format + 1)\n".utf8).write(to: URL(fileURLWithPath: "\(directory.path)/format"))
        let error = try directory.refusal()
        #expect(error.code == .newerFormat)
        #expect(error.message.contains("format \(StoreDirectory.format + 1)"))
    }

    @Test func anUnfinishedFirstStartIsBegunAnew() throws {
        let directory = try TemporaryDirectory()
        let unfinished = "\(directory.path)/queue.new"
        try FileManager.default.createDirectory(atPath: unfinished, withIntermediateDirectories: true)
        try Data("half".utf8).write(to: URL(fileURLWithPath: "\(unfinished)/MANIFEST-000001"))
        let store = try RocksDBStore.open(directory)
        try store.append("1", to: .a)
        try store.close()
        #expect(!FileManager.default.fileExists(atPath: unfinished))
    }

    @Test func directoriesAreMade() throws {
        let directory = try TemporaryDirectory()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let path = "\(directory.path)/one/two"
        try RocksDBStore(directory: path, limits: StoreLimits(), logger: logger).close()
        #expect(FileManager.default.fileExists(atPath: "\(path)/queue/CURRENT"))
    }

    @Test func checkpointsAndDeltasTellTheSame() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        for number in 0..<40 {
            try store.append("\(number)", to: CCID(rawValue: UInt32(number % 5)))
            try store.commit(withCheckpoint: number % 7 == 6)
            let copy = try RocksDBStore.open(try directory.copy())
            try #require(copy.totals == store.totals)
            try #require(copy.commitNumber == store.commitNumber)
            #expect(copy.terminals(after: nil, limit: 9) == store.terminals(after: nil, limit: 9))
        }
    }
}

extension TemporaryDirectory {
    /// Why the store here is not opened.
    func refusal() throws -> StoreError {
        do throws(StoreError) {
            let store = try RocksDBStore.open(self)
            Issue.record("It opened, with \(store.totals.frames) frames.")
            return StoreError(.other, "none")
        } catch {
            return error
        }
    }
}
