#include "text/scored_task.h"

#include <stdio.h>
#include <string.h>

static const char *const not_stated[] = {"not stated", NULL};
static const char *const unanswerable[] = {"unanswerable", NULL};

/* Answers of scripts/train/grammar.py: lower-case words and numbers, goods parted by commas. */
#define RECALL_FORM "\\A\\s*[a-z0-9]++(?:(?:\\s*+,\\s*+|\\s++)[a-z0-9]++)*+\\s*+\\z"
#define NEEDS_JIEBA                                                                                \
    "its metric needs jieba's Chinese word segmentation, which is not part of this program, and "  \
    "scores without it would be wrong"

const struct kvt_scored_task kvt_scored_task_other = {"other", "qa_f1", false, false, true,
                                                      NULL,    NULL,    NULL,  0};

/* LongBench v1: config/dataset2prompt.json asks for the forms and the abstention given here.
 * Summaries and code are cut by the benchmark's own cap as a rule, so there the cap is no failure.
 */
/* clang-format off */
const struct kvt_scored_task kvt_scored_tasks[] = {
    {"recall", "em", false, true, true, not_stated, RECALL_FORM, NULL, 0},

    {"narrativeqa", "qa_f1", false, true, true, NULL, NULL, NULL, 200},
    {"qasper", "qa_f1", false, true, true, unanswerable, NULL, NULL, 200},
    {"multifieldqa_en", "qa_f1", false, true, true, NULL, NULL, NULL, 150},
    {"hotpotqa", "qa_f1", false, true, true, NULL, NULL, NULL, 200},
    {"2wikimqa", "qa_f1", false, true, true, NULL, NULL, NULL, 200},
    {"musique", "qa_f1", false, true, true, NULL, NULL, NULL, 200},
    {"triviaqa", "qa_f1", true, true, true, NULL, NULL, NULL, 200},
    {"gov_report", "rouge", false, false, true, NULL, NULL, NULL, 200},
    {"qmsum", "rouge", false, false, true, NULL, NULL, NULL, 200},
    {"multi_news", "rouge", false, false, true, NULL, NULL, NULL, 200},
    {"samsum", "rouge", true, true, true, NULL, NULL, NULL, 200},
    {"trec", "classification", true, true, true, NULL, NULL, NULL, 200},
    {"lsht", "classification", true, true, false, NULL, NULL, NULL, 200},
    {"passage_count", "count", false, true, true, NULL, "\\d", NULL, 200},
    {"passage_retrieval_en", "retrieval", false, true, true, NULL, "Paragraph \\d", NULL, 200},
    {"passage_retrieval_zh", "retrieval_zh", false, true, false, NULL, "\\d", NULL, 200},
    {"lcc", "code_sim", false, false, true, NULL, NULL, NULL, 500},
    {"repobench-p", "code_sim", false, false, true, NULL, NULL, NULL, 500},
    {"multifieldqa_zh", "qa_f1", false, true, false, NULL, NULL, NEEDS_JIEBA, 200},
    {"dureader", "rouge", false, true, false, NULL, NULL, NEEDS_JIEBA, 200},
    {"vcsum", "rouge", false, false, false, NULL, NULL, NEEDS_JIEBA, 200},

    /* RULER (NVIDIA/RULER, scripts/eval/synthetic/constants.py) */
    {"niah*", "string_match_all", false, false, true, NULL, NULL, NULL, 0},
    {"vt", "string_match_all", false, false, true, NULL, NULL, NULL, 0},
    {"cwe", "string_match_all", false, false, true, NULL, NULL, NULL, 0},
    {"fwe", "string_match_all", false, false, true, NULL, NULL, NULL, 0},
    {"qa_1", "string_match_part", false, false, true, NULL, NULL, NULL, 0},
    {"qa_2", "string_match_part", false, false, true, NULL, NULL, NULL, 0},
    /* the same as lm-evaluation-harness calls them */
    {"ruler_vt", "string_match_all", false, false, true, NULL, NULL, NULL, 0},
    {"ruler_cwe", "string_match_all", false, false, true, NULL, NULL, NULL, 0},
    {"ruler_fwe", "string_match_all", false, false, true, NULL, NULL, NULL, 0},
    {"ruler_qa_*", "string_match_part", false, false, true, NULL, NULL, NULL, 0},
    {NULL, NULL, false, false, false, NULL, NULL, NULL, 0},
};
/* clang-format on */

static const struct kvt_scored_task *exactly(const char *name, size_t length)
{
    for (const struct kvt_scored_task *task = kvt_scored_tasks; task->name; task++) {
        size_t own = strlen(task->name);
        bool open = task->name[own - 1] == '*';
        if (open ? length >= own - 1 && memcmp(task->name, name, own - 1) == 0
                 : length == own && memcmp(task->name, name, own) == 0)
            return task;
    }
    return NULL;
}

const struct kvt_scored_task *kvt_scored_task_find(const char *name)
{
    if (!name)
        return &kvt_scored_task_other;
    size_t length = strlen(name);
    const struct kvt_scored_task *task = exactly(name, length);
    static const char prefix[] = "longbench_";
    if (!task && strncmp(name, prefix, sizeof prefix - 1) == 0) {
        name += sizeof prefix - 1;
        length -= sizeof prefix - 1;
        task = exactly(name, length);
    }
    if (!task && length > 2 && memcmp(name + length - 2, "_e", 2) == 0)
        task = exactly(name, length - 2);
    return task ? task : &kvt_scored_task_other;
}
