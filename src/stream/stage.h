/*
 * stream/stage.h: what every filter of the pipeline does besides its own work: read lines, copy
 * what it does not own, drop what it is about to make again, set bad lines aside, count, and end
 * with a `meta` record. See kvt-stream(5).
 *
 *     struct kvt_stage stage;
 *     kvt_stage_open(&stage, "kvt-score", &common, &arguments);
 *     kvt_stage_run(&stage, routes, context);   // calls a handler for each kind the stage owns
 *     kvt_stage_close(&stage, settings);        // meta, flush; errors end the process
 */
#ifndef KVT_STREAM_STAGE_H
#define KVT_STREAM_STAGE_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/option.h"
#include "core/sha256.h"
#include "stream/json.h"
#include "stream/reader.h"
#include "stream/string.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Values of the options all stages share; put KVT_STAGE_OPTIONS(common) in the option table. */
struct kvt_stage_options {
    const char *config;   /* -c FILE */
    const char *skip_bad; /* --skip-bad FILE */
    int no_meta;          /* --no-meta */
};

#define KVT_STAGE_OPTIONS(common)                                                                  \
    {                                                                                              \
        KVT_OPTION_TEXT,                                                                           \
        'c',                                                                                       \
        "config",                                                                                  \
        &(common).config,                                                                          \
        "FILE",                                                                                    \
        "settings (JSON) [the stream's]",                                                          \
        0},                                                                                        \
        {KVT_OPTION_TEXT,                                                                          \
         0,                                                                                        \
         "skip-bad",                                                                               \
         &(common).skip_bad,                                                                       \
         "FILE",                                                                                   \
         "set bad lines aside in FILE instead of stopping",                                        \
         0},                                                                                       \
    {                                                                                              \
        KVT_OPTION_FLAG, 0, "no-meta", &(common).no_meta, 0, "do not end with a meta record", 0    \
    }

enum { KVT_STAGE_KINDS = 24 };

struct kvt_kind_count {
    char kind[KVT_KIND_SIZE];
    size_t in, out;
};

/* Emitted lines, and what was counted, in the order it was: neighbours of one kind share a row. */
struct kvt_stage_sink {
    struct kvt_buffer out;
    struct kvt_kind_count *counts;
    size_t n_counts, capacity;
};

struct kvt_stage {
    const char *name;
    struct kvt_reader reader;
    FILE *skip_file;
    const char *skip_path;
    size_t n_skipped;
    bool no_meta;
    bool kind_first;  /* only a first member `kind` makes a record (kvt-bin: questions may have one)
                       */
    bool flush_lines; /* flush after every emitted line (kvt-infer) */
    struct kvt_stage_sink *sink; /* takes what is emitted, if not NULL */
    struct kvt_sha256 input_hash;
    struct kvt_kind_count counts[KVT_STAGE_KINDS];
    size_t n_counts;
    void (*abort_hook)(void *); /* called before a fatal error ends the process; may be NULL */
    void *abort_context;
};

/*
 * Handles one line: emits whatever takes its place. Returns 0, or -1 with *error set when the LINE
 * is bad (the stage then stops with "source:number: text", or sets it aside under --skip-bad).
 */
typedef int (*kvt_line_handler)(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                                struct kvt_error *error);

/* A route with a NULL handler drops the kind. The list ends with a NULL kind; the handler of that
 * last row, if any, gets objects without a kind (kvt-bin's question rows); without one they are
 * copied. */
struct kvt_route {
    const char *kind;
    kvt_line_handler handler;
    bool alone; /* kvt_stage_run_threads: later lines depend on what the handler does */
};

/* Ends the process (exit 2) when --skip-bad=FILE is a file that is read, which would be lost.
 * Either may be NULL. */
void kvt_stage_check_skip(const char *skip_bad, const char *file);
/*
 * Opens the file that bad lines are set aside in, empty. Ends the process when it cannot be opened
 * (exit 3), or is one of the inputs or standard output (exit 2), which would be lost. The caller
 * closes it.
 */
FILE *kvt_stage_open_skip(const char *path, const struct kvt_arguments *arguments);
void kvt_stage_open(struct kvt_stage *stage, const char *name,
                    const struct kvt_stage_options *options, const struct kvt_arguments *arguments);
void kvt_stage_run(struct kvt_stage *stage, const struct kvt_route *routes, void *context);
/*
 * The same by n_threads, the caller being one of them: the bytes that come out are the same for any
 * number of threads. Lines are taken in blocks, as many as came at once, so that a line that comes
 * alone goes on at once. A handler that is `alone` has contexts[0]; all lines before its own are
 * written by then, and none after it is begun. Another one has contexts[0..n_threads-1], its
 * thread's; it runs beside others, on lines in any order, with a stage to emit to and nothing else.
 */
void kvt_stage_run_threads(struct kvt_stage *stage, const struct kvt_route *routes,
                           void *const *contexts, size_t n_threads);
/* Reads one line and finds its kind; skips and reports bad ones. 1, or 0 at the end of input. */
int kvt_stage_next(struct kvt_stage *stage, struct kvt_line *line);
/* Whether the line is a meta record of this stage, from an earlier run: a new one takes its place.
 */
bool kvt_stage_own_meta(const struct kvt_stage *stage, const struct kvt_line *line);
/* Writes one record (no newline in it) and the newline. `kind` is for the counts. */
void kvt_stage_emit(struct kvt_stage *stage, const char *kind, const char *data, size_t length);
/* The same for a record that stands in pieces, one after the other. */
void kvt_stage_emit_pieces(struct kvt_stage *stage, const char *kind, const struct kvt_span *pieces,
                           size_t n_pieces);
void kvt_stage_emit_buffer(struct kvt_stage *stage, const char *kind,
                           const struct kvt_buffer *record);
void kvt_stage_copy(struct kvt_stage *stage, const struct kvt_line *line);
/* A line that cannot be used: ends the process with exit 1, or sets the line aside and returns. */
void kvt_stage_bad(struct kvt_stage *stage, const struct kvt_line *line, const char *text);
/* Flushes standard output; a write error ends the process with exit 3. */
void kvt_stage_flush(struct kvt_stage *stage);
/* `settings` (borrowed, may be NULL): the settings that were given by option, as a JSON object. */
void kvt_stage_close(struct kvt_stage *stage, const json_t *settings);

#endif
