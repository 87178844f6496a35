#include "dataset/ladder.h"

#include "core/memory.h"
#include "core/sha256.h"
#include "stream/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SHORTEST_PERCENT = 90 }; /* a rung must reach this share of its length */

int kvt_ladder_parse(struct kvt_ladder *ladder, const char *text, struct kvt_error *error)
{
    size_t capacity = 0;
    int64_t before = 0;
    for (const char *at = text;;) {
        char *end;
        errno = 0;
        long long value = strtoll(at, &end, 10);
        if (end == at || errno || value <= before || (*end != ',' && *end != '\0')) {
            kvt_ladder_free(ladder);
            return kvt_fail(
                error, KVT_USAGE,
                "--ladder: '%s' must be ascending numbers of tokens, such as 256,512,1024", text);
        }
        kvt_grow(&ladder->lengths, &capacity, ladder->count, sizeof *ladder->lengths);
        ladder->lengths[ladder->count++] = before = value;
        if (*end == '\0')
            return 0;
        at = end + 1;
    }
}

void kvt_ladder_free(struct kvt_ladder *ladder)
{
    free(ladder->lengths);
    ladder->lengths = NULL;
    ladder->count = 0;
}

/* One marked row under way. */
struct marked {
    json_t *object;
    const json_t *evidence, *distractors;
    const char *id, *separator;
    size_t replaced; /* pieces of text that no stream can carry, now U+FFFD */
    double depth;    /* place of the evidence among the distractors, 0 to 1 */
};

static bool is_texts(const json_t *value)
{
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!json_is_string(json_array_get(value, i)))
            return false;
    return json_is_array(value) && json_array_size(value) > 0;
}

/* Uniform in [0, 1), by seed and id alone. */
static double depth_of(int64_t seed, const char *id)
{
    struct kvt_sha256 hash;
    unsigned char digest[32];
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)seed);
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, "depth");
    kvt_sha256_field(&hash, text);
    kvt_sha256_field(&hash, id);
    kvt_sha256_finish(&hash, digest);
    return (double)((uint32_t)digest[0] << 16 | (uint32_t)digest[1] << 8 | digest[2]) / 16777216.0;
}

/* A whole number is an id as well; the rest of the ladder needs it as a text. */
static void text_id(json_t *object)
{
    const json_t *id = json_object_get(object, "_id");
    if (json_is_integer(id))
        json_object_set_new(object, "_id", json_sprintf("%lld", (long long)json_integer_value(id)));
}

/* The members that say how the context is made; where they are missing a default counts, where they
 * are of another type nothing does. */
static int read_making(const struct kvt_ladder *ladder, struct marked *marked,
                       struct kvt_error *error)
{
    const json_t *separator = json_object_get(marked->object, "separator");
    const json_t *depth = json_object_get(marked->object, "depth");
    if (separator && !json_is_string(separator))
        return kvt_fail(error, KVT_DATA, "row %s: separator is not a text", marked->id);
    marked->separator = separator ? json_string_value(separator) : " ";
    if (depth && !json_is_number(depth))
        return kvt_fail(error, KVT_DATA, "row %s: depth is not a number", marked->id);
    marked->depth = depth ? json_number_value(depth) : depth_of(ladder->seed, marked->id);
    if (!(marked->depth >= 0 && marked->depth <= 1))
        return kvt_fail(error, KVT_DATA, "row %s: depth is not between 0 and 1", marked->id);
    return 0;
}

static int read_marked(const struct kvt_ladder *ladder, struct marked *marked, const char *line,
                       size_t length, struct kvt_error *error)
{
    marked->object = kvt_json_parse(line, length, &marked->replaced, error);
    if (!marked->object)
        return -1;
    text_id(marked->object);
    marked->id = kvt_json_text(marked->object, "_id", NULL);
    if (!marked->id || !*marked->id)
        return kvt_fail(error, KVT_DATA, "the row has no _id that is a text or a whole number");
    marked->evidence = json_object_get(marked->object, "evidence");
    marked->distractors = json_object_get(marked->object, "distractors");
    if (!is_texts(marked->evidence) || !is_texts(marked->distractors))
        return kvt_fail(error, KVT_DATA, "row %s: %s is not a list of texts", marked->id,
                        is_texts(marked->evidence) ? "distractors" : "evidence");
    return read_making(ladder, marked, error);
}

static void add_text(const struct marked *marked, const json_t *text, struct kvt_buffer *out)
{
    if (out->length)
        kvt_buffer_text(out, marked->separator);
    kvt_buffer_append(out, json_string_value(text), json_string_length(text));
}

static void add_evidence(const struct marked *marked, struct kvt_buffer *out)
{
    for (size_t i = 0; i < json_array_size(marked->evidence); i++)
        add_text(marked, json_array_get(marked->evidence, i), out);
}

/* The evidence among the first n distractors. */
static void make_context(const struct marked *marked, size_t n, struct kvt_buffer *out)
{
    size_t before = (size_t)(marked->depth * (double)n);
    kvt_buffer_clear(out);
    for (size_t i = 0; i < n; i++) {
        if (i == before)
            add_evidence(marked, out);
        add_text(marked, json_array_get(marked->distractors, i), out);
    }
    if (before >= n)
        add_evidence(marked, out);
}

/* The row of a rung: the marked row's members, the new context, and what it was made from. */
static void make_row(const struct marked *marked, size_t rung, size_t n, struct kvt_buffer *context,
                     struct kvt_buffer *out)
{
    make_context(marked, n, context);
    json_t *row = json_copy(marked->object);
    char *id = kvt_asprintf("%s-%zu", marked->id, rung);
    json_object_del(row, "evidence");
    json_object_del(row, "distractors");
    json_object_del(row, "separator");
    json_object_set_new(row, "_id", json_string(id));
    json_object_set_new(row, "context", json_stringn(kvt_buffer_string(context), context->length));
    json_object_set_new(row, "cluster", json_string(marked->id));
    json_object_set_new(row, "rung", json_integer((json_int_t)rung));
    json_object_set_new(row, "n_distractors", json_integer((json_int_t)n));
    json_object_set_new(row, "depth", json_real(marked->depth));
    if (marked->replaced)
        json_object_set_new(row, "replaced", json_integer((json_int_t)marked->replaced));
    kvt_buffer_clear(out);
    kvt_json_write(out, row);
    json_decref(row);
    free(id);
}

static int64_t length_with(const struct kvt_ladder *ladder, const struct marked *marked,
                           size_t rung, size_t n, struct kvt_prompt *prompt,
                           struct kvt_buffer buffers[2], struct kvt_error *error)
{
    struct kvt_row row;
    make_row(marked, rung, n, &buffers[0], &buffers[1]);
    if (kvt_row_parse(&row, buffers[1].data, buffers[1].length, error) != 0)
        return -1;
    int status = kvt_prompt_build(ladder->prompter, &row, true, prompt, error);
    kvt_row_free(&row);
    return status == 0 ? prompt->token_len : -1;
}

/* The most distractors that fit, by bisection: more of them never make the prompt shorter. */
static int fit(const struct kvt_ladder *ladder, const struct marked *marked, size_t rung, size_t *n,
               struct kvt_prompt *prompt, struct kvt_buffer buffers[2], struct kvt_error *error)
{
    size_t most = json_array_size(marked->distractors), low = *n, high = most + 1;
    int64_t limit = ladder->lengths[rung];
    int64_t reached = length_with(ladder, marked, rung, low, prompt, buffers, error);
    if (reached < 0)
        return -1;
    if (reached > limit)
        return kvt_fail(error, KVT_DATA,
                        "row %s needs %lld tokens before any distractor; the rung has %lld",
                        marked->id, (long long)reached, (long long)limit);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        int64_t length = length_with(ladder, marked, rung, middle, prompt, buffers, error);
        if (length < 0)
            return -1;
        if (length <= limit) {
            low = middle;
            reached = length;
        } else {
            high = middle;
        }
    }
    if (reached * 100 < limit * SHORTEST_PERCENT)
        return kvt_fail(error, KVT_DATA,
                        "row %s reaches only %lld of %lld tokens with %zu of %zu distractors",
                        marked->id, (long long)reached, (long long)limit, low, most);
    *n = low;
    return 0;
}

int kvt_ladder_build(const struct kvt_ladder *ladder, const char *line, size_t length,
                     struct kvt_prompt *prompt, kvt_rung_function put, void *context,
                     struct kvt_error *error)
{
    struct marked marked = {0};
    struct kvt_buffer buffers[2] = {{0}};
    size_t *fitting = kvt_alloc_zero(ladder->count, sizeof *fitting);
    int status = read_marked(ladder, &marked, line, length, error);
    for (size_t rung = 0; rung < ladder->count && status == 0; rung++) {
        fitting[rung] = rung ? fitting[rung - 1] : 0;
        status = fit(ladder, &marked, rung, &fitting[rung], prompt, buffers, error);
        if (status == 0 && rung && fitting[rung] == fitting[rung - 1])
            status = kvt_fail(error, KVT_DATA,
                              "row %s: the rungs of %lld and %lld tokens would be the same prompt; "
                              "lengths must be a distractor apart",
                              marked.id, (long long)ladder->lengths[rung - 1],
                              (long long)ladder->lengths[rung]);
    }
    for (size_t rung = 0; rung < ladder->count && status == 0; rung++) {
        make_row(&marked, rung, fitting[rung], &buffers[0], &buffers[1]);
        put(context, &buffers[1]);
    }
    free(fitting);
    kvt_buffer_free(&buffers[0]);
    kvt_buffer_free(&buffers[1]);
    json_decref(marked.object);
    return status;
}
