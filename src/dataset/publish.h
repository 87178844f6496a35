/*
 * dataset/publish.h: the manifest on its way out: the records experiment, dataset, bin and, of
 * every selected example, entry, in the order of kvt-stream(5).
 */
#ifndef KVT_DATASET_PUBLISH_H
#define KVT_DATASET_PUBLISH_H

#include "core/error.h"
#include "dataset/bins.h"
#include "dataset/examples.h"
#include "dataset/manifest.h"
#include "dataset/prompt.h"
#include "stream/stage.h"

/*
 * Emits the records to `stage`, prompts built anew one at a time by `prompter`, and says on
 * standard error when entries share a prompt; the examples get their prompt_sha256. All borrowed.
 * 0, or -1 with *error when a prompt cannot be built: what came before it is out.
 */
int kvt_publish(struct kvt_stage *stage, const struct kvt_manifest *manifest,
                const struct kvt_length_bins *bins, struct kvt_examples *examples,
                const struct kvt_prompter *prompter, struct kvt_error *error);

#endif
