/*
 * render/outcome.h: what became of one request, in the few classes a picture can hold. Every
 * response falls in exactly one, so the shares of a bin add up to one.
 */
#ifndef KVT_RENDER_OUTCOME_H
#define KVT_RENDER_OUTCOME_H

#include "stream/json.h"

enum kvt_outcome {
    KVT_OUTCOME_CORRECT,   /* full score, no failure */
    KVT_OUTCOME_PARTLY,    /* no failure, 0 < score < 1 */
    KVT_OUTCOME_WRONG,     /* no failure, score 0: the silent loss */
    KVT_OUTCOME_ABSTAINED, /* ABSTENTION, REFUSAL: the model says that it does not answer */
    KVT_OUTCOME_MALFORMED, /* EMPTY_OUTPUT, REPETITION, FORMAT_ERROR and failures yet to be named */
    KVT_OUTCOME_OVERLONG,  /* TRUNCATED: did not end within the cap */
    KVT_OUTCOME_NONE,      /* infrastructure failure: no answer to judge */
    KVT_OUTCOME_COUNT,
    KVT_OUTCOME_UNSCORED = -1, /* the record has not been through kvt-score */
};

struct kvt_outcome_style {
    const char *name;   /* column of tables, member of summaries */
    const char *label;  /* legend */
    const char *colour; /* Okabe and Ito's palette, told apart with any colour vision */
    const char *ink;    /* colour of numbers written on it */
};

extern const struct kvt_outcome_style kvt_outcome_styles[KVT_OUTCOME_COUNT];

/* The class of a scored response record. */
enum kvt_outcome kvt_outcome_of(const json_t *response);

/* Is it one of the model's failures? */
bool kvt_outcome_failed(enum kvt_outcome outcome);

#endif
