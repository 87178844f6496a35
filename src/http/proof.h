/*
 * http/proof.h: was the budget applied? Pure. A count that the server reports of its cache is
 * evidence, and so is an answer that changes when the cache is starved (http/preflight.h); an echo
 * of the budget that was asked for is none.
 */
#ifndef KVT_HTTP_PROOF_H
#define KVT_HTTP_PROOF_H

#include "http/grid.h"

#include <jansson.h>
#include <stdbool.h>

/* What the server says about the cache of one request; NAN where it says nothing. */
struct kvt_report {
    double prompt_tokens, kept_tokens, uncompressed_tail;
    double bytes, peak_bytes, full_bytes;
    const json_t *kept_per_layer; /* borrowed from the answer, or NULL */
    const char *source;           /* where the bytes come from: reported, gauge, analytic, none */
};

/* What the preflight found out. */
enum kvt_evidence {
    KVT_EVIDENCE_NONE,      /* no preflight, or one that could not tell */
    KVT_EVIDENCE_CHANGED,   /* starved answers differed beyond the A/A difference */
    KVT_EVIDENCE_UNCHANGED, /* a starved cache answered as a full one does: the budget is ignored */
};

/*
 * Reads the report from the folded answer: usage.kv_cache, or where engine.kv_report points (an
 * object from report members to JSON pointers, RFC 6901).
 */
void kvt_report_read(struct kvt_report *report, const json_t *final, const json_t *pointers);
/*
 * Checks engine.kv_report and kv.geometry, which the table of settings leaves free: every member
 * must be known, a pointer start with "/", a size be a number above 0. Returns 0, or -1 naming the
 * member and the nearest known one, with code KVT_USAGE.
 */
int kvt_proof_check_settings(const json_t *pointers, const json_t *geometry,
                             struct kvt_error *error);
/* Fills in bytes from the model's geometry (kv.geometry) where the server reports none. */
void kvt_report_analytic(struct kvt_report *report, const struct kvt_run *run,
                         const json_t *geometry, double prompt_tokens);

/* 2 * layers * KV heads * head dimension * bytes a value, from kv.geometry; NAN if it is
 * incomplete. */
double kvt_geometry_bytes_per_token(const json_t *geometry);

/* Does the reported count match the budget? 1 yes, 0 no, -1 nothing was reported. */
int kvt_report_matches(const struct kvt_report *report, const struct kvt_run *run);
/* "proven", "reported", "behavioural", "unproven" or "contradicted". */
const char *kvt_proof_judge(const struct kvt_report *report, const struct kvt_run *run,
                            enum kvt_evidence evidence);

/* Looks up a JSON pointer; NULL when there is nothing. Borrowed. */
const json_t *kvt_json_pointer(const json_t *root, const char *pointer);

#endif
