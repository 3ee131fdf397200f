import CRocksDB
import Glibc
import RelayCore

/// An open RocksDB database: families of records under 64-bit keys, written big-endian so that they sort as numbers.
///
/// Belongs to the store's thread, as the store does.
final class Database {
    /// Where a record lives.
    enum Family: Int, CaseIterable {
        /// Checkpoint, terminal records, deltas and switches (``MetaKey``), in RocksDB's family `default`, which it insists on.
        case meta
        /// Chunks of frames, under the ``MessageID`` of their first.
        case messages
        /// A ``TraceRecord`` under the ``MessageID`` of each traced message.
        case traces
        /// A ``KeyRecord`` under the place of each used key.
        case keys

        fileprivate var name: String { self == .meta ? "default" : "\(self)" }

        /// The families that a store of `format` has.
        static func all(format: Int) -> [Family] { format == 1 ? [.meta, .messages] : Self.allCases }
    }

    let handle: OpaquePointer
    /// By ``Family``; of a store of format 1, fewer.
    let families: [OpaquePointer]
    private let writeOptions: OpaquePointer
    private let readOptions: OpaquePointer
    /// The last merging of all message files that was started.
    var merging: Merging?
    /// A merge has failed: RocksDB refuses the next ones until the database is opened anew.
    var hasFailedMerge = false
    /// Keeps the compaction filter alive.
    private let options: DatabaseOptions

    /// Opens the database at `path`.
    ///
    /// - Parameters:
    ///   - creates: whether it is made. Otherwise it has to be there: a store that has vanished is not an empty one.
    ///   - readsOnly: nothing on the disk is changed, and nothing can be written.
    ///   - keepsLog: what is found in the log stays there, and is not written to files.
    ///   - format: of a store that is only read: an old one lacks families, which are added where it may be written.
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
        // Those that hold the queue cannot be missing without being missed: the meta records tell what has to be there.
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
        else { throw StoreError(.other, "RocksDB opened \(path) without saying why it gave nothing back. Please report it.") }
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

    /// Closes the database. What was written stays, committed to the log.
    deinit {
        // What is under way in the background gives up rather than hold up the end.
        rocksdb_cancel_all_background_work(self.handle, 0)
        rocksdb_disable_manual_compaction(self.handle)
        self.merging?.thread.join()
        for family in self.families.reversed() { rocksdb_column_family_handle_destroy(family) }
        rocksdb_close(self.handle)
        rocksdb_readoptions_destroy(self.readOptions)
        rocksdb_writeoptions_destroy(self.writeOptions)
    }

    func family(_ family: Family) -> OpaquePointer { self.families[family.rawValue] }

    /// Whether the store is new enough to have the family.
    func has(_ family: Family) -> Bool { family.rawValue < self.families.count }

    /// Writes everything in `batch` or nothing of it, and returns when it is on the disk.
    func write(_ batch: WriteBatch) throws(StoreError) {
        // Otherwise RocksDB counts every comparison of keys, for a tenth of the time that a write takes. It is told per thread.
        rocksdb_set_perf_level(CInt(rocksdb_disable))
        try RocksDBFailure.check("Writing to the store") {
            rocksdb_write(self.handle, self.writeOptions, batch.handle, $0)
        }
    }

    /// Writes what is in memory into files, so that the next start need not read it from the log. A failure is let pass: it will.
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

    /// Walks over the records of a family as they are now.
    ///
    /// - Parameter last: no record behind this one is looked for; `nil` for all.
    func iterator(_ family: Family, through last: UInt64? = nil) throws(StoreError) -> DatabaseIterator {
        let bound = last.flatMap { ReadBound(through: $0) }
        guard last == nil || bound != nil,
            let iterator = rocksdb_create_iterator_cf(self.handle, bound?.options ?? self.readOptions, self.family(family))
        else { throw StoreError(.other, "There is no memory for reading the store. Give the process more.") }
        return DatabaseIterator(iterator, bound: bound)
    }

    /// Looks at one record, whose bytes are valid while `read` runs.
    ///
    /// - Returns: what `read` does; `nil` when there is no such record.
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
