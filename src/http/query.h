/*
 * http/query.h: one request body from an entry, a run and the settings. Pure.
 *
 * The canonical body is what identifies a request: everything sent except the stream fields and the
 * nonce. What is sent is the canonical body with those added.
 */
#ifndef KVT_HTTP_QUERY_H
#define KVT_HTTP_QUERY_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/sha256.h"
#include "http/grid.h"

#include <jansson.h>
#include <stdbool.h>

enum kvt_api { KVT_API_CHAT, KVT_API_COMPLETIONS };

struct kvt_query_settings {
    const char *api; /* "chat", "completions" or NULL: by the entry */
    const char *max_tokens_field;
    long long max_tokens; /* -1: the entry's meta.max_tokens, else 128 */
    double temperature;
    bool send_temperature;
    long long seed; /* of repeat 0; repeat r is sent seed + r */
    bool stream;
    bool stream_usage; /* stream_options.include_usage */
    bool nonce;
};

struct kvt_query {
    enum kvt_api api;
    long long max_tokens;
    long long seed;
    char body_sha256[KVT_SHA256_HEX];
    char request_id[KVT_SHA256_HEX];
    struct kvt_buffer body; /* as sent */
};

void kvt_query_read_settings(struct kvt_query_settings *settings, const json_t *tree);

/* `add` (may be NULL) holds members laid over all others: logprobs, ignore_eos. */
int kvt_query_build(struct kvt_query *request, const struct kvt_query_settings *settings,
                    const struct kvt_grid *grid, const struct kvt_run *run, const json_t *entry,
                    long repeat, const json_t *add, struct kvt_error *error);
void kvt_query_free(struct kvt_query *request);

/* "/chat/completions" or "/completions" */
const char *kvt_api_path(enum kvt_api api);

#endif
