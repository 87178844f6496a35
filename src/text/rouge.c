/*
 * LongBench's rouge_score: `rouge` 1.0.1's rouge-l at summary level with its sets of words.
 *
 * A text is split at "." (empty pieces dropped; a piece of white space stays and is one empty
 * word), white space is collapsed, words are split at spaces. Precision and recall count DIFFERENT
 * words: the union, over all pairs of sentences, of the words of one longest common subsequence.
 */
#include "text/lcs.h"
#include "text/metrics.h"

#include <string.h>

static bool space_at(const char *text, size_t length, size_t *step)
{
    unsigned char c = (unsigned char)*text;
    *step = 1;
    if (c < 0x80)
        return kvt_unicode_space(c);
    uint32_t code_point;
    *step = kvt_unicode_next(text, length, &code_point);
    return kvt_unicode_space(code_point);
}

/* Bytes of ASCII from `at` on that are no white space and no control character. */
static size_t end_of_printed(struct kvt_span text, size_t at)
{
    while (at < text.length && (unsigned char)text.data[at] > ' ' &&
           (unsigned char)text.data[at] < 0x7f)
        at++;
    return at;
}

/* The words of one piece, as numbers; one empty word if there is none. */
static void read_piece(struct kvt_scratch *scratch, struct kvt_span piece,
                       struct kvt_numbers *words)
{
    size_t before = words->count, step;
    for (size_t at = 0; at < piece.length;) {
        if (space_at(piece.data + at, piece.length - at, &step)) {
            at += step;
            continue;
        }
        size_t start = at;
        do
            at = end_of_printed(piece, at + step);
        while (at < piece.length && !space_at(piece.data + at, piece.length - at, &step));
        kvt_numbers_add(words, kvt_words_add(&scratch->words, piece.data + start, at - start));
    }
    if (words->count == before)
        kvt_numbers_add(words, kvt_words_add(&scratch->words, "", 0));
}

/* One text as numbers: words in `words`, and in `bounds` where each sentence ends. */
static void read_text(struct kvt_scratch *scratch, struct kvt_span text, struct kvt_numbers *words,
                      struct kvt_numbers *bounds)
{
    while (text.length > 0) {
        const char *dot = memchr(text.data, '.', text.length);
        size_t length = dot ? (size_t)(dot - text.data) : text.length;
        if (length > 0) {
            read_piece(scratch, (struct kvt_span){text.data, length}, words);
            kvt_numbers_add(bounds, (uint32_t)words->count);
        }
        length += dot ? 1 : 0;
        text.data += length;
        text.length -= length;
    }
}

static size_t distinct(struct kvt_scratch *scratch, struct kvt_sequence words)
{
    kvt_numbers_zero(&scratch->counts, scratch->words.count);
    size_t count = 0;
    for (size_t i = 0; i < words.count; i++)
        count += scratch->counts.data[words.data[i]]++ == 0;
    return count;
}

/*
 * The words of each gold sentence that could still be marked, from where the sentence starts on:
 * those that the prediction has too, which came first and so have the smaller numbers.
 */
static void want_words(struct kvt_scratch *scratch, size_t n_predicted, uint32_t n_known)
{
    const struct kvt_numbers *gold = &scratch->b, *bounds = &scratch->bounds;
    kvt_numbers_zero(&scratch->wanted, gold->count);
    kvt_numbers_zero(&scratch->n_wanted, bounds->count - n_predicted);
    for (size_t g = n_predicted, from = 0; g < bounds->count; from = bounds->data[g], g++) {
        uint32_t *wanted = scratch->wanted.data + from, n = 0;
        for (size_t i = from; i < bounds->data[g]; i++)
            if (gold->data[i] < n_known)
                wanted[n++] = gold->data[i];
        scratch->n_wanted.data[g - n_predicted] = n;
    }
}

/* Whether one of them is in the y of the index; the walk through their table can mark no other.
 * Those marked meanwhile are taken away. */
static bool worth_while(const struct kvt_scratch *scratch, uint32_t *wanted, uint32_t *n_wanted)
{
    const uint32_t *in_y = scratch->index.count.data, *marks = scratch->marks.data;
    uint32_t kept = 0, found = 0;
    for (uint32_t i = 0; i < *n_wanted; i++) {
        uint32_t word = wanted[i];
        wanted[kept] = word;
        kept += !marks[word];
        found |= in_y[word] & (0 - (uint32_t)!marks[word]);
    }
    *n_wanted = kept;
    return found != 0;
}

struct rouge {
    size_t matched, prediction,
        gold; /* different words: in common, in the prediction, in the gold */
    double precision, recall, f;
};

static void measure(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                    struct rouge *rouge)
{
    *rouge = (struct rouge){0};
    struct kvt_numbers *predicted = &scratch->a, *gold = &scratch->b, *bounds = &scratch->bounds;
    kvt_words_clear(&scratch->words);
    predicted->count = gold->count = bounds->count = 0;
    read_text(scratch, pair->prediction, predicted, bounds);
    size_t n_predicted = bounds->count; /* sentences */
    uint32_t n_known = scratch->words.count;
    read_text(scratch, pair->gold, gold, bounds);
    size_t n_gold = bounds->count - n_predicted;
    if (n_predicted == 0 || n_gold == 0)
        return; /* the original raises; LongBench scores 0 */
    rouge->prediction = distinct(scratch, (struct kvt_sequence){predicted->data, predicted->count});
    rouge->gold = distinct(scratch, (struct kvt_sequence){gold->data, gold->count});
    uint32_t n_symbols = scratch->words.count;
    kvt_numbers_zero(&scratch->marks, n_symbols);
    want_words(scratch, n_predicted, n_known);
    for (size_t p = 0, start = 0; p < n_predicted; start = bounds->data[p], p++) {
        struct kvt_sequence y = {predicted->data + start, bounds->data[p] - start};
        kvt_index_build(&scratch->index, y.data, y.count, n_symbols);
        for (size_t g = n_predicted, from = 0; g < n_predicted + n_gold;
             from = bounds->data[g], g++) {
            struct kvt_sequence x = {gold->data + from, bounds->data[g] - from};
            if (worth_while(scratch, scratch->wanted.data + from,
                            &scratch->n_wanted.data[g - n_predicted]))
                kvt_lcs_mark(scratch, x, y, scratch->marks.data);
        }
        kvt_index_clear(&scratch->index, y.data, y.count);
    }
    for (uint32_t s = 0; s < n_symbols; s++)
        rouge->matched += scratch->marks.data[s];
    rouge->recall = (double)rouge->matched / (double)rouge->gold;
    rouge->precision = (double)rouge->matched / (double)rouge->prediction;
    rouge->f = 2.0 * (rouge->precision * rouge->recall / (rouge->precision + rouge->recall + 1e-8));
}

int kvt_metric_rouge(struct kvt_scratch *scratch, const struct kvt_comparison *pair, double *value,
                     struct kvt_error *error)
{
    (void)error;
    struct rouge rouge;
    measure(scratch, pair, &rouge);
    *value = rouge.f;
    return 0;
}

void kvt_explain_rouge(struct kvt_scratch *scratch, const struct kvt_comparison *pair,
                       struct kvt_writer *writer)
{
    struct rouge rouge;
    measure(scratch, pair, &rouge);
    kvt_member_integer(writer, "matched_words", (long long)rouge.matched);
    kvt_member_integer(writer, "pred_words", (long long)rouge.prediction);
    kvt_member_integer(writer, "gold_words", (long long)rouge.gold);
    kvt_member_number(writer, "precision", rouge.precision);
    kvt_member_number(writer, "recall", rouge.recall);
}
