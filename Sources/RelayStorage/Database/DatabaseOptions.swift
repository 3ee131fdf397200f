import CRocksDB
import Logging
import RelayCore

/// How RocksDB is set up, each choice with its reason. Outlives the databases that are opened with it.
final class DatabaseOptions {
    /// Of the family `default`, which holds the meta records, and of the database as a whole.
    let database: OpaquePointer
    /// Of the family `messages`.
    let messages: OpaquePointer
    /// Of the families `traces` and `keys`.
    let records: OpaquePointer
    /// The heads below which compaction drops messages.
    let heads: OpaquePointer
    private let filter: OpaquePointer
    private let cache: OpaquePointer
    /// Outlives the databases, whose threads use it.
    private let messageLog: DatabaseMessageLog

    /// Blocks read from table files, their indexes included: the only part of memory that a larger store would otherwise grow.
    private static let cacheBytes = 32 << 20
    /// Traces and keys come with what operators send: few, and small.
    private static let recordsBufferBytes = 4 << 20

    /// - Parameters:
    ///   - logger: receives RocksDB's own warnings.
    ///   - budget: how much of the disk is for what.
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
        // Delta records are gone after the next checkpoint, so that few ever need to leave this buffer.
        rocksdb_options_set_write_buffer_size(self.database, budget.metaBuffer)
        // The log is kept until both families have written what is in it. This bounds the time that a start takes.
        rocksdb_options_set_max_total_wal_size(self.database, UInt64(budget.log))
        Self.setDatabaseWide(self.database)
        self.messageLog.receive(from: self.database)

        self.messages = rocksdb_options_create()
        rocksdb_options_set_block_based_table_factory(self.messages, tables)
        // Larger means fewer files to merge; what is in memory is read again from the log at start, at about 100 MB per second.
        rocksdb_options_set_write_buffer_size(self.messages, budget.messagesBuffer)
        rocksdb_options_set_target_file_size_base(self.messages, UInt64(budget.tableFile))
        rocksdb_options_set_max_bytes_for_level_base(self.messages, UInt64(budget.firstLevel))
        rocksdb_options_set_max_compaction_bytes(self.messages, UInt64(budget.merge))
        // One is filled, one is written out, and one more keeps commits going when the disk is busy.
        rocksdb_options_set_max_write_buffer_number(self.messages, 3)
        // What is in the way of a drained queue is dropped while files are merged, so that no removal needs a write of its own.
        rocksdb_options_set_compaction_filter(self.messages, self.filter)
        // Levels sized from the last one up: a store holds little more than its messages, however large it once was.
        rocksdb_options_set_level_compaction_dynamic_level_bytes(self.messages, 1)
        // Payloads of field terminals are repetitive, and LZ4 costs less than the writing that it saves.
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

    /// Options of the database as a whole with which opening leaves in the log what it finds there, for a disk that has no room for
    /// the files it would become. Released with `rocksdb_options_destroy`.
    func keepingLog() throws(StoreError) -> OpaquePointer {
        guard let options = rocksdb_options_create() else {
            throw StoreError(.other, "There is no memory for the store's options. Give the process more.")
        }
        try RocksDBFailure.check("Setting up RocksDB") {
            rocksdb_get_options_from_string(self.database, "avoid_flush_during_recovery=true", options, $0)
        }
        return options
    }

    /// Options that RocksDB's C API has no function for.
    private static func base() throws(StoreError) -> OpaquePointer {
        let empty = rocksdb_options_create()
        defer { rocksdb_options_destroy(empty) }
        guard let options = rocksdb_options_create() else {
            throw StoreError(.other, "There is no memory for the store's options. Give the process more.")
        }
        // The sizes of finished logs are noted, so that one that was cut or taken away is found when the store is opened.
        try RocksDBFailure.check("Setting up RocksDB") {
            rocksdb_get_options_from_string(empty, "track_and_verify_wals_in_manifest=true", options, $0)
        }
        return options
    }

    private static func tables(cache: OpaquePointer) -> OpaquePointer? {
        let tables = rocksdb_block_based_options_create()
        rocksdb_block_based_options_set_block_cache(tables, cache)
        // Indexes live in the cache, so that memory does not grow with the backlog; those of the newest files stay there.
        rocksdb_block_based_options_set_cache_index_and_filter_blocks(tables, 1)
        rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(tables, 1)
        // A queue is read in runs: larger blocks make smaller indexes.
        rocksdb_block_based_options_set_block_size(tables, 16 << 10)
        return tables
    }

    private static func setDatabaseWide(_ options: OpaquePointer) {
        // What RocksDB finds wrong is an error at once, not when a reader meets it.
        rocksdb_options_set_paranoid_checks(options, 1)
        // After a power failure the end of the log that was not synced may be there in parts, also a later page without an earlier
        // one. The log is read up to the first record that does not hold its checksum (point-in-time recovery). Whether that
        // leaves out a commit that was promised, the store tells by their numbers: ``StoreDirectory/committed``.
        rocksdb_options_set_wal_recovery_mode(options, 2)
        // Descriptors belong to terminals.
        rocksdb_options_set_max_open_files(options, 256)
        // One for writing buffers out, one for merging: the machine has event loops to run.
        rocksdb_options_set_max_background_jobs(options, 2)
        // Files that are written in the background reach the disk steadily, not in one gulp that a commit has to wait for.
        rocksdb_options_set_bytes_per_sync(options, 1 << 20)
        // A list of a few hundred files has a few tens of kilobytes.
        rocksdb_options_set_manifest_preallocation_size(options, 64 << 10)
        rocksdb_options_set_stats_dump_period_sec(options, 0)
        rocksdb_options_set_stats_persist_period_sec(options, 0)
    }
}
