/*
 * render/phrase.h: what the report, the brief and the summary say in words. Sentences are made from
 * records only; none claims more than the record does.
 */
#ifndef KVT_RENDER_PHRASE_H
#define KVT_RENDER_PHRASE_H

#include "core/buffer.h"
#include "render/results.h"

/* "silent loss": a verdict's name for people. Unknown verdicts keep their own name. */
const char *kvt_phrase_verdict(const char *verdict);
/* What a verdict means, a sentence without its full stop; "" for an unknown one. */
const char *kvt_phrase_meaning(const char *verdict);
/* What a warning code means; the code itself if it is unknown. */
const char *kvt_phrase_warning(const char *code);

/* "safe within 7.2 points at every length (95% confidence)"; nothing if the record gives no bound.
 */
void kvt_phrase_safe(struct kvt_buffer *out, const struct kvt_arm *arm);
/* "200 of 200 proven, kept share 0.199-0.202" */
void kvt_phrase_proof(struct kvt_buffer *out, const struct kvt_arm *arm);

/* Two identical full-cache runs against each other: how much changes for no reason at all. */
struct kvt_noise {
    bool known;
    double n, changed;    /* pairs, answers that differ */
    double texts;         /* whole texts that differ; NaN if unknown */
    double entries;       /* the first run's, of which the pairs may be a sample */
    double lower, higher; /* scores below and above the first run's */
    bool scores_known;
};
struct kvt_noise kvt_noise_floor(const struct kvt_study *study);
void kvt_phrase_noise(struct kvt_buffer *out, const struct kvt_study *study);

/* "about 2,411 tokens (bin 4)", or "bin 4" where lengths are unknown. */
void kvt_phrase_bin(struct kvt_buffer *out, const struct kvt_study *study, size_t bin);

/* "bin 4", "bins 2 to 4 and 6": the numbers, from 1, of the bins that are set. */
void kvt_phrase_bins(struct kvt_buffer *out, const bool *set, size_t n);

/* "12.3": percent or points with one decimal, none for whole ones; "?" if unknown. */
void kvt_phrase_points(struct kvt_buffer *out, double share);

/* An upper bound, rounded up to what kvt_phrase_points prints: what is printed holds too. */
double kvt_phrase_bound(double bound);

/* "12.3 points", "1 point". */
void kvt_phrase_amount(struct kvt_buffer *out, double share);
/* A duration in ms or s, a size in MiB or KiB, with three significant digits. */
void kvt_phrase_seconds(struct kvt_buffer *out, double seconds);
void kvt_phrase_bytes(struct kvt_buffer *out, double bytes);

#endif
