#include "text/import_run.h"

#include <math.h>
#include <string.h>

int kvt_import_describe(const struct kvt_import_asked *asked, const struct kvt_hints *hints,
                        const char *source, struct kvt_import_run *run, struct kvt_error *error)
{
    *run = (struct kvt_import_run){.policy = asked->policy ? asked->policy : hints->policy,
                                   .model = asked->model ? asked->model : hints->model,
                                   .replicate = asked->replicate,
                                   .compress_after = hints->compress_after};
    if (!run->policy)
        return kvt_fail(error, KVT_USAGE, "%s: its name does not tell the policy; give --policy",
                        source);
    bool all = !isnan(asked->budget); /* one budget for all files */
    bool full = kvt_policy_is_full(run->policy);
    bool named = !all && hints->has_budget && !(asked->policy && full);
    double given = all ? asked->budget : asked->unnamed_budget;
    if (isnan(given) && !named && !full)
        return kvt_fail(
            error, KVT_USAGE,
            "%s: %s; give --budget, or --unnamed-budget where other names tell theirs", source,
            hints->is_share ? "its capacity of -1 is a share of the prompt that no name tells"
                            : "its name does not tell the budget");
    run->budget = named ? hints->budget : full && !all ? 1 : given;
    if (!(run->budget > 0) || isinf(run->budget))
        return kvt_fail(error, KVT_USAGE, "--%sbudget: %g is not a budget", all ? "" : "unnamed-",
                        run->budget);
    if (full && run->budget < 1)
        return kvt_fail(
            error, KVT_USAGE,
            "%s: the policy %s keeps the whole cache, which is a budget of 1 and not %g; name the "
            "one that kept less with --policy, or give --unnamed-budget for the files beside it",
            source, run->policy, run->budget);
    bool whole = full && run->budget == 1 && !all; /* the unit asked for is that of the others */
    run->unit = run->budget <= 1 ? "fraction" : "tokens";
    if (named)
        run->unit = hints->unit;
    if (asked->unit && !whole)
        run->unit = asked->unit;
    bool fraction = strcmp(run->unit, "fraction") == 0;
    if (run->budget > 1 && fraction)
        return kvt_fail(error, KVT_USAGE, "%s: a budget of %g is no fraction of the prompt", source,
                        run->budget);
    run->reference = asked->reference || full || (run->budget == 1 && fraction);
    return 0;
}

const char *kvt_import_task(const struct kvt_import_asked *asked, const struct kvt_prediction *row,
                            const struct kvt_hints *hints)
{
    static const char prefix[] = "longbench_";
    const char *task = asked->task ? asked->task : row->task ? row->task : hints->task;
    bool marked = task && strncmp(task, prefix, sizeof prefix - 1) == 0;
    return marked ? task + sizeof prefix - 1 : task;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

bool kvt_import_same_model(const struct kvt_import_run *a, const struct kvt_import_run *b)
{
    return same(a->model, b->model);
}

bool kvt_import_same_run(const struct kvt_import_run *a, const struct kvt_import_run *b)
{
    return same(a->policy, b->policy) && a->budget == b->budget && same(a->unit, b->unit) &&
           kvt_import_same_model(a, b);
}
