import CRocksDB
import RelayCore

/// An iterator over the records of one family of a ``Database``, as they were when it was made. It must be released before the
/// database.
///
/// While it exists, files that compaction has replaced stay on disk.
final class DatabaseIterator {
    private let handle: OpaquePointer
    /// The bound that `handle` reads; it must outlive `handle`.
    private let bound: ReadBound?

    init(_ handle: OpaquePointer, bound: ReadBound? = nil) {
        self.handle = handle
        self.bound = bound
    }

    deinit {
        rocksdb_iter_destroy(self.handle)
    }

    /// Moves to the first record with this key or a higher one.
    func seek(_ key: UInt64) {
        withUnsafeBytes(of: key.bigEndian) { bytes in
            rocksdb_iter_seek(self.handle, bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
        }
    }

    /// Moves to the last record with this key or a lower one.
    func seekBack(_ key: UInt64) {
        withUnsafeBytes(of: key.bigEndian) { bytes in
            rocksdb_iter_seek_for_prev(self.handle, bytes.assumingMemoryBound(to: CChar.self).baseAddress, bytes.count)
        }
    }

    /// Moves to the next record. ``key`` must not be `nil`.
    func next() {
        rocksdb_iter_next(self.handle)
    }

    /// The record's key; `nil` after the last one, and when reading failed (``check()``).
    var key: UInt64? {
        guard rocksdb_iter_valid(self.handle) != 0 else { return nil }
        var size = 0
        guard let bytes = rocksdb_iter_key(self.handle, &size), size == MemoryLayout<UInt64>.size else { return nil }
        return UInt64(bigEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
    }

    /// The record's bytes, valid until the iterator moves. ``key`` must not be `nil`.
    var value: UnsafeRawBufferPointer {
        var size = 0
        let bytes = rocksdb_iter_value(self.handle, &size)
        return UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : size)
    }

    /// Throws the error that stopped the iterator; called when ``key`` is `nil`.
    func check() throws(StoreError) {
        try RocksDBFailure.check("Reading the store") { rocksdb_iter_get_error(self.handle, $0) }
        guard rocksdb_iter_valid(self.handle) == 0 else {
            throw RocksDBFailure.damaged("A record of the store has a key that no release writes")
        }
    }
}

/// Options for reading up to a key. Without them RocksDB steps over all later deleted records to find the next one.
///
/// RocksDB copies neither the options' bound nor the bytes of its key: both must outlive the iterator.
final class ReadBound {
    let options: OpaquePointer
    private let key: UnsafeMutableRawBufferPointer

    /// - Returns: `nil` when there is no memory.
    init?(through last: UInt64) {
        guard let options = rocksdb_readoptions_create() else { return nil }
        // The bound itself is not read. The next possible key is that key with a zero byte after it, also for the highest
        // number.
        let key = UnsafeMutableRawBufferPointer.allocate(byteCount: MemoryLayout<UInt64>.size + 1, alignment: 1)
        withUnsafeBytes(of: last.bigEndian) { key.copyMemory(from: $0) }
        key[MemoryLayout<UInt64>.size] = 0
        self.key = key
        self.options = options
        rocksdb_readoptions_set_verify_checksums(options, 1)
        let start = UnsafeRawBufferPointer(key).assumingMemoryBound(to: CChar.self).baseAddress
        rocksdb_readoptions_set_iterate_upper_bound(options, start, key.count)
    }

    deinit {
        rocksdb_readoptions_destroy(self.options)
        self.key.deallocate()
    }
}
