/*
 * The GGUF container: what a well-formed file gives, and that no malformed one is believed: cut at
 * every byte, wrong counts, sizes and offsets one by one, and random damage.
 */
#include "tap.h"

#include "engine/model.h"
#include "model_fixture.h"
#include "token/gguf.h"

static const struct fixture tiny = {.architecture = "llama",
                                    .layers = 1,
                                    .dim = 32,
                                    .heads = 2,
                                    .kv_heads = 1,
                                    .head_dim = 16,
                                    .hidden = 32,
                                    .vocabulary = 8,
                                    .context = 64,
                                    .type = KVT_TENSOR_Q8_0,
                                    .seed = 1};
static char path[512];
static struct kvt_error error;

/* A file of one's own making: keys, tensor entries, data. */
struct parts {
    struct kvt_buffer keys, entries, data;
    uint64_t n_keys, n_tensors;
    uint32_t version;
};

static void key(struct parts *p, const char *name, uint32_t type, const void *value, size_t bytes)
{
    p->n_keys++;
    fixture_text(&p->keys, name);
    fixture_u32(&p->keys, type);
    kvt_buffer_append(&p->keys, value, bytes);
}

static void entry(struct parts *p, const char *name, uint32_t n_dims, const uint64_t *dims,
                  uint32_t type, uint64_t offset)
{
    p->n_tensors++;
    fixture_text(&p->entries, name);
    fixture_u32(&p->entries, n_dims);
    for (uint32_t i = 0; i < n_dims && i < 8; i++)
        fixture_u64(&p->entries, dims[i]);
    fixture_u32(&p->entries, type);
    fixture_u64(&p->entries, offset);
}

static struct kvt_gguf *open_parts(struct parts *p)
{
    struct kvt_buffer bytes = {0};
    kvt_buffer_text(&bytes, "GGUF");
    fixture_u32(&bytes, p->version ? p->version : 3);
    fixture_u64(&bytes, p->n_tensors);
    fixture_u64(&bytes, p->n_keys);
    kvt_buffer_append(&bytes, kvt_buffer_string(&p->keys), p->keys.length);
    kvt_buffer_append(&bytes, kvt_buffer_string(&p->entries), p->entries.length);
    while (bytes.length % 32 != 0)
        kvt_buffer_byte(&bytes, 0);
    kvt_buffer_append(&bytes, kvt_buffer_string(&p->data), p->data.length);
    fixture_save(&bytes, path);
    kvt_buffer_free(&bytes);
    kvt_buffer_free(&p->keys);
    kvt_buffer_free(&p->entries);
    kvt_buffer_free(&p->data);
    *p = (struct parts){0};
    error.text[0] = '\0';
    return kvt_gguf_open(path, &error);
}

static void test_values(void)
{
    struct parts p = {0};
    const int8_t minus = -5;
    const uint64_t huge = UINT64_MAX, large = INT64_MAX;
    const float half = 0.5F;
    const double third = 1.0 / 3;
    const uint8_t yes = 1;
    key(&p, "i8", KVT_GGUF_I8, &minus, 1);
    key(&p, "huge", KVT_GGUF_U64, &huge, 8);
    key(&p, "large", KVT_GGUF_U64, &large, 8);
    key(&p, "half", KVT_GGUF_F32, &half, 4);
    key(&p, "third", KVT_GGUF_F64, &third, 8);
    key(&p, "yes", KVT_GGUF_BOOL, &yes, 1);
    key(&p, "text", KVT_GGUF_STRING, "\3\0\0\0\0\0\0\0a\0b", 11);
    key(&p, "texts", KVT_GGUF_ARRAY, "\10\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0x\0\0\0\0\0\0\0\0",
        29);
    key(&p, "numbers", KVT_GGUF_ARRAY, "\3\0\0\0\2\0\0\0\0\0\0\0\377\377\1\0", 16);
    const uint64_t dims[] = {3, 2};
    entry(&p, "t", 2, dims, KVT_TENSOR_F32, 32);
    entry(&p, "odd", 1, dims, 99, 0);
    for (int i = 0; i < 14; i++)
        kvt_buffer_append(&p.data, &half, 4);
    struct kvt_gguf *gguf = open_parts(&p);
    ok(gguf != NULL, "a small file is read");
    if (!gguf)
        return;
    int64_t integer = 0;
    double real = 0;
    bool flag = false;
    size_t length = 0;
    ok(kvt_gguf_integer(gguf, "i8", &integer) && integer == -5, "a signed byte");
    ok(!kvt_gguf_integer(gguf, "huge", &integer), "2^64 - 1 fits no int64");
    ok(kvt_gguf_integer(gguf, "large", &integer) && integer == INT64_MAX, "2^63 - 1 does");
    ok(kvt_gguf_real(gguf, "half", &real) && real == 0.5, "a float");
    ok(kvt_gguf_real(gguf, "third", &real) && real == third, "a double");
    ok(kvt_gguf_real(gguf, "i8", &real) && real == -5, "an integer as a real");
    ok(!kvt_gguf_integer(gguf, "half", &integer), "a float is no integer");
    ok(kvt_gguf_bool(gguf, "yes", &flag) && flag && !kvt_gguf_bool(gguf, "i8", &flag), "a flag");
    const char *text = kvt_gguf_string(gguf, "text", &length);
    ok(text && length == 3 && memcmp(text, "a\0b", 4) == 0, "a string with a NUL inside");
    is_int(kvt_gguf_array_length(gguf, "texts", KVT_GGUF_STRING), 2, "a list of strings");
    is_int(kvt_gguf_array_length(gguf, "texts", KVT_GGUF_I32), -1, "is not a list of numbers");
    is_text(kvt_gguf_array_string(gguf, "texts", 0, &length), "x", "its first string");
    ok(kvt_gguf_array_string(gguf, "texts", 1, &length) && length == 0, "its empty string");
    ok(!kvt_gguf_array_string(gguf, "texts", 2, NULL) &&
           !kvt_gguf_array_string(gguf, "texts", -1, NULL),
       "beyond its ends there is nothing");
    ok(kvt_gguf_array_number(gguf, "numbers", 0) == -1 &&
           kvt_gguf_array_number(gguf, "numbers", 1) == 1 &&
           isnan(kvt_gguf_array_number(gguf, "numbers", 2)),
       "numbers of a list");
    ok(!kvt_gguf_string(gguf, "absent", NULL) && !kvt_gguf_integer(gguf, "text", &integer),
       "absent keys and other types");
    const struct kvt_gguf_tensor *t = kvt_gguf_tensor(gguf, "t");
    ok(t && t->dims[0] == 3 && t->dims[1] == 2 && t->dims[2] == 1 && t->bytes == 24 &&
           ((const float *)t->data)[5] == 0.5F,
       "a tensor and its data");
    const struct kvt_gguf_tensor *odd = kvt_gguf_tensor(gguf, "odd");
    ok(odd && odd->type == 99 && !odd->data && kvt_gguf_n_tensors(gguf) == 2 &&
           kvt_gguf_tensor_at(gguf, 1) == odd && !kvt_gguf_tensor(gguf, "u"),
       "a tensor of an unknown type has no data");
    kvt_gguf_close(gguf);
}

/* Makes one bad file and expects an error that says `word`. */
static void bad(struct parts *p, const char *word, const char *name)
{
    struct kvt_gguf *gguf = open_parts(p);
    if (!ok(!gguf && error.code == KVT_DATA && strstr(error.text, word), name))
        printf("# error: %s\n", error.text);
    kvt_gguf_close(gguf);
}

static void test_bad_fields(void)
{
    const uint64_t one[] = {8, 1, 1, 1}, zero[] = {0}, wide[] = {1ULL << 62, 1ULL << 62, 1, 1};
    const uint64_t uneven[] = {33};
    const uint32_t three = 3;
    struct parts p = {.version = 4};
    bad(&p, "version", "version 4");
    p.version = 0x03000000;
    bad(&p, "big-endian", "a big-endian file");
    p.n_keys = 1ULL << 40;
    bad(&p, "metadata keys", "more keys than bytes");
    p.n_tensors = UINT64_MAX;
    bad(&p, "negative", "a negative number of tensors");
    p.n_tensors = 1ULL << 50;
    bad(&p, "tensors", "more tensors than bytes");
    key(&p, "", KVT_GGUF_U32, &three, 4);
    bad(&p, "key", "a key without a name");
    key(&p, "k", 77, &three, 4);
    bad(&p, "type 77", "an unknown value type");
    key(&p, "k", KVT_GGUF_U32, &three, 4);
    key(&p, "k", KVT_GGUF_U32, &three, 4);
    bad(&p, "twice", "a key that is there twice");
    key(&p, "k", KVT_GGUF_STRING, "\377\377\377\377\377\377\377\377", 8);
    bad(&p, "k", "a string longer than the file");
    key(&p, "k", KVT_GGUF_ARRAY, "\4\0\0\0\377\377\377\377\377\377\377\177", 12);
    bad(&p, "k", "an array longer than the file");
    key(&p, "k", KVT_GGUF_ARRAY, "\11\0\0\0\1\0\0\0\0\0\0\0\4\0\0\0\0\0\0\0\0\0\0\0", 24);
    bad(&p, "type 9", "an array of arrays");
    key(&p, "k", KVT_GGUF_ARRAY, "\10\0\0\0\0\0\0\0\0\0\0\20", 12);
    bad(&p, "k", "more strings than bytes");
    key(&p, "general.alignment", KVT_GGUF_U32, &three, 4);
    bad(&p, "general.alignment", "an alignment that is no power of two");
    entry(&p, "t", 0, one, KVT_TENSOR_F32, 0);
    bad(&p, "dimensions", "no dimensions");
    entry(&p, "t", 5, (const uint64_t[]){1, 1, 1, 1, 1}, KVT_TENSOR_F32, 0);
    bad(&p, "dimensions", "five dimensions");
    entry(&p, "t", 1, zero, KVT_TENSOR_F32, 0);
    bad(&p, "dimension 0", "a dimension of zero");
    entry(&p, "t", 4, wide, KVT_TENSOR_F32, 0);
    bad(&p, "too large", "dimensions whose product overflows");
    entry(&p, "t", 1, (const uint64_t[]){1ULL << 61}, KVT_TENSOR_F32, 0);
    bad(&p, "larger", "bytes that overflow");
    entry(&p, "t", 1, uneven, KVT_TENSOR_Q8_0, 0);
    bad(&p, "multiple of 32", "a row that is no whole number of blocks");
    entry(&p, "t", 1, one, KVT_TENSOR_F32, 0);
    bad(&p, "past the end", "data past the end of the file");
    entry(&p, "t", 1, one, KVT_TENSOR_F32, 1ULL << 63);
    bad(&p, "past the end", "an offset past the end of the file");
    char data[128] = {0};
    entry(&p, "t", 1, one, KVT_TENSOR_F32, 4);
    kvt_buffer_append(&p.data, data, sizeof data);
    bad(&p, "aligned", "a misaligned tensor");
    entry(&p, "t", 1, (const uint64_t[]){16}, KVT_TENSOR_F32, 0);
    entry(&p, "u", 1, one, KVT_TENSOR_F32, 32);
    kvt_buffer_append(&p.data, data, sizeof data);
    bad(&p, "overlap", "overlapping tensors");
    entry(&p, "t", 1, one, KVT_TENSOR_F32, 0);
    entry(&p, "t", 1, one, KVT_TENSOR_F32, 32);
    kvt_buffer_append(&p.data, data, sizeof data);
    bad(&p, "twice", "two tensors of one name");
}

static void write_bytes(const char *data, size_t length)
{
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(data, 1, length, file) != length || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

static void test_cut(const struct kvt_buffer *whole)
{
    size_t opened = 0, tried = 0;
    for (size_t n = 0; n < whole->length; n += n < 1200 ? 1 : 37) {
        write_bytes(whole->data, n);
        struct kvt_gguf *gguf = kvt_gguf_open(path, &error);
        opened += gguf != NULL;
        tried++;
        kvt_gguf_close(gguf);
    }
    ok(tried > 1200 && opened == 0, "a file cut anywhere is refused");
}

/* Random damage: whatever is still accepted must be safe to use. */
static void test_damage(const struct kvt_buffer *whole)
{
    struct kvt_random random;
    kvt_random_seed(&random, 99);
    char *copy = malloc(whole->length);
    size_t refused = 0, models = 0;
    for (int round = 0; round < 1500; round++) {
        memcpy(copy, whole->data, whole->length);
        size_t hits = 1 + kvt_random_bounded(&random, 4);
        for (size_t i = 0; i < hits; i++) /* mostly where the structure is */
            copy[kvt_random_bounded(&random, round % 4 ? 1500 : (uint32_t)whole->length)] =
                (char)kvt_random_bounded(&random, 256);
        write_bytes(copy, whole->length);
        struct kvt_model *model = kvt_model_open(path, &error);
        models += model != NULL;
        refused += !model && error.text[0] != '\0';
        kvt_model_close(model);
    }
    free(copy);
    ok(models + refused == 1500 && refused > 300 && models > 100,
       "damaged files are refused with a message, or are models");
}

int main(void)
{
    snprintf(path, sizeof path, "%s", fixture_path("gguf"));
    struct kvt_buffer whole = {0};
    fixture_bytes(&tiny, &whole);
    fixture_save(&whole, path);
    struct kvt_model *model = kvt_model_open(path, &error);
    ok(model && model->n_parameters > 1000, "the undamaged model is read");
    kvt_model_close(model);
    test_values();
    test_bad_fields();
    test_cut(&whole);
    test_damage(&whole);
    write_bytes("", 0);
    ok(!kvt_gguf_open(path, &error) && error.code == KVT_DATA, "an empty file");
    write_bytes("GGML", 4);
    ok(!kvt_gguf_open(path, &error) && strstr(error.text, "not a GGUF file"), "another file");
    ok(!kvt_gguf_open("/", &error), "a directory");
    unlink(path);
    ok(!kvt_gguf_open(path, &error) && error.code == KVT_SYSTEM, "no file");
    kvt_buffer_free(&whole);
    return tap_done();
}
