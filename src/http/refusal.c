#include "http/refusal.h"

/* A refusal of the first request: every other one would meet it too. */
static bool first_refused(const struct kvt_refusal *refusal, struct kvt_error *error)
{
    const struct kvt_failure *failure = refusal->failure;
    const char *where = refusal->where;
    if (failure->status == 401 || failure->status == 403)
        kvt_fail(error, KVT_SYSTEM,
                 "%s refuses the key: %s. Put the right one into the environment variable %s "
                 "(engine.api_key_env)",
                 where, failure->message, refusal->options->api_key_env);
    else if (failure->status == 404)
        kvt_fail(
            error, KVT_SYSTEM,
            "%s has no such path or model: %s. Check the base URL (its path is kept; /v1 is added "
            "only when it has none) and the model (model.name, MODEL_NAME)",
            where, failure->message);
    else if (failure->status >= 300 && failure->status < 400)
        kvt_fail(error, KVT_SYSTEM,
                 "%s redirects elsewhere (%s). Redirects are not followed: name the final address",
                 where, failure->message);
    else
        return false;
    return true;
}

bool kvt_refusal_of_all(const struct kvt_refusal *refusal, struct kvt_error *error)
{
    const struct kvt_failure *failure = refusal->failure;
    const char *where = refusal->where;
    if (failure->unreachable && (refusal->last || !refusal->alive))
        kvt_fail(
            error, KVT_SYSTEM,
            "%s cannot be reached: %s. Start the server, or name another with --base-url; the same "
            "command then goes on from its journal",
            where, failure->message);
    else if (failure->loading && refusal->last && refusal->options->load_wait_s > 0)
        kvt_fail(error, KVT_SYSTEM,
                 "%s is still loading its model after %g s (engine.request.load_wait_s). Once it "
                 "answers, the same command goes on from its journal",
                 where, refusal->options->load_wait_s);
    else if (refusal->verify_failed)
        kvt_fail(error, KVT_SYSTEM,
                 "%s: the certificate is not trusted: %s. Name its authority with --cacert", where,
                 failure->message);
    else if (failure->field[0])
        kvt_fail(
            error, KVT_SYSTEM,
            "%s rejects %s: %s. If it takes no budget per request, start one server per budget, "
            "name them in engine.endpoints and empty engine.extra_body",
            where, failure->field, failure->message);
    else if (failure->spent)
        kvt_fail(
            error, KVT_SYSTEM,
            "%s: the account's credit is spent: %s. Once there is some again, the same command "
            "goes on from its journal",
            where, failure->message);
    else if (!refusal->answered || failure->status == 401) /* a key may run out on the way */
        return first_refused(refusal, error);
    else
        return false;
    return true;
}
