import CRocksDB
import RelayCore

/// An open RocksDB database: two families of records under 64-bit keys, written big-endian so that they sort as numbers.
///
/// Belongs to the store's thread, as the store does.
final class Database {
    /// Where a record lives.
    enum Family {
        /// Checkpoint, terminal records and deltas (``MetaKey``), in RocksDB's family `default`, which it insists on.
        case meta
        /// Chunks of frames, under the ``MessageID`` of their first.
        case messages
    }

    private let handle: OpaquePointer
    private let meta: OpaquePointer
    private let messages: OpaquePointer
    private let writeOptions: OpaquePointer
    private let readOptions: OpaquePointer
    private var compaction: StoreThread?
    /// Keeps the compaction filter alive.
    private let options: DatabaseOptions

    private static let familyNames: (StaticString, StaticString) = ("default", "messages")

    /// Opens the database at `path`.
    ///
    /// - Parameters:
    ///   - creates: whether it is made. Otherwise it has to be there: a store that has vanished is not an empty one.
    ///   - readsOnly: nothing on the disk is changed, and nothing can be written.
    init(path: String, creates: Bool, readsOnly: Bool = false, options: DatabaseOptions) throws(StoreError) {
        rocksdb_options_set_create_if_missing(options.database, creates ? 1 : 0)
        rocksdb_options_set_create_missing_column_families(options.database, creates ? 1 : 0)
        rocksdb_options_set_error_if_exists(options.database, creates ? 1 : 0)
        var families: [OpaquePointer?] = [nil, nil]
        let handle = try RocksDBFailure.check("Opening the store in \(path)") { error in
            Self.familyNames.0.withUTF8Buffer { first in
                Self.familyNames.1.withUTF8Buffer { second in
                    let names = [first, second].map { buffer in
                        UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self)
                    }
                    let familyOptions: [OpaquePointer?] = [options.database, options.messages]
                    guard readsOnly else {
                        return rocksdb_open_column_families(options.database, path, 2, names, familyOptions, &families, error)
                    }
                    return rocksdb_open_for_read_only_column_families(
                        options.database,
                        path,
                        2,
                        names,
                        familyOptions,
                        &families,
                        0,
                        error
                    )
                }
            }
        }
        guard let handle, let meta = families[0], let messages = families[1],
            let writeOptions = rocksdb_writeoptions_create(), let readOptions = rocksdb_readoptions_create()
        else { throw StoreError(.other, "RocksDB opened \(path) without saying why it gave nothing back. Please report it.") }
        self.handle = handle
        self.meta = meta
        self.messages = messages
        self.options = options
        self.writeOptions = writeOptions
        self.readOptions = readOptions
        rocksdb_writeoptions_set_sync(writeOptions, 1)
        rocksdb_readoptions_set_verify_checksums(readOptions, 1)
    }

    /// Deletes the database at `path`, if there is one.
    static func destroy(_ path: String, options: DatabaseOptions) throws(StoreError) {
        try RocksDBFailure.check("Deleting \(path)") { rocksdb_destroy_db(options.database, path, $0) }
    }

    /// Closes the database. What was written stays, committed to the log.
    deinit {
        // A compaction under way gives up rather than hold up the end.
        rocksdb_disable_manual_compaction(self.handle)
        self.compaction?.join()
        rocksdb_column_family_handle_destroy(self.messages)
        rocksdb_column_family_handle_destroy(self.meta)
        rocksdb_close(self.handle)
        rocksdb_readoptions_destroy(self.readOptions)
        rocksdb_writeoptions_destroy(self.writeOptions)
    }

    func family(_ family: Family) -> OpaquePointer {
        switch family {
        case .meta: self.meta
        case .messages: self.messages
        }
    }

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
        let options = rocksdb_flushoptions_create()
        defer { rocksdb_flushoptions_destroy(options) }
        for family in [self.meta, self.messages] {
            var text: UnsafeMutablePointer<CChar>?
            rocksdb_flush_cf(self.handle, options, family, &text)
            if let text { rocksdb_free(text) }
        }
    }

    /// Walks over the records of a family as they are now.
    func iterator(_ family: Family) throws(StoreError) -> DatabaseIterator {
        guard let iterator = rocksdb_create_iterator_cf(self.handle, self.readOptions, self.family(family)) else {
            throw StoreError(.other, "There is no memory for reading the store. Give the process more.")
        }
        return DatabaseIterator(iterator)
    }

    /// Bytes of the files that hold messages, dead ones included; not those of the log.
    var messageFileBytes: Int {
        var bytes: UInt64 = 0
        let status = rocksdb_property_int_cf(self.handle, self.messages, "rocksdb.total-sst-files-size", &bytes)
        return status == 0 ? Int(clamping: bytes) : 0
    }

    /// Merges all files with messages in the background, so that the dead ones' room comes back; nothing when that is under way.
    func compact() {
        if let compaction = self.compaction {
            guard compaction.hasEnded else { return }
            compaction.join()
        }
        nonisolated(unsafe) let handle = self.handle
        nonisolated(unsafe) let messages = self.messages
        // RocksDB's handles may be used from any thread, and deinit waits for this one before it closes them.
        self.compaction = StoreThread(name: "ttms-compact") {
            let options = rocksdb_compactoptions_create()
            // Files that commits make in the meantime are merged as ever.
            rocksdb_compactoptions_set_exclusive_manual_compaction(options, 0)
            rocksdb_compact_range_cf_opt(handle, messages, options, nil, 0, nil, 0)
            rocksdb_compactoptions_destroy(options)
        }
    }
}
