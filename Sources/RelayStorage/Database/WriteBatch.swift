import CRocksDB

/// Records that are written together. Reused by all commits, with its memory.
final class WriteBatch {
    let handle: OpaquePointer?

    init() {
        self.handle = rocksdb_writebatch_create()
    }

    deinit {
        rocksdb_writebatch_destroy(self.handle)
    }

    func removeAll() {
        rocksdb_writebatch_clear(self.handle)
    }

    @inline(__always)
    func put(_ key: UInt64, _ value: UnsafeRawBufferPointer, in family: OpaquePointer) {
        Self.withBytes(of: key) { bytes in
            let start = value.assumingMemoryBound(to: CChar.self).baseAddress
            rocksdb_writebatch_put_cf(self.handle, family, bytes, Self.keySize, start, value.count)
        }
    }

    func remove(_ key: UInt64, in family: OpaquePointer) {
        Self.withBytes(of: key) { rocksdb_writebatch_delete_cf(self.handle, family, $0, Self.keySize) }
    }

    func remove(_ keys: Range<UInt64>, in family: OpaquePointer) {
        Self.withBytes(of: keys.lowerBound) { first in
            Self.withBytes(of: keys.upperBound) { end in
                rocksdb_writebatch_delete_range_cf(self.handle, family, first, Self.keySize, end, Self.keySize)
            }
        }
    }

    private static let keySize = MemoryLayout<UInt64>.size

    @inline(__always)
    private static func withBytes(of key: UInt64, _ body: (UnsafePointer<CChar>?) -> Void) {
        withUnsafeBytes(of: key.bigEndian) { body($0.assumingMemoryBound(to: CChar.self).baseAddress) }
    }
}
