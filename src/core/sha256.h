/*
 * core/sha256.h: SHA-256 (FIPS 180-4), used for identities (entry_id, request_id) and provenance.
 */
#ifndef KVT_CORE_SHA256_H
#define KVT_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

struct kvt_sha256 {
    uint32_t state[8];
    uint64_t length; /* bytes hashed so far */
    unsigned char block[64];
};

enum { KVT_SHA256_HEX = 65 }; /* size of a hexadecimal digest with its NUL */

void kvt_sha256_start(struct kvt_sha256 *hash);
void kvt_sha256_add(struct kvt_sha256 *hash, const void *data, size_t length);
/* Adds the text and one NUL byte, so that ("ab","c") and ("a","bc") differ. NULL counts as "". */
void kvt_sha256_field(struct kvt_sha256 *hash, const char *text);
void kvt_sha256_finish(struct kvt_sha256 *hash, unsigned char digest[32]);
void kvt_sha256_hex(struct kvt_sha256 *hash, char hex[KVT_SHA256_HEX]); /* finish, lower-case hex */

/* Digest of the file's bytes. Returns 0, or -1 with errno set. */
int kvt_sha256_file(const char *path, char hex[KVT_SHA256_HEX]);

#endif
