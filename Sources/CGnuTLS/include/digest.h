// The parts of GnuTLS that the relay uses, a dependency of libmicrohttpd: SHA-256, and a comparison in constant time.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Bytes of a SHA-256 digest.
enum { TTMS_DIGEST_SIZE = 32 };

/// Writes the SHA-256 of `size` bytes to `digest`. Returns `false` when the library refuses, for instance by a policy of the
/// system.
bool ttms_sha256(const void *_Nullable bytes, size_t size, uint8_t *digest);

/// Returns whether two digests are equal, in a time that does not depend on their contents.
bool ttms_digests_are_equal(const uint8_t *first, const uint8_t *second);

#pragma clang assume_nonnull end
