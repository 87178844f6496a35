#include "stream/stage_parts.h"

#include "core/file.h"
#include "core/memory.h"
#include "stream/scan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void kvt_stage_give_up(struct kvt_stage *stage, enum kvt_exit code, const char *text)
{
    fflush(stdout); /* nothing already made is lost */
    if (stage->abort_hook)
        stage->abort_hook(stage->abort_context);
    kvt_die(code, "%s", text);
}

/* A pipe's or a file's own buffer is 4 KiB, a system call for every few lines. */
static void widen_output(void)
{
    static char buffer[1 << 16];
    if (!isatty(STDOUT_FILENO))
        setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
}

void kvt_stage_check_skip(const char *skip_bad, const char *file)
{
    if (skip_bad && file && kvt_file_same(skip_bad, file))
        kvt_die(KVT_USAGE, "--skip-bad=%s would overwrite what is read; name another file",
                skip_bad);
}

FILE *kvt_stage_open_skip(const char *path, const struct kvt_arguments *arguments)
{
    if (arguments->n_files == 0)
        kvt_stage_check_skip(path, "-");
    for (size_t i = 0; i < arguments->n_files; i++)
        kvt_stage_check_skip(path, arguments->files[i]);
    if (kvt_file_same(path, "/dev/stdout"))
        kvt_die(KVT_USAGE, "--skip-bad=%s would overwrite standard output; name another file",
                path);
    FILE *opened = fopen(path, "wb");
    if (!opened)
        kvt_die(KVT_SYSTEM, "cannot open %s: %s", path, strerror(errno));
    return opened;
}

void kvt_stage_open(struct kvt_stage *stage, const char *name,
                    const struct kvt_stage_options *options, const struct kvt_arguments *arguments)
{
    *stage = (struct kvt_stage){.name = name, .no_meta = options->no_meta != 0};
    widen_output();
    kvt_reader_open(&stage->reader, arguments->files, arguments->n_files);
    kvt_sha256_start(&stage->input_hash);
    if (options->skip_bad) {
        stage->skip_path = options->skip_bad;
        kvt_stage_check_skip(options->skip_bad, options->config);
        stage->skip_file = kvt_stage_open_skip(options->skip_bad, arguments);
    }
}

static struct kvt_kind_count *new_count(struct kvt_kind_count *row, const char *kind)
{
    memset(row, 0, sizeof *row);
    strncpy(row->kind, kind, sizeof row->kind - 1);
    return row;
}

static struct kvt_kind_count *count_in_sink(struct kvt_stage_sink *sink, const char *kind)
{
    if (sink->n_counts && strcmp(sink->counts[sink->n_counts - 1].kind, kind) == 0)
        return &sink->counts[sink->n_counts - 1];
    kvt_grow(&sink->counts, &sink->capacity, sink->n_counts, sizeof *sink->counts);
    return new_count(&sink->counts[sink->n_counts++], kind);
}

struct kvt_kind_count *kvt_stage_count(struct kvt_stage *stage, const char *kind)
{
    if (stage->sink)
        return count_in_sink(stage->sink, kind);
    for (size_t i = 0; i < stage->n_counts; i++)
        if (strcmp(stage->counts[i].kind, kind) == 0)
            return &stage->counts[i];
    if (stage->n_counts == KVT_STAGE_KINDS)
        return &stage->counts[KVT_STAGE_KINDS - 1]; /* foreign kinds beyond the table share a row */
    return new_count(&stage->counts[stage->n_counts++], kind);
}

void kvt_stage_bad(struct kvt_stage *stage, const struct kvt_line *line, const char *text)
{
    if (stage->skip_file) {
        stage->n_skipped++;
        kvt_say("%s:%zu: %s (set aside in %s)", line->source, line->number, text, stage->skip_path);
        if (fwrite(line->data, 1, line->length, stage->skip_file) != line->length ||
            fputc('\n', stage->skip_file) == EOF)
            kvt_die(KVT_SYSTEM, "cannot write %s: %s", stage->skip_path, strerror(errno));
        return;
    }
    char message[sizeof((struct kvt_error *)0)->text + 512];
    snprintf(message, sizeof message, "%s:%zu: %s", line->source, line->number, text);
    kvt_stage_give_up(stage, KVT_DATA, message);
}

/* Does the object start with the member "kind"? */
static bool starts_with_kind(const struct kvt_line *line)
{
    struct kvt_scan scan;
    struct kvt_member member;
    kvt_scan_start(&scan, line->data, line->length);
    return kvt_scan_next(&scan, &member) && member.key_length == 4 &&
           memcmp(member.key, "kind", 4) == 0;
}

/* Does the line end as an object does? One that was cut off does not: it would be copied as it is.
 */
static bool ends_object(const struct kvt_line *line)
{
    size_t length = line->length;
    while (length > 0 && (line->data[length - 1] == ' ' || line->data[length - 1] == '\t' ||
                          line->data[length - 1] == '\r'))
        length--;
    return length > 0 && line->data[length - 1] == '}';
}

bool kvt_stage_identify(const struct kvt_stage *stage, struct kvt_line *line)
{
    if (!ends_object(line) ||
        kvt_scan_kind(line->data, line->length, line->kind, sizeof line->kind) < 0)
        return false;
    if (stage->kind_first && !starts_with_kind(line))
        line->kind[0] = '\0';
    return true;
}

int kvt_stage_next(struct kvt_stage *stage, struct kvt_line *line)
{
    struct kvt_error error;
    for (;;) {
        int status = kvt_reader_next(&stage->reader, line, &error);
        if (status < 0)
            kvt_stage_give_up(stage, error.code, error.text);
        if (status == 0)
            return 0;
        if (!stage->no_meta) {
            kvt_sha256_add(&stage->input_hash, line->data, line->length);
            kvt_sha256_add(&stage->input_hash, "\n", 1);
        }
        if (kvt_line_blank(line))
            return 1;
        if (kvt_stage_identify(stage, line)) {
            kvt_stage_count(stage, line->kind)->in++;
            return 1;
        }
        kvt_stage_bad(stage, line, KVT_STAGE_NO_OBJECT);
    }
}

bool kvt_stage_own_meta(const struct kvt_stage *stage, const struct kvt_line *line)
{
    struct kvt_member member;
    if (strcmp(line->kind, "meta") != 0 ||
        !kvt_scan_find(line->data, line->length, "stage", &member))
        return false;
    size_t length = strlen(stage->name);
    return member.value_length == length + 2 && memcmp(member.value + 1, stage->name, length) == 0;
}

/* A kind that no route has is copied. */
static int copy(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                struct kvt_error *error)
{
    (void)context, (void)error;
    kvt_stage_copy(stage, line);
    return 0;
}

const struct kvt_route *kvt_stage_route(const struct kvt_stage *stage,
                                        const struct kvt_route *routes, const struct kvt_line *line)
{
    static const struct kvt_route copied = {"", copy, false}, dropped = {"", NULL, false};
    if (kvt_stage_own_meta(stage, line))
        return &dropped;
    for (; routes->kind; routes++)
        if (strcmp(routes->kind, line->kind) == 0)
            return routes;
    return line->kind[0] == '\0' && routes->handler && !kvt_line_blank(line) ? routes : &copied;
}

void kvt_stage_run(struct kvt_stage *stage, const struct kvt_route *routes, void *context)
{
    struct kvt_line line;
    struct kvt_error error;
    while (kvt_stage_next(stage, &line)) {
        const struct kvt_route *route = kvt_stage_route(stage, routes, &line);
        if (route->handler && route->handler(stage, &line, context, &error) != 0)
            kvt_stage_bad(stage, &line, error.text);
    }
}

static _Noreturn void cannot_write(struct kvt_stage *stage)
{
    char message[256];
    snprintf(message, sizeof message, "cannot write to standard output: %s", strerror(errno));
    if (stage->abort_hook)
        stage->abort_hook(stage->abort_context);
    kvt_die(KVT_SYSTEM, "%s", message);
}

void kvt_stage_flush(struct kvt_stage *stage)
{
    if (fflush(stdout) != 0 || ferror(stdout))
        cannot_write(stage);
}

void kvt_stage_put(struct kvt_stage *stage, const char *data, size_t length)
{
    while (length) {
        ssize_t put = write(STDOUT_FILENO, data, length);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            cannot_write(stage);
        data += put;
        length -= (size_t)put;
    }
}

void kvt_stage_emit_pieces(struct kvt_stage *stage, const char *kind, const struct kvt_span *pieces,
                           size_t n_pieces)
{
    kvt_stage_count(stage, kind)->out++;
    if (stage->sink) {
        for (size_t i = 0; i < n_pieces; i++)
            kvt_buffer_append(&stage->sink->out, pieces[i].data, pieces[i].length);
        kvt_buffer_byte(&stage->sink->out, '\n');
        return;
    }
    bool whole = true;
    for (size_t i = 0; i < n_pieces; i++)
        whole = whole && fwrite(pieces[i].data, 1, pieces[i].length, stdout) == pieces[i].length;
    if (!whole || putc('\n', stdout) == EOF)
        kvt_stage_flush(stage); /* reports why */
    if (stage->flush_lines)
        kvt_stage_flush(stage);
}

void kvt_stage_emit(struct kvt_stage *stage, const char *kind, const char *data, size_t length)
{
    kvt_stage_emit_pieces(stage, kind, &(struct kvt_span){data, length}, 1);
}

void kvt_stage_emit_buffer(struct kvt_stage *stage, const char *kind,
                           const struct kvt_buffer *record)
{
    kvt_stage_emit(stage, kind, record->data, record->length);
}

void kvt_stage_copy(struct kvt_stage *stage, const struct kvt_line *line)
{
    kvt_stage_emit(stage, line->kind, line->data, line->length);
}

static int by_kind(const void *a, const void *b)
{
    return strcmp(((const struct kvt_kind_count *)a)->kind,
                  ((const struct kvt_kind_count *)b)->kind);
}

static void write_counts(struct kvt_writer *writer, const struct kvt_stage *stage, bool out)
{
    kvt_write_object(writer);
    for (size_t i = 0; i < stage->n_counts; i++) {
        const struct kvt_kind_count *row = &stage->counts[i];
        size_t n = out ? row->out : row->in;
        if (n && row->kind[0] && strcmp(row->kind, "meta") != 0)
            kvt_member_integer(writer, row->kind, (long long)n);
    }
    kvt_write_end(writer);
}

void kvt_stage_close(struct kvt_stage *stage, const json_t *settings)
{
    if (!stage->no_meta) {
        char hex[KVT_SHA256_HEX];
        kvt_sha256_hex(&stage->input_hash, hex);
        qsort(stage->counts, stage->n_counts, sizeof *stage->counts, by_kind);
        struct kvt_buffer record = {0};
        struct kvt_writer writer;
        kvt_writer_start(&writer, &record);
        kvt_write_object(&writer);
        kvt_member_string(&writer, "kind", "meta");
        kvt_member_string(&writer, "stage", stage->name);
        kvt_member_string(&writer, "version", KVT_VERSION);
        kvt_write_key(&writer, "settings");
        if (settings) {
            kvt_write_json(&writer, settings);
        } else {
            kvt_write_object(&writer);
            kvt_write_end(&writer);
        }
        kvt_member_string(&writer, "input_sha256", hex);
        kvt_write_key(&writer, "records_in");
        write_counts(&writer, stage, false);
        kvt_write_key(&writer, "records_out");
        write_counts(&writer, stage, true);
        if (stage->n_skipped)
            kvt_member_integer(&writer, "skipped", (long long)stage->n_skipped);
        kvt_write_end(&writer);
        kvt_stage_emit_buffer(stage, "meta", &record);
        kvt_buffer_free(&record);
    }
    kvt_stage_flush(stage);
    if (fclose(stdout) != 0)
        kvt_die(KVT_SYSTEM, "cannot write to standard output: %s", strerror(errno));
    if (stage->skip_file && fclose(stage->skip_file) != 0)
        kvt_die(KVT_SYSTEM, "cannot write %s: %s", stage->skip_path, strerror(errno));
    kvt_reader_close(&stage->reader);
}
