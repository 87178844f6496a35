#include "http/identity.h"

#include "core/buffer.h"
#include "core/memory.h"
#include "stream/json.h"
#include "stream/number.h"

#include <stdio.h>

void kvt_identity_run(const struct kvt_grid *grid, const struct kvt_run *run,
                      char id[KVT_SHA256_HEX])
{
    char budget[KVT_NUMBER_SIZE];
    kvt_number_format(run->budget, budget);
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, "run");
    kvt_sha256_field(&hash, grid->exp_group_id);
    kvt_sha256_field(&hash, run->policy);
    kvt_sha256_field(&hash, budget);
    kvt_sha256_field(&hash, run->unit);
    kvt_sha256_field(&hash, (char[]){run->replicate, '\0'});
    kvt_sha256_field(&hash, grid->model);
    kvt_sha256_field(&hash, grid->engine_name);
    kvt_sha256_field(&hash, grid->salt);
    if (run->sample) {
        char sample[24];
        snprintf(sample, sizeof sample, "sample %lld", run->sample);
        kvt_sha256_field(&hash, sample);
    }
    kvt_sha256_hex(&hash, id);
}

void kvt_identity_request(const struct kvt_grid *grid, const struct kvt_run *run,
                          const char *body_sha256, long repeat, char id[KVT_SHA256_HEX])
{
    char budget[KVT_NUMBER_SIZE], count[24];
    kvt_number_format(run->budget, budget);
    snprintf(count, sizeof count, "%ld", repeat);
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, "request");
    kvt_sha256_field(&hash, body_sha256);
    kvt_sha256_field(&hash, run->policy);
    kvt_sha256_field(&hash, budget);
    kvt_sha256_field(&hash, run->unit);
    kvt_sha256_field(&hash, count);
    kvt_sha256_field(&hash, (char[]){run->replicate, '\0'});
    kvt_sha256_field(&hash, grid->engine_name);
    kvt_sha256_field(&hash, grid->salt);
    kvt_sha256_hex(&hash, id);
}

char *kvt_identity_group(const struct kvt_grid *grid, const json_t *tree)
{
    struct kvt_buffer text = {0};
    kvt_json_write(&text, kvt_json_get(tree, "kv"));
    struct kvt_sha256 hash;
    char hex[KVT_SHA256_HEX];
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, kvt_buffer_string(&text));
    kvt_sha256_field(&hash, grid->model);
    kvt_sha256_field(&hash, grid->engine_name);
    kvt_sha256_field(&hash, grid->salt);
    kvt_sha256_hex(&hash, hex);
    kvt_buffer_free(&text);
    return kvt_asprintf("exp-%.12s", hex);
}

void kvt_identity_preflight(const struct kvt_grid *grid, const json_t *tree,
                            char id[KVT_SHA256_HEX])
{
    struct kvt_buffer text = {0};
    static const char *const parts[] = {"kv", "engine.extra_body", "engine.endpoints",
                                        "engine.kv_report"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        kvt_json_write(&text, kvt_json_get(tree, parts[i]));
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, "preflight");
    kvt_sha256_field(&hash, kvt_buffer_string(&text));
    kvt_sha256_field(&hash, grid->model);
    kvt_sha256_field(&hash, grid->engine_name);
    kvt_sha256_field(&hash, grid->salt);
    kvt_sha256_hex(&hash, id);
    kvt_buffer_free(&text);
}
