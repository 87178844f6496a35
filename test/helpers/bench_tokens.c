/*
 * bench_tokens TOKENIZER FILE...: seconds to load the tokenizer, then for each file the tokens, the
 * seconds of the fastest of five counts in one thread, and MB/s. CPU time of the thread, so that
 * other load on the machine counts less. One line of tab-separated values each.
 */
#include "core/buffer.h"
#include "core/error.h"
#include "token/cursor.h"
#include "token/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

int main(int argc, char **argv)
{
    struct kvt_error error;
    kvt_set_program("bench_tokens");
    if (argc < 3)
        kvt_die(KVT_USAGE, "usage: bench_tokens TOKENIZER FILE...");
    double start = thread_seconds();
    struct kvt_tokenizer *tokenizer = kvt_tokenizer_load(argv[1], &error);
    if (!tokenizer)
        kvt_die_error(&error);
    printf("load\t%s\t%.4f\n", argv[1], thread_seconds() - start);
    for (int i = 2; i < argc; i++) {
        struct kvt_buffer text = {0};
        if (kvt_cursor_read_file(argv[i], &text, &error) != 0)
            kvt_die_error(&error);
        double best = 0;
        int64_t count = 0;
        for (int run = 0; run < 5; run++) {
            struct kvt_encoder *encoder = kvt_encoder_new(tokenizer);
            start = thread_seconds();
            count = kvt_encoder_count(encoder, text.data, text.length, 0, &error);
            double seconds = thread_seconds() - start;
            if (run == 0 || seconds < best)
                best = seconds;
            kvt_encoder_free(encoder);
        }
        if (count < 0)
            kvt_die_error(&error);
        printf("count\t%s\t%lld\t%.4f\t%.1f\n", argv[i], (long long)count, best,
               (double)text.length / 1e6 / (best > 0 ? best : 1e-9));
        kvt_buffer_free(&text);
    }
    kvt_tokenizer_free(tokenizer);
    return 0;
}
