#include "text/import_record.h"

#include "core/sha256.h"
#include "core/utf8.h"
#include "stream/contract.h"
#include "stream/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kvt_import_id(char id[KVT_IMPORT_ID_SIZE], const char *const *texts)
{
    struct kvt_sha256 hash;
    char hex[KVT_SHA256_HEX];
    kvt_sha256_start(&hash);
    for (; *texts; texts++)
        kvt_sha256_field(&hash, *texts);
    kvt_sha256_hex(&hash, hex);
    memcpy(id, hex, KVT_IMPORT_ID_SIZE - 1);
    id[KVT_IMPORT_ID_SIZE - 1] = '\0';
}

static struct kvt_writer begin(struct kvt_buffer *out, const char *kind)
{
    struct kvt_writer writer;
    kvt_buffer_clear(out);
    kvt_writer_start(&writer, out);
    kvt_write_object(&writer);
    kvt_member_string(&writer, "kind", kind);
    return writer;
}

static void write_nulls(struct kvt_writer *writer, const char *const *names)
{
    for (; *names; names++)
        kvt_member_null(writer, *names);
}

#define WRITE_NULLS(writer, ...) write_nulls(writer, (const char *const[]){__VA_ARGS__, NULL})

/* A whole number, or null for one that is unknown or beyond what one can be. */
static void member_count(struct kvt_writer *writer, const char *key, double value)
{
    if (value >= 0 && value < 1e15)
        kvt_member_integer(writer, key, (long long)value);
    else
        kvt_member_null(writer, key);
}

static void keep_equal(const char **known, const char *text)
{
    if (*known && (!text || strcmp(*known, text) != 0))
        *known = NULL;
}

/* What the runs agree on, the reference aside where there are others; the rest is NULL. */
static struct kvt_import_run agreed(const struct kvt_import_run *const *runs, size_t n_runs)
{
    size_t first = 0;
    while (first + 1 < n_runs && runs[first]->reference)
        first++;
    struct kvt_import_run known = *runs[first];
    for (size_t i = 0; i < n_runs; i++) {
        keep_equal(&known.model, runs[i]->model);
        if (runs[i]->reference)
            continue;
        keep_equal(&known.policy, runs[i]->policy);
        keep_equal(&known.unit, runs[i]->unit);
        keep_equal(&known.compress_after, runs[i]->compress_after);
    }
    return known;
}

/* Names of files and options are bytes; what is not UTF-8 in them becomes U+FFFD, as in the other
 * records. NULL is null. */
static json_t *text_of(const char *text)
{
    if (!text)
        return json_null();
    struct kvt_buffer valid = {0};
    kvt_utf8_repair(&valid, text, strlen(text));
    json_t *value = json_stringn(kvt_buffer_string(&valid), valid.length);
    kvt_buffer_free(&valid);
    return value;
}

static void set_known(json_t *object, const char *key, const char *text)
{
    if (text)
        json_object_set_new(object, key, text_of(text));
}

/* The policy, and the budgets if they have one unit. */
static json_t *known_kv(const struct kvt_import_run *known,
                        const struct kvt_import_run *const *runs, size_t n_runs)
{
    json_t *kv = json_object();
    set_known(kv, "policy", known->policy);
    set_known(kv, "compress_after", known->compress_after);
    if (!known->unit)
        return kv;
    json_t *budgets = json_array();
    for (size_t i = 0; i < n_runs; i++)
        if (strcmp(runs[i]->unit, known->unit) == 0)
            json_array_append_new(budgets, json_real(runs[i]->budget));
    json_object_set_new(kv, "budgets", budgets);
    set_known(kv, "budget_unit", known->unit);
    return kv;
}

void kvt_import_write_experiment(struct kvt_buffer *out, const struct kvt_import_dataset *dataset,
                                 const struct kvt_import_run *const *runs, size_t n_runs,
                                 const json_t *settings)
{
    /* Settings of the stages to come, and what is known of the predictions; the rest (server,
     * decoding, what the policy was set to) is not there, as defaults would be claims. */
    static const char *const kept[] = {"seed", "notes", "scoring", "stats", "transition"};
    const struct kvt_import_run known = agreed(runs, n_runs);
    json_t *config = json_object();
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        json_object_set(config, kept[i], json_object_get(settings, kept[i]));
    json_object_set_new(config, "dataset",
                        json_pack("{s:s, s:o}", "name", "import", "task", text_of(dataset->task)));
    json_object_set_new(config, "binning",
                        json_pack("{s:I}", "n_bins", (json_int_t)dataset->n_bins));
    json_object_set_new(config, "model", json_pack("{s:o}", "name", text_of(known.model)));
    json_object_set_new(config, "kv", known_kv(&known, runs, n_runs));
    json_object_set_new(config, "output",
                        json_pack("{s:o}", "exp_group_id", text_of(dataset->exp_group)));
    struct kvt_writer writer = begin(out, "experiment");
    kvt_member_string(&writer, "exp_group_id", dataset->exp_group);
    kvt_member_string(&writer, "created_at", dataset->date);
    kvt_member_json(&writer, "config", config);
    kvt_member_string(&writer, "git_hash", getenv("KVT_GIT_HASH"));
    kvt_member_json(&writer, "notes", json_object_get(config, "notes"));
    kvt_member_json(&writer, "seed", json_object_get(config, "seed"));
    kvt_write_end(&writer);
    json_decref(config);
}

void kvt_import_write_dataset(struct kvt_buffer *out, const struct kvt_import_dataset *dataset)
{
    struct kvt_writer writer = begin(out, "dataset");
    kvt_member_string(&writer, "dataset_id", dataset->id);
    kvt_member_string(&writer, "name", "import");
    kvt_member_string(&writer, "task", dataset->task);
    kvt_member_string(&writer, "created_at", dataset->date);
    kvt_member_null(&writer, "source_sha256");
    kvt_member_integer(&writer, "n_examples", (long long)dataset->n_entries);
    kvt_write_key(&writer, "tokenizer");
    kvt_write_object(&writer);
    kvt_member_string(&writer, "name", KVT_OWN_LENGTH); /* LongBench: words */
    kvt_member_null(&writer, "sha256");
    kvt_write_end(&writer);
    kvt_member_null(&writer, "template");
    kvt_member_integer(&writer, "manifest_version", KVT_MANIFEST_VERSION);
    kvt_write_end(&writer);
}

void kvt_import_write_bin(struct kvt_buffer *out, const struct kvt_import_dataset *dataset,
                          size_t index, int64_t shortest, int64_t longest, size_t n_entries)
{
    char number[48], id[KVT_IMPORT_ID_SIZE];
    snprintf(number, sizeof number, "%zu/%zu", dataset->n_bins, index);
    kvt_import_id(id, (const char *const[]){dataset->id, number, NULL});
    struct kvt_writer writer = begin(out, "bin");
    kvt_member_string(&writer, "bin_id", id);
    kvt_member_string(&writer, "dataset_id", dataset->id);
    kvt_member_integer(&writer, "bin_idx", (long long)index);
    kvt_member_integer(&writer, "token_min", shortest);
    kvt_member_integer(&writer, "token_max", longest);
    kvt_member_integer(&writer, "n_examples", (long long)n_entries);
    kvt_member_integer(&writer, "n_selected", (long long)n_entries);
    kvt_write_end(&writer);
}

/* Published predictions are answers only: nobody can see what did not arrive, or was cut off. */
static void write_unobservable(struct kvt_writer *writer)
{
    static const char *const types[] = {"TIMEOUT",    "RATE_LIMITED",     "ENGINE_ERROR",
                                        "STREAM_CUT", "CONTEXT_OVERFLOW", "TRUNCATED"};
    kvt_write_key(writer, "failures_unobservable");
    kvt_write_array(writer);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        kvt_write_string(writer, types[i]);
    kvt_write_end(writer);
}

void kvt_import_write_run(struct kvt_buffer *out, const struct kvt_import_run *run)
{
    struct kvt_writer writer = begin(out, "run");
    kvt_member_string(&writer, "run_id", run->id);
    kvt_member_string(&writer, "exp_group_id", run->dataset->exp_group);
    kvt_member_string(&writer, "kv_policy", run->policy);
    kvt_member_number(&writer, "kv_budget", run->budget);
    kvt_member_string(&writer, "budget_unit", run->unit);
    kvt_member_bool(&writer, "reference", run->reference);
    kvt_member_string(&writer, "replicate", run->replicate);
    kvt_write_key(&writer, "kv");
    kvt_write_object(&writer);
    if (run->compress_after)
        kvt_member_string(&writer, "compress_after", run->compress_after);
    kvt_write_end(&writer);
    kvt_member_string(&writer, "engine_name", "import");
    kvt_member_null(&writer, "base_url");
    kvt_member_string(&writer, "model_name", run->model);
    kvt_member_string(&writer, "created_at", run->dataset->date);
    write_unobservable(&writer);
    kvt_write_key(&writer, "import");
    kvt_write_object(&writer);
    kvt_member_string(&writer, "format", run->format);
    kvt_member_string(&writer, "joined_by", run->joined);
    kvt_member_integer(&writer, "rows", (long long)run->n_rows);
    kvt_member_integer(&writer, "repeated", (long long)run->n_repeated);
    kvt_member_integer(&writer, "dropped", (long long)run->n_dropped);
    kvt_write_end(&writer);
    kvt_write_end(&writer);
}

/* Nothing was measured, and nothing shows that the budget was applied. */
static void write_telemetry(struct kvt_writer *writer)
{
    kvt_write_key(writer, "telemetry");
    kvt_write_object(writer);
    WRITE_NULLS(writer, "latency_s", "ttfb_s", "ttft_s", "prefill_s", "decode_s", "itl_p50_s",
                "itl_p95_s", "attempts", "wait_s", "cached_tokens", "started_at", "peak_mem_mb");
    kvt_write_key(writer, "kv");
    kvt_write_object(writer);
    WRITE_NULLS(writer, "prompt_tokens", "kept_tokens", "kept_per_layer", "uncompressed_tail",
                "bytes", "peak_bytes", "full_bytes");
    kvt_member_string(writer, "source", "none");
    kvt_member_string(writer, "applied", "unproven");
    kvt_write_end(writer);
    kvt_write_end(writer);
}

static void write_exchange(struct kvt_writer *writer, const struct kvt_prediction *prediction)
{
    kvt_write_key(writer, "request");
    kvt_write_object(writer);
    kvt_member_null(writer, "prompt_tokens");
    member_count(writer, "max_tokens",
                 prediction->max_tokens > 0 ? (double)prediction->max_tokens : NAN);
    WRITE_NULLS(writer, "temperature", "seed", "body_sha256");
    kvt_write_end(writer);
    kvt_write_key(writer, "response");
    kvt_write_object(writer);
    kvt_member_string(writer, "text", prediction->text ? prediction->text : "");
    WRITE_NULLS(writer, "finish_reason", "completion_tokens", "reasoning", "raw");
    kvt_write_end(writer);
}

void kvt_import_write_response(struct kvt_buffer *out, const struct kvt_import_run *run,
                               const struct kvt_paired *row)
{
    const struct kvt_prediction *prediction = row->prediction;
    char id[KVT_IMPORT_ID_SIZE];
    kvt_import_id(id, (const char *const[]){"import", run->id, row->entry_id, NULL});
    struct kvt_writer writer = begin(out, "response");
    kvt_member_string(&writer, "request_id", id);
    kvt_member_string(&writer, "run_id", run->id);
    kvt_member_string(&writer, "entry_id", row->entry_id);
    kvt_member_integer(&writer, "bin_idx", row->bin);
    member_count(&writer, "token_len", isnan(row->tokens) ? prediction->length : row->tokens);
    kvt_member_string(&writer, "kv_policy", run->policy);
    kvt_member_number(&writer, "kv_budget", run->budget);
    kvt_member_integer(&writer, "repeat", 0);
    kvt_member_json(&writer, "answers", prediction->answers);
    kvt_member_string(&writer, "cluster", prediction->cluster);
    kvt_write_key(&writer, "meta");
    kvt_write_object(&writer);
    kvt_member_string(&writer, "task", run->dataset->task);
    kvt_member_json(&writer, "all_classes", prediction->all_classes);
    kvt_member_number(&writer, "length", prediction->length);
    kvt_member_string(&writer, "example_id", prediction->id);
    kvt_member_integer(&writer, "row", (long long)prediction->row);
    kvt_write_end(&writer);
    write_exchange(&writer, prediction);
    write_telemetry(&writer);
    kvt_member_null(&writer, "error");
    kvt_write_end(&writer);
}
