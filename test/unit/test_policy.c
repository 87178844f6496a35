/*
 * Policies and the cache they shrink: what is kept against a plain reading of each formula over
 * ref.c's attention; what is held against the allocator's counter and the size of pages; budget 1
 * against no policy; decoding over a shrunken cache against ref.c with the dropped entries masked.
 */
#include "tap.h"

#include "core/memory.h"
#include "engine/engine.h"
#include "engine/model.h"
#include "engine/policy.h"
#include "engine/ref.h"
#include "model_fixture.h"

#include <stdlib.h>

enum { CONTEXT = 80, TAIL = 6, LENGTH = CONTEXT + TAIL };

static const struct fixture grouped = {.architecture = "llama",
                                       .layers = 2,
                                       .dim = 64,
                                       .heads = 4,
                                       .kv_heads = 2,
                                       .head_dim = 16,
                                       .hidden = 96,
                                       .vocabulary = 60,
                                       .context = 256,
                                       .type = KVT_TENSOR_F32,
                                       .seed = 21};

struct world { /* a model, its fast engine and the slow results for one prompt */
    const struct fixture *fixture;
    char path[512];
    struct kvt_engine *engine;
    struct kvt_model *model;
    int32_t tokens[LENGTH];
    double *attention; /* [layers][heads][LENGTH][LENGTH] */
};

static void *must(void *pointer, const struct kvt_error *error)
{
    if (!pointer) {
        printf("Bail out! %s\n", error->text);
        exit(1);
    }
    return pointer;
}

static void open_world(struct world *w, const struct fixture *fixture, size_t threads)
{
    struct kvt_error error;
    *w = (struct world){.fixture = fixture};
    snprintf(w->path, sizeof w->path, "%s", fixture_path("policy"));
    fixture_write(fixture, w->path);
    struct kvt_engine_options options = {.threads = threads, .block = 33};
    w->engine = must(kvt_engine_open(w->path, &options, &error), &error);
    w->model = must(kvt_model_open(w->path, &error), &error);
    struct kvt_random random;
    kvt_random_seed(&random, 77);
    for (size_t i = 0; i < LENGTH; i++)
        w->tokens[i] = (int32_t)kvt_random_bounded(&random, fixture->vocabulary);
    struct kvt_reference reference = {
        .logits = kvt_alloc_zero((size_t)LENGTH * fixture->vocabulary, sizeof(double)),
        .attention = kvt_alloc_zero((size_t)fixture->layers * fixture->heads * LENGTH * LENGTH,
                                    sizeof(double))};
    kvt_reference_run(w->model, w->tokens, LENGTH, &reference);
    w->attention = reference.attention;
    free(reference.logits);
}

static void close_world(struct world *w)
{
    is_int(kvt_engine_kv_bytes(w->engine), 0, "the allocator holds nothing at the end");
    kvt_model_close(w->model);
    kvt_engine_close(w->engine);
    free(w->attention);
    unlink(w->path);
}

static double attention(const struct world *w, size_t layer, size_t head, size_t query,
                        size_t entry)
{
    return w->attention[((layer * w->fixture->heads + head) * LENGTH + query) * LENGTH + entry];
}

static void feed(struct kvt_session *session, const int32_t *tokens, size_t n)
{
    struct kvt_error error;
    for (size_t at = 0; at < n;) {
        ptrdiff_t taken = kvt_session_feed(session, tokens + at, n - at, &error);
        if (taken <= 0) {
            printf("Bail out! %s\n", error.text);
            exit(1);
        }
        at += (size_t)taken;
    }
}

static struct kvt_session *open_session(const struct world *w, const char *policy, double budget,
                                        size_t capacity, struct kvt_policy_parameters parameters)
{
    struct kvt_error error;
    struct kvt_plan plan = {.policy = kvt_policy_find(policy),
                            .budget = budget,
                            .capacity = capacity,
                            .parameters = parameters,
                            .prompt_tokens = LENGTH,
                            .compress_at = CONTEXT};
    return must(kvt_session_open(w->engine, &plan, &error), &error);
}

/* kept entries of a head as flags over positions */
static void kept_flags(const struct kvt_session *session, size_t layer, size_t head, bool *kept)
{
    int32_t positions[LENGTH];
    size_t n = kvt_session_positions(session, layer, head, positions, LENGTH);
    memset(kept, 0, LENGTH * sizeof *kept);
    for (size_t i = 0; i < n; i++)
        kept[positions[i]] = true;
}

/*
 * The set is right if it has `wanted` entries and no dropped entry scores more than a kept one by
 * more than rounding can explain.
 */
static bool is_top(const double *scores, size_t n, size_t wanted, const bool *kept)
{
    double least = INFINITY, most = -INFINITY;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept[i]) {
            count++;
            least = fmin(least, scores[i]);
        } else {
            most = fmax(most, scores[i]);
        }
    }
    return count == wanted && most <= least + 1e-6;
}

static void score_snapkv(const struct world *w, size_t layer, size_t head, size_t window,
                         size_t kernel, double *scores)
{
    size_t group = w->fixture->heads / w->fixture->kv_heads, scored = CONTEXT - window;
    for (size_t i = 0; i < CONTEXT; i++) {
        scores[i] = i < scored ? 0 : INFINITY;
        for (size_t g = 0; g < group && i < scored; g++)
            for (size_t j = i < kernel / 2 ? 0 : i - kernel / 2; j <= i + kernel / 2 && j < scored;
                 j++)
                for (size_t q = scored; q < CONTEXT; q++)
                    scores[i] += attention(w, layer, head * group + g, q, j) / (double)window /
                                 (double)kernel / (double)group;
    }
}

/* Attention received by each of the first n entries from the first n queries. */
static void score_sums(const struct world *w, size_t layer, size_t head, size_t n, bool averaged,
                       double *scores)
{
    size_t group = w->fixture->heads / w->fixture->kv_heads;
    for (size_t i = 0; i < n; i++) {
        scores[i] = 0;
        for (size_t g = 0; g < group; g++)
            for (size_t q = i; q < n; q++)
                scores[i] += attention(w, layer, head * group + g, q, i) / (double)group;
        if (averaged)
            scores[i] /= (double)(n - i);
    }
}

static void score_tova(const struct world *w, size_t layer, double *scores)
{
    for (size_t i = 0; i < CONTEXT; i++) {
        scores[i] = i == CONTEXT - 1 ? INFINITY : 0;
        for (size_t h = 0; h < w->fixture->heads; h++)
            scores[i] += attention(w, layer, h, CONTEXT - 1, i) / w->fixture->heads;
    }
}

static void check_policy(const struct world *w, const char *policy, size_t window, size_t kernel,
                         double budget)
{
    struct kvt_session *session =
        open_session(w, policy, budget, 0, (struct kvt_policy_parameters){window, kernel, 0, 0});
    feed(session, w->tokens, CONTEXT);
    size_t wanted = (size_t)(CONTEXT * (1 - (1 - budget)));
    bool right = true;
    for (size_t l = 0; l < w->fixture->layers; l++)
        for (size_t h = 0; h < w->fixture->kv_heads; h++) {
            double scores[CONTEXT];
            bool kept[LENGTH];
            kept_flags(session, l, h, kept);
            if (strcmp(policy, "snapkv") == 0)
                score_snapkv(w, l, h, window, kernel, scores);
            else if (strcmp(policy, "tova") == 0)
                score_tova(w, l, scores);
            else
                score_sums(w, l, h, CONTEXT, strcmp(policy, "observed") == 0, scores);
            for (size_t i = 0; strcmp(policy, "h2o") == 0 && i < (wanted + 1) / 2; i++)
                scores[CONTEXT - 1 - i] = INFINITY;
            right = right && is_top(scores, CONTEXT, wanted, kept);
        }
    char name[96];
    snprintf(name, sizeof name, "%s, budget %g: kept entries as the formula says", policy, budget);
    ok(right, name);
    kvt_session_close(session);
}

/* Decoding over what is left, against ref.c with the rest masked. */
static void check_decoding(const struct world *w, const char *policy)
{
    struct kvt_session *session =
        open_session(w, policy, 0.4, 0, (struct kvt_policy_parameters){8, 3, 0, 5});
    feed(session, w->tokens, CONTEXT);
    size_t heads = w->fixture->layers * w->fixture->kv_heads;
    unsigned char *dropped = kvt_alloc_zero(heads * LENGTH, 1);
    for (size_t i = 0; i < heads; i++) {
        bool kept[LENGTH];
        kept_flags(session, i / w->fixture->kv_heads, i % w->fixture->kv_heads, kept);
        for (size_t p = 0; p < CONTEXT; p++)
            dropped[i * LENGTH + p] = !kept[p];
    }
    struct kvt_reference reference = {
        .dropped = dropped,
        .dropped_from = CONTEXT,
        .logits = kvt_alloc_zero((size_t)LENGTH * w->fixture->vocabulary, sizeof(double))};
    kvt_reference_run(w->model, w->tokens, LENGTH, &reference);
    double worst = 0;
    for (size_t t = CONTEXT; t < LENGTH; t++) {
        feed(session, w->tokens + t, 1);
        const float *logits = kvt_session_logits(session);
        for (size_t i = 0; i < w->fixture->vocabulary; i++)
            worst = fmax(
                worst, fabs((double)logits[i] - reference.logits[t * w->fixture->vocabulary + i]));
    }
    char name[96];
    snprintf(name, sizeof name, "%s: logits after compression within 1e-4 of ref.c (%.2g)", policy,
             worst);
    ok(worst < 1e-4, name);
    free(reference.logits);
    free(dropped);
    kvt_session_close(session);
}

/* Every policy at budget 1, and at a capacity that is never reached, gives the bits of no policy.
 */
static void check_full_budget(const struct world *w)
{
    float full[60], other[60];
    struct kvt_session *session = open_session(w, "full", 1, 0, (struct kvt_policy_parameters){0});
    feed(session, w->tokens, LENGTH);
    memcpy(full, kvt_session_logits(session), sizeof full);
    struct kvt_kv_report expected, report;
    kvt_session_report(session, &expected);
    is_int(expected.bytes, expected.full_bytes, "the full cache takes full_bytes");
    const struct kvt_policy *policy;
    for (size_t i = 0; (policy = kvt_policy_at(i)) != NULL; i++)
        for (int capacity = 0; capacity < 2 && (policy->select || !capacity); capacity++) {
            struct kvt_session *again = open_session(w, policy->name, 1, capacity ? LENGTH : 0,
                                                     (struct kvt_policy_parameters){0});
            feed(again, w->tokens, LENGTH);
            memcpy(other, kvt_session_logits(again), sizeof other);
            kvt_session_report(again, &report);
            char name[96];
            snprintf(name, sizeof name, "%s with %s equals full, bit for bit", policy->name,
                     capacity ? "room for all" : "budget 1");
            ok(memcmp(full, other, sizeof full) == 0 && report.bytes == expected.bytes &&
                   report.kept_tokens == (double)LENGTH,
               name);
            kvt_session_close(again);
        }
    kvt_session_close(session);
}

static void check_counts(const struct world *w)
{
    static const struct {
        double budget;
        size_t capacity, kept;
    } cases[] = {{0.5, 0, 40},  {0.2, 0, 15}, {0.1, 0, 7}, {0.001, 0, 1},
                 {0.99, 0, 79}, {1, 23, 23},  {1, 1, 1},   {1, 79, 79}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct kvt_session *session = open_session(w, "random", cases[i].budget, cases[i].capacity,
                                                   (struct kvt_policy_parameters){0});
        feed(session, w->tokens, LENGTH);
        struct kvt_kv_report r;
        kvt_session_report(session, &r);
        /* a page holds 16 entries: 16 keys and 16 values of 16 floats, and 16 positions */
        size_t page = 16 * (16 + 16 + 1) * 4, heads = 4;
        size_t pages = (cases[i].kept + TAIL + 15) / 16;
        char name[96];
        snprintf(name, sizeof name, "budget %g or capacity %zu of %d keeps %zu", cases[i].budget,
                 cases[i].capacity, CONTEXT, cases[i].kept);
        is_int(r.kept_compressible, cases[i].kept, name);
        ok(r.kept_tokens == (double)(cases[i].kept + TAIL) && r.uncompressed_tail == TAIL &&
               r.compressible == CONTEXT && r.kept_per_layer[1] == r.kept_tokens,
           "the report counts the tail");
        is_int(r.bytes, pages * page * heads, "bytes are those of the pages that are left");
        is_int(kvt_engine_kv_bytes(w->engine), r.bytes_now, "and what the allocator counts");
        is_int(r.peak_bytes, (pages > 5 ? pages : 5) * page * heads,
               "the peak is that of the uncompressed 80 entries, or what the tail came to");
        is_int(r.full_bytes, 6 * page * heads, "full_bytes is the whole prompt's");
        kvt_session_close(session);
    }
}

static void check_simple_policies(const struct world *w)
{
    int32_t positions[LENGTH], again[LENGTH];
    struct kvt_session *session =
        open_session(w, "streamingllm", 1, 10, (struct kvt_policy_parameters){0});
    feed(session, w->tokens, CONTEXT);
    static const int32_t expected[10] = {0, 1, 2, 3, 74, 75, 76, 77, 78, 79};
    ok(kvt_session_positions(session, 1, 1, positions, LENGTH) == 10 &&
           memcmp(positions, expected, sizeof expected) == 0,
       "streamingllm: four sinks and the most recent");
    kvt_session_close(session);
    session = open_session(w, "streamingllm", 1, 3, (struct kvt_policy_parameters){0});
    feed(session, w->tokens, CONTEXT);
    ok(kvt_session_positions(session, 0, 0, positions, LENGTH) == 3 &&
           memcmp(positions, expected, 3 * sizeof *expected) == 0,
       "streamingllm: fewer entries than sinks");
    kvt_session_close(session);

    size_t counts[CONTEXT] = {0}, differ = 0;
    for (uint64_t seed = 0; seed < 200; seed++) {
        session = open_session(w, "random", 1, 20, (struct kvt_policy_parameters){.seed = seed});
        feed(session, w->tokens, CONTEXT);
        kvt_session_positions(session, 0, 0, positions, LENGTH);
        kvt_session_positions(session, 0, 1, again, LENGTH);
        differ += memcmp(positions, again, 20 * sizeof *positions) != 0;
        for (size_t i = 0; i < 20; i++)
            counts[positions[i]]++;
        kvt_session_close(session);
    }
    size_t least = 200, most = 0;
    for (size_t i = 0; i < CONTEXT; i++) {
        least = counts[i] < least ? counts[i] : least;
        most = counts[i] > most ? counts[i] : most;
    }
    /* binomial(200, 1/4): mean 50, deviation 6.1 */
    ok(least > 25 && most < 78, "random: every entry is kept about as often");
    ok(differ > 195, "random: heads keep sets of their own");
    for (int i = 0; i < 2; i++) {
        session = open_session(w, "random", 1, 20, (struct kvt_policy_parameters){.seed = 3});
        feed(session, w->tokens, CONTEXT);
        kvt_session_positions(session, 1, 0, i ? again : positions, LENGTH);
        kvt_session_close(session);
    }
    ok(memcmp(positions, again, 20 * sizeof *positions) == 0,
       "random: the same seed, the same set");
}

/* Keys of known norms, written into a cache by hand. */
static void check_knorm(void)
{
    struct kvt_error error;
    struct kvt_kv_allocator allocator = {0};
    struct kvt_kv_cache cache;
    kvt_kv_open(&cache, &(struct kvt_kv_shape){1, 1, 4}, &allocator);
    must(kvt_kv_reserve(&cache, 20, &error) == 0 ? &cache : NULL, &error);
    for (size_t i = 0; i < 20; i++) { /* norm 2 * ((7 i) mod 20): a permutation */
        float size = (float)(7 * i % 20), key[4] = {size, -size, size, size};
        kvt_kv_write(&cache, 0, 0, i, key, key, i);
    }
    kvt_kv_grow(&cache, 0, 20);
    struct kvt_policy_view view = {.cache = &cache, .n_heads = 1, .group = 1, .n = 20};
    float scratch[20];
    size_t indices[5];
    kvt_policy_find("knorm")->select(&view, 5, scratch, indices);
    bool right = true;
    for (size_t i = 0; i < 5; i++)
        right = right && 7 * indices[i] % 20 < 5 && (i == 0 || indices[i] > indices[i - 1]);
    ok(right, "knorm: the smallest norms, in order");
    kvt_kv_keep(&cache, 0, 0, indices, 5);
    right = true;
    for (size_t i = 0; i < 5; i++)
        right = right && kvt_kv_position(&cache, 0, 0, i) == (int32_t)indices[i];
    ok(right && kvt_kv_head(&cache, 0, 0)->n_pages == 1,
       "kept entries move together, a page is freed");
    kvt_kv_remove(&cache, 0, 0, 1);
    ok(kvt_kv_position(&cache, 0, 0, 1) == (int32_t)indices[4] &&
           kvt_kv_head(&cache, 0, 0)->count == 4,
       "the last entry takes the place of a removed one");
    kvt_kv_close(&cache);
    is_int(atomic_load(&allocator.bytes), 0, "a closed cache holds nothing");
}

static void check_window(const struct world *w)
{
    struct kvt_kv_report r;
    struct kvt_session *session =
        open_session(w, "snapkv", 1, 10, (struct kvt_policy_parameters){.window = 64});
    feed(session, w->tokens, LENGTH);
    kvt_session_report(session, &r);
    int32_t positions[LENGTH];
    kvt_session_positions(session, 0, 0, positions, LENGTH);
    ok(r.window_not_below_kept && r.window == 10 && positions[0] == 70,
       "a window that takes all that is kept is cut and flagged");
    kvt_session_close(session);
    session = open_session(w, "snapkv", 1, 17, (struct kvt_policy_parameters){.window = 16});
    feed(session, w->tokens, LENGTH);
    kvt_session_report(session, &r);
    ok(!r.window_not_below_kept && r.window == 16, "one entry beyond the window is not flagged");
    kvt_session_close(session);
}

/*
 * H2O while decoding. With one layer, keys do not depend on what was dropped, so attention over the
 * kept entries is ref.c's full attention renormalised: the whole history can be worked out in
 * doubles.
 */
static void check_h2o_decoding(void)
{
    struct fixture one = grouped;
    one.layers = 1;
    struct world w;
    open_world(&w, &one, 1);
    enum { EARLY = 30, CAPACITY = 16, RECENT = 8 }; /* the tail is long: its tokens grow old too */
    struct kvt_error error;
    struct kvt_plan plan = {.policy = kvt_policy_find("h2o"),
                            .capacity = CAPACITY,
                            .prompt_tokens = LENGTH,
                            .compress_at = EARLY};
    struct kvt_session *session = must(kvt_session_open(w.engine, &plan, &error), &error);
    size_t group = one.heads / one.kv_heads;
    double sums[2][LENGTH] = {{0}};
    bool held[2][LENGTH] = {{false}}, kept[LENGTH];
    feed(session, w.tokens, EARLY);
    for (size_t h = 0; h < 2; h++) {
        score_sums(&w, 0, h, EARLY, false, sums[h]);
        kept_flags(session, 0, h, held[h]);
    }
    bool right = true, constant = true;
    for (size_t t = EARLY; t < LENGTH; t++) {
        feed(session, w.tokens + t, 1);
        for (size_t h = 0; h < 2; h++) {
            held[h][t] = true;
            for (size_t g = 0; g < group; g++) {
                double total = 0;
                for (size_t i = 0; i <= t; i++)
                    total += held[h][i] ? attention(&w, 0, h * group + g, t, i) : 0;
                for (size_t i = 0; i <= t; i++)
                    if (held[h][i])
                        sums[h][i] += attention(&w, 0, h * group + g, t, i) / total / (double)group;
            }
            size_t worst = LENGTH;
            for (size_t i = 0; i + RECENT <= t; i++)
                if (held[h][i] && (worst == LENGTH || sums[h][i] < sums[h][worst]))
                    worst = i;
            held[h][worst] = false;
            kept_flags(session, 0, h, kept);
            right = right && memcmp(kept, held[h], sizeof kept) == 0;
            constant = constant && kvt_session_positions(session, 0, h, NULL, 0) == CAPACITY;
        }
    }
    ok(constant, "h2o: the cache does not grow while decoding");
    ok(right, "h2o: every step drops the entry with the least attention among the old ones");
    kvt_session_close(session);
    close_world(&w);
}

static void check_top(void)
{
    struct kvt_random random;
    kvt_random_seed(&random, 4);
    bool right = true;
    for (size_t round = 0; round < 300; round++) {
        float scores[50];
        bool kept[50] = {false};
        size_t indices[50], n = 1 + kvt_random_bounded(&random, 50);
        size_t wanted = 1 + kvt_random_bounded(&random, (uint32_t)n);
        for (size_t i = 0; i < n; i++) { /* few values, so that many tie; some odd ones */
            scores[i] = (float)((int)kvt_random_bounded(&random, 9) - 4);
            scores[i] = scores[i] == 4    ? NAN
                        : scores[i] == 3  ? INFINITY
                        : scores[i] == -4 ? -0.0F
                                          : scores[i];
        }
        kvt_policy_top(scores, n, wanted, indices);
        for (size_t k = 0; k < wanted; k++) { /* plain selection, one best after the other */
            size_t best = n;
            for (size_t i = 0; i < n; i++)
                if (!kept[i] && (best == n || scores[i] > scores[best] ||
                                 (isnan(scores[best]) && !isnan(scores[i]))))
                    best = i;
            kept[best] = true;
        }
        size_t out = 0;
        for (size_t i = 0; i < n; i++)
            if (kept[i])
                right = right && indices[out++] == i;
        right = right && out == wanted;
    }
    ok(right, "the largest scores, the first of equal ones, in order");
}

static void check_limit(void)
{
    struct kvt_error error;
    const char *path = fixture_path("limit");
    fixture_write(&grouped, path);
    size_t page = 16 * 33 * 4;
    struct kvt_engine_options options = {.threads = 1, .kv_limit = 4 * 3 * page};
    struct kvt_engine *engine = must(kvt_engine_open(path, &options, &error), &error);
    struct kvt_plan plan = {.budget = 1, .prompt_tokens = 60};
    struct kvt_session *session = must(kvt_session_open(engine, &plan, &error), &error);
    int32_t tokens[60] = {0};
    feed(session, tokens, 48);
    ok(kvt_session_feed(session, tokens, 1, &error) == -1 && error.code == KVT_SYSTEM,
       "beyond the limit a session fails with a message");
    ok(kvt_engine_kv_bytes(engine) <= options.kv_limit &&
           kvt_engine_kv_peak(engine) <= options.kv_limit,
       "and the limit was never passed");
    kvt_session_close(session);
    is_int(kvt_engine_kv_bytes(engine), 0, "what it held is free again");
    kvt_engine_close(engine);
    unlink(path);
}

/*
 * In one layer keys depend on token and place alone. So after sinks and recent entries have moved
 * together, what follows is what the same tokens give as a prompt without those dropped.
 */
static void check_rerotation(void)
{
    enum { SINKS = 4, KEPT = 23 };
    struct fixture shallow = grouped;
    shallow.layers = 1;
    struct world w;
    open_world(&w, &shallow, 1);
    int32_t closed_up[KEPT + TAIL];
    memcpy(closed_up, w.tokens, SINKS * sizeof *closed_up);
    memcpy(closed_up + SINKS, w.tokens + LENGTH - (KEPT + TAIL - SINKS),
           (KEPT + TAIL - SINKS) * sizeof *closed_up);
    struct kvt_session *session =
        open_session(&w, "streamingllm-rerotated", 1, KEPT, (struct kvt_policy_parameters){0});
    struct kvt_error error;
    struct kvt_session *plain =
        must(kvt_session_open(w.engine, &(struct kvt_plan){.prompt_tokens = KEPT + TAIL}, &error),
             &error);
    feed(session, w.tokens, CONTEXT);
    feed(plain, closed_up, KEPT);
    double worst = 0;
    for (size_t t = 0; t < TAIL; t++) {
        feed(session, w.tokens + CONTEXT + t, 1);
        feed(plain, closed_up + KEPT + t, 1);
        const float *logits = kvt_session_logits(session), *expected = kvt_session_logits(plain);
        for (size_t i = 0; i < shallow.vocabulary; i++)
            worst = fmax(worst, fabs((double)logits[i] - (double)expected[i]));
    }
    ok(worst < 1e-4, "streamingllm-rerotated: as if the dropped tokens had never been there");
    int32_t positions[LENGTH];
    kvt_session_positions(session, 0, 0, positions, LENGTH);
    is_int(positions[SINKS], CONTEXT - KEPT + SINKS, "positions reported are the prompt's");
    is_int((long long)kvt_session_position(session), LENGTH, "and so is the count of tokens");
    kvt_session_close(session);
    kvt_session_close(plain);
    close_world(&w);
}

int main(void)
{
    struct world w;
    open_world(&w, &grouped, 2);
    check_top();
    check_knorm();
    for (int i = 0; i < 2; i++) {
        double budget = i ? 0.25 : 0.6;
        check_policy(&w, "snapkv", 8, 5, budget);
        check_policy(&w, "snapkv", 16, 1, budget);
        check_policy(&w, "tova", 0, 0, budget);
        check_policy(&w, "h2o", 0, 0, budget);
        check_policy(&w, "observed", 0, 0, budget);
    }
    static const char *const appending[] = {"snapkv", "streamingllm", "random",
                                            "tova",   "knorm",        "observed"};
    for (size_t i = 0; i < sizeof appending / sizeof *appending; i++)
        check_decoding(&w, appending[i]);
    check_full_budget(&w);
    check_counts(&w);
    check_simple_policies(&w);
    check_window(&w);
    close_world(&w);
    check_h2o_decoding();
    check_rerotation();
    check_limit();
    return tap_done();
}
