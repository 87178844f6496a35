/*
 * text/words.h: small whole numbers for words: equal words get equal numbers, 0, 1, 2, ... in the
 * order they first came. The table is cleared in constant time and keeps its memory, so that
 * scoring a row allocates nothing once the longest row was seen. The words' bytes are borrowed.
 */
#ifndef KVT_TEXT_WORDS_H
#define KVT_TEXT_WORDS_H

#include <stddef.h>
#include <stdint.h>

#define KVT_WORD_UNKNOWN UINT32_MAX

struct kvt_word_slot {
    uint64_t hash;
    const char *data;
    size_t length;
    uint32_t id;
    uint32_t epoch; /* slots of an older epoch are free */
};

/* For tables only, never for identities. */
uint64_t kvt_words_hash(const char *data, size_t length);

/* Zero-initialise; release with kvt_words_free. */
struct kvt_words {
    struct kvt_word_slot *slots;
    size_t capacity; /* a power of two, or 0 */
    uint32_t count;  /* distinct words */
    uint32_t epoch;
};

void kvt_words_clear(struct kvt_words *words);
uint32_t kvt_words_add(struct kvt_words *words, const char *data, size_t length);
/* The number of a word already added, or KVT_WORD_UNKNOWN. */
uint32_t kvt_words_find(const struct kvt_words *words, const char *data, size_t length);
void kvt_words_free(struct kvt_words *words);

/* A growing array of numbers; zero-initialise, release with free(list.data). */
struct kvt_numbers {
    uint32_t *data;
    size_t count, capacity;
};

void kvt_numbers_add(struct kvt_numbers *numbers, uint32_t value);
/* Room for `count`, without a change of what is there. */
void kvt_numbers_reserve(struct kvt_numbers *numbers, size_t count);
/* Makes it `count` zeros. */
void kvt_numbers_zero(struct kvt_numbers *numbers, size_t count);

/*
 * Where each number stands in a sequence: positions.data[start.data[s] ...], count.data[s] of them,
 * ascending. Building and clearing cost as much as the sequence is long, however many numbers there
 * are.
 */
struct kvt_index {
    struct kvt_numbers start, count, positions; /* count is zero for every number between uses */
};

/* All numbers of the sequence are below n_symbols. The index must be clear. */
void kvt_index_build(struct kvt_index *index, const uint32_t *sequence, size_t length,
                     uint32_t n_symbols);
void kvt_index_clear(struct kvt_index *index, const uint32_t *sequence, size_t length);
void kvt_index_free(struct kvt_index *index);

#endif
