// State of a client's connection in the kernel.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Traffic of a connection since it was made.
typedef struct {
    /// Bytes that have arrived, read or not.
    uint64_t received;
    /// Bytes that the client's kernel has acknowledged.
    uint64_t acknowledged;
    /// Whether there are bytes that it has not acknowledged, sent or not.
    bool is_outstanding;
} ttms_traffic;

/// Reads the counters of a TCP connection. Returns `false` when the descriptor is none.
bool ttms_read_traffic(int descriptor, ttms_traffic *traffic);
/// Returns whether the client has ended its side of a connection: only unread bytes remain.
bool ttms_has_ended(int descriptor);
/// Returns whether neither side of a connection can be used: it was reset, or both sides have ended.
bool ttms_is_broken(int descriptor);

#pragma clang assume_nonnull end
