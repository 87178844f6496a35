/* text/prediction_names.h: what file names say, format by format. Only prediction.c includes this.
 */
#ifndef KVT_TEXT_PREDICTION_NAMES_H
#define KVT_TEXT_PREDICTION_NAMES_H

#include "text/prediction.h"

/* FULL/qasper.jsonl, SNAPKV-1024/qasper.jsonl, h2o_0.5/qasper.jsonl */
void kvt_names_longbench(const char *path, const char *settings, struct kvt_hints *hints);
/* DATASET__DATADIR__MODEL__PRESS__RATIO/predictions.csv (or .csv itself), config.yaml's settings
 * first */
void kvt_names_kvpress(const char *path, const char *settings, struct kvt_hints *hints);
/* RUN/samples_TASK_2024-06-01T10-00-00.000000.jsonl, RUN as for longbench */
void kvt_names_lm_eval(const char *path, const char *settings, struct kvt_hints *hints);
/* MODEL_CAPACITY/TASK/METHOD.json, MODEL_CAPACITY/LENGTH/TASK/METHOD.json. The capacity is -1 where
 * it was given as a ratio of the prompt, and for a full cache. */
void kvt_names_kvcache_factory(const char *path, const char *settings, struct kvt_hints *hints);
/* RUN/LENGTH/pred/TASK.jsonl */
void kvt_names_ruler(const char *path, const char *settings, struct kvt_hints *hints);

#endif
