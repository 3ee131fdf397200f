import CRocksDB
import Logging
import RelayCore

/// The options of RocksDB, each with its reason. They must outlive the databases that are opened with them.
final class DatabaseOptions {
    /// The options of the family `default`, which holds the meta records, and of the whole database.
    let database: OpaquePointer
    /// The options of the family `messages`.
    let messages: OpaquePointer
    /// The options of the families `traces` and `keys`.
    let records: OpaquePointer
    /// The heads below which compaction drops messages.
    let heads: OpaquePointer
    private let filter: OpaquePointer
    private let cache: OpaquePointer
    /// The receiver of RocksDB's messages; it must outlive the databases, whose threads use it.
    private let messageLog: DatabaseMessageLog

    /// Bytes of the cache for blocks and indexes of table files: the only memory that would otherwise grow with the store.
    private static let cacheBytes = 32 << 20
    /// Bytes of the buffers for traces and keys, which are few and small: they belong to operators' messages.
    private static let recordsBufferBytes = 4 << 20

    /// - Parameters:
    ///   - logger: receives RocksDB's own warnings.
    ///   - budget: the division of the disk's space.
    init(
        budget: SpaceBudget = SpaceBudget(disk: .max),
        logger: Logger = Logger(label: "ttms.store", factory: { _ in SwiftLogNoOpLogHandler() })
    ) throws(StoreError) {
        guard let heads = ttms_heads_create(), let filter = ttms_heads_filter(heads) else {
            throw StoreError(.other, "There is no memory for the store's tables. Give the process more.")
        }
        self.heads = heads
        self.filter = filter
        self.messageLog = DatabaseMessageLog(logger: logger)
        self.cache = rocksdb_cache_create_lru(Self.cacheBytes)
        let tables = Self.tables(cache: self.cache)
        defer { rocksdb_block_based_options_destroy(tables) }

        self.database = try Self.base()
        rocksdb_options_set_block_based_table_factory(self.database, tables)
        // Delta records are removed by the next checkpoint, so that few are ever written from this buffer to a file.
        rocksdb_options_set_write_buffer_size(self.database, budget.metaBuffer)
        // The log is retained until both families have written its contents to files. This bounds the time of a start.
        rocksdb_options_set_max_total_wal_size(self.database, UInt64(budget.log))
        Self.setDatabaseWide(self.database)
        self.messageLog.receive(from: self.database)

        self.messages = rocksdb_options_create()
        rocksdb_options_set_block_based_table_factory(self.messages, tables)
        // Larger buffers mean fewer files to merge. At a start their contents are read again from the log, at about 100 MB per
        // second.
        rocksdb_options_set_write_buffer_size(self.messages, budget.messagesBuffer)
        rocksdb_options_set_target_file_size_base(self.messages, UInt64(budget.tableFile))
        rocksdb_options_set_max_bytes_for_level_base(self.messages, UInt64(budget.firstLevel))
        rocksdb_options_set_max_compaction_bytes(self.messages, UInt64(budget.merge))
        // One is filled, one is written to a file, and one more lets commits continue when the disk is busy.
        rocksdb_options_set_max_write_buffer_number(self.messages, 3)
        // The messages of a drained queue are dropped while files are merged, so that no removal needs a write of its own.
        rocksdb_options_set_compaction_filter(self.messages, self.filter)
        // Levels are sized from the last one up: a store's size follows its messages, not its largest size in the past.
        rocksdb_options_set_level_compaction_dynamic_level_bytes(self.messages, 1)
        // Payloads of field terminals are repetitive, and LZ4 costs less than the writes that it saves.
        rocksdb_options_set_compression(self.messages, Int32(rocksdb_lz4_compression))

        self.records = rocksdb_options_create()
        rocksdb_options_set_block_based_table_factory(self.records, tables)
        rocksdb_options_set_write_buffer_size(self.records, min(Self.recordsBufferBytes, budget.metaBuffer))
        rocksdb_options_set_compression(self.records, Int32(rocksdb_lz4_compression))
    }

    func options(of family: Database.Family) -> OpaquePointer {
        switch family {
        case .meta: self.database
        case .messages: self.messages
        case .traces, .keys: self.records
        }
    }

    deinit {
        rocksdb_options_destroy(self.records)
        rocksdb_options_destroy(self.messages)
        rocksdb_options_destroy(self.database)
        rocksdb_cache_destroy(self.cache)
        rocksdb_compactionfilter_destroy(self.filter)
        ttms_heads_destroy(self.heads)
    }

    /// Options of the whole database with which opening leaves the contents of the log there, for a disk without space for the
    /// files. Released with `rocksdb_options_destroy`.
    func keepingLog() throws(StoreError) -> OpaquePointer {
        guard let options = rocksdb_options_create() else {
            throw StoreError(.other, "There is no memory for the store's options. Give the process more.")
        }
        try RocksDBFailure.check("Setting up RocksDB") {
            rocksdb_get_options_from_string(self.database, "avoid_flush_during_recovery=true", options, $0)
        }
        return options
    }

    /// Base options, with those for which RocksDB's C API has no function.
    private static func base() throws(StoreError) -> OpaquePointer {
        let empty = rocksdb_options_create()
        defer { rocksdb_options_destroy(empty) }
        guard let options = rocksdb_options_create() else {
            throw StoreError(.other, "There is no memory for the store's options. Give the process more.")
        }
        // The sizes of finished logs are recorded, so that opening detects one that was cut off or removed.
        try RocksDBFailure.check("Setting up RocksDB") {
            rocksdb_get_options_from_string(empty, "track_and_verify_wals_in_manifest=true", options, $0)
        }
        return options
    }

    private static func tables(cache: OpaquePointer) -> OpaquePointer? {
        let tables = rocksdb_block_based_options_create()
        rocksdb_block_based_options_set_block_cache(tables, cache)
        // Indexes are in the cache, so that memory does not grow with the backlog; those of the newest files stay there.
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(tables, 1)
        rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(tables, 1)
        // A queue is read in runs: larger blocks make smaller indexes.
        rocksdb_block_based_options_set_block_size(tables, 16 << 10)
        return tables
    }

    private static func setDatabaseWide(_ options: OpaquePointer) {
        // RocksDB reports damage at once, not when a reader meets it.
        rocksdb_options_set_paranoid_checks(options, 1)
        // After a power failure, the part of the log that was not synced may exist in pieces, even a later page without an
        // earlier one. The log is read up to the first record whose checksum fails (point-in-time recovery). The store detects
        // by the commits' numbers whether that loses a durable commit: ``StoreDirectory/committed``.
        rocksdb_options_set_wal_recovery_mode(options, 2)
        // Descriptors are needed for terminals.
        rocksdb_options_set_max_open_files(options, 256)
        // One job writes buffers, one merges: the machine also runs event loops.
        rocksdb_options_set_max_background_jobs(options, 2)
        // Files that are written in the background are synced steadily, not all at once before a commit that has to wait.
        rocksdb_options_set_bytes_per_sync(options, 1 << 20)
        // The list of a few hundred files has some tens of kilobytes.
        rocksdb_options_set_manifest_preallocation_size(options, 64 << 10)
        rocksdb_options_set_stats_dump_period_sec(options, 0)
        rocksdb_options_set_stats_persist_period_sec(options, 0)
    }
}
