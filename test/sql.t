#!/bin/bash
# scripts/import-db: a stream as tables. Texts survive exactly, references hold, importing twice changes
# nothing, a broken line changes nothing either, and the mapping in import.sql is the contract's.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
golden_stream=test/golden/render/stream.jsonl
folder="$scratch/a folder; with 'quotes' & \$signs"
mkdir "$folder"
database="$folder/d b.sqlite" manifest="$folder/the \"manifest\".jsonl" stream="$folder/-stream.jsonl"
sql() { sqlite3 "$database" "$@"; }
tables="experiments datasets examples bins manifest_entries runs requests responses telemetry scores failures bin_stats pair_stats transition_summary"

# A manifest with contexts (one of 120,000 characters) and prompts, and a stream with texts that try to escape.
jq -c 'select(.kind | IN("experiment", "dataset", "bin"))' "$golden_stream" >"$manifest"
jq -c 'select(.kind == "entry") | (if .rank == 0 then "long é " * 20000 else "short\n\"quoted\" \u001f\t😀 '"'"'x'"'"' -- ;" end) as $context
    | .context = $context | if .bin_idx == 1 then .prompt = "p: " + $context else .messages = [{role: "user", content: $context}] end' \
    "$golden_stream" >>"$manifest"
jq -c 'if .kind == "response" and .bin_idx == 1 then
        .response.text = "line\nline\r\n\"q\" '"'"'s'"'"' \\ \u001f \u2028 😀, | " + .request_id
    elif .kind == "response" and .bin_idx == 2 then .response.text = ""
    elif .kind == "response" and .bin_idx == 4 and .kv_budget == 0.2 then
        .response.text = null | .error = {type: "TIMEOUT", status: null, message: "it'"'"'s late", retryable: true}
        | .score.value = null | .failure = {failure_type: "TIMEOUT", class: "infrastructure", message: "it'"'"'s late"}
    elif .kind == "response" and .bin_idx == 3 then .telemetry.flags = ["prefix_cached"]
    elif .kind == "bin_stats" and .bin_idx == 3 then .flags = {prefix_cached: 8}
    else . end' "$golden_stream" >"$stream"
ok "the manifest keeps the contract" kvt-lint "$manifest"
ok "so does the stream" kvt-lint "$stream"

ok "import, whatever the paths look like" scripts/import-db "$database" "$manifest" "$stream"
is "nothing is left beside the database" "$(find "$folder" -name '.import*')" ''
is "row counts" "$(for t in $tables; do sql "SELECT '$t', count(*) FROM $t"; done | tr '\n' ' ')" \
    "experiments|1 datasets|1 examples|40 bins|5 manifest_entries|40 runs|3 requests|120 responses|120 telemetry|120 scores|120 failures|$(jq -c 'select(.failure)' "$stream" | wc -l) bin_stats|15 pair_stats|10 transition_summary|2 "
is "references hold" "$(sql 'PRAGMA foreign_key_check')" ''
is "the file is sound" "$(sql 'PRAGMA integrity_check')" ok
is "write-ahead log" "$(sql 'PRAGMA journal_mode')" wal
is "schema_version" "$(sql 'SELECT max(version) FROM schema_version')" 2
is "every table is STRICT" "$(sql "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND name NOT LIKE 'sqlite_%'")" ''

# --- the blueprint's columns
while read -r table columns; do
    is "$table has the columns of the blueprint" \
        "$(for c in $columns; do sql "SELECT name FROM pragma_table_info('$table') WHERE name = '$c'"; done | tr '\n' ' ')" "$columns "
done <<'END'
experiments exp_group_id created_at config_yaml git_hash notes
datasets dataset_id name task created_at
examples example_id dataset_id question context answers_json meta_json token_len
bins bin_id dataset_id bin_idx token_min token_max n_examples
manifest_entries entry_id dataset_id example_id bin_idx
runs run_id exp_group_id kv_policy kv_budget engine_name base_url model_name created_at
requests request_id run_id entry_id prompt_json prompt_tokens max_tokens temperature
responses response_id request_id text finish_reason completion_tokens raw_json
telemetry request_id latency_s ttfb_s prefill_s decode_s peak_mem_mb notes_json
scores request_id em f1 pred_norm gold_norm
failures request_id failure_type message
bin_stats run_id bin_idx n acc_mean acc_ci_low acc_ci_high acc_std fail_rate lat_p50 lat_p95 mem_p95
transition_summary run_id transition_bin_start transition_bin_end rationale_json
END

# --- page, stream and SQL agree: every member of the contract is in the mapping, every column exists
sed -n '/^--   experiment exp_group_id/,/^-- end of table/p' scripts/import.sql | sed -n 's/^--   //p' >"$scratch/mapping"
is "every member of the contract has its place" \
    "$(comm -23 <(kvt-lint --contract | cut -f1,2 | tr '\t' ' ' | sort) <(awk '{ print $1, $2 }' "$scratch/mapping" | sort))" ''
is "every column of the mapping exists" "$(awk '$3 != "-" { print $3 }' "$scratch/mapping" | sort -u | while IFS=. read -r table column; do
    [ "$(sql "SELECT count(*) FROM pragma_table_info('$table') WHERE name = '$column'")" = 1 ] || echo "$table.$column"
done)" ''
# and the mapping is true: each value, found by its member, is in its column
check() { # kind, table, how their rows meet
    local kind=$1 table=$2 join=$3
    awk -v k="$kind" -v t="$table" '$1 == k && index($3, t ".") == 1 { print $2, substr($3, length(t) + 2) }' "$scratch/mapping" |
        while read -r path column; do
            echo "SELECT '$table.$column: ' || count(*) FROM line JOIN db.$table t ON $join
                WHERE json ->> 'kind' = '$kind' AND t.\"$column\" IS NOT json_extract(json, '\$.$path') HAVING count(*) > 0;
                SELECT '$table.$column: no rows' WHERE NOT EXISTS
                (SELECT 1 FROM line JOIN db.$table t ON $join WHERE json ->> 'kind' = '$kind');"
        done
}
ln -s "$stream" "$scratch/plain.jsonl"
{
    echo 'CREATE TEMP TABLE line (json TEXT);'
    printf '%s\n' ".mode ascii" '.separator "\037" "\n"' ".import $scratch/plain.jsonl line" ".mode list"
    echo "ATTACH '${database//\'/\'\'}' AS db;"
    check experiment experiments "t.exp_group_id = json ->> 'exp_group_id'"
    check dataset datasets "t.dataset_id = json ->> 'dataset_id'"
    check bin bins "t.bin_id = json ->> 'bin_id'"
    check entry manifest_entries "t.entry_id = json ->> 'entry_id'"
    check run runs "t.run_id = json ->> 'run_id'"
    for table in requests responses telemetry scores failures; do
        check response $table "t.request_id = json ->> 'request_id'"
    done
    check bin_stats bin_stats "t.run_id = json ->> 'run_id' AND t.bin_idx = json ->> 'bin_idx'"
    check pair_stats pair_stats "t.run_id = json ->> 'run_id' AND t.bin_idx = json ->> 'bin_idx'"
    check transition transition_summary "t.run_id = json ->> 'run_id'"
} >"$scratch/check.sql"
ok "the check has a query per column" test "$(grep -c 'no rows' "$scratch/check.sql")" -gt 100
is "each member is in its column" "$(sqlite3 -bail "$scratch/check.sqlite" <"$scratch/check.sql" 2>&1)" ''

# --- texts, byte for byte, against jq
sql "SELECT hex(coalesce(text, '')) FROM responses ORDER BY response_id" >"$scratch/texts"
jq -r 'select(.kind == "response") | [.request_id, (.response.text // "" | @base64)] | join(" ")' "$stream" | sort |
    while read -r _ text; do printf '%s' "$text" | base64 -d | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F; echo; done >"$scratch/expected"
ok "answers survive exactly" cmp "$scratch/texts" "$scratch/expected"
is "no answer is not an empty answer" "$(sql 'SELECT count(*) FROM responses WHERE text IS NULL')" 8
sql "SELECT hex(context) FROM examples ORDER BY example_id" >"$scratch/texts"
jq -r 'select(.kind == "entry") | [.example_id, (.context | @base64)] | join(" ")' "$manifest" | sort |
    while read -r _ text; do printf '%s' "$text" | base64 -d | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F; echo; done >"$scratch/expected"
ok "contexts survive exactly, the long ones too" cmp "$scratch/texts" "$scratch/expected"
is "every request has its prompt" "$(sql 'SELECT count(*) FROM requests WHERE prompt_json IS NULL')" 0
is "messages or prompt, as it was" \
    "$(sql "SELECT DISTINCT e.bin_idx, json_type(prompt_json), coalesce(json_extract(prompt_json, '\$[0].content'), 'p: ' || x.context) = x.context OR prompt_json ->> '\$' = 'p: ' || x.context
        FROM requests JOIN manifest_entries e USING (entry_id) JOIN examples x USING (dataset_id, example_id) ORDER BY 1" | tr '\n' ' ')" \
    "0|array|1 1|text|1 2|array|1 3|array|1 4|array|1 "
is "numbers are the same doubles" "$(sql 'SELECT sum(abs(acc_ci_low)) FROM bin_stats')" \
    "$(jq -c 'select(.kind == "bin_stats") | .acc_ci_low' "$stream" | sqlite3 :memory: 'CREATE TABLE v (v REAL)' '.import /dev/stdin v' 'SELECT sum(abs(v)) FROM v')"

# --- views
is "accuracy_by_bin" "$(sql 'SELECT kv_budget, bin_idx, acc_mean, delta_mean FROM accuracy_by_bin WHERE NOT reference' | sort)" \
    "$(jq -r 'select(.kind == "pair_stats") | [.kv_budget, .bin_idx, .run_mean, .delta_mean] | map(if . == (. | floor) then "\(.)" else "\(.)" end) | join("|")' "$stream" |
        awk -F'|' -v OFS='|' '{ if ($3 !~ /\./) $3 = $3 ".0"; if ($4 !~ /\./) $4 = $4 ".0"; print }' | sort)"
is "verdicts" "$(sql 'SELECT kv_budget, verdict FROM verdicts')" "$(jq -r 'select(.kind == "transition") | "\(.kv_budget)|\(.verdict)"' "$stream")"
is "lost_answers" "$(sql 'SELECT count(*) FROM lost_answers')" \
    "$(jq -n '[inputs | select(.kind == "response")] | group_by(.entry_id) | map((map(select(.reference)) | .[0].score.value) as $full
        | map(select((.reference | not) and .score.value != null and .score.value < $full)) | length) | add' "$stream")"

# a second policy with a full-cache run of its own, in the same experiment
jq -c '., (select(.kind | IN("run", "response", "bin_stats", "pair_stats", "transition")) | .run_id += "h" | .kv_policy = "h2o"
    | if .request_id then .request_id += "h" else . end | if .reference_run_id then .reference_run_id += "h" else . end)' \
    "$stream" >"$folder/policies.jsonl"
ok "two policies, each with its full cache" scripts/import-db "$folder/policies.sqlite" "$manifest" "$folder/policies.jsonl"
is "lose each answer once" "$(sqlite3 "$folder/policies.sqlite" 'SELECT count(*), count(DISTINCT request_id) FROM lost_answers')" \
    "$(sql 'SELECT 2 * count(*) FROM lost_answers')|$(sql 'SELECT 2 * count(*) FROM lost_answers')"

# --- a database of the schema before this one
cp "$database" "$folder/old.sqlite"
sqlite3 "$folder/old.sqlite" 'ALTER TABLE telemetry DROP COLUMN flags_json; ALTER TABLE bin_stats DROP COLUMN flags_json; UPDATE schema_version SET version = 1'
ok "gets the columns it lacks" scripts/import-db "$folder/old.sqlite" "$manifest" "$stream"
is "and the values" "$(sqlite3 "$folder/old.sqlite" "SELECT count(*) FROM telemetry WHERE flags_json = '[\"prefix_cached\"]'; SELECT max(version) FROM schema_version" | tr '\n' ' ')" \
    "$(jq -c 'select(.kind == "response" and (.telemetry.flags // [] | length > 0))' "$stream" | wc -l) 2 "

# --- again
dump() { sql .dump | sha256sum; }
before=$(dump)
ok "the same import again" scripts/import-db "$database" "$manifest" "$stream"
is "changes nothing" "$(dump)" "$before"
cat "$stream" "$stream" "$manifest" >"$folder/twice.jsonl"
ok "duplicates in one file" scripts/import-db "$database" "$manifest" "$folder/twice.jsonl"
is "change nothing" "$(dump)" "$before"
ok "a stream without its manifest" scripts/import-db "$database" "$stream" "$stream"
is "takes no context and no prompt away" "$(dump)" "$before"
ok "--fresh" scripts/import-db --fresh "$database" "$manifest" "$stream"
is "builds the same" "$(dump)" "$before"

sed '/"kind":"dataset"/s/"manifest_version":1/"manifest_version":2/' "$manifest" >"$folder/newer.jsonl"
fails 1 "a manifest of a newer version is refused" scripts/import-db "$database" "$folder/newer.jsonl" "$stream"
like "with what to do" "$(cat "$scratch/.err")" 'dataset.manifest_version is 2, and this release reads versions up to 1: use the release'
is "and changes nothing" "$(dump)" "$before"

# A request that failed and was asked again: the failure goes.
jq -c 'if .failure.failure_type == "TIMEOUT" then .failure = null | .error = null | .score.value = 0 | .response.text = "late" else . end' \
    "$stream" >"$folder/retried.jsonl"
ok "answers that came later" scripts/import-db "$database" "$manifest" "$folder/retried.jsonl"
is "replace failures" "$(sql "SELECT count(*) FROM failures WHERE failure_type = 'TIMEOUT'")" 0
is "and stand as answers" "$(sql "SELECT count(*) FROM responses WHERE text = 'late' AND error_json IS NULL")" 8

# Both records in one file, as of shards that were joined: the last one is the response, all of it.
jq -c 'select(.kind == "response" and .failure.failure_type == "TIMEOUT")' "$stream" >"$folder/early.jsonl"
cat "$folder/early.jsonl" "$folder/retried.jsonl" >"$folder/joined.jsonl"
ok "a time-out and the later answer" scripts/import-db --fresh "$folder/joined.sqlite" "$manifest" "$folder/joined.jsonl"
is "are an answer and no failure" "$(sqlite3 "$folder/joined.sqlite" "SELECT count(*) FROM failures WHERE failure_type = 'TIMEOUT'")" 0
jq -c 'if .kind == "response" then del(.score, .failure) else . end' "$stream" >"$folder/unscored.jsonl"
ok "responses before they are scored" scripts/import-db "$folder/joined.sqlite" "$manifest" "$folder/unscored.jsonl"
is "have no score of an earlier import" "$(sqlite3 "$folder/joined.sqlite" "SELECT count(*) FROM scores")" 0

# A broken line: named, and nothing happens.
before=$(dump)
{ head -n 20 "$stream"; echo '{"kind":"run",'; } >"$folder/broken.jsonl"
fails 1 "a broken line stops the import" scripts/import-db "$database" "$manifest" "$folder/broken.jsonl"
like "and is named" "$(cat "$scratch/.err")" "line $(($(wc -l <"$manifest") + 21)) .* is not JSON"
is "with its own file and place in it" "$(grep -cF "import-db: $folder/broken.jsonl:21: " "$scratch/.err")" 1
fails 1 "a broken line of the manifest" scripts/import-db "$database" "$folder/broken.jsonl" "$stream"
is "is named as such" "$(grep -cF "import-db: $folder/broken.jsonl:21: " "$scratch/.err")" 1
is "nothing changed" "$(dump)" "$before"
jq -c 'select(.kind != "run")' "$stream" >"$folder/norun.jsonl"
fails 1 "responses without their run" scripts/import-db "$scratch/none.sqlite" "$manifest" "$folder/norun.jsonl"
like "are named" "$(cat "$scratch/.err")" 'names a row of runs that is not there'
is "once a table, with what to do" "$(grep -c 'requests: row 1 (and 119 more) .*: give the stream with its run records' "$scratch/.err")" 1
is "nothing came in" "$(sqlite3 "$scratch/none.sqlite" 'SELECT count(*) FROM experiments')" 0

# Imported predictions: responses without entries.
jq -c 'select(.kind | IN("run", "response"))' "$stream" >"$folder/imported.jsonl"
printf '' >"$folder/empty.jsonl"
ok "predictions without entries come in" scripts/import-db "$scratch/imported.sqlite" "$folder/empty.jsonl" "$folder/imported.jsonl"
is "under a dataset of that name" "$(sqlite3 "$scratch/imported.sqlite" "SELECT dataset_id, count(*) FROM manifest_entries GROUP BY 1")" 'unknown|40'
is "with their golds" "$(sqlite3 "$scratch/imported.sqlite" 'SELECT count(*) FROM answers WHERE json_array_length(answers_json) = 1')" 120
ok "their manifest later" scripts/import-db "$scratch/imported.sqlite" "$manifest" "$folder/imported.jsonl"
is "takes the place of the unknown" "$(sqlite3 "$scratch/imported.sqlite" 'SELECT count(*) FROM datasets; SELECT count(*) FROM examples; SELECT count(*) FROM requests WHERE prompt_json IS NULL' | xargs)" '1 40 0'

fails 2 "too few files" scripts/import-db "$database" "$manifest"
fails 3 "a file that is not there" scripts/import-db "$database" "$manifest" "$folder/none"
fails 3 "a folder that is not there" scripts/import-db "$folder/none/x.sqlite" "$manifest" "$stream"
done_testing
