/*
 * render/report.h: the findings for people: report.md, and its ten lines for a terminal.
 *
 * The report is one section a function; sections are in report_*.c, the order is in report.c.
 */
#ifndef KVT_RENDER_REPORT_H
#define KVT_RENDER_REPORT_H

#include "core/buffer.h"
#include "core/error.h"
#include "render/results.h"

struct kvt_report {
    struct kvt_buffer *out;
    const struct kvt_results *results;
    const struct kvt_study *study;
    const json_t *settings; /* resolved settings of the experiment */
    const char *plots;      /* folder of the pictures, as seen from the report */
    bool first;             /* the study whose figures the recipe draws */
};

/* Markdown. Returns 0, or -1 when the stream has no run to report on. */
int kvt_report_write(struct kvt_buffer *out, const struct kvt_results *results,
                     const json_t *settings, const char *plots, struct kvt_error *error);
/* Plain text; `run` is the folder of the artefacts, NULL to leave out where things are. */
int kvt_brief_write(struct kvt_buffer *out, const struct kvt_results *results, const char *run,
                    struct kvt_error *error);

/* Sections. */
void kvt_report_verdict(struct kvt_report *report);
void kvt_report_proof(struct kvt_report *report);
void kvt_report_accuracy(struct kvt_report *report);
void kvt_report_outcomes(struct kvt_report *report);
void kvt_report_pairs(struct kvt_report *report);
void kvt_report_failures(struct kvt_report *report);
void kvt_report_costs(struct kvt_report *report);
/* Whether the records hold any latency or memory figure (an import's do not). */
bool kvt_report_has_costs(const struct kvt_report *report);
void kvt_report_findings(struct kvt_report *report);
void kvt_report_setup(struct kvt_report *report);
void kvt_report_limits(struct kvt_report *report);

/* A figure by name, with its caption; nothing for any study but the first. */
void kvt_report_figure(struct kvt_report *report, const char *plot);
/* "1 (about 231 tokens)": first cell of a bin's row. */
void kvt_report_bin(struct kvt_report *report, size_t bin);
/* Header of a table whose columns are the shown arms, after the given first columns. */
void kvt_report_arm_header(struct kvt_report *report, const char *first);

#endif
