/*
 * token/cuts.h: cutting a text where no merge can cross, so that its parts can be encoded one by
 * one.
 *
 * A token made by merging has as its key a stretch of the text. So where no key of the vocabulary
 * lies across a place in the text, no merge does, whatever the order of merges; and what is done on
 * one side of the place changes nothing on the other. Only places between characters are looked at:
 * the character before and the one behind are looked up in a set of all such neighbours in keys. A
 * character here is a byte that does not continue one, with the bytes that continue it, as many as
 * it asks for or fewer: the text may be any bytes.
 *
 * This holds where every symbol has a token of its own, or becomes bytes that no rule joins:
 * unknown characters might be fused across a cut. kvt_tokenizer_finish sees to that.
 */
#ifndef KVT_TOKEN_CUTS_H
#define KVT_TOKEN_CUTS_H

#include "token/vocabulary.h"

struct kvt_cuts;

/* Made from all keys of the vocabulary; release with kvt_cuts_free. */
struct kvt_cuts *kvt_cuts_make(const struct kvt_vocabulary *vocabulary);
void kvt_cuts_free(struct kvt_cuts *cuts); /* NULL is fine */

/*
 * The parts from text[at] on, at < length, no more than `most` of them: sets where each ends and
 * returns their number, at least 1 if `most` is. The text ends at `length`.
 */
size_t kvt_cuts_split(const struct kvt_cuts *cuts, const char *text, size_t length, size_t at,
                      size_t *ends, size_t most);

#endif
