import Foundation
import Glibc
import NIOCore
import RelayCore
import TTMSProtocol
import Testing

@testable import RelayStorage

/// What a store takes of the disk, and what it does when there is no more.
@Suite struct SpaceTests {
    @Test func theRoomOfDeliveredFramesComesBack() async throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory, reclaimBytes: 4 << 20)
        var random = SplitMix(state: 1)
        for _ in 0..<100 {
            for _ in 0..<100 {
                let ccid = CCID(rawValue: UInt32.random(in: 0..<50, using: &random))
                try store.append((0..<2_000).map { _ in UInt8.random(in: .min ... .max, using: &random) }, to: ccid)
            }
            try store.commit()
        }
        store.database?.flush()
        let full = try #require(store.database?.messageFileBytes)
        #expect(full > 19 << 20)
        for number: UInt32 in 0..<49 {
            let ccid = CCID(rawValue: number)
            while let last = try store.readNext(of: ccid, maximumBytes: 1 << 20, now: .second(0)).marks.last {
                try store.remove(of: ccid, through: last.id)
                try store.commit()
            }
        }
        let kept = store.totals.bytes
        let deadline = ContinuousClock.now + .seconds(30)
        while let bytes = store.database?.messageFileBytes, bytes > kept + (5 << 20), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(10))
        }
        #expect(try #require(store.database?.messageFileBytes) <= kept + (5 << 20))
        #expect(try store.readNext(of: CCID(rawValue: 49), maximumBytes: .max, now: .second(0)).bytes.readableBytes == kept)
        try store.close()
    }

    /// A disk of 24 MiB, for which the test has to be allowed to mount one.
    private final class SmallDisk {
        let directory: TemporaryDirectory

        init?() throws {
            self.directory = try TemporaryDirectory()
            guard mount("tmpfs", self.directory.path, "tmpfs", 0, "size=24m") == 0 else { return nil }
        }

        deinit {
            umount2(self.directory.path, CInt(MNT_DETACH))
        }

        var filler: String { "\(self.directory.path)/filler" }

        func fill() {
            let file = open(self.filler, O_WRONLY | O_CREAT, 0o600)
            let block = [UInt8](repeating: 1, count: 4_096)
            while write(file, block, block.count) > 0 {}
            close(file)
        }

        static var isPossible: Bool { geteuid() == 0 && (try? SmallDisk()) != nil }
    }

    @Test(.enabled(if: SmallDisk.isPossible)) func aFullDiskLosesNothingAndDoublesNothing() throws {
        let disk = try #require(try SmallDisk())
        let store = try RocksDBStore.open(disk.directory)
        let frame = [UInt8](repeating: 7, count: 60_000)
        for number in 0..<3 { try store.append("before \(number)", to: .a) }
        try store.commit()
        disk.fill()
        for number in 0..<3 { try store.append("during \(number)", to: .a) }
        for _ in 0..<5 { try store.append(frame, to: .b) }
        for _ in 0..<3 {
            #expect { try store.commit() } throws: { ($0 as? StoreError)?.code == .diskFull }
            #expect(store.staged > 0)
        }
        // What is there can still be read, and what is staged goes on changing.
        #expect(try store.read(.a, maximumBytes: 16) == ["before 0", "before 1"])
        try store.remove(of: .a, through: MessageID(slot: 0, sequence: 1))
        #expect(try store.delete(MessageID(slot: 0, sequence: 5)) == .deleted)
        try store.append("later", to: .a)
        unlink(disk.filler)
        try store.commit()
        #expect(store.staged == 0)

        let killed = try RocksDBStore.open(try disk.directory.copy())
        #expect(try killed.texts(.a) == ["before 1", "before 2", "during 0", "during 2", "later"])
        #expect(try killed.readNext(of: .b, maximumBytes: .max, now: .second(0)).frames == Array(repeating: frame, count: 5))
        #expect(killed.totals == store.totals)
        #expect(killed.totals.isBalanced)
        try store.close()
    }

    @Test(.enabled(if: SmallDisk.isPossible)) func endsAreDurableWhileFramesWaitForRoom() throws {
        let disk = try #require(try SmallDisk())
        let store = try RocksDBStore.open(disk.directory)
        for number in 0..<10 {
            for ccid in [CCID.a, .b] { try store.append("\(number)", to: ccid) }
        }
        try store.commit()
        disk.fill()
        try store.append("waits", to: .a)
        try store.append("never written", to: .b)
        #expect { try store.commit() } throws: { ($0 as? StoreError)?.code == .diskFull }
        #expect(try store.read(.a, maximumBytes: 3) == ["0", "1", "2"])
        try store.remove(of: .a, through: MessageID(slot: 0, sequence: 2))
        #expect(try store.deleteAll(of: .b) == 11)
        try store.append("waits, too", to: .b)
        try store.commitEnds()
        #expect(store.staged == store.stagedGrowth && store.staged > 0)

        let killed = try RocksDBStore.open(try disk.directory.copy())
        #expect(try killed.texts(.a) == (2..<10).map(String.init))
        #expect(try killed.texts(.b) == [])
        #expect(killed.totals.isBalanced && killed.totals.frames == 8)
        #expect(killed.totals.removed == 2 && killed.totals.deleted == 11)

        unlink(disk.filler)
        try store.commit()
        let later = try RocksDBStore.open(try disk.directory.copy())
        #expect(try later.texts(.a) == (2..<10).map(String.init) + ["waits"])
        #expect(try later.texts(.b) == ["waits, too"])
        #expect(later.totals == store.totals && later.totals.isBalanced)
        try store.close()
    }

    @Test func aStoreThatIsShortOfRoomIsOpenedAnewAfterAFailedMerge() throws {
        let directory = try TemporaryDirectory()
        let store = try RocksDBStore.open(directory)
        for number in 0..<3 { try store.append("\(number)", to: .a) }
        try store.commit()
        // As a merge that met a full disk leaves it.
        store.database?.hasFailedMerge = true
        store.reclaimFailure = StoreError(.diskFull, "No space left on device.")
        store.maintainSpace()
        #expect(store.database?.hasFailedMerge == true, "with room, nothing has to be opened anew")
        store.isShortOfRoom = true
        store.maintainSpace()
        #expect(store.database?.hasFailedMerge == false)
        #expect(store.failure == nil)
        #expect(try store.read(.a, maximumBytes: .max) == ["0", "1", "2"])
        try store.append("3", to: .a)
        try store.commit()
        #expect(try RocksDBStore.open(try directory.copy()).texts(.a) == ["0", "1", "2", "3"])
        try store.close()
    }
}
