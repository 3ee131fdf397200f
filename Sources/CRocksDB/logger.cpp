#include "shim.h"

#include <rocksdb/env.h>

#include <cstdarg>
#include <cstdio>
#include <memory>

// The C API declares this type and, before release 9, has no function that makes one. Its own definition is the same.
struct rocksdb_logger_t {
    std::shared_ptr<rocksdb::Logger> rep;
};

namespace {

// Passes messages on, without a file. RocksDB's own logger asserts that no write follows a failed one, and aborts the process.
class CallbackLogger final : public rocksdb::Logger {
public:
    CallbackLogger(rocksdb::InfoLogLevel lowest, ttms_log_callback callback, void *context)
        : rocksdb::Logger(lowest), callback_(callback), context_(context) {}

    using rocksdb::Logger::Logv;

    void Logv(const rocksdb::InfoLogLevel level, const char *format, va_list arguments) override {
        // Header messages list every option at each opening.
        if (level < GetInfoLogLevel() || level >= rocksdb::InfoLogLevel::HEADER_LEVEL) return;
        char text[1024];
        std::vsnprintf(text, sizeof text, format, arguments);
        callback_(context_, static_cast<int>(level), text);
    }

    void LogHeader(const char *, va_list) override {}

protected:
    rocksdb::Status CloseImpl() override { return rocksdb::Status::OK(); }

private:
    const ttms_log_callback callback_;
    void *const context_;
};

}  // namespace

void ttms_options_set_logger(rocksdb_options_t *options, int lowest_level, ttms_log_callback callback, void *context) {
    rocksdb_logger_t logger{
        std::make_shared<CallbackLogger>(static_cast<rocksdb::InfoLogLevel>(lowest_level), callback, context)};
    rocksdb_options_set_info_log(options, &logger);
}
