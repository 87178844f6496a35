/*
 * dataset/task.h: what is known about a task before its rows are read: how long answers may be and
 * whether its prompts go through the chat template. LongBench's numbers are those of its own
 * config/dataset2maxlen.json and pred.py.
 */
#ifndef KVT_DATASET_TASK_H
#define KVT_DATASET_TASK_H

#include <stdbool.h>

struct kvt_task {
    const char *name;
    int max_tokens; /* output cap */
    bool chat;      /* false: few-shot and code tasks, sent to /v1/completions as they are */
    bool longbench; /* its prompt template is in dataset2prompt.json and is not ours to ship */
};

/* The row of a task, or NULL. LongBench-E names (qasper_e) are found as their base task. */
const struct kvt_task *kvt_task_find(const char *name);

#endif
