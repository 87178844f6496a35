#include "engine/api.h"

#include "core/utf8.h"

#include <string.h>

/* Moves what is decided of `bytes` to `held`: all but the start of a character that may yet be
 * completed. */
static void decode(struct kvt_answer *answer, bool end)
{
    const char *text = kvt_buffer_string(&answer->bytes);
    size_t length = answer->bytes.length, at = 0;
    while (at < length) {
        uint32_t code_point;
        int taken = kvt_utf8_decode(text + at, length - at, &code_point);
        size_t bytes = (size_t)(taken < 0 ? -taken : taken);
        if (taken < 0 && at + bytes == length && !end)
            break;
        kvt_utf8_repair(&answer->held, text + at, bytes);
        at += bytes;
    }
    kvt_buffer_drop(&answer->bytes, at);
}

/* Place of the first stop string in held, or SIZE_MAX. Of two at one place either will do. */
static size_t find_stop(const struct kvt_answer *answer)
{
    const struct kvt_request *request = answer->request;
    for (size_t at = 0; at < answer->held.length; at++)
        for (size_t i = 0; i < request->n_stops; i++)
            if (request->stop_lengths[i] <= answer->held.length - at &&
                memcmp(answer->held.data + at, request->stops[i], request->stop_lengths[i]) == 0)
                return at;
    return SIZE_MAX;
}

/* Length of the longest end of held that begins a stop string. */
static size_t undecided(const struct kvt_answer *answer)
{
    const struct kvt_request *request = answer->request;
    size_t longest = 0;
    for (size_t i = 0; i < request->n_stops; i++) {
        size_t most = request->stop_lengths[i] - 1;
        most = most < answer->held.length ? most : answer->held.length;
        for (size_t n = most; n > longest; n--)
            if (memcmp(answer->held.data + answer->held.length - n, request->stops[i], n) == 0)
                longest = n;
    }
    return longest;
}

static void release(struct kvt_answer *answer, bool end, struct kvt_buffer *out)
{
    if (answer->held.length == 0)
        return;
    size_t stop = find_stop(answer);
    size_t shown = stop;
    if (stop != SIZE_MAX)
        answer->stopped = true;
    else
        shown = end ? answer->held.length : answer->held.length - undecided(answer);
    kvt_buffer_append(out, answer->held.data, shown);
    kvt_buffer_drop(&answer->held, answer->stopped ? answer->held.length : shown);
}

void kvt_answer_add(struct kvt_answer *answer, const char *bytes, size_t length,
                    struct kvt_buffer *out)
{
    if (answer->stopped || length == 0)
        return;
    kvt_buffer_append(&answer->bytes, bytes, length);
    decode(answer, false);
    release(answer, false, out);
}

void kvt_answer_end(struct kvt_answer *answer, struct kvt_buffer *out)
{
    if (answer->stopped)
        return;
    decode(answer, true);
    release(answer, true, out);
}

void kvt_answer_free(struct kvt_answer *answer)
{
    kvt_buffer_free(&answer->bytes);
    kvt_buffer_free(&answer->held);
}
