#include "dataset/publish.h"

static size_t selected_in(const struct kvt_examples *examples, size_t bin)
{
    size_t n = 0;
    for (size_t i = 0; i < examples->count; i++)
        n += examples->items[i].selected && examples->items[i].bin_idx == bin;
    return n;
}

static int emit_entry(struct kvt_stage *stage, const struct kvt_manifest *manifest,
                      struct kvt_example *example, const struct kvt_prompter *prompter,
                      struct kvt_prompt *prompt, struct kvt_buffer *record, struct kvt_error *error)
{
    struct kvt_row row;
    if (kvt_row_parse(&row, example->line, example->length, error) != 0)
        return -1;
    int status = kvt_prompt_build(prompter, &row, false, prompt, error);
    if (status == 0) {
        struct kvt_entry entry = {.row = &row,
                                  .prompt = prompt,
                                  .bin_idx = example->bin_idx,
                                  .rank = example->rank,
                                  .token_len = example->token_len};
        kvt_manifest_entry(manifest, &entry, example->prompt_sha256, record);
        kvt_stage_emit_buffer(stage, "entry", record);
    }
    kvt_row_free(&row);
    return status;
}

/* The request is all that a request_id knows of an entry, so one prompt is one answer. */
static void report_same_prompts(const struct kvt_examples *examples)
{
    const struct kvt_example *first = NULL, *second = NULL;
    size_t n = kvt_examples_same_prompt(examples, &first, &second);
    if (n)
        kvt_say("%zu %s the prompt of another under a different id, first %s, that of %s: the same "
                "request has the same request_id, and the database keeps one row of it",
                n, n == 1 ? "entry has" : "entries have", second->id, first->id);
}

int kvt_publish(struct kvt_stage *stage, const struct kvt_manifest *manifest,
                const struct kvt_length_bins *bins, struct kvt_examples *examples,
                const struct kvt_prompter *prompter, struct kvt_error *error)
{
    struct kvt_buffer record = {0};
    struct kvt_prompt prompt = {0};
    int status = 0;
    kvt_manifest_experiment(manifest, &record);
    kvt_stage_emit_buffer(stage, "experiment", &record);
    kvt_manifest_dataset(manifest, bins, &record);
    kvt_stage_emit_buffer(stage, "dataset", &record);
    for (size_t k = 0; k < bins->count; k++) {
        kvt_manifest_bin(manifest, &bins->bins[k], k, selected_in(examples, k), &record);
        kvt_stage_emit_buffer(stage, "bin", &record);
    }
    for (size_t i = 0; i < examples->count && status == 0; i++)
        if (examples->items[i].selected)
            status =
                emit_entry(stage, manifest, &examples->items[i], prompter, &prompt, &record, error);
    kvt_prompt_free(&prompt);
    kvt_buffer_free(&record);
    if (status == 0)
        report_same_prompts(examples);
    return status;
}
