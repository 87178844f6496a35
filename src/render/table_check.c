/* Whether a stream has the records a table is made of. */
#include "render/table.h"

#include <string.h>

/* Does an arm that can have a verdict lack it, or is there no arm at all? */
static bool lacks_verdicts(const struct kvt_results *results)
{
    bool any = false, compressed = results->n_arms == 0;
    for (size_t i = 0; i < results->n_arms; i++) {
        any = any || results->arms[i].transition;
        compressed = compressed || !results->arms[i].reference;
    }
    return compressed && !any;
}

static bool lacks_statistics(const struct kvt_results *results)
{
    for (size_t i = 0; i < results->n_arms; i++)
        for (size_t b = 0; b < results->arms[i].n_cells; b++)
            if (results->arms[i].cells[b].stats || results->arms[i].cells[b].pair)
                return false;
    return true;
}

static bool lacks_responses(const struct kvt_results *results)
{
    return results->n_responses == 0;
}

static bool lacks_runs(const struct kvt_results *results)
{
    for (size_t i = 0; i < results->n_arms; i++)
        if (results->arms[i].run)
            return false;
    return json_array_size(results->idle_runs) == 0;
}

int kvt_table_check(const struct kvt_table *table, const struct kvt_results *results,
                    struct kvt_error *error)
{
    static const struct {
        const char *table;
        bool (*lacks)(const struct kvt_results *results);
        const char *what;
    } needs[] = {
        {"bins", lacks_statistics, "statistics (bin_stats records, by kvt-stats)"},
        {"pairs", lacks_statistics, "statistics (pair_stats records, by kvt-stats)"},
        {"failures", lacks_statistics, "statistics (bin_stats records, by kvt-stats)"},
        {"transitions", lacks_verdicts, "verdicts (transition records, by kvt-transition)"},
        {"outcomes", lacks_responses, "responses (response records, by kvt-infer or kvt-import)"},
        {"requests", lacks_responses, "responses (response records, by kvt-infer or kvt-import)"},
        {"runs", lacks_runs, "runs (run records, by kvt-infer or kvt-import)"},
    };
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (strcmp(needs[i].table, table->name) == 0 && needs[i].lacks(results))
            return kvt_fail(error, KVT_DATA, "table %s: the stream has no %s", table->name,
                            needs[i].what);
    return 0;
}
