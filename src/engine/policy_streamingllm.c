/*
 * engine/policy_streamingllm.c: StreamingLLM (Xiao et al. 2023, arXiv:2309.17453) as NVIDIA's
 * kvpress applies it to a prompt: the first `sinks` entries and the most recent ones stay. Keys
 * keep the rotation of their place in the prompt. As streamingllm-rerotated (kvpress's
 * KeyRerotationPress around it; the paper's own positions) they get that of their place in the
 * cache, and later tokens follow without a gap.
 */
#include "engine/policy.h"

static void select_entries(const struct kvt_policy_view *view, size_t kept, float *scratch,
                           size_t *indices)
{
    (void)scratch;
    size_t sinks = view->parameters->sinks < kept ? view->parameters->sinks : kept;
    for (size_t i = 0; i < kept; i++)
        indices[i] = i < sinks ? i : view->n - kept + i;
}

const struct kvt_policy kvt_policy_streamingllm = {
    .name = "streamingllm",
    .summary = "the first entries and the most recent ones",
    .select = select_entries,
};

const struct kvt_policy kvt_policy_streamingllm_rerotated = {
    .name = "streamingllm-rerotated",
    .summary = "the same, with keys rotated again to their places in the cache",
    .rerotate = true,
    .select = select_entries,
};
