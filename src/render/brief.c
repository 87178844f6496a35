/* The findings in about ten lines, for a terminal: what a reader needs in a minute. */
#include "render/escape.h"
#include "render/phrase.h"
#include "render/report.h"

#include <string.h>

static void verdict_line(struct kvt_buffer *out, const struct kvt_arm *arm)
{
    kvt_buffer_text(out, "  budget ");
    kvt_escape_plain(out, arm->label, 40);
    kvt_buffer_text(out, ": ");
    kvt_escape_plain(out, kvt_phrase_verdict(kvt_json_text(arm->transition, "verdict", "")), 40);
    kvt_buffer_text(out, ". ");
    kvt_escape_plain(out, kvt_json_text(arm->transition, "summary", ""), 400);
    kvt_buffer_byte(out, '\n');
}

static void study_lines(struct kvt_buffer *out, const struct kvt_study *study)
{
    bool any = false;
    kvt_escape_plain(out, study->policy[0] ? study->policy : "unnamed policy", 40);
    kvt_buffer_text(out, " on ");
    kvt_escape_plain(out, study->model[0] ? study->model : "unnamed model", 60);
    if (study->task[0]) {
        kvt_buffer_text(out, ", task ");
        kvt_escape_plain(out, study->task, 40);
    }
    if (study->namesake) {
        kvt_buffer_text(out, ", experiment ");
        kvt_escape_plain(out, study->exp_group_id, 40);
    }
    kvt_buffer_byte(out, '\n');
    for (size_t i = 0; i < study->n_arms; i++)
        if (study->arms[i]->transition) {
            verdict_line(out, study->arms[i]);
            any = true;
        }
    if (!any)
        kvt_buffer_text(out, "  no verdict in the stream (kvt-transition makes it)\n");
    kvt_buffer_text(out, "  proof:\n");
    for (size_t i = 0; i < study->n_arms; i++) {
        kvt_buffer_text(out, study->arms[i]->reference ? "    " : "    budget ");
        kvt_escape_plain(out, study->arms[i]->label, 40);
        kvt_buffer_text(out, ": ");
        kvt_phrase_proof(out, study->arms[i]);
        kvt_buffer_byte(out, '\n');
    }
    kvt_buffer_text(out, "  noise floor: ");
    kvt_phrase_noise(out, study);
    kvt_buffer_byte(out, '\n');
}

int kvt_brief_write(struct kvt_buffer *out, const struct kvt_results *results, const char *run,
                    struct kvt_error *error)
{
    if (kvt_results_check(results, error) != 0)
        return -1;
    for (size_t i = 0; i < results->n_studies; i++)
        study_lines(out, &results->studies[i]);
    if (run) {
        kvt_buffer_text(out, "report: ");
        kvt_escape_plain(out, run, 0);
        kvt_buffer_text(out, "/report.md   figures: plots/   tables: tables/   database: "
                             "kv_transition.sqlite   answers: stream.jsonl\n");
    }
    return 0;
}
