#include "text/failure.h"

#include "core/bits.h"
#include "text/loop.h"
#include "text/normalize.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The classes, known by their addresses here. */
static const char infrastructure[] = "infrastructure", model[] = "model";

static int said(struct kvt_failure *failure, const char *text)
{
    snprintf(failure->message, sizeof failure->message, "%s", text);
    return 1;
}

/* Says `before` and the beginning of `piece`, cut between characters. */
static int quoted(struct kvt_failure *failure, const char *before, struct kvt_span piece)
{
    size_t length = piece.length;
    if (length > 60) {
        length = 60;
        while (length > 0 && ((unsigned char)piece.data[length] & 0xc0) == 0x80)
            length--;
    }
    snprintf(failure->message, sizeof failure->message, "%s\"%.*s\"%s", before, (int)length,
             piece.data, length < piece.length ? " ..." : "");
    return 1;
}

/* --- infrastructure ------------------------------------------------------------------------------
 */

static const struct {
    const char *name, *type;
} other_names[] = {
    {"rate_limit", "RATE_LIMITED"},
    {"rate_limit_exceeded", "RATE_LIMITED"},
    {"context_length_exceeded", "CONTEXT_OVERFLOW"},
    {"context_length", "CONTEXT_OVERFLOW"},
};

static const char *type_of_error(const struct kvt_answer *answer)
{
    for (const struct kvt_failure_rule *rule = kvt_failure_rules; rule->type; rule++)
        if (rule->class == infrastructure && strcasecmp(rule->type, answer->error_type) == 0)
            return rule->type;
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (strcasecmp(other_names[i].name, answer->error_type) == 0)
            return other_names[i].type;
    return answer->error_status == 429 ? "RATE_LIMITED" : "ENGINE_ERROR";
}

static int is_error(const struct kvt_answer *answer, const char *type, struct kvt_failure *failure,
                    struct kvt_error *error)
{
    (void)error;
    if (strcmp(type_of_error(answer), type) != 0)
        return 0;
    return said(failure, answer->error_type);
}

/* --- model ---------------------------------------------------------------------------------------
 */

static int is_empty(const struct kvt_answer *answer, const char *type, struct kvt_failure *failure,
                    struct kvt_error *error)
{
    (void)type, (void)error;
    struct kvt_span span = answer->whole_if_empty ? answer->text : answer->span;
    const char first = span.length ? span.data[0] : ' ';
    if (first > ' ' || kvt_unicode_strip(span.data, span.length).length > 0)
        return 0;
    return said(failure, answer->text.length ? "nothing but white space in the scored span"
                                             : "no text at all");
}

static int is_repetition(const struct kvt_answer *answer, const char *type,
                         struct kvt_failure *failure, struct kvt_error *error)
{
    (void)type, (void)error;
    struct kvt_span unit;
    if (!kvt_loop_at_end(answer->numbers, answer->span, &unit))
        return 0;
    return quoted(failure, "ends in a loop of ", unit);
}

static int is_truncated(const struct kvt_answer *answer, const char *type,
                        struct kvt_failure *failure, struct kvt_error *error)
{
    (void)type, (void)error;
    const struct kvt_scored_task *task = answer->declared->task;
    if (!answer->finish_reason || !task->answers_end || (task->first_line && answer->line_complete))
        return 0;
    if (strcasecmp(answer->finish_reason, "length") != 0 &&
        strcasecmp(answer->finish_reason, "max_tokens") != 0)
        return 0;
    return said(failure, "cut off by the output cap");
}

/* The bytes before the first space of a normalised text, behind which a block can be read. */
static size_t first_word(struct kvt_span norm)
{
    uint64_t spaces = kvt_block_equal(norm.data, ' ');
    if (norm.length < KVT_BLOCK)
        spaces &= ((uint64_t)1 << norm.length) - 1;
    if (spaces)
        return kvt_bits_lowest(spaces);
    const char *space = norm.length ? memchr(norm.data, ' ', norm.length) : NULL;
    return space ? (size_t)(space - norm.data) : norm.length;
}

static bool is_word(struct kvt_span text, const char *word, size_t length)
{
    return text.length == length && memcmp(text.data, word, length) == 0;
}

enum { WORDS_BEFORE = 3 };

/* Whether one of the words that matter to opens_with begins as the abstention does; mostly not. */
static bool may_open_with(struct kvt_span norm, struct kvt_span abstention)
{
    const uint64_t places = kvt_block_equal(norm.data, ' ') << 1 | 1;
    if (places & kvt_block_equal(norm.data, abstention.data[0]))
        return true;
    return norm.length > KVT_BLOCK && kvt_bits_count(places) <= WORDS_BEFORE;
}

/*
 * Whether the normalised text opens with the normalised abstention: as its first words, or after up
 * to three others ("it is unanswerable", "question is unanswerable"), of which none denies it.
 */
static bool opens_with(struct kvt_span norm, struct kvt_span abstention)
{
    if (abstention.length == 0 || !may_open_with(norm, abstention))
        return false;
    for (int word = 0; word <= WORDS_BEFORE; word++) {
        if (norm.length >= abstention.length && norm.data[0] == abstention.data[0] &&
            memcmp(norm.data, abstention.data, abstention.length) == 0 &&
            (norm.length == abstention.length || norm.data[abstention.length] == ' '))
            return true;
        const struct kvt_span first = {norm.data, first_word(norm)};
        if (first.length == norm.length || is_word(first, "not", 3) || is_word(first, "no", 2))
            return false;
        norm.data += first.length + 1;
        norm.length -= first.length + 1;
    }
    return false;
}

static int is_abstention(const struct kvt_answer *answer, const char *type,
                         struct kvt_failure *failure, struct kvt_error *error)
{
    (void)type, (void)error;
    const char *const *strings = answer->declared->abstentions;
    for (size_t k = 0; strings && strings[k]; k++) {
        const struct kvt_span abstention = answer->declared->abstention_norms[k];
        if (!opens_with(answer->span_norm, abstention))
            continue;
        bool right = false; /* a gold says so too */
        for (size_t i = 0; i < answer->n_golds && !right; i++) {
            kvt_buffer_clear(answer->norm);
            kvt_normalize_english(answer->norm, answer->golds[i].data, answer->golds[i].length);
            struct kvt_span gold = {answer->norm->data, answer->norm->length};
            right = opens_with(gold, abstention);
        }
        if (!right)
            return quoted(failure, "says ", (struct kvt_span){strings[k], strlen(strings[k])});
    }
    return 0;
}

static int is_refusal(const struct kvt_answer *answer, const char *type,
                      struct kvt_failure *failure, struct kvt_error *error)
{
    (void)type;
    if (answer->finish_reason && strcasecmp(answer->finish_reason, "content_filter") == 0)
        return said(failure, "stopped by the server's content filter");
    const struct kvt_span span = answer->span;
    if (span.length && !answer->declared->refusal_opens[(unsigned char)span.data[0]])
        return 0; /* as nearly all are */
    for (size_t i = 0; i < answer->declared->n_refusals; i++) {
        int status =
            kvt_pattern_search(answer->declared->refusals[i], answer->matcher, span, error);
        if (status != 0)
            return status < 0 ? -1 : quoted(failure, "refuses: ", span);
    }
    return 0;
}

static int is_malformed(const struct kvt_answer *answer, const char *type,
                        struct kvt_failure *failure, struct kvt_error *error)
{
    (void)type;
    if (!answer->declared->format)
        return 0;
    int status = kvt_pattern_search(answer->declared->format, answer->matcher, answer->span, error);
    if (status != 0)
        return status < 0 ? -1 : 0;
    return quoted(failure, "not in the form the task asks for: ", answer->span);
}

/* clang-format off */
const struct kvt_failure_rule kvt_failure_rules[] = {
    {"TIMEOUT", infrastructure, "no answer in time", is_error},
    {"RATE_LIMITED", infrastructure, "turned away by the server's rate limit", is_error},
    {"ENGINE_ERROR", infrastructure, "the server failed, or could not be reached", is_error},
    {"STREAM_CUT", infrastructure, "the answer broke off on the wire", is_error},
    {"CONTEXT_OVERFLOW", infrastructure, "the prompt does not fit the server's context", is_error},
    {"EMPTY_OUTPUT", model, "nothing but white space", is_empty},
    {"REPETITION", model, "ends in a loop: a unit 4 times running over 50 characters", is_repetition},
    {"TRUNCATED", model, "cut by the output cap where the task's answers end", is_truncated},
    {"ABSTENTION", model, "says the task's words for giving up, and no gold does", is_abstention},
    {"REFUSAL", model, "declines to answer", is_refusal},
    {"FORMAT_ERROR", model, "not in the form the task declares", is_malformed},
    {NULL, NULL, NULL, NULL},
};
/* clang-format on */

static int judge(const struct kvt_answer *answer, const char *class, struct kvt_failure *failure,
                 struct kvt_error *error)
{
    for (const struct kvt_failure_rule *rule = kvt_failure_rules; rule->type; rule++) {
        if (rule->class != class)
            continue;
        failure->type = rule->type;
        failure->class = rule->class;
        int status = rule->test(answer, rule->type, failure, error);
        if (status != 0)
            return status;
    }
    return 0;
}

int kvt_failure_infrastructure(const struct kvt_answer *answer, struct kvt_failure *failure)
{
    return answer->error_type ? judge(answer, infrastructure, failure, NULL) : 0;
}

int kvt_failure_model(const struct kvt_answer *answer, struct kvt_failure *failure,
                      struct kvt_error *error)
{
    return judge(answer, model, failure, error);
}
