#include "digest.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

bool ttms_sha256(const void *bytes, size_t size, uint8_t *digest) {
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, bytes, size, digest) == 0;
}

bool ttms_digests_are_equal(const uint8_t *first, const uint8_t *second) {
    return gnutls_memcmp(first, second, TTMS_DIGEST_SIZE) == 0;
}
