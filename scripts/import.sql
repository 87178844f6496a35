-- Imports manifest.jsonl and stream.jsonl of the current folder into a database made by schema.sql:
--
--     sqlite3 -bail kv_transition.sqlite < .../schema.sql
--     sqlite3 -bail kv_transition.sqlite < .../import.sql      (scripts/import-db does both, for any paths)
--
-- Importing twice changes nothing; a record that comes again, in either file, replaces itself. Rows of
-- runs that the files do not name stay. One transaction: all of it, or none.
--
-- Which member of which record becomes which column. A test holds this table against kvt-stream(5) and
-- against the tables; "-" is not stored, and why.
--
--   experiment exp_group_id              experiments.exp_group_id
--   experiment created_at                experiments.created_at
--   experiment config                    experiments.config_yaml
--   experiment git_hash                  experiments.git_hash
--   experiment notes                     experiments.notes
--   experiment seed                      experiments.seed
--   dataset dataset_id                   datasets.dataset_id
--   dataset name                         datasets.name
--   dataset task                         datasets.task
--   dataset created_at                   datasets.created_at
--   dataset source_sha256                datasets.source_sha256
--   dataset n_examples                   datasets.n_examples
--   dataset tokenizer                    datasets.tokenizer_json
--   dataset template                     datasets.template_json
--   dataset manifest_version             datasets.manifest_version
--   bin bin_id                           bins.bin_id
--   bin dataset_id                       bins.dataset_id
--   bin bin_idx                          bins.bin_idx
--   bin token_min                        bins.token_min
--   bin token_max                        bins.token_max
--   bin n_examples                       bins.n_examples
--   bin n_selected                       bins.n_selected
--   entry entry_id                       manifest_entries.entry_id
--   entry dataset_id                     manifest_entries.dataset_id
--   entry example_id                     manifest_entries.example_id
--   entry bin_idx                        manifest_entries.bin_idx
--   entry rank                           manifest_entries.rank
--   entry token_len                      manifest_entries.token_len
--   entry question                       examples.question
--   entry context                        examples.context
--   entry answers                        examples.answers_json
--   entry messages                       requests.prompt_json
--   entry prompt                         requests.prompt_json
--   entry prompt_sha256                  manifest_entries.prompt_sha256
--   entry cluster                        examples.cluster
--   entry meta                           examples.meta_json
--   run run_id                           runs.run_id
--   run exp_group_id                     runs.exp_group_id
--   run kv_policy                        runs.kv_policy
--   run kv_budget                        runs.kv_budget
--   run budget_unit                      runs.budget_unit
--   run reference                        runs.reference
--   run replicate                        runs.replicate
--   run sample                           -  what it asked is in requests
--   run kv                               runs.kv_json
--   run engine_name                      runs.engine_name
--   run base_url                         runs.base_url
--   run model_name                       runs.model_name
--   run created_at                       runs.created_at
--   run failures_unobservable            -
--   run import.format                    -
--   run import.joined_by                 -
--   run import.rows                      -
--   run import.repeated                  -
--   run import.dropped                   -
--   preflight probe_id                   -  its effect is on each row: telemetry.kv_applied
--   preflight applied                    -
--   preflight evidence                   -
--   preflight entries                    -
--   preflight starved_entries            -
--   preflight starved_changed            -
--   preflight aa_changed                 -
--   preflight starved_logprob_gap        -
--   preflight aa_logprob_gap             -
--   preflight kv_budget                  -
--   preflight budget_unit                -
--   preflight kept_ratio                 -
--   preflight engine_name                -
--   preflight model_name                 -
--   preflight created_at                 -
--   preflight text                       -
--   response request_id                  requests.request_id
--   response run_id                      requests.run_id
--   response entry_id                    requests.entry_id
--   response bin_idx                     requests.bin_idx
--   response token_len                   requests.token_len
--   response kv_policy                   -  the run's
--   response kv_budget                   -  the run's
--   response budget_unit                 -  the run's
--   response reference                   -  the run's
--   response replicate                   -  the run's
--   response repeat                      requests.repeat
--   response answers                     -  the entry's (examples.answers_json if no entry is there)
--   response cluster                     -  the entry's (examples.cluster if no entry is there)
--   response meta                        -  the entry's (examples.meta_json if no entry is there)
--   response request.prompt_tokens       requests.prompt_tokens
--   response request.max_tokens          requests.max_tokens
--   response request.temperature         requests.temperature
--   response request.seed                requests.seed
--   response request.body_sha256         requests.body_sha256
--   response response.text               responses.text
--   response response.finish_reason      responses.finish_reason
--   response response.completion_tokens  responses.completion_tokens
--   response response.reasoning          responses.reasoning
--   response response.raw                responses.raw_json
--   response telemetry.latency_s         telemetry.latency_s
--   response telemetry.ttfb_s            telemetry.ttfb_s
--   response telemetry.ttft_s            telemetry.ttft_s
--   response telemetry.ttft_of           -  in telemetry.notes_json, with what else has no column
--   response telemetry.first_event_s     -
--   response telemetry.first_reasoning_s -
--   response telemetry.prefill_s         telemetry.prefill_s
--   response telemetry.decode_s          telemetry.decode_s
--   response telemetry.phase_source      -
--   response telemetry.itl_p50_s         telemetry.itl_p50_s
--   response telemetry.itl_p95_s         telemetry.itl_p95_s
--   response telemetry.attempts          telemetry.attempts
--   response telemetry.wait_s            telemetry.wait_s
--   response telemetry.cached_tokens     telemetry.cached_tokens
--   response telemetry.started_at        telemetry.started_at
--   response telemetry.in_flight         -
--   response telemetry.peak_mem_mb       telemetry.peak_mem_mb
--   response telemetry.flags             telemetry.flags_json
--   response telemetry.kv.prompt_tokens  telemetry.kv_prompt_tokens
--   response telemetry.kv.kept_tokens    telemetry.kv_kept_tokens
--   response telemetry.kv.kept_per_layer telemetry.kv_kept_per_layer_json
--   response telemetry.kv.uncompressed_tail telemetry.kv_uncompressed_tail
--   response telemetry.kv.bytes          telemetry.kv_bytes
--   response telemetry.kv.peak_bytes     telemetry.kv_peak_bytes
--   response telemetry.kv.full_bytes     telemetry.kv_full_bytes
--   response telemetry.kv.source         telemetry.kv_source
--   response telemetry.kv.applied        telemetry.kv_applied
--   response telemetry.kv.gauge          -  what it says is in kv_bytes and kv_peak_bytes
--   response telemetry.probe             -
--   response error                       responses.error_json
--   response score                       scores.score_json
--   response score.metric                scores.metric
--   response score.value                 scores.value
--   response score.em                    scores.em
--   response score.f1                    scores.f1
--   response score.contains              scores.contains
--   response score.backend               scores.backend
--   response score.pred_norm             scores.pred_norm
--   response score.gold_norm             scores.gold_norm
--   response score.explain               -  in scores.score_json
--   response failure                     -  null, or the members below
--   response failures_unobservable       -  bin_stats.failures_unobservable_json sums it up
--   response failure.failure_type        failures.failure_type
--   response failure.class               failures.class
--   response failure.message             failures.message
--   bin_stats run_id                     bin_stats.run_id
--   bin_stats kv_budget                  bin_stats.kv_budget
--   bin_stats bin_idx                    bin_stats.bin_idx
--   bin_stats n                          bin_stats.n
--   bin_stats n_scored                   bin_stats.n_scored
--   bin_stats acc_mean                   bin_stats.acc_mean
--   bin_stats acc_ci_low                 bin_stats.acc_ci_low
--   bin_stats acc_ci_high                bin_stats.acc_ci_high
--   bin_stats acc_std                    bin_stats.acc_std
--   bin_stats fail_rate                  bin_stats.fail_rate
--   bin_stats lat_p50                    bin_stats.lat_p50
--   bin_stats lat_p95                    bin_stats.lat_p95
--   bin_stats ttft_p50                   bin_stats.ttft_p50
--   bin_stats ttft_p95                   bin_stats.ttft_p95
--   bin_stats itl_p50                    bin_stats.itl_p50
--   bin_stats mem_p95                    bin_stats.mem_p95
--   bin_stats mem_source                 bin_stats.mem_source
--   bin_stats kv_bytes_p50               bin_stats.kv_bytes_p50
--   bin_stats kept_ratio_p50             bin_stats.kept_ratio_p50
--   bin_stats flags                      bin_stats.flags_json
--   bin_stats n_cache_known              -
--   pair_stats run_id                    pair_stats.run_id
--   pair_stats kv_budget                 pair_stats.kv_budget
--   pair_stats bin_idx                   pair_stats.bin_idx
--   pair_stats n_pairs                   pair_stats.n_pairs
--   pair_stats delta_mean              pair_stats.delta_mean
--   pair_stats delta_ci_low            pair_stats.delta_ci_low
--   pair_stats delta_ci_high           pair_stats.delta_ci_high
--   pair_stats loss_upper              pair_stats.loss_upper
--   pair_stats loss.n10                pair_stats.loss_n10
--   pair_stats loss.n01                pair_stats.loss_n01
--   pair_stats loss.p_raw              pair_stats.loss_p_raw
--   pair_stats loss.p_adj              pair_stats.loss_p_adj
--   pair_stats lift.n10                pair_stats.lift_n10
--   pair_stats lift.n01                pair_stats.lift_n01
--   pair_stats lift.p_raw              pair_stats.lift_p_raw
--   pair_stats lift.p_adj              pair_stats.lift_p_adj
--   pair_stats churn.n10               pair_stats.churn_n10
--   pair_stats churn.n01               pair_stats.churn_n01
--   pair_stats churn.p_raw             pair_stats.churn_p_raw
--   pair_stats churn.p_adj             pair_stats.churn_p_adj
--   pair_stats failure_types           -
--   pair_stats retention               pair_stats.retention
--   pair_stats retention_ci_low        pair_stats.retention_ci_low
--   pair_stats retention_ci_high       pair_stats.retention_ci_high
--   pair_stats latency_ratio           -
--   pair_stats ttft_ratio              -
--   pair_stats itl_ratio               -
--   pair_stats kv_bytes_ratio          -
--   pair_stats kv_peak_ratio           -
--   pair_stats attribution             -
--   pair_stats coverage                -
--   pair_stats flags                     -
--   pair_stats noop_suspected          -
--   transition run_id                    transition_summary.run_id
--   transition kv_budget                 transition_summary.kv_budget
--   transition verdict                   transition_summary.verdict
--   transition transition_bin_start      transition_summary.transition_bin_start
--   transition transition_bin_end        transition_summary.transition_bin_end
--   transition collapse_bin              transition_summary.collapse_bin
--   transition order                     transition_summary.order
--   transition safe_within               transition_summary.safe_within
--   transition summary                   transition_summary.summary
--   transition rationale                 transition_summary.rationale_json
--   meta stage                           -  provenance of the stream, not of the results
--   meta version                         -
--   meta settings                        -
--   meta input_sha256                    -
--   meta records_in                      -
--   meta records_out                     -
-- end of table
--
-- More members of bin_stats, pair_stats and transition have columns of the same name, or of their path
-- with "_" for "."; pair_stats.stats_json holds the whole record.

.timeout 10000
PRAGMA foreign_keys = ON;

-- Lines as they are: ascii mode knows no quoting, and JSON never holds the byte 037 nor a line feed.
CREATE TEMP TABLE line (json TEXT);
.mode ascii
.separator "\037" "\n"
.import manifest.jsonl line
CREATE TEMP TABLE manifest AS SELECT count(*) AS n_lines FROM line;
.import stream.jsonl line
.mode list

-- A broken line is named, then stops the import.
CREATE TEMP TABLE broken (n INTEGER);
CREATE TEMP TRIGGER stop BEFORE INSERT ON broken
BEGIN
    SELECT RAISE(ABORT, 'import stopped, nothing changed');
END;
CREATE TEMP VIEW place AS -- where a line stands: its file, and its number there
SELECT line.rowid AS n, iif(line.rowid > n_lines, printf('stream.jsonl:%d', line.rowid - n_lines),
                            printf('manifest.jsonl:%d', line.rowid)) AS text
FROM line, manifest;
SELECT printf('%s: line %d (counted through both files) is not JSON', text, n) FROM line JOIN place ON n = line.rowid
WHERE json <> '' AND NOT json_valid(json) ORDER BY n LIMIT 1;
INSERT INTO broken SELECT rowid FROM line WHERE json <> '' AND NOT json_valid(json);

CREATE TEMP TABLE record AS
SELECT rowid AS n, json ->> 'kind' AS kind, json AS j FROM line WHERE json <> '';
-- So is a manifest that a newer release wrote (KVT_MANIFEST_VERSION of src/stream/contract.h).
SELECT printf('%s: dataset.manifest_version is %d, and this release reads versions up to 1: use the release '
              || 'that wrote the manifest', text, j ->> 'manifest_version')
FROM record JOIN place USING (n)
WHERE kind = 'dataset' AND j ->> 'manifest_version' > 1 ORDER BY n LIMIT 1;
INSERT INTO broken SELECT n FROM record WHERE kind = 'dataset' AND j ->> 'manifest_version' > 1;
CREATE INDEX temp.record_by_kind ON record (kind, n);
DROP VIEW place;
DROP TABLE line;
-- A response that came more than once is its last record alone: nothing of an earlier one (a time-out, before
-- the answer) may stand beside it.
DELETE FROM record WHERE kind = 'response' AND n NOT IN
    (SELECT max(n) FROM record WHERE kind = 'response' GROUP BY j ->> 'request_id');

BEGIN IMMEDIATE;
PRAGMA defer_foreign_keys = ON; -- parents are replaced under their children; checked at the end

INSERT OR REPLACE INTO experiments (exp_group_id, created_at, config_yaml, git_hash, notes, seed)
SELECT j ->> 'exp_group_id', j ->> 'created_at', nullif(j -> 'config', 'null'), j ->> 'git_hash',
       j ->> 'notes', j ->> 'seed'
FROM record WHERE kind = 'experiment' ORDER BY n;

INSERT OR REPLACE INTO datasets (dataset_id, name, task, created_at, source_sha256, n_examples,
                                 tokenizer_json, template_json, manifest_version)
SELECT j ->> 'dataset_id', j ->> 'name', j ->> 'task', j ->> 'created_at', j ->> 'source_sha256',
       j ->> 'n_examples', nullif(j -> 'tokenizer', 'null'), nullif(j -> 'template', 'null'),
       j ->> 'manifest_version'
FROM record WHERE kind = 'dataset' ORDER BY n;

INSERT OR REPLACE INTO bins (bin_id, dataset_id, bin_idx, token_min, token_max, n_examples, n_selected)
SELECT j ->> 'bin_id', j ->> 'dataset_id', j ->> 'bin_idx', j ->> 'token_min', j ->> 'token_max',
       j ->> 'n_examples', j ->> 'n_selected'
FROM record WHERE kind = 'bin' ORDER BY n;

-- Entries of a stream come without context; what the manifest said of it stays.
INSERT INTO examples (example_id, dataset_id, question, context, answers_json, meta_json, token_len, cluster)
SELECT j ->> 'example_id', j ->> 'dataset_id', j ->> 'question', j ->> 'context',
       nullif(j -> 'answers', 'null'), nullif(j -> 'meta', 'null'), j ->> 'token_len', j ->> 'cluster'
FROM record WHERE kind = 'entry' ORDER BY n
ON CONFLICT DO UPDATE SET
    question = coalesce(excluded.question, question), context = coalesce(excluded.context, context),
    answers_json = excluded.answers_json, meta_json = excluded.meta_json,
    token_len = excluded.token_len, cluster = excluded.cluster;

INSERT OR REPLACE INTO manifest_entries (entry_id, dataset_id, example_id, bin_idx, rank, token_len,
                                         prompt_sha256)
SELECT j ->> 'entry_id', j ->> 'dataset_id', j ->> 'example_id', j ->> 'bin_idx', j ->> 'rank',
       j ->> 'token_len', j ->> 'prompt_sha256'
FROM record WHERE kind = 'entry' ORDER BY n;

-- Imported predictions have responses without entries: those stand under a dataset 'unknown', as the
-- responses describe them, until an entry comes.
CREATE TEMP TABLE orphan AS
SELECT j ->> 'entry_id' AS entry_id, max(n) AS n FROM record
WHERE kind = 'response' AND j ->> 'entry_id' NOT IN (SELECT entry_id FROM manifest_entries
                                                     WHERE dataset_id <> 'unknown')
GROUP BY 1;
INSERT OR IGNORE INTO datasets (dataset_id, name) SELECT 'unknown', 'unknown' FROM orphan LIMIT 1;
INSERT OR REPLACE INTO examples (example_id, dataset_id, answers_json, meta_json, token_len, cluster)
SELECT entry_id, 'unknown', nullif(j -> 'answers', 'null'), nullif(j -> 'meta', 'null'),
       j ->> 'token_len', j ->> 'cluster'
FROM orphan JOIN record USING (n);
INSERT OR REPLACE INTO manifest_entries (entry_id, dataset_id, example_id, bin_idx, token_len)
SELECT entry_id, 'unknown', entry_id, j ->> 'bin_idx', j ->> 'token_len'
FROM orphan JOIN record USING (n);
DELETE FROM examples WHERE dataset_id = 'unknown'
    AND example_id NOT IN (SELECT example_id FROM manifest_entries WHERE dataset_id = 'unknown');
DELETE FROM datasets WHERE dataset_id = 'unknown'
    AND NOT EXISTS (SELECT 1 FROM examples WHERE dataset_id = 'unknown');

-- A run of an experiment whose own record is in neither file.
INSERT OR IGNORE INTO experiments (exp_group_id)
SELECT j ->> 'exp_group_id' FROM record WHERE kind = 'run';

INSERT OR REPLACE INTO runs (run_id, exp_group_id, kv_policy, kv_budget, engine_name, base_url, model_name,
                             created_at, budget_unit, reference, replicate, kv_json)
SELECT j ->> 'run_id', j ->> 'exp_group_id', j ->> 'kv_policy', j ->> 'kv_budget', j ->> 'engine_name',
       j ->> 'base_url', j ->> 'model_name', j ->> 'created_at', j ->> 'budget_unit', j ->> 'reference',
       j ->> 'replicate', nullif(j -> 'kv', 'null')
FROM record WHERE kind = 'run' ORDER BY n;

CREATE TEMP TABLE prompt (entry_id TEXT PRIMARY KEY, json TEXT);
INSERT OR REPLACE INTO prompt
SELECT j ->> 'entry_id', coalesce(nullif(j -> 'messages', 'null'), nullif(j -> 'prompt', 'null'))
FROM record
WHERE kind = 'entry' AND coalesce(nullif(j -> 'messages', 'null'), nullif(j -> 'prompt', 'null')) IS NOT NULL
ORDER BY n;

INSERT INTO requests (request_id, run_id, entry_id, prompt_json, prompt_tokens, max_tokens, temperature,
                      seed, body_sha256, repeat, bin_idx, token_len)
SELECT j ->> 'request_id', j ->> 'run_id', j ->> 'entry_id', prompt.json, j ->> '$.request.prompt_tokens',
       j ->> '$.request.max_tokens', j ->> '$.request.temperature', j ->> '$.request.seed',
       j ->> '$.request.body_sha256', j ->> 'repeat', j ->> 'bin_idx', j ->> 'token_len'
FROM record LEFT JOIN prompt ON prompt.entry_id = j ->> 'entry_id'
WHERE kind = 'response' ORDER BY n
ON CONFLICT DO UPDATE SET
    run_id = excluded.run_id, entry_id = excluded.entry_id,
    prompt_json = coalesce(excluded.prompt_json, prompt_json), prompt_tokens = excluded.prompt_tokens,
    max_tokens = excluded.max_tokens, temperature = excluded.temperature, seed = excluded.seed,
    body_sha256 = excluded.body_sha256, repeat = excluded.repeat, bin_idx = excluded.bin_idx,
    token_len = excluded.token_len;

INSERT OR REPLACE INTO responses (response_id, request_id, text, finish_reason, completion_tokens, raw_json,
                                  reasoning, error_json)
SELECT j ->> 'request_id', j ->> 'request_id', j ->> '$.response.text', j ->> '$.response.finish_reason',
       j ->> '$.response.completion_tokens', nullif(j -> '$.response.raw', 'null'),
       j ->> '$.response.reasoning', nullif(j -> 'error', 'null')
FROM record WHERE kind = 'response' ORDER BY n;

INSERT OR REPLACE INTO telemetry (request_id, latency_s, ttfb_s, prefill_s, decode_s, peak_mem_mb, notes_json,
                                  ttft_s, itl_p50_s, itl_p95_s, attempts, wait_s, cached_tokens, started_at,
                                  kv_prompt_tokens, kv_kept_tokens, kv_kept_per_layer_json,
                                  kv_uncompressed_tail, kv_bytes, kv_peak_bytes, kv_full_bytes, kv_source,
                                  kv_applied, flags_json)
SELECT j ->> 'request_id', j ->> '$.telemetry.latency_s', j ->> '$.telemetry.ttfb_s',
       j ->> '$.telemetry.prefill_s', j ->> '$.telemetry.decode_s', j ->> '$.telemetry.peak_mem_mb',
       nullif(json_remove(j -> 'telemetry', '$.latency_s', '$.ttfb_s', '$.prefill_s', '$.decode_s',
                          '$.peak_mem_mb', '$.ttft_s', '$.itl_p50_s', '$.itl_p95_s', '$.attempts',
                          '$.wait_s', '$.cached_tokens', '$.started_at', '$.flags', '$.kv'), '{}'),
       j ->> '$.telemetry.ttft_s', j ->> '$.telemetry.itl_p50_s', j ->> '$.telemetry.itl_p95_s',
       j ->> '$.telemetry.attempts', j ->> '$.telemetry.wait_s', j ->> '$.telemetry.cached_tokens',
       j ->> '$.telemetry.started_at', j ->> '$.telemetry.kv.prompt_tokens',
       j ->> '$.telemetry.kv.kept_tokens', nullif(j -> '$.telemetry.kv.kept_per_layer', 'null'),
       j ->> '$.telemetry.kv.uncompressed_tail', j ->> '$.telemetry.kv.bytes',
       j ->> '$.telemetry.kv.peak_bytes', j ->> '$.telemetry.kv.full_bytes', j ->> '$.telemetry.kv.source',
       j ->> '$.telemetry.kv.applied', nullif(j -> '$.telemetry.flags', 'null')
FROM record WHERE kind = 'response' ORDER BY n;

-- What is imported again may no longer have a score, or be a failure.
DELETE FROM scores WHERE request_id IN (SELECT j ->> 'request_id' FROM record WHERE kind = 'response');
DELETE FROM failures WHERE request_id IN (SELECT j ->> 'request_id' FROM record WHERE kind = 'response');
INSERT OR REPLACE INTO scores (request_id, em, f1, pred_norm, gold_norm, metric, value, contains, backend,
                               score_json)
SELECT j ->> 'request_id', j ->> '$.score.em', j ->> '$.score.f1', j ->> '$.score.pred_norm',
       j ->> '$.score.gold_norm', j ->> '$.score.metric', j ->> '$.score.value',
       j ->> '$.score.contains', j ->> '$.score.backend', j -> 'score'
FROM record WHERE kind = 'response' AND json_type(j, '$.score') = 'object' ORDER BY n;

INSERT OR REPLACE INTO failures (request_id, failure_type, message, class)
SELECT j ->> 'request_id', j ->> '$.failure.failure_type', j ->> '$.failure.message', j ->> '$.failure.class'
FROM record WHERE kind = 'response' AND json_type(j, '$.failure') = 'object' ORDER BY n;

-- Statistics of a run are replaced whole.
DELETE FROM bin_stats WHERE run_id IN (SELECT j ->> 'run_id' FROM record WHERE kind = 'bin_stats');
INSERT OR REPLACE INTO bin_stats (
    run_id, bin_idx, n, acc_mean, acc_ci_low, acc_ci_high, acc_std, fail_rate, lat_p50, lat_p95, mem_p95, task,
    kv_budget, token_min, token_max, token_mean, n_entries, n_scored, ci, fail_ci_low, fail_ci_high, n_failed,
    failures_json, n_infrastructure, infrastructure_json, coverage, failures_unobservable_json, ttft_p50,
    ttft_p95, itl_p50, itl_p95, prefill_p50, decode_p50, n_latency, mem_p50, mem_max, mem_source, kv_bytes_p50,
    kv_peak_bytes_p50, kept_tokens_p50, kept_ratio_p50, prompt_tokens_p50, completion_tokens_p50, applied_json,
    n_repeats, repeat_disagreement, warnings_json, flags_json)
SELECT j ->> 'run_id', j ->> 'bin_idx', j ->> 'n', j ->> 'acc_mean', j ->> 'acc_ci_low', j ->> 'acc_ci_high',
       j ->> 'acc_std', j ->> 'fail_rate', j ->> 'lat_p50', j ->> 'lat_p95', j ->> 'mem_p95',
       coalesce(j ->> 'task', ''), j ->> 'kv_budget', j ->> 'token_min', j ->> 'token_max', j ->> 'token_mean',
       j ->> 'n_entries', j ->> 'n_scored', j ->> 'ci', j ->> 'fail_ci_low', j ->> 'fail_ci_high',
       j ->> 'n_failed', nullif(j -> 'failures', 'null'), j ->> 'n_infrastructure',
       nullif(j -> 'infrastructure', 'null'), j ->> 'coverage', nullif(j -> 'failures_unobservable', 'null'),
       j ->> 'ttft_p50', j ->> 'ttft_p95', j ->> 'itl_p50', j ->> 'itl_p95', j ->> 'prefill_p50',
       j ->> 'decode_p50', j ->> 'n_latency', j ->> 'mem_p50', j ->> 'mem_max', j ->> 'mem_source',
       j ->> 'kv_bytes_p50', j ->> 'kv_peak_bytes_p50', j ->> 'kept_tokens_p50', j ->> 'kept_ratio_p50',
       j ->> 'prompt_tokens_p50', j ->> 'completion_tokens_p50', nullif(j -> 'applied', 'null'),
       j ->> 'n_repeats', j ->> 'repeat_disagreement', nullif(j -> 'warnings', 'null'), nullif(j -> 'flags', 'null')
FROM record WHERE kind = 'bin_stats' ORDER BY n;

DELETE FROM pair_stats WHERE run_id IN (SELECT j ->> 'run_id' FROM record WHERE kind = 'bin_stats');
INSERT OR REPLACE INTO pair_stats (
    run_id, task, bin_idx, kv_budget, reference_run_id, control, n_pairs, n_clusters, ref_mean, run_mean,
    delta_mean, delta_ci_low, delta_ci_high, loss_upper, loss_upper_each, loss_n10, loss_n01, loss_p_raw,
    loss_p_adj, lift_n10, lift_n01, lift_p_raw, lift_p_adj, silent_n10, silent_n01, silent_p_raw, silent_p_adj,
    churn_changed, churn_rate, churn_floor_rate, churn_n10, churn_n01, churn_p_raw, churn_p_adj, retention, retention_ci_low, retention_ci_high,
    latency_ratio, ttft_ratio, itl_ratio, kv_bytes_ratio, kv_peak_ratio, coverage, stats_json)
SELECT j ->> 'run_id', coalesce(j ->> 'task', ''), j ->> 'bin_idx', j ->> 'kv_budget',
       j ->> 'reference_run_id', j ->> 'control', j ->> 'n_pairs', j ->> 'n_clusters', j ->> 'ref_mean',
       j ->> 'run_mean', j ->> 'delta_mean', j ->> 'delta_ci_low', j ->> 'delta_ci_high', j ->> 'loss_upper',
       j ->> 'loss_upper_each', j ->> '$.loss.n10', j ->> '$.loss.n01', j ->> '$.loss.p_raw',
       j ->> '$.loss.p_adj', j ->> '$.lift.n10', j ->> '$.lift.n01', j ->> '$.lift.p_raw', j ->> '$.lift.p_adj',
       j ->> '$.silent.n10', j ->> '$.silent.n01', j ->> '$.silent.p_raw', j ->> '$.silent.p_adj',
       j ->> '$.churn.n_changed', j ->> '$.churn.changed_rate', j ->> '$.churn.floor_rate',
       j ->> '$.churn.n10', j ->> '$.churn.n01', j ->> '$.churn.p_raw', j ->> '$.churn.p_adj', j ->> 'retention', j ->> 'retention_ci_low', j ->> 'retention_ci_high',
       j ->> '$.latency_ratio.ratio', j ->> '$.ttft_ratio.ratio', j ->> '$.itl_ratio.ratio',
       j ->> '$.kv_bytes_ratio.ratio', j ->> '$.kv_peak_ratio.ratio', j ->> '$.coverage.share', j
FROM record WHERE kind = 'pair_stats' ORDER BY n;

DELETE FROM transition_summary WHERE run_id IN (SELECT j ->> 'run_id' FROM record WHERE kind = 'bin_stats');
INSERT OR REPLACE INTO transition_summary (run_id, transition_bin_start, transition_bin_end, rationale_json,
                                           task, kv_budget, verdict, collapse_bin, "order", safe_within, summary,
                                           reference_run_id, warnings_json)
SELECT j ->> 'run_id', j ->> 'transition_bin_start', j ->> 'transition_bin_end',
       nullif(j -> 'rationale', 'null'), coalesce(j ->> 'task', ''), j ->> 'kv_budget', j ->> 'verdict',
       j ->> 'collapse_bin', j ->> 'order', j ->> 'safe_within', j ->> 'summary', j ->> 'reference_run_id',
       nullif(j -> 'warnings', 'null')
FROM record WHERE kind = 'transition' ORDER BY n;

-- Prints what would violate a reference, once for each pair of tables; the COMMIT then fails.
SELECT printf('%s: row %d%s names a row of %s that is not there%s', "table", min(rowid),
              iif(count(*) > 1, printf(' (and %d more)', count(*) - 1), ''), parent,
              iif(parent = 'runs', ': give the stream with its run records (kvt-infer and kvt-import write them)', ''))
FROM pragma_foreign_key_check GROUP BY "table", parent;
COMMIT;
