#include "shim.h"

#include <rocksdb/db.h>
#include <rocksdb/transaction_log.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

// The C API declares these types and defines them like this; their other members follow.
struct rocksdb_t {
    rocksdb::DB *rep;
};
struct rocksdb_column_family_handle_t {
    rocksdb::ColumnFamilyHandle *rep;
};

void ttms_compact_singly(rocksdb_t *database, rocksdb_column_family_handle_t *family, char **error) {
    struct File {
        std::string name;
        int level;
        uint64_t size;
    };
    rocksdb::ColumnFamilyMetaData metadata;
    database->rep->GetColumnFamilyMetaData(family->rep, &metadata);
    std::vector<File> files;
    for (const rocksdb::LevelMetaData &level : metadata.levels) {
        if (level.level == 0) continue;
        for (const rocksdb::SstFileMetaData &file : level.files) files.push_back({file.name, level.level, file.size});
    }
    std::sort(files.begin(), files.end(), [](const File &left, const File &right) { return left.size < right.size; });
    rocksdb::CompactionOptions options;
    // The family's compression, not the default of this structure.
    options.compression = rocksdb::kDisableCompressionOption;
    for (const File &file : files) {
        const rocksdb::Status status = database->rep->CompactFiles(options, family->rep, {file.name}, file.level);
        // Another compaction works on it, or has replaced it.
        if (status.ok() || status.IsAborted() || status.IsInvalidArgument()) continue;
        *error = strdup(status.ToString().c_str());
        return;
    }
}

void ttms_compact(rocksdb_t *database, rocksdb_column_family_handle_t *family, int skips_last_level, char **error) {
    rocksdb::CompactRangeOptions options;
    if (skips_last_level) options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kSkip;
    // Files that commits make meanwhile are compacted as usual.
    options.exclusive_manual_compaction = false;
    const rocksdb::Status status = database->rep->CompactRange(options, family->rep, nullptr, nullptr);
    if (!status.ok()) *error = strdup(status.ToString().c_str());
}

static std::vector<std::string> needed_files(rocksdb::DB *database) {
    std::vector<std::string> files;
    uint64_t manifest_size = 0;
    if (!database->GetLiveFiles(files, &manifest_size, false).ok()) return {};
    files.erase(std::remove_if(files.begin(), files.end(),
                               [](const std::string &file) { return file.rfind("/OPTIONS", 0) == 0; }),
                files.end());
    return files;
}

static char *missing_log(rocksdb::DB *database) {
    // The call requests the log's size from the file system. Another log may have followed it meanwhile.
    for (int attempt = 0; attempt < 2; attempt++) {
        std::unique_ptr<rocksdb::LogFile> log;
        const rocksdb::Status status = database->GetCurrentWalFile(&log);
        if (status.ok() || !(status.IsPathNotFound() || status.IsNotFound())) return nullptr;
    }
    return strdup((database->GetName() + "/*.log").c_str());
}

char *ttms_missing_file(rocksdb_t *database, size_t *position, size_t count) {
    rocksdb::DB *db = database->rep;
    if (char *log = missing_log(db)) return log;
    const std::vector<std::string> files = needed_files(db);
    const size_t begin = *position < files.size() ? *position : 0;
    const size_t end = std::min(files.size(), begin + count);
    *position = end < files.size() ? end : 0;
    for (size_t i = begin; i < end; i++) {
        const std::string path = db->GetName() + files[i];
        if (access(path.c_str(), F_OK) == 0 || errno != ENOENT) continue;
        // A compaction may have deleted it since.
        const std::vector<std::string> now = needed_files(db);
        if (std::find(now.begin(), now.end(), files[i]) != now.end()) return strdup(path.c_str());
    }
    return nullptr;
}
