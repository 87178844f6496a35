/*
 * kvt-infer: asks an OpenAI-compatible server every entry at every KV budget, and measures.
 *
 * In:     entry lines (messages or prompt), the experiment line's settings; run and response lines
 * and its own meta are dropped, everything else passes through in place. Out:    run lines before
 * the first entry; then each entry without context, messages and prompt, followed by its responses:
 * budgets as configured, replicates, repeats. Memory: bounded by the window: the entries under way
 * (concurrency decides how many) and 32 bytes per journaled record. --probe holds the whole input.
 */
#include "config/config.h"
#include "core/error.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/option.h"
#include "http/address.h"
#include "http/conformance.h"
#include "http/grid.h"
#include "http/journal.h"
#include "http/preflight.h"
#include "http/sweep.h"
#include "stream/contract.h"
#include "stream/json.h"
#include "stream/scan.h"
#include "stream/stage.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct kvt_stage_options common;
static const char *base_url, *journal_path, *engine_name, *salt, *cacert, *mem_probe;
static int conformance, offline, retry_failed, preflight_only, probe, no_temperature, no_stream,
    bust_prefix_cache;

static const struct kvt_option options[] = {
    {KVT_OPTION_TEXT, 'u', "base-url", &base_url, "URL",
     "server [engine.base_url, BASE_URL, OPENAI_BASE_URL]", 0},
    {KVT_OPTION_CONFIG, 'm', "model", 0, "NAME", "model [model.name, MODEL_NAME, recall]",
     "model.name"},
    {KVT_OPTION_CONFIG, 0, "api", 0, "NAME", "chat or completions [by the entry]", "engine.api"},
    {KVT_OPTION_TEXT, 'j', "journal", &journal_path, "FILE",
     "keep every answer in FILE and ask nothing twice", 0},
    {KVT_OPTION_FLAG, 0, "offline", &offline, 0, "only re-emit what the journal holds", 0},
    {KVT_OPTION_FLAG, 0, "retry-failed", &retry_failed, 0, "ask journaled failures again", 0},
    {KVT_OPTION_FLAG, 0, "preflight", &preflight_only, 0,
     "only try on a few entries whether the budget is applied; exit 3 if not", 0},
    {KVT_OPTION_FLAG, 0, "probe", &probe, 0, "do so before the grid (holds the input in memory)",
     0},
    {KVT_OPTION_FLAG, 0, "conformance", &conformance, 0,
     "print which parts of the usage.kv_cache protocol the server speaks, and exit", 0},
    {KVT_OPTION_CONFIG, 0, "policy", 0, "NAME", "eviction policy under test", "kv.policy"},
    {KVT_OPTION_CONFIG, 'b', "budgets", 0, "LIST", "KV budgets [1.0,0.5,0.2]", "kv.budgets"},
    {KVT_OPTION_CONFIG, 0, "budget-unit", 0, "UNIT", "fraction or tokens [fraction]",
     "kv.budget_unit"},
    {KVT_OPTION_CONFIG, 0, "replicates", 0, "N", "reference runs [2; 1 if the engine is kvt-serve]",
     "kv.replicates"},
    {KVT_OPTION_CONFIG, 0, "noise-sample", 0, "N",
     "or N entries per bin asked twice [3 if the engine is kvt-serve]", "kv.noise_sample"},
    {KVT_OPTION_CONFIG, 0, "repeats", 0, "N", "times each request is asked [1]",
     "decoding.repeats"},
    {KVT_OPTION_CONFIG, 'n', "max-tokens", 0, "N", "output cap [the entry's, else 128]",
     "decoding.max_tokens"},
    {KVT_OPTION_CONFIG, 0, "max-tokens-field", 0, "NAME", "name of the cap [max_tokens]",
     "engine.request.max_tokens_field"},
    {KVT_OPTION_CONFIG, 't', "temperature", 0, "X", "sampling temperature [0]",
     "decoding.temperature"},
    {KVT_OPTION_FLAG, 0, "no-temperature", &no_temperature, 0, "send no temperature", 0},
    {KVT_OPTION_FLAG, 0, "no-stream", &no_stream, 0, "ask for whole answers (no TTFT)", 0},
    {KVT_OPTION_CONFIG, 0, "concurrency", 0, "N", "requests in flight per endpoint [1]",
     "engine.concurrency"},
    {KVT_OPTION_CONFIG, 0, "rpm", 0, "N", "requests per minute, over all endpoints", "engine.rpm"},
    {KVT_OPTION_CONFIG, 0, "warmup", 0, "N", "requests sent first and not recorded [0]",
     "engine.warmup"},
    {KVT_OPTION_CONFIG, 0, "latency-probe", 0, "N",
     "ask N entries per bin again with answers of 64 tokens [0]", "engine.latency_probe"},
    {KVT_OPTION_CONFIG, 0, "gauge", 0, "NAME",
     "read KV use from /metrics: auto or a gauge's name (concurrency 1)", "engine.gauge"},
    {KVT_OPTION_TEXT, 0, "mem-probe", &mem_probe, "CMD",
     "shell command that prints memory in MiB, sampled while requests run", 0},
    {KVT_OPTION_FLAG, 0, "bust-prefix-cache", &bust_prefix_cache, 0,
     "put a nonce before each prompt", 0},
    {KVT_OPTION_CONFIG, 0, "timeout", 0, "SECONDS", "limit of one attempt [120]",
     "engine.request.timeout_s"},
    {KVT_OPTION_CONFIG, 0, "max-attempts", 0, "N", "requests sent at most, retries included [5]",
     "engine.request.max_attempts"},
    {KVT_OPTION_TEXT, 0, "engine-name", &engine_name, "NAME",
     "name of the server in identities [the URL's host]", 0},
    {KVT_OPTION_TEXT, 0, "salt", &salt, "TEXT", "part of every identity (a model's hash)", 0},
    {KVT_OPTION_TEXT, 0, "cacert", &cacert, "FILE", "certificates to trust [the system's]", 0},
    KVT_STAGE_OPTIONS(common),
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
};

static const struct kvt_usage usage = {
    "kvt-infer [-c FILE] [options] [FILE...]",
    "Asks an OpenAI-compatible server every entry at every KV budget: entries in, responses out, "
    "with\n"
    "times, memory, and whether each budget was applied. The API key comes from the environment\n"
    "variable that engine.api_key_env names [OPENAI_API_KEY].",
    "  kvt-bin -c config/snapkv.json < questions.jsonl |\n"
    "  kvt-infer -c config/snapkv.json --base-url=http://127.0.0.1:8000 --journal=journal.jsonl",
    options};

struct infer {
    struct kvt_settings settings;
    struct kvt_stage stage;
    struct kvt_journal journal;
    char *exp_group_id;               /* of the stream's experiment line */
    struct kvt_sweep sweep;           /* open from the first entry of an experiment on */
    struct kvt_candidates candidates; /* entries to find out with */
};

/* --- interruption --- */

static volatile sig_atomic_t interrupted; /* the signal that came, 0 before */

static void on_signal(int number)
{
    /* The second one ends at once; the journal is whole at any moment. A preflight has no answers
     * to save. */
    if (interrupted || preflight_only || conformance) {
        signal(number, SIG_DFL);
        raise(number);
    }
    interrupted = number;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN); /* a closed connection is an error code, not a signal */
}

/* Ends the process as the signal would have. */
static _Noreturn void die_by_signal(int number)
{
    signal(number, SIG_DFL);
    raise(number);
    _exit(128 + number);
}

/* --- opening --- */

/* Options that say something only together. */
static void check_options(void)
{
    if (offline && conformance)
        kvt_die(KVT_USAGE, "--conformance asks a server, and --offline asks nothing");
    if ((offline || retry_failed) && !journal_path && !conformance)
        kvt_die(KVT_USAGE, "%s needs the journal that holds the answers: --journal=FILE",
                offline ? "--offline" : "--retry-failed");
    if (common.skip_bad && journal_path && kvt_file_same(common.skip_bad, journal_path))
        kvt_die(KVT_USAGE, "--skip-bad=%s would overwrite the journal; name another file",
                common.skip_bad);
    if (journal_path && kvt_file_same(journal_path, "/dev/stdout"))
        kvt_die(KVT_USAGE, "--journal=%s is standard output too; name another file", journal_path);
    kvt_stage_check_skip(common.skip_bad, cacert);
    if (cacert && access(cacert, R_OK) != 0)
        kvt_die(KVT_USAGE, "--cacert: cannot read %s: %s", cacert, strerror(errno));
}

/* Flags are short for settings, so they take part in the precedence and in meta. */
static void flags_to_settings(struct kvt_settings *settings)
{
    json_t *over = json_object(), *engine = json_object(), *request = json_object();
    if (no_temperature)
        json_object_set_new(request, "temperature", json_false());
    if (json_object_size(request))
        json_object_set(engine, "request", request);
    if (no_stream)
        json_object_set_new(engine, "stream", json_false());
    if (bust_prefix_cache)
        json_object_set_new(engine, "bust_prefix_cache", json_true());
    if (json_object_size(engine))
        json_object_set(over, "engine", engine);
    kvt_config_merge(settings->options, over);
    json_decref(request);
    json_decref(engine);
    json_decref(over);
}

static void open_sweep(struct infer *infer)
{
    const json_t *tree = kvt_settings_tree(&infer->settings);
    struct kvt_error error;
    static const char *const names[] = {"kv.policy", "engine.request.max_tokens_field", NULL};
    kvt_settings_check_names(tree, names);
    if (kvt_sweep_open(&infer->sweep, tree, kvt_settings_model(tree), infer->exp_group_id,
                       &error) != 0)
        kvt_die_error(&error);
}

/* --- how a stage that cannot go on ends --- */

/* Emits what is ready and ends the process with the error. */
static _Noreturn void give_up(struct infer *infer, const struct kvt_error *error)
{
    struct kvt_error ignored;
    kvt_status_clear();
    kvt_window_finish(&infer->sweep.window, &ignored);
    fflush(stdout);
    kvt_die_error(error);
}

/* Nothing new is sent; what is in flight may end; then the process ends by the signal. */
static _Noreturn void wind_down(struct infer *infer)
{
    struct kvt_error error;
    if (kvt_sweep_wind_down(&infer->sweep, &error) != 0)
        give_up(infer, &error);
    if (kvt_journal_close(&infer->journal, &error) != 0)
        kvt_die_error(&error);
    fflush(stdout);
    die_by_signal(interrupted);
}

/* What a function that serves the network returned. */
static void go_on(struct infer *infer, int status, const struct kvt_error *error)
{
    if (status < 0)
        give_up(infer, error);
    if (status > 0)
        wind_down(infer);
}

static void drain(struct infer *infer)
{
    struct kvt_error error;
    go_on(infer, kvt_sweep_drain(&infer->sweep, &error), &error);
}

static void make_room(struct infer *infer)
{
    struct kvt_error error;
    go_on(infer, kvt_sweep_make_room(&infer->sweep, &error), &error);
}

/* --- preflight --- */

static void run_preflight(struct infer *infer)
{
    struct kvt_error error;
    go_on(infer, kvt_sweep_preflight(&infer->sweep, &infer->candidates, &error), &error);
    kvt_say("%s", infer->sweep.preflight.text);
    if (strcmp(infer->sweep.preflight.applied, "contradicted") == 0)
        kvt_die(KVT_SYSTEM,
                "this server does not apply the budget it is asked for, so all runs would be the "
                "same. Start one server per budget and name them in engine.endpoints, or use an "
                "engine that takes the budget per request (kvt-serve)");
}

static void note_candidate(struct infer *infer, const struct kvt_line *line)
{
    struct kvt_error error;
    json_t *entry = kvt_json_parse(line->data, line->length, NULL, &error);
    if (!entry) {
        kvt_stage_bad(&infer->stage, line, error.text);
        return;
    }
    kvt_candidates_add(&infer->candidates, entry);
    json_decref(entry);
}

/* --- lines --- */

static void take_entry(struct infer *infer, const struct kvt_line *line)
{
    struct kvt_error error;
    bool first = !infer->sweep.open;
    if (first)
        open_sweep(infer);
    if (preflight_only) {
        note_candidate(infer, line);
        return;
    }
    if (first && infer->candidates.n > 0)
        run_preflight(infer);
    if (first && kvt_sweep_begin(&infer->sweep, line, &error) != 0)
        give_up(infer, &error);
    if (kvt_sweep_entry(&infer->sweep, line, &error) == 0)
        return;
    if (error.code != KVT_DATA)
        give_up(infer, &error);
    if (!common.skip_bad)
        drain(infer); /* everything before the bad line is written first */
    kvt_stage_bad(&infer->stage, line, error.text);
}

static void take_experiment(struct infer *infer, const struct kvt_line *line)
{
    static const char *const sections[] = {"model", "engine", "kv", "decoding", NULL};
    struct kvt_error error;
    drain(infer); /* its entries belong to the settings before */
    kvt_sweep_close(&infer->sweep);
    json_t *record = kvt_json_parse(line->data, line->length, NULL, &error);
    if (!record) {
        kvt_stage_bad(&infer->stage, line, error.text);
        return;
    }
    free(infer->exp_group_id);
    const char *group = kvt_json_text(record, "exp_group_id", NULL);
    infer->exp_group_id = group ? kvt_strdup(group) : NULL;
    int status =
        preflight_only
            ? kvt_settings_stream(&infer->settings, json_object_get(record, "config"), &error)
            : kvt_settings_experiment(&infer->settings, sections, &infer->stage, line, &error);
    if (status != 0)
        kvt_stage_bad(&infer->stage, line, error.text);
    json_decref(record);
}

/* Bin lines say how many entries will come, for the progress line. */
static void note_bin(struct infer *infer, const struct kvt_line *line)
{
    struct kvt_member count;
    if (strcmp(line->kind, "bin") == 0 &&
        kvt_scan_find(line->data, line->length, "n_selected", &count))
        infer->sweep.n_expected += strtoul(count.value, NULL, 10);
}

/* The entries of a newer manifest may mean something else, so this line is never set aside. */
static void check_manifest(struct infer *infer, const struct kvt_line *line)
{
    struct kvt_error error;
    json_t *dataset = kvt_json_parse(line->data, line->length, NULL, &error);
    if (!dataset)
        return; /* copied, as other stages' lines are */
    int status = kvt_contract_manifest(dataset, &error);
    json_decref(dataset);
    if (status == 0)
        return;
    drain(infer);
    fflush(stdout);
    kvt_die(KVT_DATA, "%s:%zu: %s", line->source, line->number, error.text);
}

static void take_line(struct infer *infer, const struct kvt_line *line)
{
    note_bin(infer, line);
    if (strcmp(line->kind, "dataset") == 0)
        check_manifest(infer, line);
    if (strcmp(line->kind, "entry") == 0)
        take_entry(infer, line);
    else if (strcmp(line->kind, "experiment") == 0)
        take_experiment(infer, line);
    else if (preflight_only || strcmp(line->kind, "run") == 0 ||
             strcmp(line->kind, "response") == 0 || kvt_stage_own_meta(&infer->stage, line))
        return;
    else if (infer->sweep.open)
        kvt_window_line(&infer->sweep.window, line);
    else
        kvt_stage_copy(&infer->stage, line);
}

/* --probe: the whole input, so that the preflight can choose among all entries. */
static void probe_first(struct infer *infer)
{
    struct held {
        struct kvt_line line;
        char *text;
    } *held = NULL;
    size_t n = 0, capacity = 0;
    struct kvt_line line;
    while (!interrupted && kvt_stage_next(&infer->stage, &line)) {
        kvt_grow(&held, &capacity, n, sizeof *held);
        held[n] = (struct held){line, kvt_strndup(line.data, line.length)};
        held[n].line.data = held[n].text;
        if (strcmp(line.kind, "entry") == 0)
            note_candidate(infer, &held[n].line);
        n++;
    }
    if (interrupted)
        wind_down(infer);
    for (size_t i = 0; i < n; i++) {
        make_room(infer);
        take_line(infer, &held[i].line);
        free(held[i].text);
    }
    free(held);
}

static void check_conformance(struct infer *infer)
{
    const json_t *tree = kvt_settings_tree(&infer->settings);
    struct kvt_error error;
    struct kvt_client_options asked;
    if (kvt_client_read_options(&asked, tree, &error) != 0)
        kvt_die_error(&error);
    asked.cacert = cacert;
    if (kvt_conformance_run(&asked, kvt_address_base(tree, base_url), kvt_settings_model(tree),
                            tree, &error) != 0)
        kvt_die_error(&error);
    kvt_settings_close(&infer->settings);
    if (fflush(stdout) != 0 || ferror(stdout))
        kvt_die(KVT_SYSTEM, "cannot write to standard output: %s", strerror(errno));
}

/* Called by the stage before a fatal error of the input ends the process. */
static void on_abort(void *context)
{
    struct infer *infer = context;
    if (interrupted) /* reading was cut short by the signal */
        wind_down(infer);
    if (ferror(stdout)) {
        bool pipe_closed = errno == EPIPE;
        struct kvt_error ignored;
        kvt_journal_close(&infer->journal, &ignored);
        if (pipe_closed) /* the reader has gone, which is no error: end as any filter does */
            die_by_signal(SIGPIPE);
        return; /* the stage says why it cannot write */
    }
    drain(infer);
    fflush(stdout);
}

static void finish(struct infer *infer)
{
    struct kvt_error error;
    struct kvt_sweep *sweep = &infer->sweep;
    size_t missing = sweep->open ? sweep->window.tally.missing : 0;
    if (sweep->open && !preflight_only)
        kvt_sweep_summary(sweep);
    kvt_sweep_close(sweep);
    if (kvt_journal_close(&infer->journal, &error) != 0)
        kvt_die_error(&error);
    if (preflight_only) { /* there is no stream to close */
        kvt_reader_close(&infer->stage.reader);
        return;
    }
    kvt_stage_close(&infer->stage, kvt_settings_given(&infer->settings));
    if (missing)
        kvt_die(KVT_DATA,
                "%zu requests are not in the journal %s; without --offline they are asked", missing,
                journal_path);
    if (sweep->n_asked && sweep->n_failed >= sweep->n_asked)
        kvt_die(KVT_SYSTEM, "every request failed; see the error member of the responses");
}

static void prepare(struct infer *infer)
{
    infer->stage.abort_hook = on_abort;
    infer->stage.abort_context = infer;
    infer->sweep = (struct kvt_sweep){
        .options = {.base_url = base_url,
                    .engine_name = engine_name,
                    .salt = salt,
                    .cacert = cacert,
                    .mem_probe = mem_probe,
                    .offline = offline != 0,
                    .retry_failed = retry_failed != 0},
        .stage = &infer->stage,
        .journal = &infer->journal,
        .stop = &interrupted,
    };
}

/* All lines of the input, and what they ask. */
static void run(struct infer *infer)
{
    struct kvt_line line;
    if (probe && !preflight_only) {
        probe_first(infer);
    } else {
        for (make_room(infer); kvt_stage_next(&infer->stage, &line); make_room(infer))
            take_line(infer, &line);
    }
    if (interrupted)
        wind_down(infer);
    if (preflight_only && !infer->sweep.open)
        kvt_die(KVT_DATA, "no entries to try the budget on");
    if (preflight_only)
        run_preflight(infer);
    else
        drain(infer);
}

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    struct infer infer = {0};
    struct kvt_error error;
    kvt_options_parse(argc, argv, &usage, &arguments);
    check_options();
    kvt_settings_open(&infer.settings, common.config, &arguments);
    flags_to_settings(&infer.settings);
    if (kvt_address_check_secrets(kvt_settings_tree(&infer.settings), &error) != 0)
        kvt_die_error(&error);
    if (conformance) {
        check_conformance(&infer);
        kvt_arguments_free(&arguments);
        return KVT_OK;
    }
    if (kvt_journal_open(&infer.journal, journal_path, offline != 0, common.skip_bad != NULL,
                         &error) != 0)
        kvt_die_error(&error);
    kvt_stage_open(&infer.stage, "kvt-infer", &common, &arguments);
    prepare(&infer);
    catch_signals();
    run(&infer);
    finish(&infer);
    kvt_candidates_free(&infer.candidates);
    free(infer.exp_group_id);
    kvt_settings_close(&infer.settings);
    kvt_arguments_free(&arguments);
    return KVT_OK;
}
