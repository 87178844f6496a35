/*
 * Every setting, once. Adding one: a row here, then `make defaults` rewrites config/default.json.
 */
#include "config/config.h"

#define TEXT KVT_CONFIG_TEXT
#define INTEGER KVT_CONFIG_INTEGER
#define NUMBER KVT_CONFIG_NUMBER
#define BOOL KVT_CONFIG_BOOL
#define OBJECT KVT_CONFIG_OBJECT

/* clang-format off */
/* How declining answers begin. Measured on published files: src/text/README.md. */
#define REFUSALS \
    "[\"(?i)\\\\A\\\\W*+(?:i['\\\\x{2019}]?m|i am) (?:(?:very|really|so|deeply) )?(?:sorry|unable to|not able to)\\\\b\", " \
    "\"(?i)\\\\A\\\\W*+(?:sorry|(?:my )?apologies|i apologi[sz]e)\\\\b\\\\W{0,3}(?:but )?(?:for\\\\b|i\\\\b|as an\\\\b)\", " \
    "\"(?i)\\\\A\\\\W*+i (?:cannot|can ?not|can['\\\\x{2019}]?t|could not|couldn['\\\\x{2019}]?t|will not|won['\\\\x{2019}]?t) (?:answer|assist|help|provide|fulfil|comply)\", " \
    "\"(?i)\\\\A\\\\W*+as an? (?:ai|artificial intelligence|(?:large )?language model)\\\\b\"]"

const struct kvt_config_key kvt_config_keys[] = {
    {"seed", INTEGER, false, "1", NULL, "seed of sampling order and interleaving"},
    {"notes", TEXT, false, "\"\"", NULL, "free text, kept with the experiment"},

    {"dataset.name", TEXT, false, "\"recall\"", NULL, "recall, longbench, or a name of your own"},
    {"dataset.task", TEXT, true, "null", NULL, "task of the rows; null takes each row's own"},
    {"dataset.path", KVT_CONFIG_FILES, true, "null", NULL, "question file the recipe reads, or a list of them"},
    {"dataset.n_per_bin", KVT_CONFIG_COUNTS, false, "40", NULL, "entries per bin: one number, or one per bin"},
    {"dataset.templates", TEXT, true, "null", NULL, "dataset2prompt.json with prompt templates"},
    {"dataset.question", TEXT, false, "\"last\"", "first|last", "place of the question in the prompt"},
    {"dataset.max_prompt_tokens", INTEGER, true, "null", NULL, "longest prompt; null: no limit"},
    {"dataset.overlong", TEXT, false, "\"truncate\"", "truncate|drop", "what happens to longer prompts (middle truncation)"},
    {"dataset.ids", KVT_CONFIG_TEXTS, true, "null", NULL, "pinned example ids: only these"},

    {"binning.n_bins", INTEGER, false, "5", NULL, "number of length bins (quantiles)"},

    {"model.name", TEXT, true, "null", NULL, "model name sent to the server; null: MODEL_NAME, else recall"},
    {"model.path", TEXT, true, "null", NULL, "GGUF file of the embedded engine"},
    {"model.tokenizer", TEXT, true, "null", NULL, "tokenizer: GGUF, tokenizer.json, rank file or /tokenize URL; null: model.path"},
    {"model.chat_overhead", INTEGER, true, "null", NULL, "tokens the server's chat template adds; null: from the GGUF, else measured or 0"},

    {"engine.base_url", TEXT, true, "null", NULL, "server; null: BASE_URL, OPENAI_BASE_URL or the embedded engine"},
    {"engine.api", TEXT, true, "null", "chat|completions", "endpoint; null: by task"},
    {"engine.api_key_env", TEXT, false, "\"OPENAI_API_KEY\"", NULL, "environment variable that holds the key"},
    {"engine.endpoints", OBJECT, false, "{}", NULL, "base URL per budget, keyed by the budget as written"},
    {"engine.extra_body", OBJECT, false, "{}", NULL, "members added to each request; {kv_budget} and others are filled in"},
    {"engine.kv_report", OBJECT, false, "{}", NULL, "JSON pointers to another server's KV report"},
    {"engine.stream", BOOL, false, "true", NULL, "ask for a streamed answer"},
    {"engine.concurrency", INTEGER, false, "1", NULL, "requests in flight per endpoint"},
    {"engine.rpm", NUMBER, true, "null", NULL, "requests per minute, all endpoints together"},
    {"engine.warmup", INTEGER, false, "0", NULL, "requests sent first and not recorded"},
    {"engine.latency_probe", INTEGER, false, "0", NULL, "entries per bin whose requests are asked again with a fixed answer length"},
    {"engine.gauge", TEXT, true, "null", NULL, "the server's gauge of KV use: auto, a Prometheus name, or a JSON pointer; null: not read"},
    {"engine.gauge_url", TEXT, true, "null", NULL, "where the gauge is read; null: /metrics at the server's root"},
    {"engine.bust_prefix_cache", BOOL, false, "false", NULL, "put a nonce before each prompt"},
    {"engine.request.timeout_s", NUMBER, false, "120", NULL, "limit of one attempt"},
    {"engine.request.deadline_s", NUMBER, false, "600", NULL, "limit of one request with its retries"},
    {"engine.request.max_attempts", INTEGER, false, "5", NULL, "requests sent at most"},
    {"engine.request.backoff_s", NUMBER, false, "0.5", NULL, "first back-off; doubles each time"},
    {"engine.request.backoff_max_s", NUMBER, false, "30", NULL, "longest back-off, Retry-After included"},
    {"engine.request.load_wait_s", NUMBER, false, "600", NULL, "how long a server that says it is loading its model is waited for; 0: it is asked again as after other failures"},
    {"engine.request.max_tokens_field", TEXT, false, "\"max_tokens\"", NULL, "or max_completion_tokens"},
    {"engine.request.stream_usage", BOOL, false, "true", NULL, "ask for usage at the end of a stream (stream_options)"},
    {"engine.request.temperature", BOOL, false, "true", NULL, "send the temperature"},

    {"kv.policy", TEXT, false, "\"snapkv\"", NULL, "eviction policy under test"},
    {"kv.budgets", KVT_CONFIG_NUMBERS, false, "[1.0, 0.5, 0.2]", NULL, "KV budgets; the reference is added if missing"},
    {"kv.budget_unit", TEXT, false, "\"fraction\"", "fraction|tokens", "unit of the budgets"},
    {"kv.replicates", INTEGER, true, "null", NULL, "reference runs; null: 2 on external servers, 1 on the embedded engine"},
    {"kv.noise_sample", INTEGER, true, "null", NULL, "entries per bin asked twice at the full cache, in place of a second reference run; null: 3 on the embedded engine, else 0"},
    {"kv.window", INTEGER, true, "null", NULL, "observation window; null: the policy's own"},
    {"kv.kernel", INTEGER, true, "null", NULL, "pooling kernel; null: the policy's own"},
    {"kv.compress_after", TEXT, false, "\"question\"", "context|question|prompt", "what is in the cache when it is compressed"},
    {"kv.geometry", OBJECT, false, "{}", NULL, "n_layers, n_kv_heads, head_dim, bytes_per_value: analytic KV bytes"},

    {"decoding.temperature", NUMBER, false, "0", NULL, "sampling temperature"},
    {"decoding.max_tokens", INTEGER, true, "null", NULL, "output cap; null: the task's"},
    {"decoding.seed", INTEGER, false, "0", NULL, "sampling seed sent to the server"},
    {"decoding.repeats", INTEGER, false, "1", NULL, "times each request is asked"},

    {"scoring.metric", TEXT, true, "null", NULL, "metric for every row; null: the task's"},
    {"scoring.code_sim", TEXT, false, "\"difflib\"", "difflib|indel", "backend of code_sim"},
    {"scoring.abstentions", KVT_CONFIG_TEXTS, true, "null", NULL, "abstention strings; null: the task's"},
    {"scoring.refusal_patterns", KVT_CONFIG_TEXTS, false, REFUSALS, NULL, "how answers that decline begin (PCRE2)"},
    {"scoring.more_refusal_patterns", KVT_CONFIG_TEXTS, false, "[]", NULL, "further ones, beside those"},
    {"scoring.tasks", OBJECT, false, "{}", NULL, "tasks of your own, by name: metric, first_line, answers_end, abstentions, format"},
    {"scoring.format_pattern", TEXT, true, "null", NULL, "form of a valid answer (PCRE2); null: the task's"},

    {"stats.ci", TEXT, false, "\"dispersion-wilson\"", "dispersion-wilson|wilson|percentile|bca|clopper-pearson|t", "interval of bin means"},
    {"stats.alpha", NUMBER, false, "0.05", NULL, "one minus the confidence level"},
    {"stats.resamples", INTEGER, false, "9999", NULL, "bootstrap resamples and sign flips"},

    {"transition.method", TEXT, false, "\"parts\"", "parts|zscore", "verdict from tested parts, or the legacy z-scores"},
    {"transition.family", TEXT, false, "\"run\"", "run|all", "family of the error control: each policy and task, or the whole stream"},
    {"transition.alpha", NUMBER, false, "0.05", NULL, "family-wise error rate"},
    {"transition.delta", NUMBER, false, "0.1", NULL, "loss that still counts as safe (score points / 100)"},
    {"transition.collapse", NUMBER, false, "0.5", NULL, "retention below which a bin has collapsed"},
    {"transition.permutations", INTEGER, false, "9999", NULL, "sign flips of the scan, bootstrap of abruptness"},

    {"output.exp_group_id", TEXT, true, "null", NULL, "name of the experiment; null: derived"},
    {"db.path", TEXT, true, "null", NULL, "SQLite file; null: runs/<exp>/kv_transition.sqlite"},
    {NULL, KVT_CONFIG_ANY, false, NULL, NULL, NULL},
};
/* clang-format on */

/* clang-format off */
const struct kvt_config_range kvt_config_ranges[] = {
    {"binning.n_bins", 1, 1000, "1 to 1000"},
    {"dataset.max_prompt_tokens", 1, 1e9, "at least 1"},
    {"model.chat_overhead", 0, 1e6, "0 or more"},
    {"engine.concurrency", 1, 4096, "1 to 4096"},
    {"engine.rpm", 1e-6, 1e9, "above 0"},
    {"engine.warmup", 0, 1e6, "0 to 1000000"},
    {"engine.latency_probe", 0, 1e9, "0 or more"},
    {"engine.request.timeout_s", 1e-3, 1e6, "above 0"},
    {"engine.request.deadline_s", 1e-3, 1e7, "above 0"},
    {"engine.request.max_attempts", 1, 1000, "1 to 1000"},
    {"engine.request.backoff_s", 0, 1e6, "0 or more"},
    {"engine.request.backoff_max_s", 0, 1e6, "0 or more"},
    {"engine.request.load_wait_s", 0, 1e6, "0 or more"},
    {"kv.budgets", 1e-6, 1e9, "above 0"},
    {"kv.replicates", 1, 15, "1 to 15"},
    {"kv.noise_sample", 0, 1e9, "0 or more"},
    {"kv.window", 1, 1e9, "at least 1"},
    {"kv.kernel", 1, 1e6, "at least 1"},
    {"decoding.temperature", 0, 100, "0 or more"},
    {"decoding.max_tokens", 1, 1e9, "at least 1"},
    {"decoding.repeats", 1, 10000, "1 to 10000"},
    {"stats.alpha", 1e-6, 0.999999, "between 0 and 1"},
    {"stats.resamples", 99, 1e8, "at least 99"},
    {"transition.alpha", 1e-6, 0.999999, "between 0 and 1"},
    {"transition.delta", 0, 1, "0 to 1"},
    {"transition.collapse", 1e-6, 1, "above 0, at most 1"},
    {"transition.permutations", 99, 1e8, "at least 99"},
    {NULL, 0, 0, NULL},
};
/* clang-format on */
