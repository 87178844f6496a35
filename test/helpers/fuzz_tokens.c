/*
 * fuzz_tokens ROUNDS FILE...: loads damaged copies of each tokenizer file and encodes random bytes
 * with those that load. It must neither crash nor hang; build it with SAN=1 to see every bad
 * access. Deterministic.
 */
#include "core/buffer.h"
#include "core/error.h"
#include "token/cursor.h"
#include "token/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint32_t state = 1;

static uint32_t next_random(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

/* A few bytes changed, a stretch removed or repeated. */
static void damage(const struct kvt_buffer *file, struct kvt_buffer *out)
{
    size_t at = next_random() % file->length, length = next_random() % 40;
    if (length > file->length - at)
        length = file->length - at;
    kvt_buffer_clear(out);
    kvt_buffer_append(out, file->data, at);
    uint32_t kind = next_random() % 4;
    if (kind == 1)
        kvt_buffer_append(out, file->data + at, length);
    if (kind <= 1)
        kvt_buffer_append(out, file->data + at, length);
    kvt_buffer_append(out, file->data + at + length, file->length - at - length);
    for (uint32_t n = kind == 2 ? 1 + next_random() % 8 : 0; n > 0; n--) {
        static const char likely[] = "\"\\{}[]:,0189-untrfalse \xe2\x96\x81\xff";
        size_t place = kind == 2 && next_random() % 2 ? next_random() % 2000 : next_random();
        out->data[place % out->length] = likely[next_random() % (sizeof likely - 1)];
    }
    if (kind == 3)
        out->length = next_random() % file->length;
}

static void encode_some(const struct kvt_tokenizer *tokenizer)
{
    char text[600];
    struct kvt_token_ids ids = {0};
    struct kvt_encoder *encoder = kvt_encoder_new(tokenizer);
    for (int round = 0; round < 8; round++) {
        size_t length = next_random() % sizeof text;
        uint32_t kind = next_random() % 3;
        for (size_t i = 0; i < length; i++)
            text[i] = (char)(kind == 0   ? next_random()
                             : kind == 1 ? 'a' + next_random() % 3
                                         : 0xe2);
        unsigned flags = next_random() % 8; /* special, ordinary, ends */
        ids.count = 0;
        if (kvt_encoder_encode(encoder, text, length, flags, &ids, NULL) == 0)
            for (size_t i = 0; i < ids.count; i++) {
                size_t width;
                kvt_tokenizer_bytes(tokenizer, ids.ids[i], &width);
                if (flags & KVT_ENCODE_ENDS && ids.ends[i] > length)
                    kvt_die(KVT_DATA, "a token ends behind the text");
            }
    }
    kvt_token_ids_free(&ids);
    kvt_encoder_free(encoder);
}

static bool try_damaged(const struct kvt_buffer *damaged, const char *path)
{
    struct kvt_error error;
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(damaged->data, 1, damaged->length, file) != damaged->length ||
        fclose(file) != 0)
        kvt_die(KVT_SYSTEM, "cannot write %s", path);
    struct kvt_tokenizer *tokenizer = kvt_tokenizer_load(path, &error);
    if (!tokenizer)
        return false;
    encode_some(tokenizer);
    kvt_tokenizer_free(tokenizer);
    return true;
}

int main(int argc, char **argv)
{
    struct kvt_error error;
    char path[64];
    size_t loaded = 0, refused = 0;
    kvt_set_program("fuzz_tokens");
    if (argc < 3)
        kvt_die(KVT_USAGE, "usage: fuzz_tokens ROUNDS FILE...");
    snprintf(path, sizeof path, "/tmp/kvt-fuzz-%ld.tiktoken@gpt2", (long)getpid());
    for (int i = 2; i < argc; i++) {
        struct kvt_buffer file = {0}, damaged = {0};
        if (kvt_cursor_read_file(argv[i], &file, &error) != 0)
            kvt_die_error(&error);
        for (long round = strtol(argv[1], NULL, 10); round > 0; round--) {
            damage(&file, &damaged);
            if (try_damaged(&damaged, path))
                loaded++;
            else
                refused++;
        }
        kvt_buffer_free(&file);
        kvt_buffer_free(&damaged);
    }
    unlink(path);
    printf("%zu loaded, %zu refused\n", loaded, refused);
    return 0;
}
