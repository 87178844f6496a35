/*
 * core/sha256_compress.h: the two ways to take blocks of 64 bytes into a SHA-256 state: plain C,
 * and the SHA instructions of x86 processors. Only core/sha256*.c and their test include this.
 */
#ifndef KVT_CORE_SHA256_COMPRESS_H
#define KVT_CORE_SHA256_COMPRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const uint32_t kvt_sha256_constants[64]; /* of the rounds */

void kvt_sha256_compress_plain(uint32_t state[8], const unsigned char *blocks, size_t count);

/* Have the compiler and this processor the instructions? */
bool kvt_sha256_has_x86(void);
/* Only where kvt_sha256_has_x86() is true. */
void kvt_sha256_compress_x86(uint32_t state[8], const unsigned char *blocks, size_t count);

#endif
