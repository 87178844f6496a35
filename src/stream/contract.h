/*
 * stream/contract.h: kvt-stream(5) as a table: which members a record of each kind has, and of what
 * type. kvt-lint checks streams with it; a test holds the table against the page and the SQL.
 */
#ifndef KVT_STREAM_CONTRACT_H
#define KVT_STREAM_CONTRACT_H

#include "core/error.h"

#include <jansson.h>
#include <stddef.h>
#include <stdio.h>

/* dataset.tokenizer.name where nobody counted tokens: lengths are those the rows came with
 * (kvt-import), in whatever unit. */
#define KVT_OWN_LENGTH "the rows' own length"

/* Version of the records that make a manifest: dataset, bin and entry (dataset.manifest_version).
 */
enum { KVT_MANIFEST_VERSION = 1 };

struct kvt_contract_member {
    const char *kind;
    const char *path; /* dotted below the record */
    const char *type; /* string number integer boolean array object any; a trailing ? allows null */
    const char *meaning;
};

extern const struct kvt_contract_member kvt_contract_members[]; /* ends with a NULL kind */

/* Remembers ids across lines, so that references can be checked: memory grows by the ids seen. */
struct kvt_contract_state;
struct kvt_contract_state *kvt_contract_start(void);
void kvt_contract_end(struct kvt_contract_state *state);

/* 0, or -1 with the first finding: missing member, wrong type, "kind" not first, unknown reference.
 * Records of kinds the table does not know pass. */
int kvt_contract_check(struct kvt_contract_state *state, const char *line, size_t length,
                       struct kvt_error *error);

/* 0, or -1 (KVT_DATA) naming the first member of the record that is there, not null, and of another
 * type than the table has for this kind. */
int kvt_contract_types(const json_t *record, const char *kind, struct kvt_error *error);

/* 0 when a manifest with this dataset record can be read; -1 (KVT_DATA) and what to do about it
 * when a newer release wrote it. Without the member, as in a record made by hand, it is today's. */
int kvt_contract_manifest(const json_t *dataset, struct kvt_error *error);

/* "kind<TAB>member<TAB>type" lines. */
void kvt_contract_print(FILE *out);

#endif
