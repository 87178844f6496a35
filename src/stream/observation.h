/*
 * stream/observation.h: scored responses as plain numbers, for the stages that count them.
 *
 * A response line of kilobytes becomes one struct of about 200 bytes; texts are interned once or
 * kept as 64-bit hashes. After kvt_observations_sort nothing depends on the order of the lines.
 */
#ifndef KVT_STREAM_OBSERVATION_H
#define KVT_STREAM_OBSERVATION_H

#include "core/error.h"
#include "stream/names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_writer;

enum kvt_outcome {
    KVT_OUTCOME_GOOD,           /* no failure */
    KVT_OUTCOME_MODEL,          /* model failure; it keeps its score */
    KVT_OUTCOME_INFRASTRUCTURE, /* no answer: out of every pair */
};

enum kvt_applied {
    KVT_APPLIED_UNKNOWN,
    KVT_APPLIED_PROVEN,
    KVT_APPLIED_REPORTED,
    KVT_APPLIED_BEHAVIOURAL,
    KVT_APPLIED_UNPROVEN,
    KVT_APPLIED_CONTRADICTED,
    KVT_APPLIED_COUNT,
};

/*
 * Signs that a request does not measure what it seems to (kvt-stream(5), telemetry.flags); bits of
 * kvt_observation.flags, in the order of kvt_flag_name.
 */
enum kvt_flag {
    KVT_FLAG_PREFIX_CACHED,    /* a prefix cache answered part of the prompt */
    KVT_FLAG_RETRIED,          /* more than one attempt */
    KVT_FLAG_PROMPT_TRUNCATED, /* the server counted far fewer tokens than the entry has */
    KVT_FLAG_PROMPT_LONGER,    /* or far more */
    KVT_FLAG_COUNT,
};

/* Real members are NaN when the record has null or nothing. Times in seconds, sizes in bytes. */
struct kvt_observation {
    uint32_t run;                  /* index into runs */
    uint32_t task, entry, cluster; /* names; task and cluster may be KVT_NO_NAME */
    uint32_t failure;              /* type name, KVT_NO_NAME without failure */
    uint32_t memory_source;        /* telemetry.kv.source */
    int32_t bin, repeat;
    uint8_t outcome, applied;
    uint8_t flags;         /* bit i: enum kvt_flag */
    bool cache_known;      /* the server said how much of the prompt a prefix cache held */
    bool finish_known;     /* response.finish_reason is there */
    uint32_t unobservable; /* bit i: failures of type table->unobservable[i] cannot be seen */
    double score;          /* 0..1 */
    double tokens;         /* token_len */
    double latency, ttft, itl_p50, itl_p95, prefill, decode;
    double kv_bytes, kv_peak, kept_tokens, kept_ratio, process_memory;
    double prompt_tokens, completion_tokens;
    uint64_t text_hash;   /* response.text */
    uint64_t answer_hash; /* score.pred_norm, else response.text */
    uint64_t request_hash;
};

struct kvt_run {
    uint32_t id, group, model, policy, unit, replicate; /* names */
    double budget;
    double window;         /* kv.window, NaN if unknown */
    uint32_t unobservable; /* as in an observation */
    bool reference;
    bool sampled;   /* asks some of the entries only, and is meant to */
    bool from_line; /* false: only responses spoke of it */
};

enum { KVT_UNOBSERVABLE = 32 }; /* types beyond are not kept */

struct kvt_observations {
    struct kvt_names names;
    struct kvt_observation *items;
    size_t count, capacity;
    struct kvt_run *runs;
    size_t n_runs, runs_capacity;
    uint32_t *run_of_name; /* index into runs, or KVT_NO_NAME, by the run id's name */
    size_t n_run_of_name;
    uint32_t
        unobservable[KVT_UNOBSERVABLE]; /* names of failure types records said they cannot show */
    size_t n_unobservable;
    size_t n_duplicates;    /* set by kvt_observations_sort */
    size_t n_conflicts;     /* duplicates whose content differs */
    bool reference_guessed; /* set by kvt_observations_sort */
};

void kvt_observations_free(struct kvt_observations *table);
/* Takes one `run` line. Returns -1 with *error when the line is bad. */
int kvt_observations_run(struct kvt_observations *table, const char *line, size_t length,
                         struct kvt_error *error);
/* Takes one `response` line that kvt-score has seen. */
int kvt_observations_response(struct kvt_observations *table, const char *line, size_t length,
                              struct kvt_error *error);
/*
 * Renumbers names in byte order, sorts runs (group, model, policy, reference first, replicate,
 * unit, budget from large to small, id) and observations (run, task, bin, entry, repeat), and keeps
 * one of each (run, task, bin, entry, repeat): the smallest by content, whatever came first.
 * Without run lines the reference is guessed: budget 1 as a fraction.
 */
void kvt_observations_sort(struct kvt_observations *table);

/* The text of a name; NULL for KVT_NO_NAME. */
const char *kvt_observations_name(const struct kvt_observations *table, uint32_t name);
const char *kvt_applied_name(enum kvt_applied applied);
const char *kvt_flag_name(enum kvt_flag flag);
/* A prefix cache or a retry: the latency is not this request's own. */
bool kvt_observation_contaminated(const struct kvt_observation *item);
/* Writes run_id, exp_group_id, model_name, task, kv_policy, kv_budget, budget_unit. */
void kvt_observations_write_names(struct kvt_writer *writer, const struct kvt_observations *table,
                                  const struct kvt_run *run, uint32_t task);

#endif
