#!/bin/bash
# The whole recipe on the real engine, small: every artefact, every budget proven, replays byte for byte,
# reruns only what depends on a change, an interrupted run asks nothing twice.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

run=$scratch/run
jq '.dataset.n_per_bin = 2 | .output.exp_group_id = "mini" | .decoding.max_tokens = 12' config/snapkv.json >"$scratch/mini.json"
sanitized=()
case $KVT_BUILD in */san) sanitized=(SAN=1) ;; esac
experiment() {
    env -u BASE_URL -u OPENAI_BASE_URL -u MAKEFLAGS -u MAKELEVEL make --no-print-directory \
        "${sanitized[@]}" CONFIG="$scratch/mini.json" RUN="$run" "$@"
}
stamp() { stat -c '%y %i' "$run/$1"; }

ok "make experiment" experiment experiment
like "the terminal ends with a verdict per budget" "$(cat "$scratch/.out")" '0\.2'
cp "$scratch/.err" "$scratch/first.err"
for file in manifest.jsonl manifest.json journal.jsonl responses.jsonl scored.jsonl stats.jsonl stream.jsonl \
    kv_transition.sqlite summary.json report.md log/kvt-serve.log \
    plots/{acc,std,failrate,latency}_vs_len.{png,svg} plots/{outcomes,paired,memory,tradeoff}.{png,svg} \
    tables/{bins,pairs,outcomes,failures,transitions,runs,requests}.csv; do
    if [ "$file" = log/kvt-serve.log ]; then ok "$file exists" test -f "$run/$file"; else ok "$file is there" test -s "$run/$file"; fi
done
ok "the stream keeps its contract" kvt-lint "$run/stream.jsonl"
ok "so does the manifest" kvt-lint "$run/manifest.jsonl"
is "every request has one answer" "$(jq -c 'select(.kind=="response") | .request_id' "$run/stream.jsonl" | sort -u | wc -l)" 40
is "every budget is proven" "$(jq -r 'select(.kind=="response") | .telemetry.kv.applied' "$run/stream.jsonl" | sort | uniq -c | xargs)" '40 proven'
is "the kept ratio is within 0.02 of the budget, but for the uncompressed tail" \
    "$(jq -c 'select(.kind=="response") | .telemetry.kv as $kv
        | select((($kv.kept_tokens / $kv.prompt_tokens) - .kv_budget | fabs) > 0.02 + $kv.uncompressed_tail / $kv.prompt_tokens)' "$run/stream.jsonl")" ''
is "asked twice, the engine gives the same bytes" \
    "$(jq -c 'select(.kind=="response" and .reference) | [.entry_id, .response.text]' "$run/stream.jsonl" | sort | uniq -c | awk '{ print $1 }' | sort -u)" 2
like "no request is flagged, and the engine says what its cache held" "$(cat "$run/report.md")" 'Contamination: no request is flagged\.$'
like "which the report states as the noise floor" "$(cat "$run/report.md")" 'Noise floor: 0% of the texts and 0% of the scores differ between identical full-cache runs \(10 entries asked twice\)'
is "no request failed" "$(jq -c 'select(.kind=="response" and .error != null)' "$run/stream.jsonl")" ''

kvt-score <"$run/responses.jsonl" | kvt-stats | kvt-transition >"$scratch/replay.jsonl"
ok "a replay of the last three stages gives the same bytes" cmp "$scratch/replay.jsonl" "$run/stream.jsonl"
jq -c 'select(.kind != "meta")' "$run/scored.jsonl" | shuf --random-source=<(yes) >"$scratch/shuffled.jsonl"
is "statistics do not depend on the order of lines" \
    "$(kvt-stats "$scratch/shuffled.jsonl" | kvt-transition | grep -E '^\{"kind":"(bin_stats|pair_stats|transition)"')" \
    "$(grep -E '^\{"kind":"(bin_stats|pair_stats|transition)"' "$run/stream.jsonl")"

salt=$(sha256sum examples/recall/recall.gguf | cut -d' ' -f1)
env -u BASE_URL -u OPENAI_BASE_URL kvt-infer -c "$scratch/mini.json" --offline --salt="$salt" \
    --journal="$run/journal.jsonl" "$run/manifest.jsonl" >"$scratch/offline.jsonl" 2>"$scratch/.err"
is "the journal alone gives the responses again, no server named" \
    "$(grep -v '"kind":"meta"' "$scratch/offline.jsonl")" "$(grep -v '"kind":"meta"' "$run/responses.jsonl")"

before=$(stamp responses.jsonl)$(stamp stream.jsonl)
ok "a second make" experiment experiment
is "has nothing to do" "$(stamp responses.jsonl)$(stamp stream.jsonl)" "$before"

change() { jq "$@" "$scratch/mini.json" >"$scratch/new.json" && mv "$scratch/new.json" "$scratch/mini.json"; }
before_scored=$(stamp scored.jsonl) before_stream=$(stamp stream.jsonl)
change '.transition.alpha = 0.1'
ok "make after a change of the verdict's alpha" experiment experiment
is "keeps the scores" "$(stamp scored.jsonl)" "$before_scored"
ok "and makes a new verdict" test "$(stamp stream.jsonl)" != "$before_stream"

before_manifest=$(stamp manifest.jsonl) lines=$(wc -l <"$run/journal.jsonl")
change '.decoding.seed = 7'
ok "make after a change of the decoding seed" experiment experiment
is "keeps the manifest" "$(stamp manifest.jsonl)" "$before_manifest"
is "asks every request again" "$(jq -c 'select(.kind=="response") | .request.seed' "$run/stream.jsonl" | sort -u)" 7
ok "and keeps the old answers in the journal" test "$(wc -l <"$run/journal.jsonl")" -ge $((lines + 40))

# Questions in several files are the same questions; a change in the second is noticed.
head -n 77 examples/recall/recall.jsonl >"$scratch/one part.jsonl"
tail -n +78 examples/recall/recall.jsonl >"$scratch/other part.jsonl"
entries() { jq -c 'select(.kind == "dataset" or .kind == "entry") | del(.created_at)' "$run/manifest.jsonl"; }
before=$(entries)
change --arg d "$scratch" '.dataset.path = [$d + "/one part.jsonl", $d + "/other part.jsonl"]'
ok "make with a list of question files" experiment prepare
is "has the same entries" "$(entries)" "$before"
before_manifest=$(stamp manifest.jsonl)
ok "made again" experiment prepare
is "it has nothing to do" "$(stamp manifest.jsonl)" "$before_manifest"
sed -i '$d' "$scratch/other part.jsonl"
ok "and after a change in the second file" experiment prepare
is "the manifest knows" "$(jq -r 'select(.kind == "dataset") | .n_examples' "$run/manifest.jsonl")" 199
change '.dataset.path = "examples/recall/recall.jsonl"'

# Interrupted in the middle, then the same command again. However busy the machine is, the middle is waited for
# as long as it takes, and comes long before the end: the pace leaves nine seconds for the last 36 of 40 answers.
rm -rf "$run"
change '.engine.rpm = 240'
experiment run >"$scratch/out" 2>&1 &
while kill -0 $! 2>/dev/null; do
    [ "$(grep -c '"kind":"response"' "$run/journal.jsonl" 2>/dev/null)" -ge 4 ] 2>/dev/null && break
    sleep 0.1
done
pkill -INT -f "kvt-infer.*$run/manifest.jsonl" || true
wait $! 2>/dev/null
answered=$(grep -c '"kind":"response"' "$run/journal.jsonl")
ok "the interrupted run has answers in its journal" test "$answered" -ge 4
ok "and left no half-made stream" test ! -e "$run/responses.jsonl"
change 'del(.engine.rpm)'
ok "the same command finishes" experiment run
is "each request was answered once" "$(jq -r 'select(.kind=="response") | .request_id' "$run/journal.jsonl" | sort | uniq -d)" ''
is "and all of them are there" "$(jq -r 'select(.kind=="response") | .request_id' "$run/responses.jsonl" | sort -u | wc -l)" 40
done_testing
