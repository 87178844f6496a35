#include "dataset/count.h"

#include "core/buffer.h"
#include "core/error.h"
#include "core/escape.h"
#include "core/utf8.h"
#include "stream/reader.h"
#include "stream/scan.h"
#include "stream/stage.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* One escape at text (behind the backslash), a lone surrogate as U+FFFD; returns the bytes used, or
 * -1. */
static int unescape_one(struct kvt_buffer *out, const char *text, const char *end)
{
    uint32_t code_point;
    char utf8[4];
    int used = kvt_escape_decode(text, end, &code_point);
    if (used > 0)
        kvt_buffer_append(out, utf8, kvt_utf8_encode(code_point, utf8));
    return used;
}

/* The text of a string whose bytes are valid UTF-8. */
static int unescape(struct kvt_buffer *out, const char *text, const char *end)
{
    while (text < end) {
        const char *backslash = memchr(text, '\\', (size_t)(end - text));
        const char *stop = backslash ? backslash : end;
        for (const char *at = text; at < stop; at++)
            if ((unsigned char)*at < 0x20)
                return -1;
        kvt_buffer_append(out, text, (size_t)(stop - text));
        if (!backslash)
            break;
        int used = unescape_one(out, backslash + 1, end);
        if (used < 0)
            return -1;
        text = backslash + 1 + used;
    }
    return 0;
}

/* As kvt_utf8_repair, but U+0000 stays. Raw NUL bytes never get here: JSON does not allow them. */
int kvt_count_unescape(struct kvt_buffer *out, const char *value, size_t length)
{
    if (length < 2 || value[0] != '"' || value[length - 1] != '"')
        return -1;
    const char *text = value + 1, *end = value + length - 1;
    if (kvt_utf8_valid(text, (size_t)(end - text)) == (size_t)(end - text))
        return unescape(out, text, end);
    struct kvt_buffer valid = {0};
    kvt_utf8_repair(&valid, text, (size_t)(end - text));
    int status = unescape(out, valid.data, valid.data + valid.length);
    kvt_buffer_free(&valid);
    return status;
}

static void write_result(const struct kvt_token_ids *ids, int64_t count, struct kvt_buffer *out)
{
    kvt_buffer_clear(out);
    if (!ids) {
        kvt_buffer_printf(out, "{\"n\":%lld}\n", (long long)count);
    } else {
        kvt_buffer_text(out, "{\"ids\":[");
        for (size_t i = 0; i < ids->count; i++) {
            char digits[16];
            int used = snprintf(digits, sizeof digits, i ? ",%d" : "%d", (int)ids->ids[i]);
            kvt_buffer_append(out, digits, (size_t)used);
        }
        kvt_buffer_text(out, "]}\n");
    }
    if (fwrite(out->data, 1, out->length, stdout) != out->length)
        kvt_die(KVT_SYSTEM, "cannot write to standard output: %s", strerror(errno));
}

/* Where bad lines go instead of stopping the run; NULL without --skip-bad. */
struct aside {
    const char *path;
    FILE *file;
};

/* A line that cannot be counted: ends the process, or sets the line aside and returns -1. */
static int bad(const struct aside *aside, const struct kvt_line *line, const char *why)
{
    if (!aside->file) {
        fflush(stdout);
        kvt_die(KVT_DATA, "%s:%zu: %s", line->source, line->number, why);
    }
    kvt_say("%s:%zu: %s (set aside in %s)", line->source, line->number, why, aside->path);
    if (fwrite(line->data, 1, line->length, aside->file) != line->length ||
        fputc('\n', aside->file) == EOF)
        kvt_die(KVT_SYSTEM, "cannot write %s: %s", aside->path, strerror(errno));
    return -1;
}

/* The scan finds where a member ends, not whether it is JSON; the counted one is read, any other is
 * looked at here. */
static bool is_json(const struct kvt_member *member)
{
    json_t *value = kvt_json_parse(member->value, member->value_length, NULL, NULL);
    json_decref(value);
    return value != NULL;
}

/* The text of a line; -1 when it has none and was set aside. */
static int read_text(const struct aside *aside, const struct kvt_line *line, const char *field,
                     struct kvt_buffer *text)
{
    struct kvt_scan scan;
    struct kvt_member member, found = {0};
    char why[256];
    kvt_scan_start(&scan, line->data, line->length);
    bool valid = true;
    while (kvt_scan_next(&scan, &member)) {
        if (member.key_length == strlen(field) && memcmp(member.key, field, member.key_length) == 0)
            found = member;
        else
            valid = valid && is_json(&member);
    }
    if (scan.bad || !valid)
        return bad(aside, line, "not a JSON object on one line");
    if (!found.value) {
        snprintf(why, sizeof why, "the object has no member \"%.100s\" (--field names another)",
                 field);
        return bad(aside, line, why);
    }
    kvt_buffer_clear(text);
    if (kvt_count_unescape(text, found.value, found.value_length) != 0) {
        snprintf(why, sizeof why, "\"%.100s\" is not a JSON string", field);
        return bad(aside, line, why);
    }
    return 0;
}

void kvt_count_run(const struct kvt_tokenizer *tokenizer, struct kvt_remote *remote,
                   const struct kvt_count_options *options, const struct kvt_arguments *arguments)
{
    struct kvt_reader reader;
    struct kvt_line line;
    struct kvt_error error;
    struct kvt_buffer text = {0}, out = {0};
    struct kvt_token_ids ids = {0};
    struct kvt_encoder *encoder = tokenizer ? kvt_encoder_new(tokenizer) : NULL;
    struct aside aside = {.path = options->skip_bad};
    int status;
    if (aside.path)
        aside.file = kvt_stage_open_skip(aside.path, arguments);
    kvt_reader_open(&reader, arguments->files, arguments->n_files);
    while ((status = kvt_reader_next(&reader, &line, &error)) > 0) {
        if (kvt_line_blank(&line))
            continue;
        if (read_text(&aside, &line, options->field, &text) != 0)
            continue;
        const char *bytes = kvt_buffer_string(&text);
        ids.count = 0;
        int64_t count = 0;
        if (!tokenizer)
            count = kvt_remote_count(remote, bytes, text.length,
                                     (options->flags & KVT_ENCODE_SPECIAL) != 0,
                                     options->ids ? &ids : NULL, &error);
        else if (options->ids)
            status = kvt_encoder_encode(encoder, bytes, text.length, options->flags, &ids, &error);
        else
            count = kvt_encoder_count(encoder, bytes, text.length, options->flags, &error);
        if (count < 0 && !tokenizer)
            kvt_die_error(&error);
        if (status < 0 || count < 0) {
            bad(&aside, &line, error.text);
            continue;
        }
        write_result(options->ids ? &ids : NULL, count, &out);
    }
    if (status < 0) {
        fflush(stdout);
        kvt_die_error(&error);
    }
    if (fflush(stdout) != 0 || fclose(stdout) != 0)
        kvt_die(KVT_SYSTEM, "cannot write to standard output: %s", strerror(errno));
    if (aside.file && fclose(aside.file) != 0)
        kvt_die(KVT_SYSTEM, "cannot write %s: %s", aside.path, strerror(errno));
    kvt_reader_close(&reader);
    kvt_buffer_free(&text);
    kvt_buffer_free(&out);
    kvt_token_ids_free(&ids);
    kvt_encoder_free(encoder);
}
