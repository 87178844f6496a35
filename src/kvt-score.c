/*
 * kvt-score: scores responses and names their failures.
 *
 * In:     response lines (answers, meta.task, response.text, error); everything else passes
 * through. Out:    the same lines; a response gets `score` and `failure` (and
 * `failures_unobservable` where a kind of failure could not be seen) before its last brace, in
 * place of old ones. Memory: streaming, constant: the longest line decides. Threads: lines are
 * scored by several at once; settings and rules change with an experiment record alone, when
 * nothing else runs, and all else that changes belongs to one thread.
 */
#include "config/config.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/option.h"
#include "core/ordered.h"
#include "stream/json.h"
#include "stream/number.h"
#include "stream/scan.h"
#include "stream/stage.h"
#include "text/answer_row.h"
#include "text/declared.h"
#include "text/failure.h"
#include "text/metric.h"
#include "text/scored_task.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct kvt_stage_options common;
static int explain, list;
static long n_threads; /* 0: not given */

static const struct kvt_option options[] = {
    {KVT_OPTION_CONFIG, 'm', "metric", 0, "NAME", "metric for every row [the task's; see --list]",
     "scoring.metric"},
    {KVT_OPTION_CONFIG, 0, "code-sim", 0, "BACKEND",
     "backend of code_sim: difflib or indel [difflib]", "scoring.code_sim"},
    {KVT_OPTION_FLAG, 0, "explain", &explain, 0, "add score.explain: why the value is what it is",
     0},
    {KVT_OPTION_INTEGER, 0, "threads", &n_threads, "N",
     "score by N threads [one for each processor, 4 at most]", 0},
    {KVT_OPTION_FLAG, 0, "list", &list, 0, "print the metrics, tasks and failures known, and exit",
     0},
    KVT_STAGE_OPTIONS(common),
    {KVT_OPTION_END, 0, 0, 0, 0, 0, 0},
};

static const struct kvt_usage usage = {
    "kvt-score [-c FILE] [options] [FILE...]",
    "Scores responses by their task's metric and names their failures: the members score and\n"
    "failure are added to each response line.",
    "  kvt-score < runs/snapkv/responses.jsonl > scored.jsonl", options};

/* The members that this stage makes. */
static const char *const made[] = {"score", "failure", "failures_unobservable", NULL};

enum { NUMBER_BITS = 10, NUMBER_WAYS = 2 };

struct number_text {
    double value;
    size_t length; /* 0: the place is free */
    char text[KVT_NUMBER_SIZE];
};

/* What all threads read. */
struct shared {
    struct kvt_settings settings;
    struct kvt_rules *rules;  /* of the current settings, from which they borrow */
    const char *default_task; /* theirs, for rows that name none */
    unsigned long n_made;     /* how often there were new rules */
};

/* What one thread scores with. */
struct scorer {
    struct shared *shared;
    struct kvt_answer_row row;
    const struct kvt_rule *rule; /* for rows that name rule_task, of the rules made as rule_made */
    char rule_task[KVT_ANSWER_NAME];
    unsigned long rule_made;
    struct kvt_matcher *matcher;
    struct kvt_scratch scratch;
    struct kvt_buffer members; /* of the current line, a comma before each */
    struct kvt_buffer out, norm;
    struct kvt_buffer head; /* how a score by head_metric begins */
    const struct kvt_metric *head_metric;
    struct number_text numbers[1 << NUMBER_BITS][NUMBER_WAYS];
};

/* Lays down the rules of the settings; a mistake in them ends the process. */
static void make_rules(struct shared *shared)
{
    struct kvt_error error;
    const json_t *tree = kvt_settings_tree(&shared->settings);
    shared->rules = kvt_rules_make(json_object_get(tree, "scoring"), &error);
    if (!shared->rules)
        kvt_die_error(&error);
    shared->default_task = kvt_json_text(tree, "dataset.task", NULL);
    shared->n_made++;
}

/* The rule for the row; mostly that for the row before. */
static const struct kvt_rule *rule_of_row(struct scorer *scorer)
{
    const struct shared *shared = scorer->shared;
    const char *task = scorer->row.task;
    if (scorer->rule_made != shared->n_made || strcmp(scorer->rule_task, task) != 0) {
        strcpy(scorer->rule_task, task);
        scorer->rule_made = shared->n_made;
        scorer->rule = kvt_rules_find(shared->rules, task[0] ? task : shared->default_task);
    }
    return scorer->rule;
}

/*
 * Values repeat, since F1 is a ratio of small numbers, and to write one takes as long as to score a
 * row. A value has two places, by its bits; the older one goes.
 */
static const struct number_text *number_text(struct scorer *scorer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    struct number_text *ways = scorer->numbers[bits * 0x9e3779b97f4a7c15u >> (64 - NUMBER_BITS)];
    for (size_t i = 0; i < NUMBER_WAYS; i++)
        if (ways[i].length > 0 && ways[i].value == value)
            return &ways[i];
    ways[1] = ways[0];
    ways[0].value = value;
    ways[0].length = kvt_number_format(value, ways[0].text);
    return &ways[0];
}

/* Appends a text that is in the source. */
#define PUT(out, literal) kvt_buffer_append((out), (literal), sizeof(literal) - 1)

static void put_value(struct scorer *scorer, bool known, double value)
{
    struct kvt_buffer *out = &scorer->members;
    if (!known) {
        PUT(out, "null");
    } else if (value == 0 || value == 1) {
        kvt_buffer_byte(out, value == 0 ? '0' : '1');
    } else {
        const struct number_text *number = number_text(scorer, value);
        kvt_buffer_append(out, number->text, number->length);
    }
}

/* The members of a score that depend on the rule alone, up to the value. */
static void put_head(struct scorer *scorer, const struct kvt_rule *rule)
{
    if (scorer->head_metric != rule->metric) {
        struct kvt_writer writer;
        scorer->head_metric = rule->metric;
        kvt_buffer_clear(&scorer->head);
        PUT(&scorer->head, ",\"score\":");
        kvt_writer_start(&writer, &scorer->head);
        kvt_write_object(&writer);
        kvt_member_string(&writer, "metric", rule->metric->name);
        kvt_member_string(&writer, "backend", rule->metric->backend);
        kvt_write_key(&writer, "value");
    }
    kvt_buffer_append(&scorer->members, scorer->head.data, scorer->head.length);
}

/* `score` may be NULL: nothing came that could be scored. */
static void write_score(struct scorer *scorer, const struct kvt_rule *rule,
                        const struct kvt_score *score)
{
    struct kvt_buffer *out = &scorer->members;
    bool words = score && rule->declared.task->english;
    put_head(scorer, rule);
    put_value(scorer, score != NULL, score ? score->value : 0);
    PUT(out, ",\"em\":");
    put_value(scorer, words, words ? score->em : 0);
    PUT(out, ",\"f1\":");
    put_value(scorer, words, words ? score->f1 : 0);
    PUT(out, ",\"contains\":");
    put_value(scorer, words, words ? score->contains : 0);
    if (!score) {
        PUT(out, ",\"pred_norm\":null,\"gold_norm\":null}");
        return;
    }
    PUT(out, ",\"pred_norm\":");
    kvt_string_write(out, score->pair.prediction_norm.data, score->pair.prediction_norm.length);
    PUT(out, ",\"gold_norm\":");
    kvt_string_write(out, score->pair.gold_norm.data, score->pair.gold_norm.length);
    if (explain) {
        struct kvt_writer writer;
        PUT(out, ",\"explain\":");
        kvt_writer_start(&writer, out);
        kvt_write_object(&writer);
        kvt_member_integer(&writer, "gold", (long long)score->best);
        if (rule->metric->explain)
            rule->metric->explain(&scorer->scratch, &score->pair, &writer);
        kvt_write_end(&writer);
    }
    kvt_buffer_byte(out, '}');
}

static void write_failure(struct scorer *scorer, const struct kvt_failure *failure)
{
    struct kvt_buffer *out = &scorer->members;
    struct kvt_writer writer;
    if (!failure) {
        PUT(out, ",\"failure\":null");
        return;
    }
    PUT(out, ",\"failure\":");
    kvt_writer_start(&writer, out);
    kvt_write_object(&writer);
    kvt_member_string(&writer, "failure_type", failure->type);
    kvt_member_string(&writer, "class", failure->class);
    kvt_member_string(&writer, "message", failure->message);
    kvt_write_end(&writer);
}

/* Without a finish reason nobody can tell whether an answer was cut off. */
static void write_unobservable(struct scorer *scorer, const struct kvt_answer *answer)
{
    if (answer->error_type || answer->finish_reason || !answer->declared->task->answers_end)
        return;
    PUT(&scorer->members, ",\"failures_unobservable\":[\"TRUNCATED\"]");
}

static struct kvt_answer answer_of(struct scorer *scorer, const struct kvt_rule *rule)
{
    const struct kvt_answer_row *row = &scorer->row;
    struct kvt_answer answer = {.declared = &rule->declared,
                                .error_type = row->error_type[0] ? row->error_type : NULL,
                                .error_status = row->error_status,
                                .finish_reason = row->finish_reason[0] ? row->finish_reason : NULL,
                                .text = row->text,
                                .span = row->text,
                                .golds = row->golds,
                                .n_golds = row->n_golds,
                                .matcher = scorer->matcher,
                                .numbers = &scorer->scratch.rows,
                                .norm = &scorer->norm};
    if (rule->declared.task->first_line)
        answer.span = kvt_span_first_line(answer.span, &answer.line_complete);
    if (rule->metric->code_line) {
        answer.span = kvt_span_code_line(answer.span);
        answer.whole_if_empty = true;
    }
    return answer;
}

/* Scores the answer and judges it; writes all members. */
static int score_answer(struct scorer *scorer, struct kvt_answer *answer,
                        const struct kvt_rule *rule, struct kvt_span line, struct kvt_error *error)
{
    const struct kvt_answer_row *row = &scorer->row;
    struct kvt_failure failure;
    if (kvt_failure_infrastructure(answer, &failure)) {
        write_score(scorer, rule, NULL);
        write_failure(scorer, &failure);
        return 0;
    }
    struct kvt_score score;
    scorer->scratch.around = line;
    if (kvt_score_row(&scorer->scratch, rule->metric, answer->span, row->golds, row->n_golds,
                      row->classes, row->n_classes, &score, error) != 0)
        return -1;
    answer->span_norm = score.pair.prediction_norm;
    /* rouge's best is a hair below 1 */
    int failed = score.value >= 1 - 1e-8 ? 0 : kvt_failure_model(answer, &failure, error);
    if (failed < 0)
        return -1;
    write_score(scorer, rule, &score);
    write_failure(scorer, failed ? &failure : NULL);
    write_unobservable(scorer, answer);
    return 0;
}

/* Emits the line with the new members before its last brace, in place of old ones. */
static int emit(struct scorer *scorer, struct kvt_stage *stage, const struct kvt_line *line,
                struct kvt_error *error)
{
    const struct kvt_span members = {scorer->members.data, scorer->members.length};
    if (!scorer->row.scored_before) { /* there is at least the kind before the comma */
        const struct kvt_span pieces[] = {{line->data, scorer->row.close}, members, {"}", 1}};
        kvt_stage_emit_pieces(stage, "response", pieces, sizeof pieces / sizeof *pieces);
        return 0;
    }
    kvt_buffer_clear(&scorer->out);
    if (kvt_splice(&scorer->out, line->data, line->length, made, members.data + 1,
                   members.length - 1) != 0)
        return kvt_fail(error, KVT_DATA, "not one complete JSON object");
    kvt_stage_emit_buffer(stage, "response", &scorer->out);
    return 0;
}

static int on_response(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                       struct kvt_error *error)
{
    struct scorer *scorer = context;
    if (kvt_answer_row_read(&scorer->row, line->data, line->length, error) != 0)
        return -1;
    const struct kvt_rule *rule = rule_of_row(scorer);
    const struct kvt_scored_task *task = rule->declared.task;
    if (task->refused)
        return kvt_fail(error, KVT_DATA, "task \"%s\" is not scored: %s; leave its rows out",
                        task->name, task->refused);
    struct kvt_answer answer = answer_of(scorer, rule);
    kvt_buffer_clear(&scorer->members);
    if (score_answer(scorer, &answer, rule, (struct kvt_span){line->data, line->length}, error) !=
        0)
        return -1;
    return emit(scorer, stage, line, error);
}

static int on_experiment(struct kvt_stage *stage, const struct kvt_line *line, void *context,
                         struct kvt_error *error)
{
    static const char *const sections[] = {"scoring", NULL};
    struct scorer *scorer = context;
    struct shared *shared = scorer->shared;
    kvt_rules_free(shared->rules); /* the settings may change, and the rules borrow from them */
    shared->rules = NULL;
    int status = kvt_settings_experiment(&shared->settings, sections, stage, line, error);
    make_rules(shared);
    return status;
}

static void print_list(void)
{
    for (const struct kvt_metric *metric = kvt_metrics; metric->name; metric++)
        printf("metric\t%s\t%s\t%s\n", metric->name, metric->backend, metric->help);
    for (const struct kvt_scored_task *task = kvt_scored_tasks; task->name; task++)
        printf("task\t%s\t%s\t%s%s%s%s%s\n", task->name, task->refused ? "-" : task->metric,
               task->first_line ? "first line only; " : "",
               task->answers_end ? "answers end; " : "",
               task->abstentions ? "an abstention declared; " : "",
               task->format ? "a form declared; " : "",
               task->refused ? "not scored: needs jieba" : "");
    for (const struct kvt_failure_rule *rule = kvt_failure_rules; rule->type; rule++)
        printf("failure\t%s\t%s\t%s\n", rule->type, rule->class, rule->help);
    if (fflush(stdout) != 0 || ferror(stdout))
        kvt_die(KVT_SYSTEM, "cannot write to standard output");
}

static void scorer_free(struct scorer *scorer)
{
    kvt_matcher_free(scorer->matcher);
    kvt_scratch_free(&scorer->scratch);
    kvt_buffer_free(&scorer->members);
    kvt_buffer_free(&scorer->out);
    kvt_buffer_free(&scorer->norm);
    kvt_buffer_free(&scorer->head);
    kvt_answer_row_free(&scorer->row);
}

static size_t count_threads(void)
{
    enum { MOST = 256, MOST_UNASKED = 4 };
    if (n_threads < 0 || n_threads > MOST)
        kvt_die(KVT_USAGE, "--threads is %ld; it must be between 1 and %d", n_threads, MOST);
    if (n_threads > 0)
        return (size_t)n_threads;
    size_t processors = kvt_processors();
    return processors < MOST_UNASKED ? processors : MOST_UNASKED;
}

static void run(struct shared *shared, const struct kvt_arguments *arguments)
{
    static const struct kvt_route routes[] = {
        {"response", on_response, false}, {"experiment", on_experiment, true}, {NULL, NULL, false}};
    size_t count = count_threads();
    struct scorer *scorers = kvt_alloc_zero(count, sizeof *scorers);
    void **contexts = kvt_alloc_array(count, sizeof *contexts);
    for (size_t i = 0; i < count; i++) {
        scorers[i].shared = shared;
        scorers[i].matcher = kvt_matcher_make();
        kvt_answer_row_open(&scorers[i].row, made);
        contexts[i] = &scorers[i];
    }
    struct kvt_stage stage;
    kvt_stage_open(&stage, "kvt-score", &common, arguments);
    kvt_stage_run_threads(&stage, routes, contexts, count);
    kvt_stage_close(&stage, shared->settings.options);
    for (size_t i = 0; i < count; i++)
        scorer_free(&scorers[i]);
    free(contexts);
    free(scorers);
}

int main(int argc, char **argv)
{
    struct kvt_arguments arguments;
    kvt_options_parse(argc, argv, &usage, &arguments);
    struct shared shared = {0};
    kvt_settings_open(&shared.settings, common.config, &arguments);
    make_rules(&shared); /* a mistake in the settings is known before the first line */
    if (list)
        print_list();
    else
        run(&shared, &arguments);
    kvt_rules_free(shared.rules);
    kvt_settings_close(&shared.settings);
    kvt_arguments_free(&arguments);
    return KVT_OK;
}
