/*
 * dataset/manifest.h: the records kvt-bin makes, as lines (kvt-stream(5): experiment, dataset, bin,
 * entry).
 */
#ifndef KVT_DATASET_MANIFEST_H
#define KVT_DATASET_MANIFEST_H

#include "core/buffer.h"
#include "core/sha256.h"
#include "dataset/bins.h"
#include "dataset/prompt.h"
#include "dataset/row.h"
#include "dataset/template.h"

#include <jansson.h>
#include <stddef.h>

enum { KVT_ID_SIZE = 17, KVT_EXPERIMENT_SIZE = KVT_ID_SIZE + 4 };

/* The first 16 hexadecimal digits of the SHA-256 of the texts, each ended by a NUL byte. */
void kvt_manifest_id(char id[KVT_ID_SIZE], const char *const *texts, size_t n_texts);

struct kvt_manifest {
    const json_t *settings; /* without secrets (kvt_config_strip) */
    const char *exp_group_id;
    const char *created_at;
    const char *git_hash; /* or NULL */
    char dataset_id[KVT_ID_SIZE];
    const char *name;
    const char *task; /* of all rows, or NULL when they differ */
    const char *source_sha256;
    const char *tokenizer_name, *tokenizer_sha256;
    const char *template_name, *template_sha256;
    const char *chat_name;
    size_t n_examples, n_overlong, n_bins_asked;
    int64_t max_prompt_tokens;
    bool dropped; /* what happened to overlong prompts: dropped, else cut */
};

/* The experiment's name where none is configured: "exp-" and an id of everything that makes it, the
 * settings and dataset_id. */
void kvt_manifest_derive_name(const struct kvt_manifest *manifest, char name[KVT_EXPERIMENT_SIZE]);

void kvt_manifest_experiment(const struct kvt_manifest *manifest, struct kvt_buffer *out);
void kvt_manifest_dataset(const struct kvt_manifest *manifest, const struct kvt_length_bins *bins,
                          struct kvt_buffer *out);
void kvt_manifest_bin(const struct kvt_manifest *manifest, const struct kvt_length_bin *bin,
                      size_t index, size_t n_selected, struct kvt_buffer *out);

struct kvt_entry {
    const struct kvt_row *row;
    const struct kvt_prompt *prompt;
    size_t bin_idx, rank;
    int64_t token_len;
};

/* Also gives the digest of the prompt: what makes two entries one request. */
void kvt_manifest_entry(const struct kvt_manifest *manifest, const struct kvt_entry *entry,
                        char prompt_sha256[KVT_SHA256_HEX], struct kvt_buffer *out);

#endif
