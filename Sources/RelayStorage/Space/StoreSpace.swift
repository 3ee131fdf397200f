import CRocksDB
import Glibc
import RelayCore

/// The division of a disk's space for a store. All sizes are in bytes.
///
/// A commit of frames is refused while the disk still has space for delivery and deletion. These changes need it, and the files
/// that RocksDB writes before it deletes old ones. Part of that space is a file, so that other programs cannot take it.
struct SpaceBudget: Equatable {
    /// The size of the reserve file.
    let reserve: Int
    /// Messages gathered in memory before they become a file.
    let messagesBuffer: Int
    /// Deltas gathered in memory before they become a file.
    let metaBuffer: Int
    /// The largest size of the log before the buffers are written to files.
    let log: Int
    /// The sizes of a table file, and of the first level of files. The smaller they are, the less space a merge needs at a
    /// time.
    let tableFile: Int
    let firstLevel: Int
    /// The bytes that one merge may read, and thus write.
    let merge: Int
    /// Dead bytes that are worth the work of reclaiming them.
    let reclaim: Int
    /// Dead bytes that are worth that work while space is short.
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

    /// The bytes that must be free, including the reserve, for a commit that writes `bytes`: they are written to the log, and
    /// again to files.
    func needed(for bytes: Int) -> Int { 2 * self.reserve + 2 * bytes }

    /// The bytes that must be free for a commit that only ends frames.
    var neededForEnds: Int { self.reserve / 2 }

    /// The bytes that should be free for merging the files one by one.
    var neededForMerging: Int { max(self.neededForEnds, 2 * self.tableFile) }
}

/// The space of a store's file system: the free space, and the file that reserves some of it.
///
/// The file `reserve` is in the store's directory. Its blocks are after its end, so that copies of the store are no larger for
/// it. Confined to the store's thread.
final class StoreSpace {
    let budget: SpaceBudget
    private let directory: String
    private var canReserve = true
    private var reservePath: String { "\(self.directory)/reserve" }

    /// - Parameter directory: an existing directory.
    init(directory: String) {
        self.directory = directory
        self.budget = SpaceBudget(disk: Self.statistics(of: directory).map { Self.bytes($0.f_blocks, of: $0) } ?? .max)
    }

    /// The reason why a commit of `bytes` that adds frames must not be written now; `nil` when it may be.
    func shortage(forWriting bytes: Int) -> StoreError? {
        guard let free = self.free else { return nil }
        // Part of the needed space is in the reserve already.
        let (room, isPlenty) = free.addingReportingOverflow(self.reserved)
        guard !isPlenty, room < self.budget.needed(for: bytes) else { return nil }
        return StoreError(
            .diskFull,
            """
            No space left on device for more frames: the file system of \(self.directory) has \(free) bytes free, and \
            \(2 * self.budget.reserve) are reserved for delivering and deleting stored frames. \
            \(RocksDBFailure.advice(.diskFull))
            """
        )
    }

    /// Releases the reserve if otherwise there is no space for a commit that ends frames.
    func makeRoomForEnds() { self.makeRoom(self.budget.neededForEnds) }

    /// Releases the reserve if otherwise there is no space to merge files. Merging reclaims more than it needs.
    func makeRoomForMerging() { self.makeRoom(self.budget.neededForMerging) }

    private func makeRoom(_ bytes: Int) {
        guard let free = self.free, free < bytes else { return }
        self.release()
    }

    /// Releases the reserve.
    func release() {
        truncate(self.reservePath, 0)
    }

    /// Reserves the space again as soon as there is enough. A file system that cannot reserve space has no reserve.
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

    /// The bytes that a process without privileges can still write; `nil` when the file system does not report them.
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
