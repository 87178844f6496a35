/* The bit-parallel table against the recursion it stands for, on one word, many words, many blocks.
 */
#include "tap.h"

#include "core/memory.h"
#include "core/random.h"
#include "text/lcs.h"

#include <stdlib.h>

static struct kvt_scratch scratch;

/* The textbook table; marks what the walk back finds. */
static size_t slow(struct kvt_sequence x, struct kvt_sequence y, uint32_t *marks)
{
    size_t w = y.count + 1;
    uint16_t *table = kvt_alloc_zero((x.count + 1) * w, sizeof *table);
    for (size_t i = 1; i <= x.count; i++)
        for (size_t j = 1; j <= y.count; j++) {
            uint16_t up = table[(i - 1) * w + j], left = table[i * w + j - 1];
            table[i * w + j] = x.data[i - 1] == y.data[j - 1]
                                   ? (uint16_t)(table[(i - 1) * w + j - 1] + 1)
                                   : (up > left ? up : left);
        }
    size_t i = x.count, j = y.count;
    while (i > 0 && j > 0) {
        if (x.data[i - 1] == y.data[j - 1]) {
            marks[x.data[i - 1]] = 1;
            i--, j--;
        } else if (table[(i - 1) * w + j] > table[i * w + j - 1]) {
            i--;
        } else {
            j--;
        }
    }
    size_t length = table[x.count * w + y.count];
    free(table);
    return length;
}

static int agrees(struct kvt_random *random, size_t n, size_t m, uint32_t symbols)
{
    uint32_t *x = kvt_alloc_array(n + 1, sizeof *x), *y = kvt_alloc_array(m + 1, sizeof *y);
    uint32_t *slow_marks = kvt_alloc_zero(symbols, sizeof *slow_marks);
    uint32_t *marks = kvt_alloc_zero(symbols, sizeof *marks);
    for (size_t i = 0; i < n; i++)
        x[i] = kvt_random_bounded(random, symbols);
    for (size_t j = 0; j < m; j++) /* half of the symbols stand in x only, some stand often */
        y[j] = kvt_random_bounded(random, 1 + kvt_random_bounded(random, (symbols + 1) / 2));
    struct kvt_sequence xs = {x, n}, ys = {y, m};
    size_t expected = slow(xs, ys, slow_marks);
    kvt_index_build(&scratch.index, y, m, symbols);
    int same = kvt_lcs_length(&scratch, xs, ys) == expected;
    kvt_lcs_mark(&scratch, xs, ys, marks);
    kvt_index_clear(&scratch.index, y, m);
    same &= memcmp(marks, slow_marks, symbols * sizeof *marks) == 0;
    free(x);
    free(y);
    free(slow_marks);
    free(marks);
    return same;
}

int main(void)
{
    struct kvt_random random;
    kvt_random_seed(&random, 5);
    int same = 1;
    for (int round = 0; round < 3000; round++)
        same &= agrees(&random, kvt_random_bounded(&random, 40), kvt_random_bounded(&random, 70),
                       1 + kvt_random_bounded(&random, 12));
    ok(same, "short sequences");
    same = 1;
    for (int round = 0; round < 60; round++)
        same &= agrees(&random, kvt_random_bounded(&random, 300), kvt_random_bounded(&random, 700),
                       1 + kvt_random_bounded(&random, 400));
    ok(same, "sequences of several machine words, with frequent and rare symbols");
    ok(agrees(&random, 4000, 9000, 50), "a table of several blocks, few symbols");
    ok(agrees(&random, 4000, 9000, 3000), "a table of several blocks, many symbols");
    kvt_scratch_free(&scratch);
    return tap_done();
}
