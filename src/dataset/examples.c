#include "dataset/examples.h"

#include "core/memory.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void kvt_examples_add(struct kvt_examples *examples, const struct kvt_line *line)
{
    kvt_grow(&examples->items, &examples->capacity, examples->count, sizeof *examples->items);
    examples->items[examples->count++] = (struct kvt_example){
        .line = kvt_strndup(line->data, line->length),
        .length = line->length,
        .source = line->source,
        .number = line->number,
    };
}

static void free_example(struct kvt_example *example)
{
    free(example->line);
    free(example->id);
    free(example->task);
    free(example->error);
}

void kvt_examples_free(struct kvt_examples *examples)
{
    for (size_t i = 0; i < examples->count; i++)
        free_example(&examples->items[i]);
    free(examples->items);
    *examples = (struct kvt_examples){0};
}

static void set_error(struct kvt_example *example, const struct kvt_error *error)
{
    example->error = kvt_alloc(sizeof *example->error);
    *example->error = *error;
}

static void count_example(struct kvt_example *example, const struct kvt_prompter *prompter,
                          struct kvt_prompt *prompt)
{
    struct kvt_row row;
    struct kvt_error error;
    if (kvt_row_parse(&row, example->line, example->length, &error) != 0) {
        set_error(example, &error);
        return;
    }
    if (kvt_prompt_build(prompter, &row, true, prompt, &error) != 0) {
        set_error(example, &error);
    } else {
        example->id = kvt_strdup(row.id);
        example->task = kvt_strdup(prompt->task);
        example->template = prompt->template;
        example->token_len = prompt->token_len;
        example->overlong = prompt->overlong;
    }
    kvt_row_free(&row);
}

struct crew {
    struct kvt_examples *examples;
    const struct kvt_prompter *prompter;
    atomic_size_t next;
};

static void *work(void *argument)
{
    struct crew *crew = argument;
    struct kvt_prompt prompt = {0};
    size_t index;
    while ((index = atomic_fetch_add(&crew->next, 1)) < crew->examples->count)
        count_example(&crew->examples->items[index], crew->prompter, &prompt);
    kvt_prompt_free(&prompt);
    return NULL;
}

void kvt_examples_count(struct kvt_examples *examples, const struct kvt_prompter *prompter,
                        long n_threads)
{
    enum { MOST = 64 };
    struct crew crew = {.examples = examples, .prompter = prompter};
    pthread_t threads[MOST];
    long started = 0, helpers = n_threads - 1 < MOST ? n_threads - 1 : MOST;
    while (started < helpers && pthread_create(&threads[started], NULL, work, &crew) == 0)
        started++;
    work(&crew);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

static int by_id(const void *left, const void *right)
{
    const struct kvt_example *a = *(const struct kvt_example *const *)left;
    const struct kvt_example *b = *(const struct kvt_example *const *)right;
    int order = strcmp(a->id, b->id);
    return order ? order : (a > b) - (a < b); /* same array: by place */
}

void kvt_examples_find_repeated(struct kvt_examples *examples)
{
    struct kvt_example **good = kvt_alloc_array(examples->count, sizeof *good);
    size_t n = 0;
    for (size_t i = 0; i < examples->count; i++)
        if (!examples->items[i].error)
            good[n++] = &examples->items[i];
    if (n)
        qsort(good, n, sizeof *good, by_id);
    for (size_t i = 1, first = 0; i < n; i++) {
        if (strcmp(good[i]->id, good[first]->id) != 0) {
            first = i;
            continue;
        }
        struct kvt_error error;
        kvt_fail(&error, KVT_DATA, "the id %s was used before, at %s:%zu", good[i]->id,
                 good[first]->source, good[first]->number);
        set_error(good[i], &error);
    }
    free(good);
}

void kvt_examples_remove(struct kvt_examples *examples, bool (*drop)(const struct kvt_example *))
{
    size_t kept = 0;
    for (size_t i = 0; i < examples->count; i++) {
        if (drop(&examples->items[i]))
            free_example(&examples->items[i]);
        else
            examples->items[kept++] = examples->items[i];
    }
    examples->count = kept;
}

static void set_order(struct kvt_example *example, int64_t seed)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)seed);
    struct kvt_sha256 hash;
    kvt_sha256_start(&hash);
    kvt_sha256_field(&hash, "order");
    kvt_sha256_field(&hash, text);
    kvt_sha256_field(&hash, example->id);
    kvt_sha256_finish(&hash, example->order);
}

static int by_bin_and_order(const void *left, const void *right)
{
    const struct kvt_example *a = left, *b = right;
    if (a->bin_idx != b->bin_idx)
        return a->bin_idx < b->bin_idx ? -1 : 1;
    return memcmp(a->order, b->order, sizeof a->order);
}

void kvt_examples_bin(struct kvt_examples *examples, size_t n_bins, int64_t seed,
                      struct kvt_length_bins *bins)
{
    size_t n = examples->count;
    int64_t *lengths = kvt_alloc_array(n, sizeof *lengths);
    size_t *bin_of = kvt_alloc_array(n, sizeof *bin_of);
    for (size_t i = 0; i < n; i++)
        lengths[i] = examples->items[i].token_len;
    kvt_bins_make(bins, lengths, n, n_bins, bin_of);
    for (size_t i = 0; i < n; i++) {
        examples->items[i].bin_idx = bin_of[i];
        set_order(&examples->items[i], seed);
    }
    qsort(examples->items, n, sizeof *examples->items, by_bin_and_order);
    for (size_t i = 0; i < n; i++) {
        bool first = i == 0 || examples->items[i - 1].bin_idx != examples->items[i].bin_idx;
        examples->items[i].rank = first ? 0 : examples->items[i - 1].rank + 1;
    }
    free(lengths);
    free(bin_of);
}

const char *kvt_examples_task(const struct kvt_examples *examples)
{
    for (size_t i = 1; i < examples->count; i++)
        if (strcmp(examples->items[i].task, examples->items[0].task) != 0)
            return NULL;
    return examples->items[0].task;
}

static int by_prompt(const void *left, const void *right)
{
    const struct kvt_example *a = *(const struct kvt_example *const *)left;
    const struct kvt_example *b = *(const struct kvt_example *const *)right;
    int order = strcmp(a->prompt_sha256, b->prompt_sha256);
    return order ? order : (a > b) - (a < b); /* same array: by place */
}

size_t kvt_examples_same_prompt(const struct kvt_examples *examples,
                                const struct kvt_example **first, const struct kvt_example **second)
{
    const struct kvt_example **entries = kvt_alloc_array(examples->count, sizeof *entries);
    size_t n = 0, repeated = 0;
    for (size_t i = 0; i < examples->count; i++)
        if (examples->items[i].prompt_sha256[0])
            entries[n++] = &examples->items[i];
    if (n)
        qsort(entries, n, sizeof *entries, by_prompt);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(entries[i]->prompt_sha256, entries[i - 1]->prompt_sha256) != 0)
            continue;
        if (repeated++ == 0 || entries[i] < *second) {
            *first = entries[i - 1];
            *second = entries[i];
        }
    }
    free(entries);
    return repeated;
}
