/*
 * The forward pass against ref.c and against itself: kernels, weight types, blocks, threads,
 * sessions side by side. Reference values come from the slow forward in doubles and from libm.
 */
#include "tap.h"

#include "core/memory.h"
#include "engine/engine.h"
#include "engine/kernels.h"
#include "engine/model.h"
#include "engine/policy.h"
#include "engine/ref.h"
#include "engine/sampler.h"
#include "engine/tensor.h"
#include "model_fixture.h"

#include <stdlib.h>

enum { LENGTH = 90 };

static const struct fixture llama = {.architecture = "llama",
                                     .layers = 3,
                                     .dim = 64,
                                     .heads = 4,
                                     .kv_heads = 4,
                                     .head_dim = 16,
                                     .hidden = 96,
                                     .vocabulary = 70,
                                     .context = 128,
                                     .type = KVT_TENSOR_F32,
                                     .seed = 1};
/* Grouped queries, biases, halves, an output matrix, a head size that fills no vector. */
static const struct fixture qwen2 = {.architecture = "qwen2",
                                     .layers = 2,
                                     .dim = 96,
                                     .heads = 6,
                                     .kv_heads = 2,
                                     .head_dim = 32,
                                     .hidden = 160,
                                     .vocabulary = 53,
                                     .context = 128,
                                     .untied = true,
                                     .bias = true,
                                     .type = KVT_TENSOR_Q8_0,
                                     .seed = 2};
static const struct fixture narrow = {.architecture = "llama",
                                      .layers = 2,
                                      .dim = 32,
                                      .heads = 4,
                                      .kv_heads = 2,
                                      .head_dim = 8,
                                      .hidden = 64,
                                      .vocabulary = 33,
                                      .context = 128,
                                      .type = KVT_TENSOR_F16,
                                      .seed = 3,
                                      .linear_rope = true};

static void random_tokens(int32_t *tokens, size_t n, uint32_t vocabulary, uint64_t seed)
{
    struct kvt_random random;
    kvt_random_seed(&random, seed);
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)kvt_random_bounded(&random, vocabulary);
}

static struct kvt_engine *open_engine(const char *path, size_t threads, size_t block)
{
    struct kvt_error error;
    struct kvt_engine_options options = {.threads = threads, .block = block};
    struct kvt_engine *engine = kvt_engine_open(path, &options, &error);
    if (!engine) {
        printf("Bail out! %s\n", error.text);
        exit(1);
    }
    return engine;
}

static void feed_all(struct kvt_session *session, const int32_t *tokens, size_t n)
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

static struct kvt_session *full_session(struct kvt_engine *engine, size_t prompt)
{
    struct kvt_error error;
    struct kvt_plan plan = {.budget = 1, .prompt_tokens = prompt};
    return kvt_session_open(engine, &plan, &error);
}

static void test_exponential(void)
{
    const struct kvt_kernels *kernels;
    char name[96];
    for (size_t k = 0; (kernels = kvt_kernels_at(k)) != NULL; k++) {
        double worst = 0;
        for (float x = -87; x < 88; x += 0.0117F) {
            float value = x;
            kernels->exponential(&value, 1);
            worst = fmax(worst, fabs((double)value / exp((double)x) - 1));
        }
        snprintf(name, sizeof name, "%s: exp within 3e-7 of libm (%.2g)", kernels->name, worst);
        ok(worst < 3e-7, name);
        float ends[] = {0, -INFINITY, -1000, NAN, 1000};
        kernels->exponential(ends, 5);
        ok(ends[0] == 1 && ends[1] == 0 && ends[2] == 0 && isnan(ends[3]) && ends[4] > 1e38F,
           "exp(0) is exactly 1; far below is 0, NaN stays, far above is finite or infinite");
    }
}

/* Rows, inputs and outputs that fill no tile. */
static void test_matmul(void)
{
    enum { ROWS = 21, IN = 45, OUT = 75, PANELS = 5 };
    float *x = kvt_alloc_array(ROWS * IN, sizeof *x), *packed = aligned_alloc(64, PANELS * IN * 64);
    float *y = kvt_alloc_array(ROWS * OUT, sizeof *y),
          *other = kvt_alloc_array(ROWS * OUT, sizeof *y);
    float bias[OUT];
    struct kvt_random random;
    kvt_random_seed(&random, 9);
    for (size_t i = 0; i < ROWS * IN; i++)
        x[i] = (float)kvt_random_double(&random) - 0.5F;
    for (size_t i = 0; i < PANELS * IN * 16; i++)
        packed[i] = (float)kvt_random_double(&random) - 0.5F;
    for (size_t i = 0; i < OUT; i++)
        bias[i] = (float)kvt_random_double(&random);
    const struct kvt_kernels *kernels, *fused = NULL;
    for (size_t k = 0; (kernels = kvt_kernels_at(k)) != NULL; k++) {
        double worst = 0;
        kernels->matmul(y, OUT, x, IN, ROWS, packed, bias, IN, OUT, 0, PANELS);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t o = 0; o < OUT; o++) {
                double sum = (double)bias[o];
                for (size_t i = 0; i < IN; i++)
                    sum += (double)x[r * IN + i] * (double)packed[(o / 16 * IN + i) * 16 + o % 16];
                worst = fmax(worst, fabs(sum - (double)y[r * OUT + o]));
            }
        ok(worst < 1e-5, "matmul agrees with doubles");
        int same = 1;
        for (size_t r = 0; r < ROWS; r++) { /* one row at a time, panels in two parts */
            kernels->matmul(other + r * OUT, OUT, x + r * IN, IN, 1, packed, bias, IN, OUT, 0, 2);
            kernels->matmul(other + r * OUT, OUT, x + r * IN, IN, 1, packed, bias, IN, OUT, 2,
                            PANELS);
        }
        same = memcmp(y, other, ROWS * OUT * sizeof *y) == 0;
        ok(same, "a row alone gives the same bits as among others");
        if (strcmp(kernels->name, "baseline") != 0) {
            if (fused) {
                fused->matmul(other, OUT, x, IN, ROWS, packed, bias, IN, OUT, 0, PANELS);
                ok(memcmp(y, other, ROWS * OUT * sizeof *y) == 0,
                   "AVX2 and AVX-512 give the same bits");
            }
            fused = kernels;
        }
    }
    free(x);
    free(packed);
    free(y);
    free(other);
}

/* Largest difference between the fast logits after each token and ref.c's. */
static double against_reference(const struct fixture *fixture, size_t block)
{
    const char *path = fixture_path("reference");
    fixture_write(fixture, path);
    struct kvt_error error;
    struct kvt_engine *engine = open_engine(path, 1, block);
    struct kvt_model *model = kvt_model_open(path, &error);
    int32_t tokens[LENGTH];
    random_tokens(tokens, LENGTH, fixture->vocabulary, 5);
    struct kvt_reference reference = {
        .logits = kvt_alloc_zero((size_t)LENGTH * fixture->vocabulary, sizeof(double))};
    kvt_reference_run(model, tokens, LENGTH, &reference);
    double worst = 0, spread = 0;
    struct kvt_session *session = full_session(engine, LENGTH);
    for (size_t t = 0; t < LENGTH;) {
        t += (size_t)kvt_session_feed(session, tokens + t, LENGTH - t, &error);
        const float *logits = kvt_session_logits(session);
        for (size_t i = 0; i < fixture->vocabulary; i++) {
            double expected = reference.logits[(t - 1) * fixture->vocabulary + i];
            worst = fmax(worst, fabs((double)logits[i] - expected));
            spread = fmax(spread, fabs(expected));
        }
    }
    ok(spread > 0.5, "the model says something: its logits are not all near zero");
    kvt_session_close(session);
    kvt_model_close(model);
    kvt_engine_close(engine);
    free(reference.logits);
    unlink(path);
    return worst;
}

static void test_reference(void)
{
    const struct fixture *const fixtures[] = {&llama, &qwen2, &narrow};
    for (size_t i = 0; i < 3; i++)
        for (size_t block = 1; block <= 64; block *= 8) {
            double worst = against_reference(fixtures[i], block);
            char name[96];
            snprintf(name, sizeof name, "%s in blocks of %zu: logits within 1e-4 of ref.c (%.2g)",
                     fixtures[i]->architecture, block, worst);
            ok(worst < 1e-4, name);
        }
}

/* All logits of a prompt and four tokens after it. */
static void collect(struct kvt_engine *engine, const int32_t *tokens, size_t n, float *out)
{
    size_t vocabulary = kvt_engine_info(engine)->vocabulary;
    struct kvt_session *session = full_session(engine, n - 4);
    feed_all(session, tokens, n - 4);
    memcpy(out, kvt_session_logits(session), vocabulary * sizeof *out);
    for (size_t i = 0; i < 4; i++) {
        feed_all(session, tokens + n - 4 + i, 1);
        memcpy(out + (i + 1) * vocabulary, kvt_session_logits(session), vocabulary * sizeof *out);
    }
    kvt_session_close(session);
}

static void test_threads_and_blocks(void)
{
    /* large enough for work to be shared out: see WORTH_SHARING in forward.c */
    struct fixture large = llama;
    large.dim = 256;
    large.hidden = 512;
    large.head_dim = 64;
    large.vocabulary = 4500;
    large.context = 512;
    const char *path = fixture_path("threads");
    fixture_write(&large, path);
    enum { N = 300 };
    int32_t tokens[N];
    random_tokens(tokens, N, large.vocabulary, 6);
    size_t size = 5 * large.vocabulary;
    float *first = kvt_alloc_array(size, sizeof *first),
          *again = kvt_alloc_array(size, sizeof *again);
    static const size_t threads[] = {1, 2, 4, 3, 1, 4}, blocks[] = {256, 256, 100, 33, 7, 1000};
    for (size_t i = 0; i < 6; i++) {
        struct kvt_engine *engine = open_engine(path, threads[i], blocks[i]);
        collect(engine, tokens, N, i == 0 ? first : again);
        kvt_engine_close(engine);
        char name[96];
        snprintf(name, sizeof name, "%zu threads, blocks of %zu: the same bits", threads[i],
                 blocks[i]);
        if (i > 0)
            ok(memcmp(first, again, size * sizeof *first) == 0, name);
    }
    free(first);
    free(again);
    unlink(path);
}

static void test_types(void)
{
    static const uint32_t types[] = {KVT_TENSOR_F32, KVT_TENSOR_F16, KVT_TENSOR_BF16,
                                     KVT_TENSOR_Q8_0};
    int32_t tokens[40];
    random_tokens(tokens, 40, qwen2.vocabulary, 7);
    float first[5 * 53], again[5 * 53];
    for (size_t i = 0; i < 4; i++) {
        struct fixture fixture = qwen2;
        fixture.type = types[i];
        const char *path = fixture_path("types");
        fixture_write(&fixture, path);
        struct kvt_engine *engine = open_engine(path, 1, 0);
        collect(engine, tokens, 40, i == 0 ? first : again);
        kvt_engine_close(engine);
        unlink(path);
        char name[64];
        snprintf(name, sizeof name, "%s holds the same weights as F32",
                 kvt_tensor_type_name(types[i]));
        if (i > 0)
            ok(memcmp(first, again, sizeof first) == 0, name);
    }
}

/* Values worked out by hand from the formats' definitions. */
static void test_tensor_rows(void)
{
    float out[32];
    ok(kvt_half_to_float(0x3C00) == 1 && kvt_half_to_float(0xC000) == -2 &&
           kvt_half_to_float(0x0001) == 0x1p-24F && kvt_half_to_float(0x7BFF) == 65504 &&
           kvt_half_to_float(0x8000) == 0 && signbit(kvt_half_to_float(0x8000)) &&
           isinf(kvt_half_to_float(0x7C00)) && isnan(kvt_half_to_float(0x7E00)),
       "half precision: 1, -2, the least subnormal, the largest, -0, infinity, NaN");
    unsigned char q8[34] = {0x00, 0x38}; /* 0.5 */
    q8[2] = 127;
    q8[33] = 0x80;
    struct kvt_gguf_tensor tensor = {.n_dims = 1,
                                     .dims = {32, 1, 1, 1},
                                     .type = KVT_TENSOR_Q8_0,
                                     .data = q8,
                                     .bytes = sizeof q8};
    kvt_tensor_row(&tensor, 0, out);
    ok(out[0] == 63.5F && out[1] == 0 && out[31] == -64, "Q8_0: scale times signed byte");
    unsigned char q4[18] = {0x00, 0x40, 0xF0}; /* 2.0; first byte: low 0, high 15 */
    tensor = (struct kvt_gguf_tensor){.n_dims = 1,
                                      .dims = {32, 1, 1, 1},
                                      .type = KVT_TENSOR_Q4_0,
                                      .data = q4,
                                      .bytes = sizeof q4};
    kvt_tensor_row(&tensor, 0, out);
    ok(out[0] == -16 && out[16] == 14 && out[1] == -16, "Q4_0: nibbles minus 8, low half first");
}

/* Two sessions fed in turns give what each gives alone. */
static void test_side_by_side(void)
{
    const char *path = fixture_path("side");
    fixture_write(&llama, path);
    struct kvt_engine *engine = open_engine(path, 2, 16);
    enum { N = 60 };
    int32_t a[N], b[N];
    random_tokens(a, N, llama.vocabulary, 11);
    random_tokens(b, N, llama.vocabulary, 12);
    float alone[70], among[70];
    struct kvt_session *one = full_session(engine, N);
    feed_all(one, a, N);
    memcpy(alone, kvt_session_logits(one), sizeof alone);
    kvt_session_close(one);
    struct kvt_error error;
    struct kvt_session *left = full_session(engine, N), *right = full_session(engine, N);
    for (size_t at = 0, other = 0; at < N;) {
        at += (size_t)kvt_session_feed(left, a + at, N - at, &error);
        if (other < N)
            other +=
                (size_t)kvt_session_feed(right, b + other, N - other < 5 ? N - other : 5, &error);
        kvt_session_logits(right);
    }
    memcpy(among, kvt_session_logits(left), sizeof among);
    ok(memcmp(alone, among, sizeof alone) == 0, "a session beside another one gives the same bits");
    kvt_session_close(left);
    kvt_session_close(right);
    is_int(kvt_engine_kv_bytes(engine), 0, "nothing is held after the last session");
    kvt_engine_close(engine);
    unlink(path);
}

static void test_refusals(void)
{
    const char *path = fixture_path("refusals");
    struct kvt_error error;
    fixture_write(&llama, path);
    struct kvt_engine *engine = open_engine(path, 1, 0);
    struct kvt_session *session = full_session(engine, 128);
    int32_t bad[] = {1, 70}, tokens[129];
    ok(kvt_session_feed(session, bad, 2, &error) == -1 && error.code == KVT_DATA,
       "a token beyond the vocabulary is refused");
    bad[1] = -1;
    ok(kvt_session_feed(session, bad, 2, &error) == -1, "a negative token is refused");
    random_tokens(tokens, 129, 70, 3);
    feed_all(session, tokens, 128);
    ok(kvt_session_feed(session, tokens, 1, &error) == -1, "the context has an end");
    kvt_session_close(session);
    kvt_engine_close(engine);

    struct fixture broken = llama;
    broken.architecture = "gpt-j";
    fixture_write(&broken, path);
    ok(!kvt_model_open(path, &error) && strstr(error.text, "gpt-j"),
       "another architecture is named");
    broken = llama;
    broken.type =
        KVT_TENSOR_Q4_K; /* written as 32-value rows of 2 bytes: the sizes cannot be right */
    fixture_write(&broken, path);
    ok(!kvt_model_open(path, &error), "a type that cannot be read is refused");
    broken = llama;
    broken.extra_key = "llama.rope.scaling.type";
    broken.extra_value = "yarn";
    fixture_write(&broken, path);
    ok(!kvt_model_open(path, &error) && strstr(error.text, "yarn"),
       "rope scaling it cannot do is named");
    broken = llama;
    broken.kv_heads = 3;
    fixture_write(&broken, path);
    ok(!kvt_model_open(path, &error) && strstr(error.text, "head_count"), "heads must divide");
    unlink(path);
    ok(!kvt_model_open(path, &error) && error.code == KVT_SYSTEM, "a file that is not there");
}

/* Llama 3.1 and later bring a divisor for each rotary frequency. */
static void test_rope_divisors(void)
{
    const float divisors[] = {1, 1, 2.5F, 8};
    struct fixture fixture = narrow; /* head size 8: 4 pairs */
    struct kvt_error error;
    const char *path = fixture_path("divisors");
    fixture.rope_freqs = divisors;
    fixture.n_rope_freqs = 4;
    fixture_write(&fixture, path);
    struct kvt_model *model = kvt_model_open(path, &error);
    double worst = model ? 0 : INFINITY;
    for (size_t i = 0; model && i < 4; i++)
        worst = fmax(worst, fabs(model->frequency[i] * 2 * (double)divisors[i] /
                                     pow(10000, -2.0 * (double)i / 8) -
                                 1));
    ok(worst < 1e-12, "rope_freqs.weight divides the frequencies, beside linear scaling");
    kvt_model_close(model);
    unlink(path);
    ok(against_reference(&fixture, 32) < 1e-4, "and both forwards agree on it");
    path = fixture_path("divisors"); /* its buffer was used again */
    const float zero[] = {1, 0, 1, 1}, nothing[] = {1, NAN, 1, 1};
    fixture.rope_freqs = zero;
    fixture_write(&fixture, path);
    ok(!kvt_model_open(path, &error) && strstr(error.text, "rope_freqs"), "a divisor of 0");
    fixture.rope_freqs = nothing;
    fixture_write(&fixture, path);
    ok(!kvt_model_open(path, &error) && strstr(error.text, "rope_freqs"), "a divisor of NaN");
    fixture.rope_freqs = divisors;
    fixture.n_rope_freqs = 3;
    fixture_write(&fixture, path);
    ok(!kvt_model_open(path, &error) && strstr(error.text, "not 4 F32"), "one divisor too few");
    unlink(path);
}

static void test_sampler(void)
{
    const float logits[] = {0.5F, 2, NAN, 2, -1};
    struct kvt_random random;
    is_int(kvt_sample(logits, 5, 0, 1, NULL), 1, "greedy takes the lowest id of equal logits");
    const float nan_first[] = {NAN, -3, -2};
    is_int(kvt_sample(nan_first, 3, 0, 1, NULL), 2, "greedy does not take NaN");
    const float all_nan[] = {NAN, NAN};
    kvt_random_seed(&random, 1);
    int32_t token = kvt_sample(all_nan, 2, 1, 1, &random);
    ok(token >= 0 && token < 2, "logits that are all NaN give some token");
    size_t counts[5] = {0};
    for (size_t i = 0; i < 20000; i++)
        counts[kvt_sample(logits, 5, 1, 1, &random)]++;
    double total = exp(0.5) + 2 * exp(2) + exp(-1);
    ok(counts[2] == 0 && fabs((double)counts[1] / 20000 - exp(2) / total) < 0.015 &&
           fabs((double)counts[4] / 20000 - exp(-1) / total) < 0.005,
       "sampling follows softmax");
    memset(counts, 0, sizeof counts);
    for (size_t i = 0; i < 2000; i++)
        counts[kvt_sample(logits, 5, 1, 0.8, &random)]++;
    ok(counts[0] == 0 && counts[4] == 0 && counts[1] > 800 && counts[3] > 800,
       "top_p leaves the most likely tokens only");
    int32_t top[3];
    ok(kvt_most_likely(logits, 5, 3, top) == 3 && top[0] == 1 && top[1] == 3 && top[2] == 0,
       "most likely tokens in order, lower id first");
    is_near(kvt_log_probability(logits, 5, 1), 2 - log(total), 1e-12, "log probability");
}

int main(void)
{
    test_exponential();
    test_matmul();
    test_tensor_rows();
    test_reference();
    test_types();
    test_threads_and_blocks();
    test_side_by_side();
    test_refusals();
    test_rope_divisors();
    test_sampler();
    return tap_done();
}
