import Foundation
import RelayCore
import Testing

@testable import RelayStorage

/// The two small files of a store: each has a checksum and is known to be there, so that damage to one is found.
@Suite struct StoreFileTests {
    private static let count = 50

    /// A store with a commit per frame, as a kill leaves it.
    private func store() throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        for number in 0..<Self.count {
            try store.append([UInt8](repeating: UInt8(number), count: 500), to: .a)
            try store.commit()
        }
        return try directory.copy()
    }

    private func change(_ directory: TemporaryDirectory, _ name: String, _ body: (inout Data) -> Void) throws {
        let url = URL(fileURLWithPath: "\(directory.path)/\(name)")
        var data = try Data(contentsOf: url)
        body(&data)
        try data.write(to: url)
    }

    /// Whether a check finds nothing but that these tests' frames are none.
    private func isSound(_ directory: TemporaryDirectory) throws -> Bool {
        try StoreInspection(directory: directory.path).check().findings.allSatisfy { $0.kind == .unsound }
    }

    private func cutLog(_ directory: TemporaryDirectory) throws {
        let logs = try directory.files(".log").map { ($0, try Data(contentsOf: URL(fileURLWithPath: $0))) }
        let (path, data) = try #require(logs.max { $0.1.count < $1.1.count })
        try data.dropLast(data.count * 9 / 10).write(to: URL(fileURLWithPath: path))
    }

    /// What can become of a whole file.
    enum Loss: CaseIterable {
        case gone, empty, zeros, cut, other
    }

    private func lose(_ name: String, _ loss: Loss, in directory: TemporaryDirectory) throws {
        switch loss {
        case .gone: try FileManager.default.removeItem(atPath: "\(directory.path)/\(name)")
        case .empty: try self.change(directory, name) { $0 = Data() }
        case .zeros: try self.change(directory, name) { $0 = Data(count: $0.count) }
        case .cut: try self.change(directory, name) { $0 = $0.prefix(1) }
        case .other: try self.change(directory, name) { $0 = Data($0.map { $0 ^ 0x15 }) }
        }
    }

    @Test(arguments: Loss.allCases, [false, true])
    func withoutCommittedItCannotBeToldWhetherTheLogIsWhole(_ loss: Loss, isLogCut: Bool) throws {
        let directory = try self.store()
        try self.lose("committed", loss, in: directory)
        if isLogCut { try self.cutLog(directory) }
        // It says so however often it is asked, and so does who checks.
        for _ in 0..<2 {
            let error = try #require(try directory.refusal() as StoreError?)
            #expect(error.code == .damaged && error.message.contains("ttmsctl store accept"), "\(error)")
        }
        #expect(try StoreInspection(directory: directory.path).check().findings.map(\.kind).contains(.lostCommits))
        // Accepted, it is a store like any other.
        let accepted = try StoreAcceptance.accept(directory: directory.path)
        #expect(isLogCut ? accepted.totals.frames < Self.count : accepted.totals.frames == Self.count)
        #expect(try self.isSound(directory))
        let store = try RocksDBStore.open(directory)
        #expect(store.totals.frames == accepted.totals.frames)
        try store.append("more", to: .a)
        try store.close()
        #expect(try RocksDBStore.open(directory).totals.frames == accepted.totals.frames + 1)
    }

    @Test func oneChangedByteInEitherFileRefusesNoSoundStoreAndHidesNoLoss() throws {
        let whole = try self.store()
        for name in ["committed", "format"] {
            let size = try Data(contentsOf: URL(fileURLWithPath: "\(whole.path)/\(name)")).count
            for position in stride(from: 0, to: size, by: 3) {
                let directory = try whole.copy()
                try self.change(directory, name) { $0[position] ^= 0x01 }
                let cut = try directory.copy()
                try self.cutLog(cut)
                #expect(try !self.isSound(directory), "\(name) \(position)")
                let store = try RocksDBStore.open(directory)
                #expect(store.totals.frames == Self.count)
                #expect(!store.directory.notes.isEmpty)
                try store.close()
                #expect(try self.isSound(directory))
                #expect(try cut.refusal().code == .damaged)
            }
        }
    }

    @Test(arguments: Loss.allCases)
    func withoutFormatTheOtherFileTellsIt(_ loss: Loss) throws {
        let directory = try self.store()
        try self.lose("format", loss, in: directory)
        let cut = try directory.copy()
        try self.cutLog(cut)
        #expect(try cut.refusal().code == .damaged)
        #expect(try !self.isSound(directory))
        let store = try RocksDBStore.open(directory)
        #expect(store.totals.frames == Self.count)
        #expect(!store.directory.notes.isEmpty)
        try store.close()
        #expect(try RocksDBStore.open(directory).directory.notes.isEmpty)
    }

    @Test func withoutBothItIsNoNewStore() throws {
        for loss in [Loss.gone, .empty, .zeros] {
            let directory = try self.store()
            try self.lose("format", loss, in: directory)
            try self.lose("committed", loss, in: directory)
            #expect(try directory.refusal().code == .damaged)
            #expect(try directory.refusal().code == .damaged)
            #expect(try StoreAcceptance.accept(directory: directory.path).totals.frames == Self.count)
            #expect(try RocksDBStore.open(directory).totals.frames == Self.count)
        }
    }

    @Test func withoutTheDatabaseItIsNoNewStoreEither() throws {
        for isFormatThere in [true, false] {
            let directory = try self.store()
            try FileManager.default.removeItem(atPath: "\(directory.path)/queue")
            if !isFormatThere { try FileManager.default.removeItem(atPath: "\(directory.path)/format") }
            #expect(try directory.refusal().code == .damaged)
            #expect(!FileManager.default.fileExists(atPath: "\(directory.path)/queue"))
        }
    }

    @Test func aFormatWithBothLinesChangedIsNotTakenForALaterOne() throws {
        let directory = try self.store()
        let changed = FormatFile.text(StoreDirectory.format).replacing(
            "\(StoreDirectory.format)",
            with: "\(StoreDirectory.format + 1)"
        )
        try Data(changed.utf8).write(to: URL(fileURLWithPath: "\(directory.path)/format"))
        #expect(FormatFile.content(of: Array(changed.utf8)[...]) == .damaged)
        #expect(
            FormatFile.content(of: Array(FormatFile.text(StoreDirectory.format + 1).utf8)[...])
                == .format(StoreDirectory.format + 1)
        )
        // The store's other files show the format.
        #expect(try RocksDBStore.open(directory).totals.frames == Self.count)
    }

    @Test func aStoreOfFormat2IsOpenedAndGetsChecksums() throws {
        let words = [UInt64(Self.count), 1_770_000_000_000_000, 1_770_000_000_000_000]
        func early(_ words: [UInt64]) -> Data {
            Data((words + [words.reduce(0, ^)]).flatMap { word in withUnsafeBytes(of: word.bigEndian) { Array($0) } })
        }
        let whole = try self.store()
        try Data("2\n".utf8).write(to: URL(fileURLWithPath: "\(whole.path)/format"))
        try early(words).write(to: URL(fileURLWithPath: "\(whole.path)/committed"))
        let lost = try whole.copy()
        try FileManager.default.removeItem(atPath: "\(lost.path)/committed")
        #expect(try lost.refusal().code == .damaged)
        let cut = try whole.copy()
        try self.cutLog(cut)
        #expect(try cut.refusal().code == .damaged)

        #expect(try self.isSound(whole))
        let store = try RocksDBStore.open(whole)
        #expect(store.totals.frames == Self.count && store.lastReading?.steady == Timestamp(microseconds: Int64(words[1])))
        try store.close()
        #expect(try String(contentsOfFile: "\(whole.path)/format", encoding: .utf8) == FormatFile.text(3))
        #expect(try RocksDBStore.open(whole).totals.frames == Self.count)
    }
}
