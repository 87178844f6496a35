#include "render/plot.h"

#include <string.h>

const struct kvt_plot kvt_plots[] = {
    {"acc", "acc_vs_len", "mean score against context length, with 95% intervals",
     kvt_plot_accuracy},
    {"outcomes", "outcomes", "what became of every request, per budget and length bin",
     kvt_plot_outcomes},
    {"paired", "paired", "answers lost and gained against the full cache, per length bin",
     kvt_plot_paired},
    {"failrate", "failrate_vs_len", "model failures against context length, with 95% intervals",
     kvt_plot_failures},
    {"std", "std_vs_len", "standard deviation of the score against context length",
     kvt_plot_deviation},
    {"latency", "latency_vs_len", "latency against context length", kvt_plot_latency},
    {"memory", "memory", "KV cache held and share kept against context length", kvt_plot_memory},
    {"tradeoff", "tradeoff", "score against KV cache held and against latency", kvt_plot_tradeoff},
    {0},
};

const struct kvt_plot *kvt_plot_find(const char *name)
{
    for (const struct kvt_plot *plot = kvt_plots; plot->name; plot++)
        if (strcmp(plot->name, name) == 0)
            return plot;
    return NULL;
}
