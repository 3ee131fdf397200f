// RocksDB's C API, and what the store cannot do in Swift: the compaction filter, which must not call back into it, naming
// a thread, and what the C API leaves out: a logger, how a
// compaction has ended, and which files have to be there.
#pragma once

#include <rocksdb/c.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// What the messages that compaction meets are worth: per slot, the id of the oldest message that is still kept.
//
// Written by the store's thread, read by RocksDB's compaction threads, without locks. An id may be published only when the
// commit that made it the oldest is durable: what lies below may vanish from the disk at any moment after that.
typedef struct ttms_heads ttms_heads;

// NULL when there is no memory.
ttms_heads *ttms_heads_create(void);
void ttms_heads_destroy(ttms_heads *heads);

// Says that nothing below `head`, a message id, is kept for the slot in its upper 24 bits. Without memory to note it nothing
// happens: the slot's dead messages just stay on disk.
void ttms_heads_publish(ttms_heads *heads, uint64_t head);

// Drops the chunks of messages that lie below their slot's head. `heads` has to outlive every database that uses the filter.
// Released with rocksdb_compactionfilter_destroy.
rocksdb_compactionfilter_t *ttms_heads_filter(ttms_heads *heads);

// Names the calling thread, for `top -H` and debuggers; at most 15 bytes.
void ttms_name_thread(const char *name);

// Receives a message of RocksDB, on any of its threads; `text` is valid during the call.
typedef void (*ttms_log_callback)(void *context, int level, const char *text);

// Has databases opened with `options` pass messages of `lowest_level` (0 debug, 1 info, 2 warning, 3 error, 4 fatal) and above to
// `callback`, and write no log file. `context` has to outlive the databases and the options.
void ttms_options_set_logger(rocksdb_options_t *options, int lowest_level, ttms_log_callback callback, void *context);

// Has the file system set aside `bytes` for a file, behind its end. -1 with errno when it cannot.
int ttms_reserve(int file, int64_t bytes);

// Merges all files of a family, and drops what its compaction filter says. The C API's function does not say whether that worked.
// With `skips_last_level`, files of the last level are only rewritten where others are merged into them.
void ttms_compact(rocksdb_t *database, rocksdb_column_family_handle_t *family, int skips_last_level, char **error);

// Rewrites each file of a family by itself without what its compaction filter drops, the smallest first, so that the work takes the
// room of one file at a time. Files of level 0 are left out, and those that another merge works on.
void ttms_compact_singly(rocksdb_t *database, rocksdb_column_family_handle_t *family, char **error);

// Looks for up to `count` of the files that the database needs to be opened again, from number `*position` on, which is moved behind
// them, and back to 0 after the last. Gives the path of the first that is not there, to be freed with rocksdb_free, or NULL.
char *ttms_missing_file(rocksdb_t *database, size_t *position, size_t count);

#ifdef __cplusplus
}
#endif
