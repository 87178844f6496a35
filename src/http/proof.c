#include "http/proof.h"

#include "core/option.h"
#include "stream/json.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

const json_t *kvt_json_pointer(const json_t *root, const char *pointer)
{
    const json_t *value = root;
    while (value && *pointer == '/') {
        char key[128];
        size_t length = 0;
        for (pointer++; *pointer && *pointer != '/'; pointer++) {
            char c = *pointer;
            if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
                c = *++pointer == '0' ? '~' : '/';
            if (length + 1 >= sizeof key)
                return NULL;
            key[length++] = c;
        }
        key[length] = '\0';
        if (json_is_array(value)) {
            char *end;
            unsigned long index = strtoul(key, &end, 10);
            value = length && *end == '\0' ? json_array_get(value, index) : NULL;
        } else {
            value = json_object_get(value, key);
        }
    }
    return *pointer ? NULL : value;
}

static int check_name(const char *section, const char *name, const char *const *known,
                      struct kvt_error *error)
{
    const char *nearest = known[0];
    for (; *known; known++) {
        if (strcmp(*known, name) == 0)
            return 0;
        if (kvt_spelling_distance(name, *known) < kvt_spelling_distance(name, nearest))
            nearest = *known;
    }
    return kvt_fail(error, KVT_USAGE, "%s has no member %s; the nearest is %s", section, name,
                    nearest);
}

int kvt_proof_check_settings(const json_t *pointers, const json_t *geometry,
                             struct kvt_error *error)
{
    static const char *const report[] = {"prompt_tokens",     "kept_tokens", "kept_per_layer",
                                         "uncompressed_tail", "bytes",       "peak_bytes",
                                         "full_bytes",        NULL};
    static const char *const sizes[] = {"n_layers",        "n_kv_heads",      "head_dim",
                                        "bytes_per_value", "capacity_tokens", NULL};
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)pointers, name, value)
    {
        const char *pointer = json_string_value(value);
        if (check_name("engine.kv_report", name, report, error) != 0)
            return -1;
        if (!pointer || *pointer != '/')
            return kvt_fail(error, KVT_USAGE,
                            "engine.kv_report.%s is no JSON pointer, such as /usage/kept", name);
    }
    json_object_foreach((json_t *)(uintptr_t)geometry, name, value)
    {
        if (check_name("kv.geometry", name, sizes, error) != 0)
            return -1;
        if (!(json_number_value(value) > 0))
            return kvt_fail(error, KVT_USAGE, "kv.geometry.%s must be a number above 0", name);
    }
    return 0;
}

static const json_t *member_of(const json_t *final, const json_t *pointers, const char *name)
{
    const char *pointer = kvt_json_text(pointers, name, NULL);
    if (pointer)
        return kvt_json_pointer(final, pointer);
    return json_object_get(kvt_json_get(final, "usage.kv_cache"), name);
}

static double number_of(const json_t *final, const json_t *pointers, const char *name)
{
    const json_t *value = member_of(final, pointers, name);
    double number = json_is_number(value) ? json_number_value(value) : NAN;
    return number >= 0 ? number : NAN;
}

/* Mean of an array of numbers, for servers that report the count of each layer only. */
static double mean_of(const json_t *values)
{
    double sum = 0;
    size_t n = json_array_size(values);
    for (size_t i = 0; i < n; i++)
        sum += json_number_value(json_array_get(values, i));
    return n ? sum / (double)n : NAN;
}

void kvt_report_read(struct kvt_report *report, const json_t *final, const json_t *pointers)
{
    *report = (struct kvt_report){
        .prompt_tokens = number_of(final, pointers, "prompt_tokens"),
        .kept_tokens = number_of(final, pointers, "kept_tokens"),
        .uncompressed_tail = number_of(final, pointers, "uncompressed_tail"),
        .bytes = number_of(final, pointers, "bytes"),
        .peak_bytes = number_of(final, pointers, "peak_bytes"),
        .full_bytes = number_of(final, pointers, "full_bytes"),
        .source = "none",
    };
    const json_t *layers = member_of(final, pointers, "kept_per_layer");
    if (json_is_array(layers))
        report->kept_per_layer = layers;
    if (isnan(report->kept_tokens) && report->kept_per_layer)
        report->kept_tokens = mean_of(report->kept_per_layer);
    if (isnan(report->prompt_tokens))
        report->prompt_tokens = kvt_json_number(final, "usage.prompt_tokens", NAN);
    if (!isnan(report->bytes) || !isnan(report->peak_bytes))
        report->source = "reported";
}

double kvt_geometry_bytes_per_token(const json_t *geometry)
{
    double layers = kvt_json_number(geometry, "n_layers", NAN);
    double heads = kvt_json_number(geometry, "n_kv_heads", NAN);
    double dimension = kvt_json_number(geometry, "head_dim", NAN);
    double size = kvt_json_number(geometry, "bytes_per_value", 2);
    return 2 * layers * heads * dimension * size;
}

void kvt_report_analytic(struct kvt_report *report, const struct kvt_run *run,
                         const json_t *geometry, double prompt_tokens)
{
    double unit = kvt_geometry_bytes_per_token(geometry);
    if (strcmp(report->source, "none") != 0 || isnan(unit) || !(prompt_tokens > 0))
        return;
    double kept = report->kept_tokens;
    if (isnan(kept)) /* nothing was counted: what the budget asks for */
        kept = strcmp(run->unit, "tokens") == 0 ? fmin(run->budget, prompt_tokens)
                                                : floor(prompt_tokens * run->budget);
    report->bytes = kept * unit;
    report->full_bytes = prompt_tokens * unit;
    report->source = "analytic";
}

int kvt_report_matches(const struct kvt_report *report, const struct kvt_run *run)
{
    double prompt = report->prompt_tokens, kept = report->kept_tokens;
    if (isnan(kept) || isnan(prompt) || prompt <= 0)
        return -1;
    if (run->reference)
        return kept >= prompt - 0.5; /* only a full count will do */
    double tail = isnan(report->uncompressed_tail) ? 0 : report->uncompressed_tail;
    if (kept > prompt + 0.5 || tail > prompt)
        return 0;
    if (strcmp(run->unit, "tokens") == 0) {
        /* a policy that goes on evicting (H2O) holds its capacity still after the tail came in */
        double least = fmin(run->budget, prompt - tail);
        return kept >= least - 1 && kept <= least + tail + 1;
    }
    return fabs(kept / prompt - run->budget) <= 0.02 + tail / prompt;
}

const char *kvt_proof_judge(const struct kvt_report *report, const struct kvt_run *run,
                            enum kvt_evidence evidence)
{
    int match = kvt_report_matches(report, run);
    if (match == 0)
        return "contradicted";
    if (run->reference && match == 1)
        return "proven"; /* nothing has to change for a full cache */
    if (evidence == KVT_EVIDENCE_UNCHANGED && !run->reference)
        return "contradicted";
    if (match == 1)
        return evidence == KVT_EVIDENCE_CHANGED ? "proven" : "reported";
    return evidence == KVT_EVIDENCE_CHANGED ? "behavioural" : "unproven";
}
