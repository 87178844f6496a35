#include "core/random.h"

#include "core/sha256.h"

#include <stdio.h>

void kvt_random_seed(struct kvt_random *random, uint64_t seed)
{
    random->state = seed;
}

void kvt_random_stream(struct kvt_random *random, uint64_t seed, const char *purpose)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)seed);
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, text);
    kvt_sha256_field(&hash, purpose);
    unsigned char digest[32];
    kvt_sha256_finish(&hash, digest);
    uint64_t state = 0;
    for (int i = 0; i < 8; i++)
        state = state << 8 | digest[i];
    random->state = state;
}

uint64_t kvt_random_next(struct kvt_random *random)
{
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t kvt_random_bounded(struct kvt_random *random, uint32_t bound)
{
    uint64_t product = (kvt_random_next(random) >> 32) * bound;
    uint32_t low = (uint32_t)product;
    if (low < bound) {
        uint32_t threshold = (0u - bound) % bound;
        while (low < threshold) {
            product = (kvt_random_next(random) >> 32) * bound;
            low = (uint32_t)product;
        }
    }
    return (uint32_t)(product >> 32);
}

double kvt_random_double(struct kvt_random *random)
{
    return (double)(kvt_random_next(random) >> 11) * 0x1p-53;
}
