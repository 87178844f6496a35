#include "http/gauge.h"

#include "http/proof.h"
#include "stream/json.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Best first: bytes need no conversion, tokens need the geometry, fractions the pool's size as
 * well. */
static const struct {
    const char *name;
    enum kvt_gauge_unit unit;
} known[] = {
    {"kvt_kv_cache_bytes", KVT_GAUGE_BYTES},
    {"sglang:num_used_tokens", KVT_GAUGE_TOKENS},
    {"llamacpp:kv_cache_tokens", KVT_GAUGE_TOKENS},
    {"vllm:kv_cache_usage_perc", KVT_GAUGE_FRACTION},
    {"vllm:gpu_cache_usage_perc", KVT_GAUGE_FRACTION},
    {"sglang:token_usage", KVT_GAUGE_FRACTION},
    {"llamacpp:kv_cache_usage_ratio", KVT_GAUGE_FRACTION},
};

/* The value of a sample line "name{labels} value [time]", or NAN when it is of another metric. */
static double sample(const char *line, size_t length, const char *name, const char **labels)
{
    size_t n = strlen(name);
    *labels = NULL;
    if (length <= n || memcmp(line, name, n) != 0)
        return NAN;
    const char *at = line + n, *end = line + length;
    if (*at == '{') {
        *labels = at;
        bool quoted = false;
        for (; at < end && (quoted || *at != '}'); at++) {
            if (quoted && *at == '\\' && at + 1 < end)
                at++;
            else if (*at == '"')
                quoted = !quoted;
        }
        if (at == end)
            return NAN;
        at++;
    }
    if (at == end || (*at != ' ' && *at != '\t'))
        return NAN;
    char number[64];
    size_t rest = (size_t)(end - at);
    if (rest >= sizeof number)
        rest = sizeof number - 1;
    memcpy(number, at, rest);
    number[rest] = '\0';
    char *stop;
    double value = strtod(number, &stop);
    return stop == number ? NAN : value;
}

/* The largest value over all label sets of a metric; *labels points at the last one's. */
static double find(const char *text, size_t length, const char *name, const char **labels)
{
    double best = NAN;
    const char *end = text + length;
    *labels = NULL;
    for (const char *line = text; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t n = newline ? (size_t)(newline - line) : (size_t)(end - line);
        const char *found;
        double value = sample(line, n, name, &found);
        if (!isnan(value)) {
            *labels = found;
            if (isnan(best) || value > best)
                best = value;
        }
        line += n + 1;
    }
    return best;
}

/* A number in quotes after `key=` within a label set. */
static double label_number(const char *labels, const char *end, const char *key)
{
    size_t n = strlen(key);
    for (const char *at = labels; at && at + n + 2 < end && *at != '\n'; at++)
        if (memcmp(at, key, n) == 0 && at[n] == '=' && at[n + 1] == '"')
            return strtod(at + n + 2, NULL);
    return NAN;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t n = strlen(text), m = strlen(ending);
    return n >= m && strcmp(text + n - m, ending) == 0;
}

static enum kvt_gauge_unit unit_of(const char *name)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].name, name) == 0)
            return known[i].unit;
    if (ends_with(name, "bytes"))
        return KVT_GAUGE_BYTES;
    if (ends_with(name, "perc") || ends_with(name, "ratio") || ends_with(name, "usage") ||
        ends_with(name, "fraction"))
        return KVT_GAUGE_FRACTION;
    return KVT_GAUGE_TOKENS;
}

void kvt_gauge_read(struct kvt_gauge_reading *reading, const char *text, size_t length,
                    const char *name)
{
    *reading = (struct kvt_gauge_reading){.value = NAN, .capacity_tokens = NAN};
    const char *labels;
    if (name[0] == '/') {
        struct kvt_error ignored;
        json_t *root = kvt_json_parse(text, length, NULL, &ignored);
        const json_t *value = kvt_json_pointer(root, name);
        if (json_is_number(value))
            *reading =
                (struct kvt_gauge_reading){name, unit_of(name), json_number_value(value), NAN};
        json_decref(root);
        return;
    }
    bool any = strcmp(name, "auto") == 0;
    for (size_t i = 0; i < (any ? sizeof known / sizeof *known : 1); i++) {
        const char *wanted = any ? known[i].name : name;
        double value = find(text, length, wanted, &labels);
        if (isnan(value))
            continue;
        *reading = (struct kvt_gauge_reading){wanted, unit_of(wanted), value, NAN};
        break;
    }
    /* vLLM publishes the shape of its pool as labels of a constant metric. */
    if (!isnan(find(text, length, "vllm:cache_config_info", &labels)) && labels)
        reading->capacity_tokens = label_number(labels, text + length, "num_gpu_blocks") *
                                   label_number(labels, text + length, "block_size");
}

double kvt_gauge_bytes(const struct kvt_gauge_reading *reading, double difference,
                       const json_t *geometry)
{
    if (!reading->name || isnan(difference))
        return NAN;
    if (reading->unit == KVT_GAUGE_BYTES)
        return difference;
    double unit = kvt_geometry_bytes_per_token(geometry);
    if (reading->unit == KVT_GAUGE_TOKENS)
        return difference * unit;
    double capacity = kvt_json_number(geometry, "capacity_tokens", reading->capacity_tokens);
    return difference * capacity * unit;
}
