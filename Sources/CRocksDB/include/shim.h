// RocksDB's C API, and functions that Swift or the C API lack. These are: a compaction filter that does not call into Swift, names
// of threads, a logger, results of compactions, and a list of required files.
#pragma once

#include <rocksdb/c.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// Oldest stored message per slot, by which compaction recognises messages that have ended.
//
// Written by the store's thread, read by RocksDB's compaction threads, without locks. An id is published only after the commit that
// made it the oldest is durable. Lower ids may then be removed from disk at any time.
typedef struct ttms_heads ttms_heads;

// Returns NULL when there is no memory.
ttms_heads *ttms_heads_create(void);
void ttms_heads_destroy(ttms_heads *heads);

// Publishes that nothing below `head`, a message id, is stored for the slot in its upper 24 bits. Without memory it has no effect,
// and the slot's ended messages stay on disk.
void ttms_heads_publish(ttms_heads *heads, uint64_t head);

// Makes the filter that drops chunks of messages below their slot's head. `heads` has to outlive every database that uses it.
// Released with rocksdb_compactionfilter_destroy.
rocksdb_compactionfilter_t *ttms_heads_filter(ttms_heads *heads);

// Names the calling thread, for `top -H` and debuggers; at most 15 bytes.
void ttms_name_thread(const char *name);

// Receiver of RocksDB's messages, on any of its threads; `text` is valid during the call.
typedef void (*ttms_log_callback)(void *context, int level, const char *text);

// Makes databases opened with `options` pass messages of `lowest_level` and above to `callback`, and write no log file. Levels: 0
// debug, 1 info, 2 warning, 3 error, 4 fatal. `context` has to outlive the databases and the options.
void ttms_options_set_logger(rocksdb_options_t *options, int lowest_level, ttms_log_callback callback, void *context);

// Makes the file system allocate `bytes` for a file, after its end. Returns -1 with errno when it cannot.
int ttms_reserve(int file, int64_t bytes);

// Merges all files of a family, and drops what its compaction filter rejects. The C API's function does not return whether that
// succeeded. With `skips_last_level`, files of the last level are rewritten only where others are merged into them.
void ttms_compact(rocksdb_t *database, rocksdb_column_family_handle_t *family, int skips_last_level, char **error);

// Rewrites each file of a family by itself without what its compaction filter drops, the smallest first. So the work takes the room
// of one file at a time. Files of level 0, and those in another compaction, are skipped.
void ttms_compact_singly(rocksdb_t *database, rocksdb_column_family_handle_t *family, char **error);

// Checks whether up to `count` of the files that the database needs are present, from number `*position` on. Advances `*position`,
// and resets it to 0 after the last. Returns the path of the first missing file, to be freed with rocksdb_free, or NULL.
char *ttms_missing_file(rocksdb_t *database, size_t *position, size_t count);

#ifdef __cplusplus
}
#endif
