import Foundation
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// A damaged store is reported, with what to do, and is never taken for an empty one.
@Suite struct DamageTests {
    /// How a store is damaged.
    enum Damage: CaseIterable {
        case currentMissing
        case manifestMissing
        case tableMissing
        case tableCut
        case databaseMissing
        case logCut
        case logFlipped
        case logMissing
    }

    /// A store with frames in files and in the log, closed by a kill.
    private func store() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        for number in 0..<200 { try store.append([UInt8](repeating: UInt8(number), count: 500), to: .a) }
        try store.close()
        let again = try RocksDBStore.open(directory)
        for _ in 0..<10 {
            for number in 0..<20 { try again.append([UInt8](repeating: UInt8(number), count: 500), to: .b) }
            try again.commit()
        }
        let killed = try directory.copy()
        #expect(try RocksDBStore.open(try killed.copy()).totals.frames == 400)
        return killed
    }

    @Test(arguments: Damage.allCases) func damageIsFoundAtStart(_ damage: Damage) throws {
        let directory = try self.store()
        let table = try #require(try directory.files(".sst").last)
        let log = try #require(try directory.files(".log").max { try directory.size(of: $0) < directory.size(of: $1) })
        switch damage {
        case .currentMissing: try FileManager.default.removeItem(atPath: "\(directory.path)/queue/CURRENT")
        case .manifestMissing:
            for manifest in try FileManager.default.contentsOfDirectory(atPath: "\(directory.path)/queue")
            where manifest.hasPrefix("MANIFEST") {
                try FileManager.default.removeItem(atPath: "\(directory.path)/queue/\(manifest)")
            }
        case .tableMissing: try FileManager.default.removeItem(atPath: table)
        case .tableCut: try directory.change(table) { $0.removeLast($0.count / 2) }
        case .databaseMissing: try FileManager.default.removeItem(atPath: "\(directory.path)/queue")
        case .logCut: try directory.change(log) { $0.removeLast($0.count / 2) }
        case .logFlipped: try directory.change(log) { $0[$0.count / 2] ^= 0x10 }
        case .logMissing: try FileManager.default.removeItem(atPath: log)
        }
        let error = try directory.refusal()
        #expect(error.code == .damaged, "\(error)")
        #expect(error.message.contains("backup"))
    }

    @Test func flippedBitsInFilesAreFoundWhenTheyAreRead() throws {
        var found = 0
        for position in stride(from: 0.05, to: 0.95, by: 0.1) {
            let directory = try self.store()
            for table in try directory.files(".sst") {
                try directory.change(table) { $0[Int(Double($0.count) * position)] ^= 0x01 }
            }
            do throws(StoreError) {
                let store = try RocksDBStore.open(directory)
                // What could be opened either reads whole or says that it cannot.
                let frames = try store.readNext(of: .a, maximumBytes: .max, now: .second(0)).frames
                #expect(frames == (0..<200).map { [UInt8](repeating: UInt8($0), count: 500) })
            } catch {
                #expect(error.code == .damaged, "\(error)")
                found += 1
            }
        }
        #expect(found >= 5)
    }

    /// At a power cut the end of the log was on its way to the disk: a later page has got there, an earlier one has not.
    @Test func tornEndOfTheLogIsNoDamage() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        for number in 0..<10 {
            try store.append([UInt8](repeating: UInt8(number), count: 500), to: .a)
            try store.commit()
        }
        let before = try directory.copy()
        for number in 0..<200 { try store.append([UInt8](repeating: UInt8(number), count: 500), to: .b) }
        try store.commit()
        let after = try directory.copy()

        let log = try #require(try before.files(".log").last)
        let end = try before.size(of: log)
        let whole = try Data(contentsOf: URL(fileURLWithPath: try #require(try after.files(".log").last)))
        let middle = (end + whole.count) / 2
        for torn in [end..<end + 4_096, middle..<middle + 4_096] {
            let cut = try before.copy()
            try cut.change(try #require(try cut.files(".log").last)) { data in
                data = whole
                data.replaceSubrange(torn, with: Data(count: torn.count))
            }
            let opened = try RocksDBStore.open(cut)
            #expect(opened.totals.frames == 10)
            #expect(try opened.read(.a).count == 10)
            try opened.append("more", to: .b)
            try opened.close()
            #expect(try RocksDBStore.open(cut).totals.frames == 11)

            // The same log is damaged where the commit is known to have been on disk.
            let promised = try after.copy()
            try promised.change(try #require(try promised.files(".log").last)) {
                $0.replaceSubrange(torn, with: Data(count: torn.count))
            }
            #expect(try promised.refusal().code == .damaged)
        }
    }

    @Test func commitsThatAreGoneAreMissedWhenTheDatabaseIsOpenedAnew() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        try store.append("1", to: .a)
        try store.commit()
        store.commitNumber += 1
        store.failure = StoreError(.inputOutput, "The disk was gone.")
        try store.append("2", to: .a)
        let error = #expect(throws: StoreError.self) { try store.commit() }
        #expect(error?.code == .damaged)
    }

    @Test func missingFramesAreReportedWhenTheyAreRead() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        try store.append("1", to: .a)
        try store.append("1", to: .b)
        try store.commit()
        let batch = WriteBatch()
        let database = try store.openDatabase()
        batch.remove(MessageID(slot: 0, sequence: 1).rawValue, in: database.family(.messages))
        try database.write(batch)
        #expect(throws: StoreError.self) { try store.read(.a) }
        #expect(try store.read(.b) == ["1"])
        // An operator gets rid of what is not there.
        #expect(try store.deleteAll(of: .a) == 1)
        try store.append("2", to: .a)
        #expect(try store.read(.a) == ["2"])
    }
}

extension TemporaryDirectory {
    fileprivate func change(_ path: String, _ body: (inout Data) -> Void) throws {
        var data = try Data(contentsOf: URL(fileURLWithPath: path))
        body(&data)
        try data.write(to: URL(fileURLWithPath: path))
    }

    fileprivate func size(of path: String) throws -> Int {
        try Data(contentsOf: URL(fileURLWithPath: path)).count
    }
}
