/*
 * world: a generator of experiments with a known truth, as scored streams. The calibration pipes
 * many data sets of one world through the real kvt-stats and kvt-transition; tests use single ones.
 *
 *     world NAME [--n N] [--bins B] [--data-sets D] [--seed S] [--churn C] [--f1] [--cluster SIZE]
 *                [--unequal] [--control] [--ladder]
 *
 * Every data set is an experiment of its own (exp_group_id d00000...) with a reference run and
 * budgets 0.5 and 0.2. Budget 0.5 has no effect; budget 0.2 has the world's. An entry at place t in
 * (0, 1) of the log length range is right in the reference with probability `right`. Compression
 * takes a right answer away with probability loss(t), of which the share fail(t) are failures, and
 * turns a wrong answer into a failure with probability lift(t). Churn C moves C of the answers each
 * way in both budgets; with --control, half of that in every run, the two reference runs included.
 * With --ladder every bin asks the same questions (the cluster of an entry is its question), and
 * half of the questions have the same luck at every length.
 */
#include "core/random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct world {
    const char *name;
    double right;                 /* reference score */
    double base_fail;             /* share of the reference's wrong answers that are failures */
    double (*loss)(double, int);  /* of right answers, by place t and bin of five */
    double (*share)(double, int); /* of lost answers that are failures */
    double (*lift)(double, int);  /* wrong answers that become failures */
    const char *truth;
};

static double none(double t, int b)
{
    (void)t, (void)b;
    return 0;
}
static double all(double t, int b)
{
    (void)t, (void)b;
    return 1;
}
static double quarter(double t, int b)
{
    (void)t, (void)b;
    return 0.25;
}
static double half(double t, int b)
{
    (void)t, (void)b;
    return 0.5;
}
static double fifth(double t, int b)
{
    (void)t, (void)b;
    return 0.2;
}
static double two_fifths(double t, int b)
{
    (void)t, (void)b;
    return 0.42;
}
/* A straight line from .85 to .05 of the score. */
static double line(double t, int b)
{
    (void)b;
    return t * 0.94;
}
static double logistic(double t, int b)
{
    (void)b;
    return 0.94 / (1 + exp(-8 * (t - 0.6)));
}
static double step(double t, int b)
{
    (void)t;
    return b >= 3 ? 0.75 : 0;
}
/* Nothing in bins 0-1, a retained loss by failure in 2, collapse from 3. */
static double zone_loss(double t, int b)
{
    (void)t;
    return b < 1 ? 0 : b < 3 ? 0.25 : 0.88;
}
static double zone_share(double t, int b)
{
    (void)t;
    return b < 3 ? 1 : 0.5;
}
/* Failures from bin 1, silent losses from bin 3, +.23 of all answers each. */
static double first_loss(double t, int b)
{
    (void)t;
    return b < 1 ? 0 : b < 3 ? 0.27 : 0.54;
}
static double fail_first(double t, int b)
{
    (void)t;
    return b < 3 ? 1 : 0.5;
}
static double wrong_first(double t, int b)
{
    (void)t;
    return b < 3 ? 0 : 0.65;
}
static double wrong_loss(double t, int b)
{
    (void)t;
    return b < 1 ? 0 : b < 3 ? 0.45 : 0.85;
}
/* The mirror of failures-first: silent losses from bin 1, failures from bin 3, +.23 each. */
static double mirror_share(double t, int b)
{
    (void)t;
    return b < 3 ? 0 : 0.5;
}
/* Silent losses of .41 of what does not fail from bin 1; from bin 3 .54 of all answers fail. */
static double any_loss(double t, int b)
{
    (void)t;
    return b < 1 ? 0 : b < 3 ? 0.41 : 0.54 + 0.46 * 0.41;
}
static double any_share(double t, int b)
{
    (void)t;
    return b < 3 ? 0 : 0.54 / (0.54 + 0.46 * 0.41);
}
static double any_lift(double t, int b)
{
    (void)t;
    return b < 3 ? 0 : 0.54;
}
/* One bin apart, which is not yet "first": one kind of loss from bin 1, the other from bin 2. */
static double one_loss(double t, int b)
{
    (void)t;
    return b < 1 ? 0 : b < 2 ? 0.27 : 0.45;
}
static double wrong_one(double t, int b)
{
    (void)t;
    return b < 2 ? 0 : 0.4;
}
static double failures_one(double t, int b)
{
    (void)t;
    return b < 2 ? 1 : 0.6;
}
static double together_loss(double t, int b)
{
    (void)t;
    return b < 2 ? 0 : 0.54;
}
/* +.20 failures in two bins. */
static double two_bins(double t, int b)
{
    (void)t;
    return b == 2 || b == 3 ? 0.2 / 0.85 : 0;
}
/* Ten points of .85, the loss that must not be called safe, in the last bin or everywhere. */
static double edge(double t, int b)
{
    (void)t;
    return b == 4 ? 0.1 / 0.85 : 0;
}
static double edge_all(double t, int b)
{
    (void)t, (void)b;
    return 0.1 / 0.85;
}
static double small(double t, int b)
{
    (void)t, (void)b;
    return 0.04;
}

static const struct world worlds[] = {
    {"flat", .8, .2, none, none, none, "no effect"},
    {"low", .35, .4, none, none, none, "no effect, low scores, many failures"},
    {"perfect", .9, .0, none, none, none, "no effect, no noise"},
    {"small", .85, .1, small, none, none, "loses 3.4 points everywhere"},
    {"edge", .85, .1, edge, none, none, "loses 10 points in the last bin: not safe within 10"},
    {"edge-all", .85, .1, edge_all, none, none, "loses 10 points everywhere: not safe within 10"},
    {"flat-loss", .85, .1, two_fifths, none, none, "loses 36 points everywhere, silently"},
    {"silent-step", .85, .1, step, none, none, "loses 64 points from bin 3 on, silently"},
    {"failing", .85, .1, fifth, all, none, "17 points of failures everywhere, no collapse"},
    {"line-0", .85, .1, line, none, none, "straight decline, no failures"},
    {"line-25", .85, .1, line, quarter, none, "straight decline, a quarter failures"},
    {"line-50", .85, .1, line, half, none, "straight decline, half failures"},
    {"line-100", .85, .1, line, all, none, "straight decline, all failures"},
    {"logistic", .85, .1, logistic, half, none, "logistic decline, half failures"},
    {"zone", .85, .1, zone_loss, zone_share, none, "failures in bins 1-2, collapse from bin 3"},
    {"failures-first", .85, .1, first_loss, fail_first, none, "failures two bins earlier"},
    {"wrong-first", .85, .1, wrong_loss, wrong_first, none, "wrong answers two bins earlier"},
    {"wrong-first-23", .85, .1, first_loss, mirror_share, none, "the same, 23 points of each"},
    {"wrong-first-any", .85, .1, any_loss, any_share, any_lift,
     "the same, failures strike any answer"},
    {"failures-one", .85, .1, one_loss, failures_one, none, "failures one bin earlier"},
    {"wrong-one", .85, .1, one_loss, wrong_one, none, "wrong answers one bin earlier"},
    {"together", .85, .1, together_loss, half, none, "both from bin 2"},
    {"two-bins", .85, .1, two_bins, all, none, "20 points of failures in bins 2 and 3 only"},
    {"silent-lift", .5, .1, none, none, half, "wrong answers turn into failures, no loss"},
    {NULL, 0, 0, NULL, NULL, NULL, NULL}};

struct setup {
    const struct world *world;
    long n, bins, data_sets, cluster;
    unsigned long seed;
    double churn;
    int f1, unequal, control, ladder;
};

static struct kvt_random dice;

static double uniform(void)
{
    return kvt_random_double(&dice);
}

static void response(const struct setup *s, long set, long entry, long bin, double tokens,
                     double budget, const char *run, long cluster, double score, int failed)
{
    char group[48] = "null";
    if (cluster >= 0)
        snprintf(group, sizeof group, "\"c%ld-%ld\"", s->ladder ? 0 : bin, cluster);
    printf("{\"kind\":\"response\",\"request_id\":\"%ld-%ld-%s\",\"run_id\":\"d%05ld-%s\","
           "\"entry_id\":\"e%05ld\",\"bin_idx\":%ld,\"token_len\":%.0f,\"kv_policy\":\"world\","
           "\"kv_budget\":%g,\"repeat\":0,\"cluster\":%s,\"meta\":{},\"response\":{\"text\":\"%.6f%"
           "s\","
           "\"finish_reason\":\"stop\"},\"telemetry\":{\"kv\":{\"applied\":\"proven\"}},"
           "\"score\":{\"value\":%.6g},\"failure\":%s}\n",
           set, entry, run, set, run, entry, bin, tokens, budget, group, score, failed ? "!" : "",
           score, failed ? "{\"failure_type\":\"ABSTENTION\",\"class\":\"model\"}" : "null");
}

static void run_line(long set, const char *run, double budget, int reference, const char *replicate)
{
    printf("{\"kind\":\"run\",\"run_id\":\"d%05ld-%s\",\"exp_group_id\":\"d%05ld\",\"kv_policy\":"
           "\"world\","
           "\"kv_budget\":%g,\"budget_unit\":\"fraction\",\"reference\":%s,\"replicate\":\"%s\","
           "\"kv\":{},\"engine_name\":\"world\",\"base_url\":null,\"model_name\":\"world\","
           "\"created_at\":\"2026-01-01T00:00:00Z\"}\n",
           set, run, set, budget, reference ? "true" : "false", replicate);
}

/* Random numbers of one entry; members of a cluster share them in half of the clusters. */
struct draw {
    double right, fail, lost, share, lift, churn[3], level, noise[4];
};

static struct draw draw_entry(void)
{
    struct draw d = {uniform(), uniform(),
                     uniform(), uniform(),
                     uniform(), {uniform(), uniform(), uniform()},
                     uniform(), {uniform(), uniform(), uniform(), uniform()}};
    return d;
}

/* A score from "right or wrong": the bit itself, or an F1-like value around it. */
static double score_of(const struct setup *s, const struct draw *d, int right, int failed,
                       double noise)
{
    if (!s->f1)
        return right;
    if (failed)
        return 0;
    double value = (right ? 0.35 + 0.65 * d->level : 0.25 * d->level) + 0.2 * (noise - 0.5);
    return fmin(1, fmax(0, round(value * 60) / 60));
}

/* Whether an answer is right and failed. */
struct answer {
    int right, failed;
};

/* The same answer after noise, which moves the same number of answers each way: C of all. */
static struct answer churned(const struct setup *s, const struct draw *d, struct answer answer,
                             double churn, double chance)
{
    double right = s->world->right;
    if (chance < (answer.right ? churn / right : churn / (1 - right))) {
        answer.right = !answer.right;
        answer.failed = !answer.right && d->fail < s->world->base_fail;
    }
    return answer;
}

static void entry_lines(const struct setup *s, long set, long entry, long bin, long cluster,
                        const struct draw *d, double place)
{
    const struct world *w = s->world;
    double t = ((double)bin + place) / (double)s->bins;
    int five = (int)(t * 5);
    double tokens = 256 * pow(2, 5 * t);
    struct answer base = {d->right < w->right, d->right >= w->right && d->fail < w->base_fail};
    struct answer reference = base;
    /* Two runs of the full cache are as noisy as each other: no run is the one without noise. */
    double churn = s->control ? s->churn / 2 : s->churn;
    if (s->control)
        reference = churned(s, d, base, churn, uniform());
    response(s, set, entry, bin, tokens, 1, "1", cluster,
             score_of(s, d, reference.right, reference.failed, d->noise[0]), reference.failed);
    /* A lost answer costs .53 of a point in F1-like scores: the edge stays at ten points. */
    double depth = s->f1 && strncmp(w->name, "edge", 4) == 0 ? 1 / 0.53 : 1;
    static const char *const names[] = {"b", "0.5", "0.2"};
    static const double budgets[] = {1, 0.5, 0.2};
    for (int k = s->control ? 0 : 1; k < 3; k++) {
        struct answer answer = churned(s, d, base, churn, d->churn[k]);
        if (k == 2 && answer.right && d->lost < w->loss(t, five) * depth) {
            answer.right = 0;
            answer.failed = d->share < w->share(t, five);
        } else if (k == 2 && !answer.right && d->lift < w->lift(t, five)) {
            answer.failed = 1;
        }
        double noise = s->churn > 0 ? d->noise[k + 1] : d->noise[0];
        response(s, set, entry, bin, tokens, budgets[k], names[k], cluster,
                 score_of(s, d, answer.right, answer.failed, noise), answer.failed);
    }
}

/* A question of a ladder: with the same luck at every length, or not. */
struct question {
    int together;
    struct draw draw;
};

static struct question *draw_questions(long n)
{
    struct question *questions = n > 0 ? malloc((size_t)n * sizeof *questions) : NULL;
    if (n > 0 && !questions)
        exit(3);
    for (long i = 0; i < n; i++)
        questions[i] = (struct question){uniform() < 0.5, draw_entry()};
    return questions;
}

static void data_set(const struct setup *s, long set)
{
    long entry = 0;
    run_line(set, "1", 1, 1, "a");
    if (s->control)
        run_line(set, "b", 1, 1, "b");
    run_line(set, "0.5", 0.5, 0, "a");
    run_line(set, "0.2", 0.2, 0, "a");
    struct question *questions = draw_questions(s->ladder ? s->n : 0);
    for (long bin = 0; bin < s->bins; bin++) {
        long n = s->unequal ? (bin % 2 ? s->n + s->n / 2 : s->n - s->n / 2) : s->n;
        struct draw shared = draw_entry();
        int together = 0;
        for (long i = 0; i < n; i++) {
            struct draw d = draw_entry();
            if (s->cluster > 1 && i % s->cluster == 0) {
                shared = d;
                together = uniform() < 0.5;
            }
            const struct draw *used = together ? &shared : &d;
            if (s->ladder && questions[i].together)
                used = &questions[i].draw;
            long cluster = s->ladder ? i : s->cluster > 1 ? i / s->cluster : -1;
            entry_lines(s, set, entry++, bin, cluster, used, uniform());
        }
    }
    free(questions);
}

static int usage(void)
{
    fprintf(stderr,
            "usage: world NAME [--n N] [--bins B] [--data-sets D] [--seed S] [--churn C] [--f1]\n"
            "             [--cluster SIZE] [--unequal] [--control] [--ladder]\nworlds:\n");
    for (const struct world *w = worlds; w->name; w++)
        fprintf(stderr, "  %-15s %s\n", w->name, w->truth);
    return 2;
}

int main(int argc, char **argv)
{
    struct setup s = {worlds, 40, 5, 1, 0, 1, 0, 0, 0, 0, 0};
    if (argc < 2)
        return usage();
    while (s.world->name && strcmp(s.world->name, argv[1]) != 0)
        s.world++;
    if (!s.world->name)
        return usage();
    for (int i = 2; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (strcmp(argv[i], "--f1") == 0)
            s.f1 = 1;
        else if (strcmp(argv[i], "--unequal") == 0)
            s.unequal = 1;
        else if (strcmp(argv[i], "--control") == 0)
            s.control = 1;
        else if (strcmp(argv[i], "--ladder") == 0)
            s.ladder = 1;
        else if (strcmp(argv[i], "--n") == 0 && ++i)
            s.n = atol(value);
        else if (strcmp(argv[i], "--bins") == 0 && ++i)
            s.bins = atol(value);
        else if (strcmp(argv[i], "--data-sets") == 0 && ++i)
            s.data_sets = atol(value);
        else if (strcmp(argv[i], "--seed") == 0 && ++i)
            s.seed = strtoul(value, NULL, 10);
        else if (strcmp(argv[i], "--churn") == 0 && ++i)
            s.churn = atof(value);
        else if (strcmp(argv[i], "--cluster") == 0 && ++i)
            s.cluster = atol(value);
        else
            return usage();
    }
    if (s.ladder && (s.unequal || s.cluster > 1))
        return usage();
    char purpose[64];
    snprintf(purpose, sizeof purpose, "world/%s/%ld", s.world->name, s.n);
    kvt_random_stream(&dice, s.seed, purpose);
    for (long set = 0; set < s.data_sets; set++)
        data_set(&s, set);
    return fflush(stdout) == 0 && !ferror(stdout) ? 0 : 3;
}
