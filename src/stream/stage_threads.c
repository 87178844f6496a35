#include "stream/stage_parts.h"

#include "core/memory.h"
#include "core/ordered.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of lines that a block takes, with the line that goes beyond. */
enum { BLOCK_BYTES = 1 << 17 };

/* A line, and what becomes of it. */
struct task {
    struct kvt_line line;
    const struct kvt_route *route; /* NULL: not a JSON object */
};

/* A line that could not be used, and why. */
struct mishap {
    size_t task;
    struct kvt_error error;
};

/* Lines that came together, from reading to writing. */
struct block {
    char *text; /* the bytes of the lines */
    size_t capacity;
    struct task *tasks;
    size_t n_tasks, tasks_capacity;
    struct kvt_stage_sink sink; /* what takes their place */
    struct kvt_stage stage;     /* what handlers see of a stage: a name and the sink */
    struct mishap *mishaps;
    size_t n_mishaps, mishaps_capacity;
};

struct run {
    struct kvt_stage *stage; /* of the one that takes, and of the one that finishes: see there */
    const struct kvt_route *routes;
    void *const *contexts;
    struct block *blocks;     /* [window] */
    char kind[KVT_KIND_SIZE]; /* of lines that take `route`, of which there was one; "" if none */
    const struct kvt_route *route;
};

static void clear(const struct kvt_stage *stage, struct block *block)
{
    block->n_tasks = block->n_mishaps = block->sink.n_counts = 0;
    kvt_buffer_clear(&block->sink.out);
    block->stage = (struct kvt_stage){.name = stage->name, .sink = &block->sink};
}

/* Takes in the bytes of the lines first..last, which stand one behind the other in `text`, with
 * their newlines, in the place of which readers of lines have put NULs. */
static void hash_lines(struct kvt_stage *stage, char *text, const struct task *first,
                       const struct task *last)
{
    if (stage->no_meta)
        return;
    for (const struct task *task = first; task <= last; task++)
        text[task->line.data + task->line.length - text] = '\n';
    const char *start = first->line.data - first->line.mark;
    kvt_sha256_add(&stage->input_hash, start,
                   (size_t)(last->line.data - start) + last->line.length + 1);
}

static void run_alone(struct kvt_ordered *ordered, struct run *run, struct task *task)
{
    struct kvt_stage *stage = run->stage;
    struct kvt_error error;
    kvt_ordered_drain(ordered);
    kvt_stage_count(stage, task->line.kind)->in++;
    if (task->route->handler(stage, &task->line, run->contexts[0], &error) != 0)
        kvt_stage_bad(stage, &task->line, error.text);
    kvt_stage_flush(stage);
    hash_lines(stage, stage->reader.text, task, task);
}

/* The route of a line; mostly that of the line before. */
static const struct kvt_route *route_of(struct run *run, const struct kvt_line *line)
{
    if (run->kind[0] == '\0' || memcmp(run->kind, line->kind, sizeof run->kind) != 0) {
        run->route = kvt_stage_route(run->stage, run->routes, line);
        memcpy(run->kind, line->kind, sizeof run->kind);
        if (strcmp(line->kind, "meta") == 0)
            run->kind[0] = '\0'; /* whether it is one's own stands elsewhere in it */
    }
    return run->route;
}

/* Reads the next line into *task. Returns 1, 0 at the end. */
static int read_task(struct kvt_ordered *ordered, struct run *run, struct task *task)
{
    struct kvt_error error;
    int status = kvt_reader_next(&run->stage->reader, &task->line, &error);
    if (status < 0) {
        kvt_ordered_drain(ordered);
        kvt_stage_give_up(run->stage, error.code, error.text);
    }
    task->route = NULL;
    if (status > 0 && (kvt_line_blank(&task->line) || kvt_stage_identify(run->stage, &task->line)))
        task->route = route_of(run, &task->line);
    return status;
}

/*
 * The lines that one read brought, up to one that must be alone. Touches of the stage the reader;
 * nothing else of it changes but by a line alone, when nothing else runs.
 */
static bool take_block(struct kvt_ordered *ordered, void *context, size_t place)
{
    struct run *run = context;
    struct kvt_reader *reader = &run->stage->reader;
    struct block *block = &run->blocks[place];
    struct task task;
    size_t bytes = 0;
    clear(run->stage, block);
    do {
        if (!read_task(ordered, run, &task))
            return false; /* of the first line only: another one is ready */
        if (task.route && task.route->alone) {
            if (block->n_tasks > 0) {
                kvt_reader_back(reader, &task.line);
                break;
            }
            run_alone(ordered, run, &task);
            continue;
        }
        kvt_grow(&block->tasks, &block->tasks_capacity, block->n_tasks, sizeof *block->tasks);
        block->tasks[block->n_tasks++] = task;
        bytes += task.line.length;
    } while (block->n_tasks == 0 || (bytes < BLOCK_BYTES && kvt_reader_ready(reader)));
    kvt_reader_detach(reader, &block->text, &block->capacity);
    return true;
}

static void work_block(void *context, size_t place, size_t thread)
{
    struct run *run = context;
    struct block *block = &run->blocks[place];
    for (size_t i = 0; i < block->n_tasks; i++) {
        const struct task *task = &block->tasks[i];
        struct kvt_error error; /* set with a status that is not 0 */
        int status = 0;
        if (!task->route) {
            status = kvt_fail(&error, KVT_DATA, "%s", KVT_STAGE_NO_OBJECT);
        } else {
            if (!kvt_line_blank(&task->line))
                kvt_stage_count(&block->stage, task->line.kind)->in++;
            if (task->route->handler)
                status =
                    task->route->handler(&block->stage, &task->line, run->contexts[thread], &error);
        }
        if (status == 0)
            continue;
        kvt_grow(&block->mishaps, &block->mishaps_capacity, block->n_mishaps,
                 sizeof *block->mishaps);
        block->mishaps[block->n_mishaps++] = (struct mishap){i, error};
        if (!run->stage->skip_file)
            return; /* nothing after this line is written */
    }
}

/* Touches of the stage the counts, the hash and the file of bad lines, which change nowhere else
 * but by a line alone. Hashing comes last: the lines are out by then, and others can read
 * meanwhile. */
static void finish_block(void *context, size_t place)
{
    struct run *run = context;
    struct block *block = &run->blocks[place];
    kvt_stage_put(run->stage, block->sink.out.data, block->sink.out.length);
    for (size_t i = 0; i < block->n_mishaps; i++)
        kvt_stage_bad(run->stage, &block->tasks[block->mishaps[i].task].line,
                      block->mishaps[i].error.text);
    for (size_t i = 0; i < block->sink.n_counts; i++) {
        const struct kvt_kind_count *row = &block->sink.counts[i];
        struct kvt_kind_count *sum = kvt_stage_count(run->stage, row->kind);
        sum->in += row->in;
        sum->out += row->out;
    }
    hash_lines(run->stage, block->text, block->tasks, block->tasks + block->n_tasks - 1);
}

static void free_block(struct block *block)
{
    free(block->text);
    free(block->tasks);
    free(block->mishaps);
    free(block->sink.counts);
    kvt_buffer_free(&block->sink.out);
}

void kvt_stage_run_threads(struct kvt_stage *stage, const struct kvt_route *routes,
                           void *const *contexts, size_t n_threads)
{
    /* Twice as many blocks as threads, so that none waits for the oldest one to be finished. */
    size_t window = n_threads > 1 ? 2 * n_threads : 1;
    struct run run = {.stage = stage, .routes = routes, .contexts = contexts};
    run.blocks = kvt_alloc_zero(window, sizeof *run.blocks);
    kvt_ordered_run(&(struct kvt_ordered_work){.n_threads = n_threads,
                                               .window = window,
                                               .context = &run,
                                               .take = take_block,
                                               .work = work_block,
                                               .finish = finish_block});
    for (size_t i = 0; i < window; i++)
        free_block(&run.blocks[i]);
    free(run.blocks);
}
