#!/bin/bash
# kvt-render: every artefact of a small true run (test/golden/render/stream.jsonl: eight entries a bin of
# the recall example), its counts against jq and sqlite3, names that try to be commands, and errors.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
stream=test/golden/render/stream.jsonl
plots="acc outcomes paired failrate std latency memory tradeoff"
draw() { LC_ALL=C.UTF-8 gnuplot "$@" 2>"$scratch/gnuplot.err"; }

ok "the fixture keeps the contract" kvt-lint "$stream"
for name in $plots; do
    kvt-render plot "$name" "$stream" >"$scratch/$name.gp"
    golden "plot $name" "render/$name.gp" "$scratch/$name.gp"
    draw "$scratch/$name.gp" >"$scratch/$name.png"
    is "plot $name: gnuplot has nothing to say" "$(cat "$scratch/gnuplot.err")" ''
    is "plot $name is a PNG" "$(head -c 8 "$scratch/$name.png" | od -An -tx1 | tr -d ' ')" 89504e470d0a1a0a
    ok "plot $name has something in it" test "$(wc -c <"$scratch/$name.png")" -gt 20000
    draw -e "format='svg'; output_file='$scratch/$name.svg'" "$scratch/$name.gp" >"$scratch/out"
    like "plot $name is an SVG in the file asked for" "$(tail -n 2 "$scratch/$name.svg")" '</svg>'
    is "and nothing on standard output" "$(cat "$scratch/out")" ''
done
kvt-render --format=svg --output="$scratch/it's.svg" plot acc "$stream" | draw
ok "--format and --output are the program's defaults" grep -q '</svg>' "$scratch/it's.svg"
ok "the figure shows every budget" bash -c "grep -c '>budget 0\\.[25]<' '$scratch/acc.svg' | grep -qx 4"

for table in bins pairs outcomes failures transitions runs; do
    kvt-render table "$table" "$stream" >"$scratch/$table.csv"
    golden "table $table" "render/$table.csv" "$scratch/$table.csv"
done
for artefact in report brief summary; do
    kvt-render $artefact --run=runs/snapkv "$stream" >"$scratch/$artefact"
    golden "$artefact" "render/$artefact" "$scratch/$artefact"
done
kvt-render manifest "$stream" >"$scratch/manifest"
golden "manifest" render/manifest "$scratch/manifest"

# --- the noise sample, a second full-cache run of a few entries, is a control and no arm of the study
jq -c 'def again: .run_id += "-b" | .replicate = "b" | .sample = 3;
    ., (select(.kind == "run" and .reference) | again),
    (select(.kind == "response" and .kv_budget == 1) | .run_id += "-b" | .request_id += "-b"),
    (select(.kind == "bin_stats" and .kv_budget == 1) | .run_id += "-b" | .n = 3 | .n_scored = 3)' \
    "$stream" >"$scratch/sampled.jsonl"
kvt-render report "$scratch/sampled.jsonl" >"$scratch/sampled"
like "the proof has a row for the sample" "$(cat "$scratch/sampled")" 'full cache, again \(a sample\)'
is "the outcomes have none" "$(sed -n '/^## Outcomes/,/^## /p' "$scratch/sampled" | grep -c again)" 0
like "and the smallest cell is that of an arm" "$(cat "$scratch/sampled")" 'smallest cell holds 8 scored'

# --- counts, by other programs
expected=$(jq -r 'select(.kind == "response") | [.kv_budget, .bin_idx,
    (if .failure.class == "infrastructure" then "no_answer"
     elif .failure.failure_type == "ABSTENTION" or .failure.failure_type == "REFUSAL" then "abstained"
     elif .failure.failure_type == "TRUNCATED" then "over_length"
     elif .failure != null then "malformed"
     elif .score.value == 1 then "correct" elif .score.value == 0 then "wrong" else "partly" end)]
    | join(" ")' "$stream" | sort | uniq -c | awk '{ print $2, $3, $4, $1 }' | sort)
columns='correct partly wrong abstained malformed over_length no_answer'
sqlite3 :memory: ".mode csv" ".import $scratch/outcomes.csv o" ".mode list" '.separator " "' \
    "$(for c in $columns; do echo "SELECT kv_budget, bin_idx, '$c', $c FROM o WHERE $c > 0;"; done)" |
    sort >"$scratch/counted"
is "outcomes are what the records say" "$(cat "$scratch/counted")" "$expected"
is "the summary holds the verdicts" \
    "$(jq -c '.studies[].runs[] | select(.verdict) | [.kv_budget, .verdict]' "$scratch/summary")" \
    "$(jq -c 'select(.kind == "transition") | [.kv_budget, .verdict]' "$stream")"
is "and the accuracy of each bin" \
    "$(jq -c '.studies[].runs[] | .kv_budget as $b | .bins[] | [$b, .bin_idx, .acc_mean]' "$scratch/summary")" \
    "$(jq -c 'select(.kind == "bin_stats") | [.kv_budget, .bin_idx, .acc_mean]' "$stream")"
is "the manifest holds every entry, in its bin's order" \
    "$(jq -c '.datasets[].bins[] | .bin_idx as $b | .entries[] | [$b, .rank, .example_id, .prompt_sha256]' "$scratch/manifest")" \
    "$(jq -c 'select(.kind == "entry") | [.bin_idx, .rank, .example_id, .prompt_sha256]' "$stream" | sort -t, -k1.2,1n -k2,2n)"

# texts that try a CSV reader, through a reader by someone else
jq -c 'if .kind == "response" then .response.text = "a \"q\", b\nc\r\n,\t\u00e9\ud83d\ude00 " + .request_id else . end' \
    "$stream" >"$scratch/texts.jsonl"
kvt-render table requests "$scratch/texts.jsonl" >"$scratch/requests.csv"
sqlite3 :memory: ".mode csv" ".import '$scratch/requests.csv' r" ".mode list" \
    "SELECT hex(text) FROM r ORDER BY request_id" >"$scratch/hex"
jq -r 'select(.kind == "response") | .request_id' "$stream" | sort |
    while read -r id; do printf 'a "q", b\nc\r\n,\té😀 %s' "$id" | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F; echo; done >"$scratch/expected"
ok "texts survive CSV" cmp "$scratch/hex" "$scratch/expected"
is "one row a request" "$(wc -l <"$scratch/hex")" 120

# --- order and repetition do not matter
shuf --random-source=<(yes) "$stream" >"$scratch/shuffled.jsonl"
for artefact in report summary manifest "plot acc" "plot outcomes" "table pairs"; do
    # shellcheck disable=SC2086
    kvt-render $artefact "$stream" >"$scratch/one"
    # shellcheck disable=SC2086
    kvt-render $artefact "$scratch/shuffled.jsonl" "$stream" >"$scratch/two"
    ok "$artefact: shuffled and twice gives the same bytes" cmp "$scratch/one" "$scratch/two"
done

# a request that timed out in one shard and was answered in another: the answer counts, as in the statistics
jq -c 'if .kind == "response" and .bin_idx == 0 and .kv_budget == 0.2 then .score.value = null
    | .failure = {failure_type: "TIMEOUT", class: "infrastructure", message: "late"} else empty end' "$stream" >"$scratch/late.jsonl"
for artefact in report summary "table outcomes"; do
    # shellcheck disable=SC2086
    kvt-render $artefact "$stream" >"$scratch/one"
    # shellcheck disable=SC2086
    kvt-render $artefact "$scratch/late.jsonl" "$stream" >"$scratch/two"
    ok "$artefact: an answer counts before a time-out, whichever came first" cmp "$scratch/one" "$scratch/two"
done

# --- a name that wants to be a command
evil="x\`touch pwned1\`'; system('touch pwned2'); print \"\`touch pwned3\`\"
!touch pwned4
system \"touch pwned5\" @run \$HOME {/Bold a}_b <script>alert(1)</script> | c"
jq -c --arg evil "$evil" 'if .kind == "run" then .model_name = $evil | .kv.compress_after = $evil else . end
    | if .kind | IN("bin_stats", "pair_stats", "transition") then .model_name = $evil | .task = $evil else . end
    | if .kind == "response" then .meta.task = $evil else . end
    | if .kind == "transition" then .summary = $evil | .verdict = $evil | .warnings = [$evil] else . end
    | if .kind == "experiment" then .notes = $evil else . end' "$stream" >"$scratch/evil.jsonl"
mkdir "$scratch/jail"
cd "$scratch/jail" || exit 1
for name in $plots; do
    kvt-render plot "$name" "$scratch/evil.jsonl" >"../evil.gp"
    LC_ALL=C.UTF-8 gnuplot ../evil.gp >../evil.png 2>../evil.err
    is "plot $name with a hostile name draws" "$(head -c 4 ../evil.png | tail -c 3)$(cat ../evil.err)" PNG
    LC_ALL=C.UTF-8 gnuplot -e "format='svg'" ../evil.gp >../evil.svg 2>/dev/null
    like "plot $name shows it as it is" "$(cat ../evil.svg)" 'x`touch pwned1`'
done
is "and runs nothing" "$(ls)" ''
cd "$root" || exit 1
kvt-render report "$scratch/evil.jsonl" >"$scratch/evil.md"
is "no HTML enters the report" "$(grep -c '<script' "$scratch/evil.md")" 0
is "nor more columns its tables" "$(awk -F'|' '/^\|/ { gsub(/\\\|/, ""); n = NF; if (previous && n != previous) bad = 1; previous = n }
    !/^\|/ { previous = 0 } END { print bad + 0 }' "$scratch/evil.md")" 0
is "nor more lines" "$(wc -l <"$scratch/evil.md")" "$(kvt-render report <(jq -c --arg evil plain 'if .kind == "transition" then .verdict = $evil | .warnings = [$evil] else . end' "$stream") | wc -l)"
is "no escape sequence reaches the terminal" \
    "$(jq -c 'if .kind == "transition" then .summary = "\u001b[31mred\u0007" else . end' "$stream" | kvt-render brief | grep -c $'[\x1b\x07]')" 0

# --- what is missing
grep -v '"kind":"response"' "$stream" >"$scratch/stats.jsonl"
ok "a report of statistics alone" kvt-render report "$scratch/stats.jsonl"
like "says so" "$(cat "$scratch/.out")" 'holds no responses'
ok "a figure without its data is a picture that says so" kvt-render plot outcomes "$scratch/stats.jsonl"
like "and a line on standard error" "$(cat "$scratch/.err")" '^kvt-render: plot outcomes: .*kvt-score'
cp "$scratch/.out" "$scratch/nothing.gp"
is "which gnuplot draws" "$(draw "$scratch/nothing.gp" | head -c 4 | tail -c 3)" PNG
grep -vE '"kind":"(bin_stats|pair_stats|transition)"' "$stream" >"$scratch/scored.jsonl"
# a budget without one scored answer, beside one that has them
jq -c 'if .kv_budget == 0.2 then
        if .kind == "bin_stats" then .acc_mean = null | .acc_ci_low = null | .acc_ci_high = null | .acc_std = null
            | .fail_rate = null | .kv_bytes_p50 = null | .kv_peak_bytes_p50 = null | .kept_ratio_p50 = null | .lat_p50 = null
        elif .kind == "pair_stats" then .n_pairs = 0 | .delta_mean = null | .delta_ci_low = null | .delta_ci_high = null
            | .delta_ci_low = -1 | .delta_ci_high = 1 | .loss_upper = 1 | .loss_upper_each = 1 | .loss.n10 = 0 | .loss.n01 = 0
        else . end else . end' "$stream" >"$scratch/unscored.jsonl"
for name in $plots; do
    kvt-render plot "$name" "$scratch/unscored.jsonl" >"$scratch/part.gp"
    is "plot $name without one budget's numbers is a picture" "$(draw "$scratch/part.gp" | head -c 4 | tail -c 3)" PNG
    is "plot $name: gnuplot has nothing to say of it" "$(cat "$scratch/gnuplot.err")" ''
done
is "what has no pairs does not stretch the axis of those that have" "$(kvt-render plot paired "$scratch/unscored.jsonl" | grep -m 1 'set yrange')" \
    "$(jq -c 'select(.kv_budget != 0.2)' "$stream" | kvt-render plot paired | grep -m 1 'set yrange')"
ok "scores against no cost are no figure" bash -c "jq -c 'if .kind == \"bin_stats\" then .acc_mean = null else . end' '$stream' | kvt-render plot tradeoff"
like "and that is said" "$(cat "$scratch/.err")" '^kvt-render: plot tradeoff: .* acc_mean'
is "costs that are all but equal have a number on their axis" "$(jq -c 'if .kind == "bin_stats" then .kv_bytes_p50 = 3500000 | .lat_p50 = 0.3 else . end' "$stream" |
    kvt-render plot tradeoff | grep 'set xtics nomirror (')" "$(printf '%s\n' "set xtics nomirror ('3.34' 3.33786011)" "set xtics nomirror ('0.3' 0.3)")"

fails 1 "a figure of statistics needs statistics" kvt-render plot acc "$scratch/scored.jsonl"
like "and names the stage that makes them" "$(cat "$scratch/.err")" 'kvt-stats'
fails 1 "an empty stream has no report" kvt-render report /dev/null
for artefact in report brief summary "plot acc"; do
    # shellcheck disable=SC2086
    fails 1 "nor has one of runs alone a $artefact" kvt-render $artefact <<<"$(grep '"kind":"run"' "$stream")"
    like "and what makes one is said" "$(cat "$scratch/.err")" 'neither responses .* by kvt-infer or kvt-import.* by kvt-stats'
done
is "a folder of any bytes stays in the summary" "$(kvt-render summary --plots=$'p\xff' "$stream" | jq -r .artefacts.plots.acc)" 'p�/acc_vs_len.png'
for table in bins pairs failures transitions outcomes requests runs; do
    fails 1 "nor a table of $table" kvt-render table $table /dev/null
    is "nor a header for one" "$(cat "$scratch/.out")" ''
done
for table in bins pairs failures transitions; do
    fails 1 "table $table before its stage" kvt-render table $table "$scratch/scored.jsonl"
    like "which is named" "$(cat "$scratch/.err")" "^kvt-render: table $table: .* by kvt-(stats|transition)"
done
jq -c 'select((.kind == "transition" or .kind == "pair_stats") | not) | select(.kv_budget == null or .kv_budget == 1)' "$stream" >"$scratch/lone.jsonl"
ok "nothing to compare is an empty table of pairs" kvt-render table pairs "$scratch/lone.jsonl"
ok "and of verdicts" kvt-render table transitions "$scratch/lone.jsonl"
fails 1 "nor a manifest" kvt-render manifest /dev/null
fails 1 "a manifest of a newer version is refused" kvt-render manifest <<<'{"kind":"dataset","dataset_id":"d","manifest_version":2}'
like "with what to do" "$(cat "$scratch/.err")" 'stdin:1: dataset.manifest_version is 2, and this release reads versions up to 1'
jq -c 'if .kind == "bin_stats" then .token_min = null | .token_max = null | .token_mean = null else . end' "$stream" |
    kvt-render plot acc >"$scratch/nolength.gp"
like "without lengths the axis counts bins" "$(cat "$scratch/nolength.gp")" "set xlabel 'length bin'"
is "and draws" "$(draw "$scratch/nolength.gp" | head -c 4 | tail -c 3)" PNG

# --- the preflight, a record of kvt-infer's journal
preflight='{"kind":"preflight","entries":3,"aa_changed":0,"starved_entries":3,"starved_changed":3,"text":"budget applied: *proven*"}'
kvt-render report "$stream" - <<<"$preflight" >"$scratch/preflight.md"
ok "the report says what the preflight saw" grep -qxF 'Preflight: budget applied: \*proven\*.' "$scratch/preflight.md"
like "and how far it measured the noise" "$(cat "$scratch/preflight.md")" 'asked 3 entries twice at full cache, and 0 answers differed'

# --- studies
jq -c 'select(.kind | IN("run", "bin_stats", "pair_stats", "transition")) | select(.reference != true)
    | .run_id += "-2" | .kv_policy = "another"' "$stream" | cat "$stream" - >"$scratch/two.jsonl"
ok "two policies are two studies" kvt-render report "$scratch/two.jsonl"
is "each with its own title" "$(grep -c '^# ' "$scratch/.out")" 2
is "and the full cache of both" "$(grep -c '^| 1 .*| 1.000 \[' "$scratch/.out")" 2
kvt-render report --policy=snapkv "$scratch/two.jsonl" >"$scratch/one"
kvt-render report "$stream" >"$scratch/two"
ok "--policy chooses" cmp "$scratch/one" "$scratch/two"
fails 1 "a policy that is not there" kvt-render report --policy=none "$scratch/two.jsonl"

# two tasks of the same runs, and a run that answered nothing
jq -c --arg id again '., (select(.kind | IN("response", "bin_stats", "pair_stats", "transition"))
    | if .request_id then .request_id += $id else . end | if .meta then .meta.task = "other" else .task = "other" end),
    (select(.kind == "run" and .reference) | .run_id = "idle" | .reference = false | .kv_budget = 0.1)' "$stream" >"$scratch/tasks.jsonl"
is "table runs: each run once, those without answers too" "$(kvt-render table runs "$scratch/tasks.jsonl" | cut -d, -f1)" \
    "$(kvt-render table runs "$stream" | cut -d, -f1; echo idle)"
is "which no chosen task has" "$(kvt-render --task=other table runs "$scratch/tasks.jsonl" | cut -d, -f1)" "$(kvt-render table runs "$stream" | cut -d, -f1)"
kvt-render --task=recall table requests "$scratch/tasks.jsonl" >"$scratch/one"
kvt-render table requests "$stream" >"$scratch/two"
ok "table requests: --task chooses" cmp "$scratch/one" "$scratch/two"
# one budget twice, in runs whose ids begin alike
jq -c 'if .run_id and .kv_budget == 0.2 then ., (.run_id = "a-long-name-of-a-run-é-1" | if .request_id then .request_id += "x" else . end) else . end
    | if .run_id and (.reference | not) and .kv_budget == 0.2 and .run_id != "a-long-name-of-a-run-é-1" then .run_id = "a-long-name-of-a-run-é-2" else . end' \
    "$stream" >"$scratch/alike.jsonl"
is "runs of one budget are told apart" "$(kvt-render summary "$scratch/alike.jsonl" | jq -r '.studies[0].runs[].label' | sort -u | wc -l)" 4
kvt-render report "$scratch/alike.jsonl" >"$scratch/report"
ok "the label stays text" grep -qF '0.2 (run …' "$scratch/report"

# two experiments in one stream, each with its own questions, settings and metric
jq -c '(if .exp_group_id then .exp_group_id = "another" else . end)
    | (if .run_id then .run_id += "2" else . end) | (if .reference_run_id then .reference_run_id += "2" else . end)
    | (if .request_id then .request_id += "2" else . end)
    | if .kind == "experiment" then .seed = 77 | .git_hash = "abc" | .config.decoding = {max_tokens: 9}
      elif .kind == "dataset" then .dataset_id = "d2" | .name = "other questions" | .task = "other"
      elif .kind == "bin" or .kind == "entry" then .dataset_id = "d2"
      elif .kind == "response" then .meta.task = "other" | .score.metric = "other metric"
      elif .task then .task = "other" else . end' "$stream" >"$scratch/other.jsonl"
cat "$stream" "$scratch/other.jsonl" >"$scratch/both.jsonl"
kvt-render report "$scratch/both.jsonl" | sed -n '1,/^---$/p' >"$scratch/one"
kvt-render report "$scratch/other.jsonl" >"$scratch/two"
is "each study has the setup and metric of its own experiment" "$(grep -E '^\| (seed|commit|decoding|questions|tokenizer) \||metric:' "$scratch/one")" \
    "$(grep -E '^\| (seed|commit|decoding|questions|tokenizer) \||metric:' "$scratch/two")"
like "which are not the other's" "$(cat "$scratch/one")" '^\| seed \| 77 \|'
is "in the summary too" "$(kvt-render summary "$scratch/both.jsonl" | jq -c '[.seed, .studies[].seed]')" '[77,null,1]'
for artefact in report brief summary manifest; do
    kvt-render $artefact "$scratch/both.jsonl" >"$scratch/one"
    kvt-render $artefact "$scratch/other.jsonl" "$stream" >"$scratch/two"
    ok "$artefact: which experiment comes first does not matter" cmp "$scratch/one" "$scratch/two"
done
sed 's/"task":"other"/"task":"recall"/g' "$scratch/other.jsonl" >"$scratch/namesake.jsonl"
is "experiments that nothing else tells apart are named" "$(kvt-render brief "$stream" "$scratch/namesake.jsonl" | grep -c ', experiment \(another\|snapkv\)$')" 2

# --- sentences and tables say the same
# exchange RUN BUDGET REFERENCE WRONG TEXT: 80 entries of one bin, the first WRONG answered wrongly
exchange() {
    printf '{"kind":"run","run_id":"%s","exp_group_id":"x","kv_policy":"p","kv_budget":%s,"budget_unit":"fraction","reference":%s,"replicate":"a","kv":{},"engine_name":"e","base_url":null,"model_name":"m","created_at":"2026-01-01T00:00:00Z"}\n' "$1" "$2" "$3"
    for e in $(seq 80); do
        printf '{"kind":"response","request_id":"%s-%s","run_id":"%s","entry_id":"e%s","bin_idx":0,"token_len":%s,"kv_policy":"p","kv_budget":%s,"repeat":0,"answers":["Paris"],"cluster":null,"meta":{"task":"qa"},"response":{"text":"%s","finish_reason":"stop"},"telemetry":{"kv":{"applied":"unproven"}},"error":null}\n' \
            "$1" "$e" "$1" "$e" "$e" "$2" "$([ "$e" -le "$4" ] && echo Rome || echo "$5")"
    done
}
(exchange full 1 true 0 Paris; exchange half 0.5 false 5 paris.) | kvt-score | kvt-stats | kvt-transition >"$scratch/eighty"
kvt-render report "$scratch/eighty" >"$scratch/report"
like "6.25 points are 6.3 in the sentence" "$(kvt-render brief "$scratch/eighty")" 'p loses 6\.3 points'
like "and in the table" "$(cat "$scratch/report")" '\| 80 \| 5 / 0 \| -6\.3 \['
like "a bound is printed so that it holds" "$(cat "$scratch/report")" "\| $(jq -r 'select(.kind == "pair_stats") | .loss_upper * 1000 | ceil / 10' "$scratch/eighty") \| \*\*0\.031"
like "other spellings are other texts, but no other answers" "$(cat "$scratch/report")" '6\.3% of the answers differ, as they are scored'
grep -v '"full"' "$scratch/eighty" | kvt-stats | kvt-transition >"$scratch/alone"
like "no noise floor without a full cache" "$(kvt-render brief "$scratch/alone")" 'not measured \(no full-cache run\)'
is "and no limit speaks of one" "$(kvt-render report "$scratch/alone" | grep -c 'There is one full-cache run')" 0

# --- usage and errors
fails 2 "no artefact" kvt-render
fails 2 "an unknown artefact" kvt-render reprot "$stream"
fails 2 "an unknown figure" kvt-render plot accuracy "$stream"
like "names those there are" "$(cat "$scratch/.err")" 'acc, outcomes, paired'
fails 2 "an unknown table" kvt-render table bin "$stream"
fails 2 "an unknown format" kvt-render plot acc --format=gif "$stream"
fails 3 "a missing file" kvt-render report "$scratch/none"
fails 3 "a full disk" bash -c "kvt-render report $stream >/dev/full"
fails 3 "a full disk under a long table" bash -c "kvt-render table requests $stream >/dev/full"
printf '{"kind":"bin_stats","run_id":"r","bin_idx":1000000000}\n' >"$scratch/bad.jsonl"
fails 1 "a bin far out is a bad record" kvt-render report "$scratch/bad.jsonl"
like "named by file and line" "$(cat "$scratch/.err")" "^kvt-render: $scratch/bad.jsonl:1: bin_idx"
ok "--skip-bad goes on" kvt-render brief --skip-bad "$scratch/aside" "$scratch/bad.jsonl" "$stream"
ok "and keeps the line" cmp "$scratch/aside" "$scratch/bad.jsonl"
done_testing
