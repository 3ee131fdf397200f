// What the relay asks of GnuTLS, which libmicrohttpd brings along: SHA-256, and a comparison whose time tells nothing.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#pragma clang assume_nonnull begin

/// Bytes of a SHA-256 digest.
enum { TTMS_DIGEST_SIZE = 32 };

/// Writes the SHA-256 of `size` bytes to `digest`. `false` when the library refuses, as it does where the system forbids it.
bool ttms_sha256(const void *_Nullable bytes, size_t size, uint8_t *digest);

/// Whether two digests are the same; takes the same time wherever they differ.
bool ttms_digests_are_equal(const uint8_t *first, const uint8_t *second);

#pragma clang assume_nonnull end
