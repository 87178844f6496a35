/* text/tokens.h: the tokens that golds and a prediction have in common, against plain counting. */
#include "tap.h"

#include "core/bits.h"
#include "core/random.h"
#include "text/kernels.h"
#include "text/tokens.h"

enum { N_GOLDS = 3, MOST_TOKENS = 900, LONGEST = 24 };

/* Words of few letters of these lengths: equal ones are met, and long ones with equal beginnings.
 */
static const size_t lengths[] = {1, 2, 7, 8, 9, 16, 17, 23};

struct text {
    size_t n, length;
    char tokens[MOST_TOKENS][LONGEST];
    char data[MOST_TOKENS * LONGEST + KVT_BLOCK];
};

static void make_text(struct text *text, size_t n, struct kvt_random *random)
{
    *text = (struct text){.n = n};
    memset(text->data, ' ', sizeof text->data); /* what stands behind a text is no part of it */
    for (size_t i = 0; i < n; i++) {
        size_t length = lengths[kvt_random_bounded(random, sizeof lengths / sizeof *lengths)];
        memset(text->tokens[i], 'x', length);
        text->tokens[i][length - 1] = (char)('a' + kvt_random_bounded(random, 3));
        text->tokens[i][kvt_random_bounded(random, (uint32_t)length)] = 'z';
        text->length += i > 0;
        memcpy(text->data + text->length, text->tokens[i], length);
        text->length += length;
    }
}

static struct kvt_span span_of(const struct text *text)
{
    return (struct kvt_span){text->data, text->length};
}

/* Each token of the gold takes one of the prediction that none has taken yet. */
static size_t plainly_common(const struct text *gold, const struct text *prediction)
{
    char taken[MOST_TOKENS] = {0};
    size_t common = 0;
    for (size_t i = 0; i < gold->n; i++)
        for (size_t j = 0; j < prediction->n; j++)
            if (!taken[j] && strcmp(gold->tokens[i], prediction->tokens[j]) == 0) {
                taken[j] = 1;
                common++;
                break;
            }
    return common;
}

/* Mostly short rows; some at the length up to which a prediction is short, some long. */
static uint32_t some_length(int row, struct kvt_random *random)
{
    if (row % 20 == 1)
        return KVT_TOKENS_SHORT - 3 + kvt_random_bounded(random, 6);
    return kvt_random_bounded(random, row % 20 ? 30 : MOST_TOKENS);
}

static void test_random(const struct kvt_text_kernels *kernels)
{
    static struct text golds[N_GOLDS], prediction;
    struct kvt_tokens tokens = {0};
    char name[64];
    struct kvt_random random;
    int same = 1;
    kvt_random_seed(&random, 4);
    for (int row = 0; row < 300; row++) {
        size_t n = 0;
        for (size_t i = 0; i < N_GOLDS; i++) {
            make_text(&golds[i], some_length(row, &random), &random);
            n += golds[i].n;
        }
        make_text(&prediction, some_length(row, &random), &random);
        kernels->tokens_start(&tokens, span_of(&prediction), prediction.n, n);
        for (size_t i = 0; i < N_GOLDS; i++)
            kernels->tokens_add(&tokens, span_of(&golds[i]));
        kernels->tokens_count(&tokens);
        for (size_t i = 0; i < N_GOLDS; i++)
            same &= kvt_tokens_common(&tokens, i) == plainly_common(&golds[i], &prediction);
    }
    kvt_tokens_free(&tokens);
    snprintf(name, sizeof name, "%s: 300 rows of three golds, by one table", kernels->name);
    ok(same, name);
}

static void each_has_a_slot(const char *text, size_t length, size_t n, const char *name)
{
    struct kvt_tokens tokens = {0};
    struct kvt_span all = {text, length - 1}; /* without the last space */
    kvt_tokens_start(&tokens, all, n, n);
    kvt_tokens_add(&tokens, all);
    kvt_tokens_count(&tokens);
    size_t once = 0;
    for (size_t i = 0; i < (size_t)1 << tokens.bits; i++)
        once += tokens.slots[i].epoch == tokens.epoch && tokens.slots[i].count == 1;
    is_int(once, n, name);
    is_int(kvt_tokens_common(&tokens, 0), n, "and all are in common with themselves");
    kvt_tokens_free(&tokens);
}

/* More different tokens than the first table has slots, many alike in their first eight bytes; some
 * meet in one place. */
static void test_many(void)
{
    enum { N = 4000, WIDTH = 13, LENGTHS = 600 };
    static char numbers[N * WIDTH + KVT_BLOCK], runs[LENGTHS * LENGTHS];
    size_t length = 0;
    for (int i = 0; i < N; i++)
        length +=
            (size_t)snprintf(numbers + length, WIDTH + 1, "%s%d ", i % 2 ? "" : "xxxxxxxx", i);
    each_has_a_slot(numbers, length, N, "each of four thousand numbers has a slot of its own");
    length = 0;
    for (size_t i = LENGTHS; i > 0; i--) { /* a shorter one is the beginning of what is there */
        memset(runs + length, 'x', i);
        length += i;
        runs[length++] = ' ';
    }
    each_has_a_slot(runs, length, LENGTHS, "each length of a run");
}

static void test_epochs(void)
{
    enum { N = KVT_TOKENS_SHORT + 1 };
    char text[2 * N + KVT_BLOCK];
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "x ", 2);
    struct kvt_span many = {text, 2 * N - 1}, x = {text, 1};
    struct kvt_tokens tokens = {0};
    kvt_tokens_start(&tokens, many, N, 1);
    kvt_tokens_add(&tokens, x);
    kvt_tokens_count(&tokens);
    tokens.epoch = UINT32_MAX; /* four thousand million rows later */
    kvt_tokens_start(&tokens, many, N, 1);
    kvt_tokens_add(&tokens, x);
    is_int(kvt_tokens_common(&tokens, 0), 0, "a row long ago is not counted again");
    kvt_tokens_free(&tokens);
}

int main(void)
{
    const struct kvt_text_kernels *kernels;
    for (size_t k = 0; (kernels = kvt_text_kernels_at(k)) != NULL; k++)
        test_random(kernels);
    test_many();
    test_epochs();
    return tap_done();
}
