#include "dataset/task.h"

#include <stddef.h>
#include <string.h>

static const struct kvt_task tasks[] = {
    {"recall", 40, true, false},
    {"narrativeqa", 128, true, true},
    {"qasper", 128, true, true},
    {"multifieldqa_en", 64, true, true},
    {"multifieldqa_zh", 64, true, true},
    {"hotpotqa", 32, true, true},
    {"2wikimqa", 32, true, true},
    {"musique", 32, true, true},
    {"dureader", 128, true, true},
    {"gov_report", 512, true, true},
    {"qmsum", 512, true, true},
    {"multi_news", 512, true, true},
    {"vcsum", 512, true, true},
    {"trec", 64, false, true},
    {"triviaqa", 32, false, true},
    {"samsum", 128, false, true},
    {"lsht", 64, false, true},
    {"passage_count", 32, true, true},
    {"passage_retrieval_en", 32, true, true},
    {"passage_retrieval_zh", 32, true, true},
    {"lcc", 64, false, true},
    {"repobench-p", 64, false, true},
};

const struct kvt_task *kvt_task_find(const char *name)
{
    size_t length = strlen(name);
    if (length > 2 && strcmp(name + length - 2, "_e") == 0)
        length -= 2;
    for (size_t i = 0; i < sizeof tasks / sizeof *tasks; i++)
        if (strlen(tasks[i].name) == length && memcmp(tasks[i].name, name, length) == 0)
            return &tasks[i];
    return NULL;
}
