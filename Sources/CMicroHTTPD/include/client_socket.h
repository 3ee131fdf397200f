// What the kernel knows of a client's connection.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Bytes that have moved over a connection since it was made.
typedef struct {
    /// Those that have arrived, read or not.
    uint64_t received;
    /// Those that the client's kernel has acknowledged.
    uint64_t acknowledged;
    /// Whether there are some that it has not acknowledged, sent or not.
    bool is_outstanding;
} ttms_traffic;

/// Reads the counters of a TCP connection; `false` when the descriptor is none.
bool ttms_read_traffic(int descriptor, ttms_traffic *traffic);
/// Whether the client has ended its side of a connection: nothing comes any more but what lies unread.
bool ttms_has_ended(int descriptor);
/// Whether neither side of a connection can be used any more: it was reset, or both sides have ended.
bool ttms_is_broken(int descriptor);

#pragma clang assume_nonnull end
