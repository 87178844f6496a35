/*
 * core/random.h: SplitMix64 (Steele, Lea, Flood 2014), one stream per (seed, purpose), so that the
 * same seed gives the same bytes on every machine and streams do not depend on each other's use.
 */
#ifndef KVT_CORE_RANDOM_H
#define KVT_CORE_RANDOM_H

#include <stdint.h>

struct kvt_random {
    uint64_t state;
};

void kvt_random_seed(struct kvt_random *random, uint64_t seed);
/* A stream of its own for a named purpose ("order", entry id): seeded by SHA-256(seed, purpose). */
void kvt_random_stream(struct kvt_random *random, uint64_t seed, const char *purpose);
uint64_t kvt_random_next(struct kvt_random *random);
/* Uniform in [0, bound), bound > 0: Lemire's 32-bit multiply-shift with rejection on the high word.
 */
uint32_t kvt_random_bounded(struct kvt_random *random, uint32_t bound);
double kvt_random_double(struct kvt_random *random); /* [0, 1), 53 bits */

#endif
