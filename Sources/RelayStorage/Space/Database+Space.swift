import CRocksDB
import RelayCore
import Synchronization

/// Reclaims the space of removed messages.
extension Database {
    /// A merge of all message files on a thread of its own.
    final class Merging: Sendable {
        let thread: StoreThread
        private let outcome: Outcome

        private final class Outcome: Sendable {
            let failure = Mutex<StoreError?>(nil)
        }

        fileprivate init?(
            of handle: OpaquePointer,
            _ messages: OpaquePointer,
            dropping files: [ClosedRange<UInt64>],
            sparingRoom: Bool,
            flushing families: [OpaquePointer]
        ) {
            nonisolated(unsafe) let (handle, messages, families) = (handle, messages, families)
            let outcome = Outcome()
            // RocksDB's handles may be used from any thread, and the database waits for this thread before it closes them.
            let thread = StoreThread(name: "ttms-compact") {
                do throws(StoreError) {
                    for keys in files { try Database.dropFiles(in: keys, of: handle, messages) }
                    if sparingRoom {
                        // The space that these steps reclaim is available to the flush and to the last merge, which need more
                        // at once.
                        try RocksDBFailure.check("Merging the files of the store") { ttms_compact_singly(handle, messages, $0) }
                        Database.flush(families, of: handle)
                    }
                    try RocksDBFailure.check("Merging the files of the store") {
                        ttms_compact(handle, messages, sparingRoom ? 1 : 0, $0)
                    }
                } catch {
                    outcome.failure.withLock { $0 = error }
                }
            }
            guard let thread else { return nil }
            self.thread = thread
            self.outcome = outcome
        }

        var hasEnded: Bool { self.thread.hasEnded }

        /// The failure; `nil` while the merge runs, and after a success.
        var failure: StoreError? { self.outcome.failure.withLock(\.self) }
    }

    /// Bytes of the files with messages, including dead ones; without the log.
    var messageFileBytes: Int {
        var bytes: UInt64 = 0
        let status = rocksdb_property_int_cf(self.handle, self.family(.messages), "rocksdb.total-sst-files-size", &bytes)
        return status == 0 ? Int(clamping: bytes) : 0
    }

    /// Merges all files with messages in the background, to reclaim the space of dead ones.
    ///
    /// - Parameters:
    ///   - files: the keys of files to delete before the merge, from ``deadFiles(isLive:)``.
    ///   - sparingRoom: whether space is short. Then files are merged one by one, and the memory is written to files before
    ///     the last merge. So that merge includes it, and the log's space is reclaimed.
    /// - Returns: whether it has begun; not while another merge runs, or when the system has no thread.
    func merge(dropping files: [ClosedRange<UInt64>], sparingRoom: Bool) -> Bool {
        if let merging = self.merging {
            guard merging.hasEnded else { return false }
            merging.thread.join()
        }
        self.merging = Merging(
            of: self.handle,
            self.family(.messages),
            dropping: files,
            sparingRoom: sparingRoom,
            flushing: self.families
        )
        return self.merging != nil
    }

    /// The keys of files whose messages are all dead: deleting those needs no space. The newest files, on level 0, are not
    /// among them.
    ///
    /// - Parameter isLive: whether a message with an id in this range may be in a queue.
    func deadFiles(isLive: (ClosedRange<UInt64>) -> Bool) -> [ClosedRange<UInt64>] {
        guard let files = rocksdb_livefiles(self.handle) else { return [] }
        defer { rocksdb_livefiles_destroy(files) }
        var dead: [ClosedRange<UInt64>] = []
        for index in 0..<rocksdb_livefiles_count(files) {
            guard rocksdb_livefiles_level(files, index) > 0,
                let family = rocksdb_livefiles_column_family_name(files, index), String(cString: family) == "messages"
            else { continue }
            var (firstSize, lastSize) = (0, 0)
            let first = rocksdb_livefiles_smallestkey(files, index, &firstSize)
            let last = rocksdb_livefiles_largestkey(files, index, &lastSize)
            guard let keys = Self.range(first, firstSize, last, lastSize), !isLive(keys) else { continue }
            dead.append(keys)
        }
        return dead
    }

    private static func dropFiles(
        in keys: ClosedRange<UInt64>,
        of handle: OpaquePointer,
        _ messages: OpaquePointer
    ) throws(StoreError) {
        let (first, last) = (keys.lowerBound.bigEndian, keys.upperBound.bigEndian)
        let size = MemoryLayout<UInt64>.size
        try RocksDBFailure.check("Deleting files of the store") { error in
            withUnsafeBytes(of: first) { first in
                withUnsafeBytes(of: last) { last in
                    rocksdb_delete_file_in_range_cf(
                        handle,
                        messages,
                        first.assumingMemoryBound(to: CChar.self).baseAddress,
                        size,
                        last.assumingMemoryBound(to: CChar.self).baseAddress,
                        size,
                        error
                    )
                }
            }
        }
    }

    private static func range(
        _ first: UnsafePointer<CChar>?,
        _ firstSize: Int,
        _ last: UnsafePointer<CChar>?,
        _ lastSize: Int
    ) -> ClosedRange<UInt64>? {
        let size = MemoryLayout<UInt64>.size
        guard let first, let last, firstSize == size, lastSize == size else { return nil }
        let lower = UInt64(bigEndian: UnsafeRawPointer(first).loadUnaligned(as: UInt64.self))
        let upper = UInt64(bigEndian: UnsafeRawPointer(last).loadUnaligned(as: UInt64.self))
        return lower <= upper ? lower...upper : nil
    }
}
