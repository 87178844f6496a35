#include "http/preflight.h"

#include "core/clock.h"
#include "core/memory.h"
#include "http/difference.h"
#include "http/identity.h"
#include "stream/json.h"
#include "stream/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    STARVED_TOKENS = 8, /* what a starved cache keeps */
    N_ASKED = 4,        /* reference, reference again, smallest budget, starved */
};
enum { FULL, AGAIN, SMALLEST, STARVED };

/* --- asking --- */

struct question {
    struct kvt_exchange exchange;
    struct kvt_run run; /* of the starved request only; owned */
    bool asked, ended;
};

static void on_done(struct kvt_exchange *exchange, void *context)
{
    (void)exchange;
    ((struct question *)context)->ended = true;
}

static const struct kvt_run *reference_of(const struct kvt_grid *grid)
{
    for (size_t i = 0; i < grid->n_runs; i++)
        if (grid->runs[i].reference)
            return &grid->runs[i];
    return NULL;
}

static const struct kvt_run *smallest_of(const struct kvt_grid *grid)
{
    const struct kvt_run *smallest = NULL;
    for (size_t i = 0; i < grid->n_runs; i++) {
        const struct kvt_run *run = &grid->runs[i];
        if (!run->reference && (!smallest || run->budget < smallest->budget))
            smallest = run;
    }
    return smallest;
}

/* Log probabilities see a change that a short answer hides; not every server has them. */
static json_t *ask_logprobs(const json_t *entry)
{
    return json_array_size(json_object_get(entry, "messages")) ? json_pack("{s:b}", "logprobs", 1)
                                                               : json_pack("{s:i}", "logprobs", 1);
}

static int submit(struct question *question, struct kvt_client *client, const struct kvt_grid *grid,
                  const json_t *tree, const struct kvt_run *run, const json_t *entry, bool logprobs,
                  struct kvt_error *error)
{
    struct kvt_query_settings settings;
    kvt_query_read_settings(&settings, tree);
    json_t *add = logprobs ? ask_logprobs(entry) : NULL;
    question->exchange =
        (struct kvt_exchange){.endpoint = run->endpoint, .done = on_done, .context = question};
    int status =
        kvt_query_build(&question->exchange.request, &settings, grid, run, entry, 0, add, error);
    json_decref(add);
    if (status != 0)
        return -1;
    question->asked = true;
    kvt_client_submit(client, &question->exchange);
    return 0;
}

/* A budget of a few tokens for this entry, in the unit that travels in the request. */
static int starve(struct question *question, const struct kvt_grid *grid, const json_t *tree,
                  const struct kvt_candidate *candidate, struct kvt_error *error)
{
    const struct kvt_run *smallest = smallest_of(grid);
    double budget = STARVED_TOKENS;
    if (strcmp(smallest->unit, "fraction") == 0)
        budget = candidate->token_len > STARVED_TOKENS
                     ? STARVED_TOKENS / (double)candidate->token_len
                     : 0.01;
    if (budget > smallest->budget)
        budget = smallest->budget;
    return kvt_grid_probe_run(grid, tree, budget, smallest->unit, &question->run, error);
}

static int ask_entry(struct question asked[N_ASKED], struct kvt_client *client,
                     const struct kvt_grid *grid, const json_t *tree,
                     const struct kvt_candidate *candidate, bool logprobs, struct kvt_error *error)
{
    const struct kvt_run *runs[N_ASKED] = {reference_of(grid), reference_of(grid),
                                           smallest_of(grid), NULL};
    if (grid->per_request) {
        kvt_run_free(&asked[STARVED].run);
        if (starve(&asked[STARVED], grid, tree, candidate, error) != 0)
            return -1;
        runs[STARVED] = &asked[STARVED].run;
    }
    for (size_t i = 0; i < N_ASKED; i++)
        if (runs[i] &&
            submit(&asked[i], client, grid, tree, runs[i], candidate->entry, logprobs, error) != 0)
            return -1;
    return 0;
}

/* 1: *stop was set, and nothing is asked any more. */
static int wait_for_all(struct kvt_client *client, const volatile sig_atomic_t *stop,
                        struct kvt_error *error)
{
    while (kvt_client_pending(client) > 0) {
        if (*stop) {
            kvt_client_abandon(client);
            return 1;
        }
        if (kvt_client_step(client, 1, -1, error) != 0)
            return -1;
    }
    return 0;
}

/* --- judging --- */

/* Mean kept share that the server reports for one column of questions; NAN without reports. */
static double kept_share(const struct question (*asked)[N_ASKED], size_t n, size_t column,
                         const json_t *pointers)
{
    double sum = 0;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        struct kvt_report report;
        if (!asked[i][column].ended || asked[i][column].exchange.failure.type)
            continue;
        kvt_report_read(&report, asked[i][column].exchange.completion.final, pointers);
        if (isnan(report.kept_tokens) || !(report.prompt_tokens > 0))
            continue;
        sum += report.kept_tokens / report.prompt_tokens;
        count++;
    }
    return count ? sum / (double)count : NAN;
}

/* The worst judgement over the entries: one contradiction contradicts. */
static const char *judge(const struct question (*asked)[N_ASKED], size_t n,
                         const struct kvt_grid *grid, const json_t *pointers,
                         enum kvt_evidence evidence)
{
    static const char *const order[] = {"contradicted", "unproven", "behavioural", "reported",
                                        "proven"};
    size_t worst = 4;
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        const struct question *question = &asked[i][SMALLEST];
        struct kvt_report report;
        if (!question->ended || question->exchange.failure.type)
            continue;
        any = true;
        kvt_report_read(&report, question->exchange.completion.final, pointers);
        const char *applied = kvt_proof_judge(&report, smallest_of(grid), evidence);
        for (size_t j = 0; j < worst; j++)
            if (strcmp(order[j], applied) == 0)
                worst = j;
    }
    return any ? order[worst] : "unproven";
}

/* --- the finding --- */

static const char *evidence_name(enum kvt_evidence evidence)
{
    return evidence == KVT_EVIDENCE_CHANGED     ? "changed"
           : evidence == KVT_EVIDENCE_UNCHANGED ? "unchanged"
                                                : "none";
}

/* The names in records, as constants that outlive the record. */
static const char *applied_name(const char *text)
{
    static const char *const names[] = {"proven", "reported", "behavioural", "contradicted"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], text) == 0)
            return names[i];
    return "unproven";
}

int kvt_preflight_recall(struct kvt_preflight *preflight, const struct kvt_grid *grid,
                         const json_t *tree, struct kvt_journal *journal, struct kvt_error *error)
{
    *preflight = (struct kvt_preflight){.applied = "unproven"};
    char id[KVT_SHA256_HEX];
    struct kvt_buffer text = {0};
    kvt_identity_preflight(grid, tree, id);
    int found = kvt_journal_find(journal, "preflight", id, &text, error);
    json_t *record = found == 1 ? kvt_json_parse(text.data, text.length, NULL, error) : NULL;
    if (!record) {
        kvt_buffer_free(&text);
        return found == 1 ? -1 : found;
    }
    preflight->record = kvt_buffer_take(&text);
    const char *evidence = kvt_json_text(record, "evidence", "");
    if (strcmp(evidence, "changed") == 0)
        preflight->evidence = KVT_EVIDENCE_CHANGED;
    else if (strcmp(evidence, "unchanged") == 0)
        preflight->evidence = KVT_EVIDENCE_UNCHANGED;
    preflight->applied = applied_name(kvt_json_text(record, "applied", ""));
    snprintf(preflight->text, sizeof preflight->text, "%s", kvt_json_text(record, "text", ""));
    json_decref(record);
    return 1;
}

void kvt_preflight_free(struct kvt_preflight *preflight)
{
    free(preflight->record);
    preflight->record = NULL;
}

static int write_record(struct kvt_preflight *preflight, const struct kvt_grid *grid,
                        const json_t *tree, const struct kvt_difference *noise,
                        const struct kvt_difference *starved, double kept,
                        struct kvt_journal *journal, double created, struct kvt_error *error)
{
    char id[KVT_SHA256_HEX], date[KVT_DATE_SIZE];
    kvt_identity_preflight(grid, tree, id);
    kvt_clock_date(created, date);
    struct kvt_buffer record = {0};
    struct kvt_writer writer;
    kvt_writer_start(&writer, &record);
    kvt_write_object(&writer);
    kvt_member_string(&writer, "kind", "preflight");
    kvt_member_string(&writer, "probe_id", id);
    kvt_member_string(&writer, "applied", preflight->applied);
    kvt_member_string(&writer, "evidence", evidence_name(preflight->evidence));
    kvt_member_integer(&writer, "entries", (long long)noise->n);
    kvt_member_integer(&writer, "starved_entries", (long long)starved->n);
    kvt_member_integer(&writer, "starved_changed", (long long)starved->texts);
    kvt_member_integer(&writer, "aa_changed", (long long)noise->texts);
    kvt_member_number(&writer, "starved_logprob_gap", starved->logprob_gap);
    kvt_member_number(&writer, "aa_logprob_gap", noise->logprob_gap);
    kvt_member_number(&writer, "kv_budget", smallest_of(grid)->budget);
    kvt_member_string(&writer, "budget_unit", smallest_of(grid)->unit);
    kvt_member_number(&writer, "kept_ratio", kept);
    kvt_member_string(&writer, "engine_name", grid->engine_name);
    kvt_member_string(&writer, "model_name", grid->model);
    kvt_member_string(&writer, "created_at", date);
    kvt_member_string(&writer, "text", preflight->text);
    kvt_write_end(&writer);
    kvt_journal_append(journal, "preflight", id, &record);
    int status = kvt_journal_sync(journal, error);
    preflight->record = kvt_buffer_take(&record);
    return status;
}

static void describe(struct kvt_preflight *preflight, const struct kvt_grid *grid,
                     const struct kvt_difference *noise, const struct kvt_difference *starved,
                     double kept)
{
    struct kvt_buffer text = {0};
    kvt_buffer_printf(&text, "budget applied: %s (", preflight->applied);
    if (isnan(kept))
        kvt_buffer_text(&text, "server reports no kept count");
    else
        kvt_buffer_printf(&text, "server reports kept %.2f of the prompt at budget %g%s", kept,
                          smallest_of(grid)->budget,
                          strcmp(smallest_of(grid)->unit, "tokens") == 0 ? " tokens" : "");
    if (starved->n)
        kvt_buffer_printf(&text, "; %zu/%zu %s answers changed", starved->texts, starved->n,
                          grid->per_request ? "starved" : "smallest-budget");
    if (noise->n)
        kvt_buffer_printf(&text, "; A/A %zu/%zu", noise->texts, noise->n);
    if (!isnan(starved->logprob_gap) && !isnan(noise->logprob_gap))
        kvt_buffer_printf(&text, "; first log probability moved by %.2g, A/A %.2g",
                          starved->logprob_gap, noise->logprob_gap);
    kvt_buffer_text(&text, ")");
    snprintf(preflight->text, sizeof preflight->text, "%s", kvt_buffer_string(&text));
    kvt_buffer_free(&text);
}

static void compare(struct kvt_difference *difference, const struct question *a,
                    const struct question *b)
{
    if (a->ended && b->ended && !a->exchange.failure.type && !b->exchange.failure.type)
        kvt_difference_add(difference, &a->exchange.completion, &b->exchange.completion);
}

static void free_asked(struct question (*asked)[N_ASKED], size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < N_ASKED; j++) {
            if (asked[i][j].asked)
                kvt_exchange_free(&asked[i][j].exchange);
            kvt_run_free(&asked[i][j].run);
            asked[i][j] = (struct question){0};
        }
}

/* Did the server refuse the question itself (log probabilities, most likely)? */
static bool refused(const struct question *question)
{
    const struct kvt_failure *failure = &question->exchange.failure;
    return question->ended && failure->type && (failure->status == 400 || failure->status == 422);
}

static int ask_all(struct question (*asked)[N_ASKED], struct kvt_client *client,
                   const struct kvt_grid *grid, const json_t *tree,
                   const struct kvt_candidate *const *picked, size_t n,
                   const volatile sig_atomic_t *stop, struct kvt_error *error)
{
    for (int logprobs = 1; logprobs >= 0; logprobs--) {
        for (size_t i = 0; i < n; i++)
            if (ask_entry(asked[i], client, grid, tree, picked[i], logprobs, error) != 0)
                return -1;
        int status = wait_for_all(client, stop, error);
        if (status != 0)
            return status;
        if (!refused(&asked[0][FULL]) || !logprobs)
            break;
        free_asked(asked, n);
    }
    for (size_t i = 0; i < n; i++)
        if (!asked[i][FULL].exchange.failure.type)
            return 0;
    return kvt_fail(error, KVT_SYSTEM,
                    "every request of the preflight failed, the first one with: %s",
                    asked[0][FULL].exchange.failure.message);
}

int kvt_preflight_run(struct kvt_preflight *preflight, struct kvt_client *client,
                      const struct kvt_grid *grid, const json_t *tree,
                      const struct kvt_candidates *candidates, struct kvt_journal *journal,
                      double created, const volatile sig_atomic_t *stop, struct kvt_error *error)
{
    *preflight = (struct kvt_preflight){.applied = "unproven"};
    const struct kvt_candidate *picked[KVT_PREFLIGHT_ENTRIES];
    size_t n = kvt_candidates_pick(candidates, picked, KVT_PREFLIGHT_ENTRIES);
    if (n == 0)
        return kvt_fail(error, KVT_DATA, "no entries to try the budget on");
    if (!smallest_of(grid)) {
        snprintf(preflight->text, sizeof preflight->text,
                 "budget applied: nothing to prove (kv.budgets holds the full cache only)");
        preflight->applied = "proven";
        return 0;
    }
    struct question(*asked)[N_ASKED] = kvt_alloc_zero(n, sizeof *asked);
    const json_t *pointers = kvt_json_get(tree, "engine.kv_report");
    int status = ask_all(asked, client, grid, tree, picked, n, stop, error);
    if (status == 0) {
        struct kvt_difference noise = {.logprob_gap = NAN}, starved = {.logprob_gap = NAN};
        size_t column = grid->per_request ? STARVED : SMALLEST;
        for (size_t i = 0; i < n; i++) {
            compare(&noise, &asked[i][FULL], &asked[i][AGAIN]);
            compare(&starved, &asked[i][FULL], &asked[i][column]);
        }
        preflight->evidence = kvt_difference_weigh(&noise, &starved);
        /*
         * A mild budget may leave answers as they are; only starvation must show, and only where
         * the request alone tells budgets apart: a server of one budget need not know the fields.
         */
        bool own_server = smallest_of(grid)->endpoint != reference_of(grid)->endpoint;
        if ((!grid->per_request || own_server) && preflight->evidence == KVT_EVIDENCE_UNCHANGED)
            preflight->evidence = KVT_EVIDENCE_NONE;
        const struct question(*seen)[N_ASKED] = (const struct question(*)[N_ASKED])asked;
        double kept = kept_share(seen, n, SMALLEST, pointers);
        preflight->applied = judge(seen, n, grid, pointers, preflight->evidence);
        describe(preflight, grid, &noise, &starved, kept);
        status =
            write_record(preflight, grid, tree, &noise, &starved, kept, journal, created, error);
    }
    free_asked(asked, n);
    free(asked);
    return status;
}

int kvt_preflight_ensure(struct kvt_preflight *preflight, struct kvt_client *client,
                         const struct kvt_grid *grid, const json_t *tree,
                         const struct kvt_candidates *candidates, struct kvt_journal *journal,
                         double created, const volatile sig_atomic_t *stop, struct kvt_error *error)
{
    int found = kvt_preflight_recall(preflight, grid, tree, journal, error);
    if (found < 0)
        return -1;
    if (found == 1 && (preflight->evidence == KVT_EVIDENCE_CHANGED || !client))
        return 0;
    kvt_preflight_free(preflight);
    if (!client)
        return kvt_fail(error, KVT_DATA,
                        "--offline: the journal holds no preflight of these settings");
    return kvt_preflight_run(preflight, client, grid, tree, candidates, journal, created, stop,
                             error);
}
