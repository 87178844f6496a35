/* render/manifest.h: manifest.json, the question set of an experiment as one portable document. */
#ifndef KVT_RENDER_MANIFEST_H
#define KVT_RENDER_MANIFEST_H

#include "core/buffer.h"
#include "core/error.h"
#include "render/results.h"

/* Version of the document's form. No program here reads it back: they read the manifest's records,
 * whose version is KVT_MANIFEST_VERSION. */
enum { KVT_MANIFEST_FORM = 1 };

/*
 * Datasets, tokenizer, template, bin edges and the selected examples of each bin in their order.
 * Needs results that kept their entries. Returns 0, or -1 when the stream has no dataset.
 */
int kvt_manifest_write(struct kvt_buffer *out, const struct kvt_results *results,
                       struct kvt_error *error);

#endif
