-- The database of an experiment: a stream as tables. Read by scripts/import-db; scripts/import.sql fills it.
--
-- One row per request in requests, responses, telemetry, scores (and failures, where there is one).
-- *_json columns hold JSON; lengths are tokens, times seconds, sizes bytes (peak_mem_mb: MiB), scores and
-- their differences 0 to 1. Columns may be added, with a new schema_version; none is renamed or dropped.
PRAGMA journal_mode = WAL;
PRAGMA foreign_keys = ON;
BEGIN IMMEDIATE;

CREATE TABLE IF NOT EXISTS schema_version (
    version INTEGER PRIMARY KEY
) STRICT;
INSERT OR IGNORE INTO schema_version VALUES (2);

CREATE TABLE IF NOT EXISTS experiments (
    exp_group_id TEXT PRIMARY KEY NOT NULL,
    created_at TEXT,
    config_yaml TEXT, -- JSON, which is YAML too
    git_hash TEXT,
    notes TEXT,
    seed INTEGER
) STRICT;

CREATE TABLE IF NOT EXISTS datasets (
    dataset_id TEXT PRIMARY KEY NOT NULL,
    name TEXT,
    task TEXT,
    created_at TEXT,
    source_sha256 TEXT,
    n_examples INTEGER,
    tokenizer_json TEXT,
    template_json TEXT,
    manifest_version INTEGER
) STRICT;

CREATE TABLE IF NOT EXISTS examples (
    example_id TEXT NOT NULL,
    dataset_id TEXT NOT NULL REFERENCES datasets,
    question TEXT,
    context TEXT,
    answers_json TEXT,
    meta_json TEXT,
    token_len INTEGER,
    cluster TEXT,
    PRIMARY KEY (dataset_id, example_id)
) STRICT;

CREATE TABLE IF NOT EXISTS bins (
    bin_id TEXT PRIMARY KEY NOT NULL,
    dataset_id TEXT NOT NULL REFERENCES datasets,
    bin_idx INTEGER NOT NULL,
    token_min INTEGER,
    token_max INTEGER,
    n_examples INTEGER,
    n_selected INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS bins_by_dataset ON bins (dataset_id, bin_idx);

CREATE TABLE IF NOT EXISTS manifest_entries (
    entry_id TEXT PRIMARY KEY NOT NULL,
    dataset_id TEXT NOT NULL REFERENCES datasets,
    example_id TEXT NOT NULL,
    bin_idx INTEGER,
    rank INTEGER,
    token_len INTEGER,
    prompt_sha256 TEXT,
    FOREIGN KEY (dataset_id, example_id) REFERENCES examples
) STRICT;
CREATE INDEX IF NOT EXISTS entries_by_example ON manifest_entries (dataset_id, example_id);

CREATE TABLE IF NOT EXISTS runs (
    run_id TEXT PRIMARY KEY NOT NULL,
    exp_group_id TEXT NOT NULL REFERENCES experiments,
    kv_policy TEXT,
    kv_budget REAL,
    engine_name TEXT,
    base_url TEXT,
    model_name TEXT,
    created_at TEXT,
    budget_unit TEXT,
    reference INTEGER,
    replicate TEXT,
    kv_json TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS runs_by_experiment ON runs (exp_group_id);

CREATE TABLE IF NOT EXISTS requests (
    request_id TEXT PRIMARY KEY NOT NULL,
    run_id TEXT NOT NULL REFERENCES runs,
    entry_id TEXT NOT NULL REFERENCES manifest_entries,
    prompt_json TEXT, -- the messages (array) or the prompt (string), from the manifest
    prompt_tokens INTEGER,
    max_tokens INTEGER,
    temperature REAL,
    seed INTEGER,
    body_sha256 TEXT,
    repeat INTEGER,
    bin_idx INTEGER,
    token_len INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS requests_by_run ON requests (run_id, bin_idx);
CREATE INDEX IF NOT EXISTS requests_by_entry ON requests (entry_id);

CREATE TABLE IF NOT EXISTS responses (
    response_id TEXT PRIMARY KEY NOT NULL, -- equals request_id
    request_id TEXT NOT NULL UNIQUE REFERENCES requests,
    text TEXT,
    finish_reason TEXT,
    completion_tokens INTEGER,
    raw_json TEXT,
    reasoning TEXT,
    error_json TEXT
) STRICT;

CREATE TABLE IF NOT EXISTS telemetry (
    request_id TEXT PRIMARY KEY NOT NULL REFERENCES requests,
    latency_s REAL,
    ttfb_s REAL,
    prefill_s REAL,
    decode_s REAL,
    peak_mem_mb REAL,
    notes_json TEXT, -- members of the record's telemetry that have no column
    ttft_s REAL,
    itl_p50_s REAL,
    itl_p95_s REAL,
    attempts INTEGER,
    wait_s REAL,
    cached_tokens INTEGER,
    started_at TEXT,
    kv_prompt_tokens REAL,
    kv_kept_tokens REAL,
    kv_kept_per_layer_json TEXT,
    kv_uncompressed_tail INTEGER,
    kv_bytes REAL,
    kv_peak_bytes REAL,
    kv_full_bytes REAL,
    kv_source TEXT,
    kv_applied TEXT,
    flags_json TEXT -- ["prefix_cached", ...]
) STRICT;

CREATE TABLE IF NOT EXISTS scores (
    request_id TEXT PRIMARY KEY NOT NULL REFERENCES requests,
    em REAL,
    f1 REAL,
    pred_norm TEXT,
    gold_norm TEXT,
    metric TEXT,
    value REAL,
    contains REAL,
    backend TEXT,
    score_json TEXT -- the whole score object
) STRICT;

CREATE TABLE IF NOT EXISTS failures (
    request_id TEXT PRIMARY KEY NOT NULL REFERENCES requests,
    failure_type TEXT NOT NULL,
    message TEXT,
    class TEXT
) STRICT;
CREATE INDEX IF NOT EXISTS failures_by_type ON failures (failure_type);

-- task is '' where the stream names none.
CREATE TABLE IF NOT EXISTS bin_stats (
    run_id TEXT NOT NULL REFERENCES runs,
    bin_idx INTEGER NOT NULL,
    n INTEGER,
    acc_mean REAL,
    acc_ci_low REAL,
    acc_ci_high REAL,
    acc_std REAL,
    fail_rate REAL,
    lat_p50 REAL,
    lat_p95 REAL,
    mem_p95 REAL,
    task TEXT NOT NULL,
    kv_budget REAL,
    token_min INTEGER,
    token_max INTEGER,
    token_mean REAL,
    n_entries INTEGER,
    n_scored INTEGER,
    ci TEXT,
    fail_ci_low REAL,
    fail_ci_high REAL,
    n_failed INTEGER,
    failures_json TEXT,
    n_infrastructure INTEGER,
    infrastructure_json TEXT,
    coverage REAL,
    failures_unobservable_json TEXT,
    ttft_p50 REAL,
    ttft_p95 REAL,
    itl_p50 REAL,
    itl_p95 REAL,
    prefill_p50 REAL,
    decode_p50 REAL,
    n_latency INTEGER,
    mem_p50 REAL,
    mem_max REAL,
    mem_source TEXT,
    kv_bytes_p50 REAL,
    kv_peak_bytes_p50 REAL,
    kept_tokens_p50 REAL,
    kept_ratio_p50 REAL,
    prompt_tokens_p50 REAL,
    completion_tokens_p50 REAL,
    applied_json TEXT,
    n_repeats INTEGER,
    repeat_disagreement REAL,
    warnings_json TEXT,
    flags_json TEXT, -- {"prefix_cached": n, ...}
    PRIMARY KEY (run_id, task, bin_idx)
) STRICT;

CREATE TABLE IF NOT EXISTS pair_stats (
    run_id TEXT NOT NULL REFERENCES runs,
    task TEXT NOT NULL,
    bin_idx INTEGER NOT NULL,
    kv_budget REAL,
    reference_run_id TEXT,
    control INTEGER,
    n_pairs INTEGER,
    n_clusters INTEGER,
    ref_mean REAL,
    run_mean REAL,
    delta_mean REAL,
    delta_ci_low REAL,
    delta_ci_high REAL,
    loss_upper REAL,
    loss_upper_each REAL,
    loss_n10 INTEGER,
    loss_n01 INTEGER,
    loss_p_raw REAL,
    loss_p_adj REAL,
    lift_n10 INTEGER,
    lift_n01 INTEGER,
    lift_p_raw REAL,
    lift_p_adj REAL,
    silent_n10 INTEGER,
    silent_n01 INTEGER,
    silent_p_raw REAL,
    silent_p_adj REAL,
    churn_changed INTEGER,
    churn_rate REAL,
    churn_floor_rate REAL,
    churn_n10 INTEGER,
    churn_n01 INTEGER,
    churn_p_raw REAL,
    churn_p_adj REAL,
    retention REAL,
    retention_ci_low REAL,
    retention_ci_high REAL,
    latency_ratio REAL,
    ttft_ratio REAL,
    itl_ratio REAL,
    kv_bytes_ratio REAL,
    kv_peak_ratio REAL,
    coverage REAL,
    stats_json TEXT, -- the whole record
    PRIMARY KEY (run_id, task, bin_idx)
) STRICT;

CREATE TABLE IF NOT EXISTS transition_summary (
    run_id TEXT NOT NULL REFERENCES runs,
    transition_bin_start INTEGER,
    transition_bin_end INTEGER,
    rationale_json TEXT,
    task TEXT NOT NULL,
    kv_budget REAL,
    verdict TEXT,
    collapse_bin INTEGER,
    "order" TEXT,
    safe_within REAL,
    summary TEXT,
    reference_run_id TEXT,
    warnings_json TEXT,
    PRIMARY KEY (run_id, task)
) STRICT;

-- What people ask first.
CREATE VIEW IF NOT EXISTS accuracy_by_bin AS
SELECT r.exp_group_id, r.model_name, s.task, r.kv_policy, r.kv_budget, r.budget_unit, r.reference,
       r.replicate, s.bin_idx, s.token_min, s.token_max, s.n, s.n_scored, s.acc_mean, s.acc_ci_low,
       s.acc_ci_high, s.fail_rate, p.delta_mean, p.delta_ci_low, p.delta_ci_high, p.loss_upper,
       p.loss_p_adj, p.lift_p_adj, s.lat_p50, s.kv_bytes_p50, s.kept_ratio_p50, s.run_id
FROM bin_stats s
JOIN runs r USING (run_id)
LEFT JOIN pair_stats p ON p.run_id = s.run_id AND p.task = s.task AND p.bin_idx = s.bin_idx
ORDER BY r.exp_group_id, r.model_name, s.task, r.kv_policy, r.reference DESC, r.replicate,
         r.budget_unit, r.kv_budget DESC, s.bin_idx;

CREATE VIEW IF NOT EXISTS verdicts AS
SELECT r.exp_group_id, r.model_name, t.task, r.kv_policy, r.kv_budget, r.budget_unit, t.verdict,
       t.safe_within, t.transition_bin_start, t.transition_bin_end, t.collapse_bin, t."order",
       t.summary, t.run_id
FROM transition_summary t
JOIN runs r USING (run_id)
ORDER BY r.exp_group_id, r.model_name, t.task, r.kv_policy, r.budget_unit, r.kv_budget DESC;

CREATE VIEW IF NOT EXISTS answers AS
SELECT q.request_id, r.exp_group_id, r.kv_policy, r.kv_budget, r.reference, r.replicate, q.bin_idx,
       q.token_len, e.example_id, x.question, x.answers_json, a.text, s.metric, s.value,
       f.failure_type, f.class AS failure_class, t.latency_s, t.kv_bytes,
       t.kv_kept_tokens / t.kv_prompt_tokens AS kept_ratio, t.kv_applied, q.entry_id, q.run_id, q.repeat
FROM requests q
JOIN runs r USING (run_id)
JOIN manifest_entries e USING (entry_id)
JOIN examples x ON x.dataset_id = e.dataset_id AND x.example_id = e.example_id
LEFT JOIN responses a ON a.request_id = q.request_id
LEFT JOIN scores s ON s.request_id = q.request_id
LEFT JOIN failures f ON f.request_id = q.request_id
LEFT JOIN telemetry t ON t.request_id = q.request_id;

-- Entries that score lower than with the full cache, both answers side by side. The full cache is the run that
-- the statistics compared with (of several policies each may have its own), else any of the experiment.
DROP VIEW IF EXISTS lost_answers;
CREATE VIEW lost_answers AS
SELECT c.exp_group_id, c.kv_policy, c.kv_budget, c.bin_idx, c.token_len, c.example_id, c.question,
       c.answers_json, whole.text AS full_text, whole.value AS full_value, c.text, c.value,
       c.failure_type, c.request_id, whole.request_id AS full_request_id
FROM answers c
JOIN runs rc ON rc.run_id = c.run_id
JOIN runs rf ON rf.exp_group_id = rc.exp_group_id AND rf.model_name IS rc.model_name
            AND rf.reference = 1 AND rf.replicate IS NOT 'b'
            AND rf.run_id = coalesce((SELECT min(p.reference_run_id) FROM pair_stats p
                                      WHERE p.run_id = rc.run_id), rf.run_id)
JOIN answers whole ON whole.run_id = rf.run_id AND whole.entry_id = c.entry_id AND whole.repeat = c.repeat
WHERE rc.reference = 0 AND c.value < whole.value;

COMMIT;
