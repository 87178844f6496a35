/*
 * http/grid.h: what is to be asked of each entry: the runs (reference and its replicates, then each
 * budget), where they are asked, and the identities of runs and requests.
 */
#ifndef KVT_HTTP_GRID_H
#define KVT_HTTP_GRID_H

#include "core/buffer.h"
#include "core/error.h"
#include "core/sha256.h"
#include "http/url.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kvt_run {
    char run_id[KVT_SHA256_HEX];
    const char *policy; /* "full" for the reference */
    double budget;
    const char *unit; /* "fraction" or "tokens" */
    bool reference;
    char replicate;   /* 'a', 'b', ... */
    long long sample; /* only entries of rank below this are asked; 0: all */
    size_t endpoint;
    json_t *extra; /* engine.extra_body, filled */
};

/* What the command line adds to the settings; NULL: not given. */
struct kvt_grid_options {
    const char *base_url;
    const char *engine_name;
    const char *salt;
    const char *model;        /* NULL: model.name of the settings */
    const char *exp_group_id; /* from the stream's experiment line */
};

struct kvt_grid {
    struct kvt_run *runs; /* output order: budgets as configured, then replicates */
    size_t n_runs;
    struct kvt_url *endpoints; /* distinct base URLs */
    size_t n_endpoints;
    long repeats;
    uint64_t seed;
    char *exp_group_id;
    char *engine_name;
    char *salt;
    char *model;
    bool base_url_used; /* some run has no endpoint of its own in engine.endpoints */
    bool per_request;   /* the budget travels in the body, so any budget can be asked for */
    json_t *kv;         /* the run record's kv: window, kernel, compress_after */
};

/*
 * Reads kv.*, engine.*, model.name and decoding.repeats from the settings tree, which must outlive
 * the grid. Returns -1 (code KVT_USAGE) when no server is named, a budget is out of range, or
 * nothing carries the budgets to the server.
 */
int kvt_grid_open(struct kvt_grid *grid, const json_t *tree, const struct kvt_grid_options *options,
                  struct kvt_error *error);
void kvt_grid_close(struct kvt_grid *grid);

/* A budget outside the grid (preflight): as a run, its replicate 'p'. Release with kvt_run_free. */
int kvt_grid_probe_run(const struct kvt_grid *grid, const json_t *tree, double budget,
                       const char *unit, struct kvt_run *run, struct kvt_error *error);
void kvt_run_free(struct kvt_run *run);

/* The `run` record, without newline. */
void kvt_grid_run_record(const struct kvt_grid *grid, const struct kvt_run *run, double created,
                         struct kvt_buffer *out);

/*
 * Seeded order in which one entry's requests are sent: a permutation of 0..n_runs*repeats-1, where
 * k = run * repeats + repeat. `order` has room for all of them.
 */
void kvt_grid_order(const struct kvt_grid *grid, const char *entry_id, size_t *order);

#endif
