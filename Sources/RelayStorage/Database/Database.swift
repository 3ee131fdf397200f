import CRocksDB
import Glibc
import RelayCore

/// An open RocksDB database: families of records under 64-bit keys, written big-endian so that they sort as numbers.
///
/// Confined to the store's thread, as the store is.
final class Database {
    /// The family of a record.
    enum Family: Int, CaseIterable {
        /// Checkpoint, terminal records, deltas and switches (``MetaKey``), in RocksDB's mandatory family `default`.
        case meta
        /// Chunks of frames, under the ``MessageID`` of their first.
        case messages
        /// A ``TraceRecord`` under the ``MessageID`` of each traced message.
        case traces
        /// A ``KeyRecord`` under the place of each used idempotency key.
        case keys

        fileprivate var name: String { self == .meta ? "default" : "\(self)" }

        /// The families of a store of `format`.
        static func all(format: Int) -> [Family] { format == 1 ? [.meta, .messages] : Self.allCases }
    }

    let handle: OpaquePointer
    /// The families, by ``Family``; a store of format 1 has fewer.
    let families: [OpaquePointer]
    private let writeOptions: OpaquePointer
    private let readOptions: OpaquePointer
    /// The merge of all message files that was started last.
    var merging: Merging?
    /// Whether a merge has failed: RocksDB refuses further ones until the database is opened again.
    var hasFailedMerge = false
    /// The options, which own the compaction filter.
    private let options: DatabaseOptions

    /// Opens the database at `path`.
    ///
    /// - Parameters:
    ///   - creates: whether it is created. Otherwise it must exist: a missing store is not an empty one.
    ///   - readsOnly: whether it is opened without changes on disk and without writes.
    ///   - keepsLog: whether the contents of the log stay there, and are not written to files.
    ///   - format: the format of a store that is only read. An old one lacks families, which are added when it may be
    ///     written.
    init(
        path: String,
        creates: Bool,
        readsOnly: Bool = false,
        keepsLog: Bool = false,
        format: Int = StoreDirectory.format,
        options: DatabaseOptions
    ) throws(StoreError) {
        let copy = keepsLog ? try options.keepingLog() : nil
        defer { if let copy { rocksdb_options_destroy(copy) } }
        let whole = copy ?? options.database
        rocksdb_options_set_create_if_missing(whole, creates ? 1 : 0)
        // The loss of the queue's families would be detected: the meta records name all contents.
        rocksdb_options_set_create_missing_column_families(whole, readsOnly ? 0 : 1)
        rocksdb_options_set_error_if_exists(whole, creates ? 1 : 0)
        let wanted = Family.all(format: format)
        let names = wanted.map { strdup($0.name) }
        defer { for name in names { free(name) } }
        let constantNames = names.map { UnsafePointer($0) }
        let familyOptions = wanted.map { Optional(options.options(of: $0)) }
        let count = CInt(truncatingIfNeeded: wanted.count)
        var families: [OpaquePointer?] = wanted.map { _ in nil }
        let handle = try RocksDBFailure.check("Opening the store in \(path)") { error in
            readsOnly
                ? rocksdb_open_for_read_only_column_families(
                    whole,
                    path,
                    count,
                    constantNames,
                    familyOptions,
                    &families,
                    0,
                    error
                )
                : rocksdb_open_column_families(whole, path, count, constantNames, familyOptions, &families, error)
        }
        guard let handle, let writeOptions = rocksdb_writeoptions_create(), let readOptions = rocksdb_readoptions_create(),
            families.allSatisfy({ $0 != nil })
        else { throw StoreError(.other, "RocksDB opened \(path) but returned no handle. Please report it.") }
        self.handle = handle
        self.families = families.compactMap(\.self)
        self.options = options
        self.writeOptions = writeOptions
        self.readOptions = readOptions
        rocksdb_writeoptions_set_sync(writeOptions, 1)
        rocksdb_readoptions_set_verify_checksums(readOptions, 1)
    }

    /// Deletes the database at `path`, if there is one.
    static func destroy(_ path: String, options: DatabaseOptions) throws(StoreError) {
        guard access(path, F_OK) == 0 else { return }
        try RocksDBFailure.check("Deleting \(path)") { rocksdb_destroy_db(options.database, path, $0) }
    }

    /// Closes the database. All writes are in the log.
    deinit {
        // Background work is cancelled, so that it does not delay the end.
        rocksdb_cancel_all_background_work(self.handle, 0)
        rocksdb_disable_manual_compaction(self.handle)
        self.merging?.thread.join()
        for family in self.families.reversed() { rocksdb_column_family_handle_destroy(family) }
        rocksdb_close(self.handle)
        rocksdb_readoptions_destroy(self.readOptions)
        rocksdb_writeoptions_destroy(self.writeOptions)
    }

    func family(_ family: Family) -> OpaquePointer { self.families[family.rawValue] }

    /// Whether the store's format has the family.
    func has(_ family: Family) -> Bool { family.rawValue < self.families.count }

    /// Writes all of `batch` or nothing, and returns when it is on disk.
    func write(_ batch: WriteBatch) throws(StoreError) {
        // Disables RocksDB's counts of key comparisons, a tenth of the time of a write. The setting is per thread.
        rocksdb_set_perf_level(CInt(rocksdb_disable))
        try RocksDBFailure.check("Writing to the store") {
            rocksdb_write(self.handle, self.writeOptions, batch.handle, $0)
        }
    }

    /// Writes the contents of memory to files, so that the next start need not read them from the log. A failure is ignored:
    /// the log still has them.
    func flush() {
        Self.flush(self.families, of: self.handle)
    }

    static func flush(_ families: [OpaquePointer], of handle: OpaquePointer) {
        let options = rocksdb_flushoptions_create()
        defer { rocksdb_flushoptions_destroy(options) }
        for family in families {
            var text: UnsafeMutablePointer<CChar>?
            rocksdb_flush_cf(handle, options, family, &text)
            if let text { rocksdb_free(text) }
        }
    }

    /// Returns an iterator over the present records of a family.
    ///
    /// - Parameter last: the last key that is read; `nil` for all.
    func iterator(_ family: Family, through last: UInt64? = nil) throws(StoreError) -> DatabaseIterator {
        let bound = last.flatMap { ReadBound(through: $0) }
        guard last == nil || bound != nil,
            let iterator = rocksdb_create_iterator_cf(self.handle, bound?.options ?? self.readOptions, self.family(family))
        else { throw StoreError(.other, "There is no memory for reading the store. Give the process more.") }
        return DatabaseIterator(iterator, bound: bound)
    }

    /// Reads one record, whose bytes are valid while `read` runs.
    ///
    /// - Returns: the result of `read`; `nil` when there is no such record.
    func read<Value>(
        _ key: UInt64,
        in family: Family,
        _ read: (UnsafeRawBufferPointer) -> Value
    ) throws(StoreError) -> Value? {
        let record = try RocksDBFailure.check("Reading the store") { error in
            withUnsafeBytes(of: key.bigEndian) { bytes in
                let start = bytes.assumingMemoryBound(to: CChar.self).baseAddress
                return rocksdb_get_pinned_cf(self.handle, self.readOptions, self.family(family), start, bytes.count, error)
            }
        }
        guard let record else { return nil }
        defer { rocksdb_pinnableslice_destroy(record) }
        var size = 0
        let bytes = rocksdb_pinnableslice_value(record, &size)
        return read(UnsafeRawBufferPointer(start: bytes, count: bytes == nil ? 0 : size))
    }
}
