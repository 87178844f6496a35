#include "stream/contract.h"

#include "core/memory.h"
#include "stream/json.h"
#include "stream/scan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
const struct kvt_contract_member kvt_contract_members[] = {
    {"experiment", "exp_group_id", "string", "name of the experiment"},
    {"experiment", "created_at", "string", "UTC date, ISO 8601"},
    {"experiment", "config", "object", "every setting, resolved; never secrets"},
    {"experiment", "git_hash", "string?", "commit of the programs"},
    {"experiment", "notes", "string?", "free text"},
    {"experiment", "seed", "integer", "seed of order and interleaving"},

    {"dataset", "dataset_id", "string", "hash of the questions, template and tokenizer"},
    {"dataset", "name", "string", "recall, longbench, ..."},
    {"dataset", "task", "string?", "task of the rows"},
    {"dataset", "created_at", "string", "UTC date, ISO 8601"},
    {"dataset", "source_sha256", "string?", "SHA-256 of the question rows"},
    {"dataset", "n_examples", "integer", "rows read"},
    {"dataset", "tokenizer", "object?", "{name, sha256}"},
    {"dataset", "template", "object?", "{name, sha256}"},
    {"dataset", "manifest_version", "integer", "version of the manifest"},

    {"bin", "bin_id", "string", "hash of dataset and bin"},
    {"bin", "dataset_id", "string", "dataset of the bin"},
    {"bin", "bin_idx", "integer", "from 0, shortest first"},
    {"bin", "token_min", "integer", "smallest prompt, tokens, inclusive"},
    {"bin", "token_max", "integer", "largest prompt, tokens, inclusive"},
    {"bin", "n_examples", "integer", "examples in the bin"},
    {"bin", "n_selected", "integer", "entries taken from it"},

    {"entry", "entry_id", "string", "hash of dataset, example and template"},
    {"entry", "dataset_id", "string", "dataset of the entry"},
    {"entry", "example_id", "string", "the row's own id"},
    {"entry", "bin_idx", "integer", "length bin"},
    {"entry", "rank", "integer", "place in the bin's frozen order"},
    {"entry", "token_len", "integer", "whole prompt as the server sees it, tokens"},
    {"entry", "question", "string?", "the question"},
    {"entry", "answers", "array", "gold answers"},
    {"entry", "prompt_sha256", "string", "SHA-256 of the prompt"},
    {"entry", "cluster", "string?", "key of entries that share a context or question"},
    {"entry", "meta", "object", "task, language, all_classes, length, ..."},

    {"run", "run_id", "string", "hash of what makes the run"},
    {"run", "exp_group_id", "string", "experiment of the run"},
    {"run", "kv_policy", "string", "eviction policy"},
    {"run", "kv_budget", "number", "budget, in budget_unit"},
    {"run", "budget_unit", "string", "fraction or tokens"},
    {"run", "reference", "boolean", "true for the full cache"},
    {"run", "replicate", "string", "a, or b for a second reference run"},
    {"run", "sample", "[integer]", "only entries of a rank below this are asked; absent: all"},
    {"run", "kv", "object", "window, kernel, compress_after, ..."},
    {"run", "engine_name", "string?", "name of the server"},
    {"run", "base_url", "string?", "address without credentials"},
    {"run", "model_name", "string?", "model asked for"},
    {"run", "created_at", "string", "UTC date, ISO 8601"},
    {"run", "failures_unobservable", "[array]", "types that an import cannot see; absent: all can be seen"},
    {"run", "import.format", "[string]", "what the prediction files were written as"},
    {"run", "import.joined_by", "[string]", "how rows of several runs are paired: id, golds, questions or manifest"},
    {"run", "import.rows", "[integer]", "rows of the run in the files"},
    {"run", "import.repeated", "[integer]", "of these, rows that came twice"},
    {"run", "import.dropped", "[integer]", "of these, rows left out (--dedupe, or without a question)"},

    {"preflight", "probe_id", "string", "hash of the settings that the finding depends on"},
    {"preflight", "applied", "string", "proven, reported, behavioural, unproven or contradicted"},
    {"preflight", "evidence", "string", "of starved answers: changed, unchanged or none"},
    {"preflight", "entries", "integer", "entries asked twice at the full cache"},
    {"preflight", "starved_entries", "integer", "entries asked with a starved cache"},
    {"preflight", "starved_changed", "integer", "starved answers that differ from the full cache's"},
    {"preflight", "aa_changed", "integer", "second answers at the full cache that differ from the first"},
    {"preflight", "starved_logprob_gap", "number?", "largest move of a token's log probability when starved"},
    {"preflight", "aa_logprob_gap", "number?", "the same between the two full-cache answers"},
    {"preflight", "kv_budget", "number", "the smallest budget, which was asked too"},
    {"preflight", "budget_unit", "string", "fraction or tokens"},
    {"preflight", "kept_ratio", "number?", "kept / prompt that the server reports for it, mean"},
    {"preflight", "engine_name", "string?", "name of the server"},
    {"preflight", "model_name", "string?", "model asked for"},
    {"preflight", "created_at", "string", "UTC date, ISO 8601"},
    {"preflight", "text", "string", "the finding in one line"},

    {"response", "request_id", "string", "hash of the request as sent and its run"},
    {"response", "run_id", "string", "run of the request"},
    {"response", "entry_id", "string", "entry asked"},
    {"response", "bin_idx", "integer", "length bin"},
    {"response", "token_len", "integer?", "whole prompt, tokens"},
    {"response", "kv_policy", "string", "eviction policy"},
    {"response", "kv_budget", "number", "budget, in the run's unit"},
    {"response", "budget_unit", "[string]", "the run's"},
    {"response", "reference", "[boolean]", "the run's"},
    {"response", "replicate", "[string]", "the run's"},
    {"response", "repeat", "integer", "from 0"},
    {"response", "answers", "array", "gold answers"},
    {"response", "cluster", "string?", "key of entries that share a context or question"},
    {"response", "meta", "object", "the entry's"},
    {"response", "request.prompt_tokens", "integer?", "prompt tokens the server counted"},
    {"response", "request.max_tokens", "integer?", "output cap"},
    {"response", "request.temperature", "number?", "sampling temperature"},
    {"response", "request.seed", "integer?", "sampling seed"},
    {"response", "request.body_sha256", "string?", "SHA-256 of the body as sent"},
    {"response", "response.text", "string?", "the answer"},
    {"response", "response.finish_reason", "string?", "as the server said it"},
    {"response", "response.completion_tokens", "integer?", "tokens of the answer"},
    {"response", "response.reasoning", "string?", "reasoning text, if any"},
    {"response", "response.raw", "any?", "the server's own usage and timings"},
    {"response", "telemetry.latency_s", "number?", "whole request, seconds"},
    {"response", "telemetry.ttfb_s", "number?", "first byte, seconds"},
    {"response", "telemetry.ttft_s", "number?", "first content, seconds"},
    {"response", "telemetry.ttft_of", "[string?]", "content, or reasoning where no content came"},
    {"response", "telemetry.first_event_s", "[number?]", "first event of the stream, seconds"},
    {"response", "telemetry.first_reasoning_s", "[number?]", "first reasoning, seconds"},
    {"response", "telemetry.prefill_s", "number?", "prefill, seconds"},
    {"response", "telemetry.decode_s", "number?", "decode, seconds"},
    {"response", "telemetry.phase_source", "[string?]", "of these two: timings or metrics (the server's), or derived"},
    {"response", "telemetry.itl_p50_s", "number?", "median inter-token time, seconds"},
    {"response", "telemetry.itl_p95_s", "number?", "95th percentile of inter-token time, seconds"},
    {"response", "telemetry.attempts", "integer?", "requests sent"},
    {"response", "telemetry.wait_s", "number?", "time spent waiting between attempts, seconds"},
    {"response", "telemetry.cached_tokens", "integer?", "prompt tokens the server took from a prefix cache"},
    {"response", "telemetry.started_at", "string?", "UTC date of the last attempt"},
    {"response", "telemetry.in_flight", "[integer]", "requests under way at that server when it was sent, itself included"},
    {"response", "telemetry.peak_mem_mb", "number?", "sampled by --mem-probe, MiB"},
    {"response", "telemetry.flags", "[array]", "signs that the request does not measure what it seems to"},
    {"response", "telemetry.kv.prompt_tokens", "number?", "cache entries of the whole prompt"},
    {"response", "telemetry.kv.kept_tokens", "number?", "cache entries after compression, mean over layers and KV heads"},
    {"response", "telemetry.kv.kept_per_layer", "array?", "the same per layer"},
    {"response", "telemetry.kv.uncompressed_tail", "integer?", "prompt tokens added after compression"},
    {"response", "telemetry.kv.bytes", "number?", "bytes held after compression"},
    {"response", "telemetry.kv.peak_bytes", "number?", "most bytes held for the request"},
    {"response", "telemetry.kv.full_bytes", "number?", "bytes of a full cache"},
    {"response", "telemetry.kv.source", "string", "reported, gauge, analytic or none"},
    {"response", "telemetry.kv.applied", "string", "proven, reported, behavioural, unproven or contradicted"},
    {"response", "telemetry.kv.gauge", "[object]", "{name, before, last, peak}: what the server's gauge read around the request"},
    {"response", "telemetry.probe", "[object?]", "times and token counts of the same request with a forced length"},
    {"response", "error", "object?", "null, or {type, status, message, retryable}"},
    {"response", "score", "[object]", "by kvt-score: what the answer is worth"},
    {"response", "score.metric", "[string]", "the metric of value"},
    {"response", "score.backend", "[string]", "whose implementation's figures these are"},
    {"response", "score.value", "[number?]", "0 to 1, of the best gold; null for infrastructure failures"},
    {"response", "score.em", "[number?]", "1 if the normalised answer is a gold; null where words are not English"},
    {"response", "score.f1", "[number?]", "F1 of normalised tokens, of the gold where it is highest"},
    {"response", "score.contains", "[number?]", "1 if a normalised gold stands in the normalised answer, whole words"},
    {"response", "score.pred_norm", "[string?]", "the normalised answer"},
    {"response", "score.gold_norm", "[string?]", "the normalised gold that gave value"},
    {"response", "score.explain", "[object]", "of --explain: the gold's place, and what the metric counted"},
    {"response", "failure", "[object?]", "by kvt-score: null, or {failure_type, class, message}"},
    {"response", "failures_unobservable", "[array]", "types that this response cannot show: TRUNCATED without a finish reason"},

    {"bin_stats", "run_id", "string", "run"},
    {"bin_stats", "kv_budget", "number", "budget"},
    {"bin_stats", "bin_idx", "integer", "length bin"},
    {"bin_stats", "n", "integer", "responses"},
    {"bin_stats", "n_scored", "integer", "responses with a score"},
    {"bin_stats", "acc_mean", "number?", "mean score"},
    {"bin_stats", "acc_ci_low", "number?", "lower end of its interval"},
    {"bin_stats", "acc_ci_high", "number?", "upper end of its interval"},
    {"bin_stats", "acc_std", "number?", "standard deviation of scores (ddof 1)"},
    {"bin_stats", "fail_rate", "number?", "model failures / n_scored"},
    {"bin_stats", "lat_p50", "number?", "median latency, seconds"},
    {"bin_stats", "lat_p95", "number?", "95th percentile of latency; null below n = 60"},
    {"bin_stats", "ttft_p50", "number?", "median time to first token, seconds"},
    {"bin_stats", "ttft_p95", "number?", "95th percentile; null below n = 60"},
    {"bin_stats", "itl_p50", "number?", "median inter-token time, seconds"},
    {"bin_stats", "mem_p95", "number?", "95th percentile of memory; null below n = 60"},
    {"bin_stats", "mem_source", "string?", "where memory figures come from"},
    {"bin_stats", "kv_bytes_p50", "number?", "median KV bytes held"},
    {"bin_stats", "kept_ratio_p50", "number?", "median kept / prompt"},
    {"bin_stats", "flags", "[object]", "responses by contamination flag"},
    {"bin_stats", "n_cache_known", "[integer]", "responses whose server said what its prefix cache held"},

    {"pair_stats", "run_id", "string", "run compared with the reference"},
    {"pair_stats", "kv_budget", "number", "budget"},
    {"pair_stats", "bin_idx", "integer", "length bin"},
    {"pair_stats", "n_pairs", "integer", "entries scored in both runs"},
    {"pair_stats", "delta_mean", "number?", "mean score minus the reference, over the pairs"},
    {"pair_stats", "delta_ci_low", "number?", "lower end of its interval"},
    {"pair_stats", "delta_ci_high", "number?", "upper end of its interval"},
    {"pair_stats", "loss_upper", "number?", "simultaneous upper bound on the loss"},
    {"pair_stats", "loss.n10", "integer", "pairs whose score is below the reference"},
    {"pair_stats", "loss.n01", "integer", "pairs whose score is above it"},
    {"pair_stats", "loss.p_raw", "number?", "one-sided p of the loss"},
    {"pair_stats", "loss.p_adj", "number?", "the same, over the family"},
    {"pair_stats", "lift.n10", "integer", "pairs that fail here and not in the reference"},
    {"pair_stats", "lift.n01", "integer", "pairs that fail in the reference only"},
    {"pair_stats", "lift.p_raw", "number?", "one-sided p of the failure lift"},
    {"pair_stats", "lift.p_adj", "number?", "the same, over the family"},
    {"pair_stats", "churn.n10", "integer?", "of the three runs with the A/A control, this one is the odd one out"},
    {"pair_stats", "churn.n01", "integer?", "a full-cache run is the odd one out"},
    {"pair_stats", "churn.p_raw", "number?", "p that this run is odd more often than one time in three"},
    {"pair_stats", "churn.p_adj", "number?", "the same, over the family"},
    {"pair_stats", "failure_types", "object", "n10 and n01 of each failure type"},
    {"pair_stats", "retention", "number?", "score kept, share of the reference"},
    {"pair_stats", "retention_ci_low", "number?", "lower end of its interval"},
    {"pair_stats", "retention_ci_high", "number?", "upper end of its interval"},
    {"pair_stats", "latency_ratio", "object?", "paired log-ratio of latency, with interval"},
    {"pair_stats", "ttft_ratio", "object?", "of the time to first token"},
    {"pair_stats", "itl_ratio", "object?", "of the inter-token time"},
    {"pair_stats", "kv_bytes_ratio", "object?", "of the KV bytes held"},
    {"pair_stats", "kv_peak_ratio", "object?", "of the KV bytes at the peak"},
    {"pair_stats", "attribution", "object?", "how much of the drop failures could explain"},
    {"pair_stats", "coverage", "object", "pairs missing, and why"},
    {"pair_stats", "flags", "[object]", "pairs by contamination flag of either side"},
    {"pair_stats", "noop_suspected", "boolean", "identical answers and no proof: the budget may not be applied"},

    {"transition", "run_id", "string", "run judged"},
    {"transition", "kv_budget", "number", "budget"},
    {"transition", "verdict", "string", "headline"},
    {"transition", "transition_bin_start", "integer?", "first bin of the zone"},
    {"transition", "transition_bin_end", "integer?", "last bin of the zone"},
    {"transition", "collapse_bin", "integer?", "first collapsed bin"},
    {"transition", "order", "string?", "failures_first, together, wrong_answers_first or undecided"},
    {"transition", "safe_within", "number?", "largest loss the data leave possible, score units"},
    {"transition", "summary", "string", "one sentence"},
    {"transition", "rationale", "object", "every part of the verdict"},

    {"meta", "stage", "string", "program"},
    {"meta", "version", "string", "release"},
    {"meta", "settings", "object", "settings given by option"},
    {"meta", "input_sha256", "string", "SHA-256 of the stage's input"},
    {"meta", "records_in", "object", "records read, by kind"},
    {"meta", "records_out", "object", "records written, by kind"},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

/* Which member of which kind must name a record already seen. */
static const struct {
    const char *kind, *member, *target_kind;
} references[] = {
    {"bin", "dataset_id", "dataset"}, {"entry", "dataset_id", "dataset"},
    {"response", "run_id", "run"},    {"bin_stats", "run_id", "run"},
    {"pair_stats", "run_id", "run"},  {"transition", "run_id", "run"},
};

/* Ids seen, as "kind:id" keys of one JSON object (jansson's hash table). */
struct kvt_contract_state {
    json_t *seen;
};

struct kvt_contract_state *kvt_contract_start(void)
{
    struct kvt_contract_state *state = kvt_alloc(sizeof *state);
    state->seen = json_object();
    return state;
}

void kvt_contract_end(struct kvt_contract_state *state)
{
    if (!state)
        return;
    json_decref(state->seen);
    free(state);
}

/* Brackets around a type: the member may be absent. */
static bool matches(const json_t *value, const char *type)
{
    type += *type == '[';
    size_t length = strcspn(type, "?]");
    if (json_is_null(value))
        return type[length] == '?';
    if (strncmp(type, "string", length) == 0)
        return json_is_string(value);
    if (strncmp(type, "integer", length) == 0)
        return json_is_integer(value);
    if (strncmp(type, "number", length) == 0)
        return json_is_number(value);
    if (strncmp(type, "boolean", length) == 0)
        return json_is_boolean(value);
    if (strncmp(type, "array", length) == 0)
        return json_is_array(value);
    if (strncmp(type, "object", length) == 0)
        return json_is_object(value);
    return true; /* any */
}

static bool is_known(const char *kind)
{
    const struct kvt_contract_member *member = kvt_contract_members;
    while (member->kind && strcmp(member->kind, kind) != 0)
        member++;
    return member->kind != NULL;
}

static int check_members(const json_t *record, const char *kind, struct kvt_error *error)
{
    for (const struct kvt_contract_member *member = kvt_contract_members; member->kind; member++) {
        if (strcmp(member->kind, kind) != 0)
            continue;
        const json_t *value = kvt_json_get(record, member->path);
        if (!value && member->type[0] == '[')
            continue;
        if (!value)
            return kvt_fail(error, KVT_DATA, "%s without member %s", kind, member->path);
        if (!matches(value, member->type))
            return kvt_fail(error, KVT_DATA, "%s.%s is not of type %s", kind, member->path,
                            member->type);
    }
    return 0;
}

int kvt_contract_types(const json_t *record, const char *kind, struct kvt_error *error)
{
    for (const struct kvt_contract_member *member = kvt_contract_members; member->kind; member++) {
        const json_t *value =
            strcmp(member->kind, kind) == 0 ? kvt_json_get(record, member->path) : NULL;
        if (value && !json_is_null(value) && !matches(value, member->type))
            return kvt_fail(error, KVT_DATA, "%s.%s is not of type %s", kind, member->path,
                            member->type);
    }
    return 0;
}

/* A bin that stands there twice has the same edges: those of two imports, each with quantiles of
 * its own rows, are not the same bins. */
static int check_edges(struct kvt_contract_state *state, const json_t *bin, const char *key,
                       struct kvt_error *error)
{
    json_t *edges =
        json_pack("[O, O]", json_object_get(bin, "token_min"), json_object_get(bin, "token_max"));
    const json_t *before = json_object_get(state->seen, key);
    int same = !before || json_equal(before, edges);
    json_object_set_new(state->seen, key, edges);
    return same ? 0
                : kvt_fail(error, KVT_DATA,
                           "bin.bin_id stands on an earlier line too, with other edges: %s",
                           kvt_json_text(bin, "bin_id", ""));
}

static int check_references(struct kvt_contract_state *state, const json_t *record,
                            const char *kind, struct kvt_error *error)
{
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        if (strcmp(references[i].kind, kind) != 0)
            continue;
        const char *id = kvt_json_text(record, references[i].member, "");
        char *key = kvt_asprintf("%s:%s", references[i].target_kind, id);
        bool seen = json_object_get(state->seen, key) != NULL;
        free(key);
        if (!seen)
            return kvt_fail(error, KVT_DATA, "%s.%s names a %s that came on no line before: %s",
                            kind, references[i].member, references[i].target_kind, id);
    }
    char member[64];
    snprintf(member, sizeof member, "%s_id", kind);
    const char *id =
        kvt_json_text(record, strcmp(kind, "response") == 0 ? "request_id" : member, NULL);
    if (!id)
        return 0;
    char *key = kvt_asprintf("%s:%s", kind, id); /* an import's ids may be of any length */
    int status = 0;
    if (strcmp(kind, "response") == 0 && json_object_get(state->seen, key))
        status =
            kvt_fail(error, KVT_DATA, "response.request_id stands on an earlier line too: %s", id);
    else if (strcmp(kind, "bin") == 0)
        status = check_edges(state, record, key, error);
    else
        json_object_set_new(state->seen, key, json_true());
    free(key);
    return status;
}

int kvt_contract_manifest(const json_t *dataset, struct kvt_error *error)
{
    long long version = kvt_json_integer(dataset, "manifest_version", KVT_MANIFEST_VERSION);
    if (version >= 1 && version <= KVT_MANIFEST_VERSION)
        return 0;
    if (version < 1)
        return kvt_fail(error, KVT_DATA, "dataset.manifest_version is %lld; the first is 1",
                        version);
    return kvt_fail(error, KVT_DATA,
                    "dataset.manifest_version is %lld, and this release reads versions up to %d: "
                    "use the release that wrote the manifest, or make it anew from its questions "
                    "with this release's kvt-bin",
                    version, KVT_MANIFEST_VERSION);
}

int kvt_contract_check(struct kvt_contract_state *state, const char *line, size_t length,
                       struct kvt_error *error)
{
    size_t replaced;
    json_t *record = kvt_json_parse(line, length, &replaced, error);
    if (!record)
        return -1;
    const char *kind = kvt_json_text(record, "kind", NULL);
    int status = 0;
    if (!json_is_object(record))
        status = kvt_fail(error, KVT_DATA, "not a JSON object");
    else if (!kind)
        status = kvt_fail(error, KVT_DATA, "no member kind");
    else if (strncmp(line, "{\"kind\":", 8) != 0)
        status = kvt_fail(error, KVT_DATA, "kind is not the first member");
    else if (replaced && is_known(kind))
        status = kvt_fail(error, KVT_DATA,
                          "%s has text that is invalid UTF-8, a lone surrogate or U+0000 (%zu)",
                          kind, replaced);
    else if (check_members(record, kind, error) != 0 ||
             check_references(state, record, kind, error) != 0 ||
             (strcmp(kind, "dataset") == 0 && kvt_contract_manifest(record, error) != 0))
        status = -1;
    json_decref(record);
    return status;
}

void kvt_contract_print(FILE *out)
{
    for (const struct kvt_contract_member *member = kvt_contract_members; member->kind; member++)
        fprintf(out, "%s\t%s\t%s\n", member->kind, member->path, member->type);
}
