#include "render/label.h"

#include "core/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void label_arm(struct kvt_arm *arm)
{
    char number[32];
    snprintf(number, sizeof number, "%.10g", arm->budget);
    free(arm->label);
    if (arm->control && kvt_json_integer(arm->run, "sample", 0) > 0)
        arm->label = kvt_strdup("full cache, again (a sample)");
    else if (arm->control)
        arm->label = kvt_strdup("full cache, again");
    else if (arm->reference)
        arm->label = kvt_strdup("full cache");
    else
        arm->label = arm->tokens ? kvt_asprintf("%s token%s", number, arm->budget == 1 ? "" : "s")
                                 : kvt_strdup(number);
}

static bool same_label(const struct kvt_arm *a, const struct kvt_arm *b)
{
    return a->exp_group_id == b->exp_group_id && a->model == b->model && a->task == b->task &&
           a->policy == b->policy && strcmp(a->label, b->label) == 0;
}

/* Bytes that two ids begin with in common. */
static size_t common_head(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

/* The first byte from `at` on that begins a UTF-8 character, or the end. */
static size_t character_start(const char *text, size_t at)
{
    while (((unsigned char)text[at] & 0xc0) == 0x80)
        at++;
    return at;
}

/*
 * What tells a run from its siblings: the head of its id, or, where ids begin alike for longer than
 * that, the part around the byte where the last one differs. `alike`: bytes it has in common with
 * the sibling that is most like it.
 */
static char *run_mark(const char *run_id, size_t alike)
{
    enum { HEAD = 12, PART = 24 };
    size_t length = strlen(run_id), want = alike < HEAD ? HEAD : PART;
    size_t from = alike < PART ? 0 : character_start(run_id, alike - PART / 2);
    size_t to = length - from < want ? length : character_start(run_id, from + want);
    return kvt_asprintf("%s%.*s", from ? "\xe2\x80\xa6" : "", (int)(to - from), run_id + from);
}

/* Runs of one budget (other settings of the policy) are told apart by their ids. */
static void tell_apart(struct kvt_results *results)
{
    char **labels = kvt_alloc_array(results->n_arms, sizeof *labels);
    for (size_t i = 0; i < results->n_arms; i++) {
        const struct kvt_arm *arm = &results->arms[i];
        size_t alike = 0;
        bool shared = false;
        for (size_t k = 0; k < results->n_arms; k++) {
            if (i == k || !same_label(arm, &results->arms[k]))
                continue;
            size_t head = common_head(arm->run_id, results->arms[k].run_id);
            alike = head > alike ? head : alike;
            shared = true;
        }
        char *mark = shared && !arm->reference ? run_mark(arm->run_id, alike) : NULL;
        labels[i] = mark ? kvt_asprintf("%s (run %s)", arm->label, mark) : NULL;
        free(mark);
    }
    for (size_t i = 0; i < results->n_arms; i++)
        if (labels[i]) {
            free(results->arms[i].label);
            results->arms[i].label = labels[i];
        }
    free(labels);
}

void kvt_arms_label(struct kvt_results *results)
{
    for (size_t i = 0; i < results->n_arms; i++)
        label_arm(&results->arms[i]);
    tell_apart(results);
}
