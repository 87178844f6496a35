/*
 * stream/names.h: distinct texts as numbers, so that records of many lines hold each text once.
 * Zero-initialised: none. Release with kvt_names_free.
 */
#ifndef KVT_STREAM_NAMES_H
#define KVT_STREAM_NAMES_H

#include <stddef.h>
#include <stdint.h>

#define KVT_NO_NAME UINT32_MAX /* an absent text */

/* Numbered in order of arrival; after kvt_names_sort in byte order. */
struct kvt_names {
    char **texts;
    size_t count, capacity;
    uint32_t *slots; /* open addressing, KVT_NO_NAME is free */
    size_t n_slots;
};

/* The number of a text (copied when new). Ends the process when there are too many. */
uint32_t kvt_names_intern(struct kvt_names *names, const char *text, size_t length);
/* The text of a number, borrowed; NULL for KVT_NO_NAME. */
const char *kvt_names_text(const struct kvt_names *names, uint32_t name);
/* Order of two names by their texts, as strcmp; KVT_NO_NAME comes first. */
int kvt_names_compare(const struct kvt_names *names, uint32_t a, uint32_t b);
/* Renumbers in byte order: what was number i is rank[i] from then on; `rank` has room for all. */
void kvt_names_sort(struct kvt_names *names, uint32_t *rank);
void kvt_names_free(struct kvt_names *names);

/* 64 bits of a text that is compared and not kept. */
uint64_t kvt_names_hash(const char *text, size_t length);

#endif
