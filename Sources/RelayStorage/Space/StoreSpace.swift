import CRocksDB
import Glibc
import RelayCore

/// How a store shares out the disk that it lies on. All sizes in bytes.
///
/// A commit of frames is refused while the disk still has room for what delivering and deleting them takes: the changes themselves,
/// and the files that RocksDB writes before it deletes old ones. Part of that room is a file, so that nobody else takes it.
struct SpaceBudget: Equatable {
    /// What the file holds in reserve.
    let reserve: Int
    /// Messages gathered in memory before they become a file.
    let messagesBuffer: Int
    /// Deltas gathered in memory before they become a file.
    let metaBuffer: Int
    /// What the log may grow to until the buffers are written out.
    let log: Int
    /// A table file, and the first level of them. The smaller, the less room merging takes at a time.
    let tableFile: Int
    let firstLevel: Int
    /// What one merge may read, and so write.
    let merge: Int
    /// Dead bytes that are worth the work of taking their room back.
    let reclaim: Int
    /// The same while room is short.
    let reclaimWhenShort: Int

    /// - Parameter disk: the size of the file system.
    init(disk: Int) {
        let isSmall = disk < 2 << 30
        self.messagesBuffer = min(max(disk / 64, 512 << 10), 32 << 20)
        self.metaBuffer = self.messagesBuffer / 2
        self.log = 2 * self.messagesBuffer
        self.reserve = min(max(disk / 16, 1 << 20), 32 << 20)
        self.tableFile = isSmall ? self.messagesBuffer / 2 : 64 << 20
        self.firstLevel = isSmall ? 4 * self.messagesBuffer : 256 << 20
        self.merge = isSmall ? 4 * self.messagesBuffer : 25 * self.tableFile
        self.reclaim = min(max(disk / 16, 1 << 20), 64 << 20)
        self.reclaimWhenShort = min(max(disk / 64, 256 << 10), 8 << 20)
    }

    /// What has to be free, the reserve included, for a commit that writes `bytes`: they are written to the log, and again to files.
    func needed(for bytes: Int) -> Int { 2 * self.reserve + 2 * bytes }

    /// What has to be free for a commit that frees room.
    var neededForEnds: Int { self.reserve / 2 }

    /// What should be free for merging one file after the other.
    var neededForMerging: Int { max(self.neededForEnds, 2 * self.tableFile) }
}

/// The room on a store's file system: how much there is, and the file that reserves some of it.
///
/// The file lies in the store's directory under the name `reserve`. Its blocks lie behind its end, so that copies of the store are
/// no larger for it. Belongs to the store's thread.
final class StoreSpace {
    let budget: SpaceBudget
    private let directory: String
    private var canReserve = true
    private var reservePath: String { "\(self.directory)/reserve" }

    /// - Parameter directory: an existing one.
    init(directory: String) {
        self.directory = directory
        self.budget = SpaceBudget(disk: Self.statistics(of: directory).map { Self.bytes($0.f_blocks, of: $0) } ?? .max)
    }

    /// Why a commit of `bytes` that adds frames must not be written now; `nil` when it may be.
    func shortage(forWriting bytes: Int) -> StoreError? {
        guard let free = self.free else { return nil }
        // Part of what is needed lies in the reserve already.
        let (room, isPlenty) = free.addingReportingOverflow(self.reserved)
        guard !isPlenty, room < self.budget.needed(for: bytes) else { return nil }
        return StoreError(
            .diskFull,
            """
            No space left on device for more frames: the file system of \(self.directory) has \(free) bytes free, and keeps \
            \(2 * self.budget.reserve) for delivering and deleting what is stored. \(RocksDBFailure.advice(.diskFull))
            """
        )
    }

    /// Gives up the reserve if otherwise there is no room for a commit that frees some.
    func makeRoomForEnds() { self.makeRoom(self.budget.neededForEnds) }

    /// Gives up the reserve if otherwise there is no room to merge files. Merging returns more than it takes.
    func makeRoomForMerging() { self.makeRoom(self.budget.neededForMerging) }

    private func makeRoom(_ bytes: Int) {
        guard let free = self.free, free < bytes else { return }
        self.release()
    }

    /// Gives up the reserve.
    func release() {
        truncate(self.reservePath, 0)
    }

    /// Takes the reserve back as soon as there is room for it. A file system that cannot reserve goes without.
    func refill() {
        guard self.canReserve, self.reserved < self.budget.reserve, let free = self.free, free >= 2 * self.budget.reserve else {
            return
        }
        let file = open(self.reservePath, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { return }
        defer { close(file) }
        guard ttms_reserve(file, Int64(self.budget.reserve)) != 0 else { return }
        self.canReserve = errno != EOPNOTSUPP && errno != ENOSYS
        ftruncate(file, 0)
    }

    /// What a process without privileges can still write; `nil` when the file system does not say.
    private var free: Int? {
        Self.statistics(of: self.directory).map { Self.bytes($0.f_bavail, of: $0) }
    }

    private var reserved: Int {
        var status = stat()
        return stat(self.reservePath, &status) == 0 ? Int(clamping: status.st_blocks) * 512 : 0
    }

    private static func statistics(of directory: String) -> statvfs? {
        var statistics = statvfs()
        return statvfs(directory, &statistics) == 0 && statistics.f_blocks > 0 ? statistics : nil
    }

    private static func bytes(_ blocks: fsblkcnt_t, of statistics: statvfs) -> Int {
        let (bytes, isTooMuch) = UInt64(blocks).multipliedReportingOverflow(by: UInt64(statistics.f_frsize))
        return isTooMuch ? .max : Int(clamping: bytes)
    }
}
