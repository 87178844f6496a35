#include "dataset/manifest.h"

#include "dataset/task.h"
#include "stream/contract.h"
#include "stream/json.h"

#include <stdio.h>
#include <string.h>

void kvt_manifest_id(char id[KVT_ID_SIZE], const char *const *texts, size_t n_texts)
{
    struct kvt_sha256 hash;
    char hex[KVT_SHA256_HEX];
    kvt_sha256_start(&hash);
    for (size_t i = 0; i < n_texts; i++)
        kvt_sha256_field(&hash, texts[i]);
    kvt_sha256_hex(&hash, hex);
    memcpy(id, hex, KVT_ID_SIZE - 1);
    id[KVT_ID_SIZE - 1] = '\0';
}

void kvt_manifest_derive_name(const struct kvt_manifest *manifest, char name[KVT_EXPERIMENT_SIZE])
{
    struct kvt_buffer settings = {0};
    char id[KVT_ID_SIZE];
    kvt_json_write(&settings, manifest->settings);
    kvt_manifest_id(id, (const char *[]){"experiment", settings.data, manifest->dataset_id}, 3);
    snprintf(name, KVT_EXPERIMENT_SIZE, "exp-%s", id);
    kvt_buffer_free(&settings);
}

static void start(struct kvt_writer *writer, struct kvt_buffer *out, const char *kind)
{
    kvt_buffer_clear(out);
    kvt_writer_start(writer, out);
    kvt_write_object(writer);
    kvt_member_string(writer, "kind", kind);
}

void kvt_manifest_experiment(const struct kvt_manifest *manifest, struct kvt_buffer *out)
{
    struct kvt_writer writer;
    start(&writer, out, "experiment");
    kvt_member_string(&writer, "exp_group_id", manifest->exp_group_id);
    kvt_member_string(&writer, "created_at", manifest->created_at);
    kvt_member_json(&writer, "config", manifest->settings);
    kvt_member_string(&writer, "git_hash", manifest->git_hash);
    kvt_member_json(&writer, "notes", json_object_get(manifest->settings, "notes"));
    kvt_member_json(&writer, "seed", json_object_get(manifest->settings, "seed"));
    kvt_write_end(&writer);
}

static void member_source(struct kvt_writer *writer, const char *key, const char *name,
                          const char *sha256)
{
    kvt_write_key(writer, key);
    kvt_write_object(writer);
    kvt_member_string(writer, "name", name);
    kvt_member_string(writer, "sha256", sha256);
    kvt_write_end(writer);
}

void kvt_manifest_dataset(const struct kvt_manifest *manifest, const struct kvt_length_bins *bins,
                          struct kvt_buffer *out)
{
    struct kvt_writer writer;
    start(&writer, out, "dataset");
    kvt_member_string(&writer, "dataset_id", manifest->dataset_id);
    kvt_member_string(&writer, "name", manifest->name);
    kvt_member_string(&writer, "task", manifest->task);
    kvt_member_string(&writer, "created_at", manifest->created_at);
    kvt_member_string(&writer, "source_sha256", manifest->source_sha256);
    kvt_member_integer(&writer, "n_examples", (long long)manifest->n_examples);
    member_source(&writer, "tokenizer", manifest->tokenizer_name, manifest->tokenizer_sha256);
    member_source(&writer, "template", manifest->template_name, manifest->template_sha256);
    kvt_member_integer(&writer, "manifest_version", KVT_MANIFEST_VERSION);
    kvt_member_string(&writer, "chat_template", manifest->chat_name);
    kvt_member_integer(&writer, "n_bins", (long long)bins->count);
    kvt_member_integer(&writer, "n_bins_asked", (long long)manifest->n_bins_asked);
    kvt_write_key(&writer, "edges");
    kvt_write_array(&writer);
    for (size_t i = 0; i < bins->count; i++) {
        if (i == 0)
            kvt_write_number(&writer, bins->bins[0].edge_low);
        kvt_write_number(&writer, bins->bins[i].edge_high);
    }
    kvt_write_end(&writer);
    if (manifest->max_prompt_tokens > 0) {
        kvt_member_integer(&writer, "max_prompt_tokens", manifest->max_prompt_tokens);
        kvt_member_integer(&writer, manifest->dropped ? "n_dropped" : "n_truncated",
                           (long long)manifest->n_overlong);
    }
    kvt_write_end(&writer);
}

void kvt_manifest_bin(const struct kvt_manifest *manifest, const struct kvt_length_bin *bin,
                      size_t index, size_t n_selected, struct kvt_buffer *out)
{
    struct kvt_writer writer;
    char number[24], id[KVT_ID_SIZE];
    snprintf(number, sizeof number, "%zu", index);
    kvt_manifest_id(id, (const char *[]){"bin", manifest->dataset_id, number}, 3);
    start(&writer, out, "bin");
    kvt_member_string(&writer, "bin_id", id);
    kvt_member_string(&writer, "dataset_id", manifest->dataset_id);
    kvt_member_integer(&writer, "bin_idx", (long long)index);
    kvt_member_integer(&writer, "token_min", bin->token_min);
    kvt_member_integer(&writer, "token_max", bin->token_max);
    kvt_member_integer(&writer, "n_examples", (long long)bin->n_examples);
    kvt_member_integer(&writer, "n_selected", (long long)n_selected);
    kvt_write_end(&writer);
}

/* Members of the row that are not taken over: they stand elsewhere in the entry, or one is written
 * under the same name. */
static bool is_taken(const struct kvt_entry *entry, const struct kvt_task *task, const char *name)
{
    return kvt_row_is_own_member(name) || strcmp(name, "task") == 0 ||
           strcmp(name, "truncated") == 0 || (task && strcmp(name, "max_tokens") == 0) ||
           (entry->prompt->overlong && strcmp(name, "tokens_untruncated") == 0) ||
           (entry->row->replaced && strcmp(name, "replaced") == 0);
}

static void write_meta(struct kvt_writer *writer, const struct kvt_entry *entry)
{
    json_t *row = entry->row->object;
    const struct kvt_prompt *prompt = entry->prompt;
    const struct kvt_task *task = kvt_task_find(prompt->task);
    kvt_write_key(writer, "meta");
    kvt_write_object(writer);
    kvt_member_string(writer, "task", prompt->task);
    kvt_member_json(writer, "language", json_object_get(row, "language"));
    kvt_member_json(writer, "all_classes", json_object_get(row, "all_classes"));
    kvt_member_json(writer, "length", json_object_get(row, "length"));
    if (task)
        kvt_member_integer(writer, "max_tokens", task->max_tokens);
    kvt_member_bool(writer, "truncated", prompt->overlong);
    if (prompt->overlong)
        kvt_member_integer(writer, "tokens_untruncated", prompt->full_tokens);
    if (entry->row->replaced)
        kvt_member_integer(writer, "replaced", (long long)entry->row->replaced);
    const char *name;
    json_t *value;
    json_object_foreach(row, name, value)
    {
        if (!is_taken(entry, task, name))
            kvt_member_json(writer, name, value);
    }
    kvt_write_end(writer);
}

void kvt_manifest_entry(const struct kvt_manifest *manifest, const struct kvt_entry *entry,
                        char prompt_sha256[KVT_SHA256_HEX], struct kvt_buffer *out)
{
    const struct kvt_row *row = entry->row;
    const struct kvt_prompt *prompt = entry->prompt;
    struct kvt_buffer text = {0};
    struct kvt_sha256 hash;
    char id[KVT_ID_SIZE];
    kvt_prompt_write(prompt, &text);
    kvt_sha256_start(&hash);
    kvt_sha256_add(&hash, text.data, text.length);
    kvt_sha256_hex(&hash, prompt_sha256);
    const char *identity[] = {"entry", manifest->name,           prompt->task,
                              row->id, prompt->template->sha256, prompt_sha256};
    kvt_manifest_id(id, identity, sizeof identity / sizeof *identity);
    struct kvt_writer writer;
    start(&writer, out, "entry");
    kvt_member_string(&writer, "entry_id", id);
    kvt_member_string(&writer, "dataset_id", manifest->dataset_id);
    kvt_member_string(&writer, "example_id", row->id);
    kvt_member_integer(&writer, "bin_idx", (long long)entry->bin_idx);
    kvt_member_integer(&writer, "rank", (long long)entry->rank);
    kvt_member_integer(&writer, "token_len", entry->token_len);
    kvt_member_string(&writer, "question", row->input);
    kvt_member_string(&writer, "context", row->context);
    kvt_member_json(&writer, "answers", row->answers);
    kvt_buffer_text(out, prompt->chat ? ",\"messages\":" : ",\"prompt\":");
    kvt_buffer_append(out, text.data, text.length);
    kvt_member_string(&writer, "prompt_sha256", prompt_sha256);
    kvt_member_string(&writer, "cluster", row->cluster);
    write_meta(&writer, entry);
    kvt_write_end(&writer);
    kvt_buffer_free(&text);
}
