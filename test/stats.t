#!/bin/bash
# kvt-stats: numbers by hand and by golden file, order, duplicates, missing and failed rows, repeats.
. "$(dirname "$0")/lib.sh"
world=$KVT_BUILD/helpers/world
cd "$scratch" || exit 1

own() { grep -E '^\{"kind":"(bin_stats|pair_stats|transition)"'; }
# Ten digits: the last bits of a double may differ between math libraries.
rounded() { jq -c 'walk(if type == "number" then (. * 1e10 | round) / 1e10 else . end)'; }
# Members of one line: pick KIND RUN BIN FILTER FILE.
pick() { jq -c "select(.kind == \"$1\" and .run_id == \"$2\" and .bin_idx == $3) | $4" "$5"; }

# response RUN ENTRY BIN BUDGET SCORE [FAILURE_JSON] [REPEAT] [TEXT]
response() {
    printf '{"kind":"response","request_id":"%s-%s-%s","run_id":"%s","entry_id":"%s","bin_idx":%s,"token_len":%s,"kv_policy":"p","kv_budget":%s,"repeat":%s,"answers":[],"cluster":null,"meta":{"task":"t"},"request":{},"response":{"text":"%s","finish_reason":"stop"},"telemetry":{"latency_s":0.%s,"kv":{"source":"reported","applied":"proven","peak_bytes":%s}},"error":null,"score":{"value":%s},"failure":%s}\n' \
        "$1" "$2" "${7:-0}" "$1" "$2" "$3" $((100 + $3 * 100)) "$4" "${7:-0}" "${8:-$5}" "$((20 + $3))" $((1000 + $3)) "$5" "${6:-null}"
}
run() {
    printf '{"kind":"run","run_id":"%s","exp_group_id":"x","kv_policy":"p","kv_budget":%s,"budget_unit":"fraction","reference":%s,"replicate":"%s","kv":{},"engine_name":"e","base_url":null,"model_name":"m","created_at":"2026-01-01T00:00:00Z"}\n' "$1" "$2" "$3" "${4:-a}"
}
empty='{"failure_type":"EMPTY_OUTPUT","class":"model","message":""}'
timeout='{"failure_type":"TIMEOUT","class":"infrastructure","message":""}'

# By hand: reference 4/5, compressed 3/5: loses e1 and e2, gains e5.
{
    run full 1 true
    run half 0.5 false
    for e in 1 2 3 4; do response full "e$e" 0 1 1; done
    response full e5 0 1 0
    response half e1 0 0.5 0 "$empty"
    response half e2 0 0.5 0
    for e in 3 4 5; do response half "e$e" 0 0.5 1; done
} >hand.jsonl
ok "a stream by hand" bash -c 'kvt-stats <hand.jsonl >hand.out'
is "mean and count" "$(pick bin_stats half 0 '[.n,.n_scored,.acc_mean,.fail_rate,.failures]' hand.out)" '[5,5,0.6,0.2,{"EMPTY_OUTPUT":1}]'
is "Wilson interval of 3/5" "$(pick bin_stats half 0 '[.acc_ci_low,.acc_ci_high]' hand.out | rounded)" '[0.2307242813,0.8823792258]'
is "sd, ddof 1" "$(pick bin_stats half 0 .acc_std hand.out | rounded)" 0.5477225575
is "discordant pairs, exact p 1/2 + 1/8..." "$(pick pair_stats half 0 '[.loss.n10,.loss.n01,.loss.n_tied,.loss.p_raw,.lift.n10,.lift.n01,.lift.p_raw]' hand.out)" '[2,1,2,0.5,1,0,0.5]'
# Of the score of answers that did not fail a quarter was struck: a silent difference is a loss in 1 of 1.75.
is "silent losses are held against the gains that failures left" "$(pick pair_stats half 0 '[.silent.n10,.silent.n01,.silent.chance,.silent.p_raw]' hand.out | rounded)" '[1,1,0.5714285714,0.8163265306]'
is "the order takes them at even chance" "$(kvt-transition hand.jsonl | jq -c 'select(.kind == "transition") | .rationale.order.silent_p_adj')" '[0.75]'
is "delta and retention" "$(pick pair_stats half 0 '[.delta_mean,.retention]' hand.out | rounded)" '[-0.2,0.75]'
is "p95 needs 60 values" "$(pick bin_stats half 0 '[.lat_p50,.lat_p95,.mem_p95,.mem_max,.mem_source]' hand.out)" '[0.2,null,null,1000,"reported"]'
is "attribution: one of two lost answers failed" "$(pick pair_stats half 0 '[.attribution.drop,.attribution.drop_failures_right]' hand.out | rounded)" '[0.2,0]'
is "few pairs are a warning" "$(pick pair_stats half 0 '.warnings|index("few_pairs") != null' hand.out)" true
is "every input line is there, in order" "$(head -n 12 hand.out)" "$(cat hand.jsonl)"
ok "the new lines keep the contract" kvt-lint <(grep -v '"kind":"response"' hand.out)
kvt-stats --ci=clopper-pearson hand.jsonl >cp.out
is "Clopper-Pearson of 3/5" "$(pick bin_stats half 0 '[.acc_ci_low,.acc_ci_high,.ci]' cp.out | rounded)" '[0.1466327996,0.9472550495,"clopper-pearson"]'
for ci in wilson percentile bca t; do
    is "--ci=$ci is defined" "$(kvt-stats --ci=$ci hand.jsonl | jq -c 'select(.kind == "bin_stats" and .run_id == "half") | [.ci, (.acc_ci_low < .acc_mean), (.acc_ci_high > .acc_mean)]')" "[\"$ci\",true,true]"
done
fails 2 "--ci knows its names" kvt-stats --ci=wilsn hand.jsonl

# Infrastructure failures leave the pairs.
{ grep -v '"half-e2-0"' hand.jsonl; response half e2 0 0.5 null "$timeout"; } >infra.jsonl
kvt-stats infra.jsonl >infra.out
is "a time-out is no wrong answer" "$(pick bin_stats half 0 '[.n,.n_scored,.n_infrastructure,.infrastructure,.coverage,.acc_mean]' infra.out)" '[5,4,1,{"TIMEOUT":1},0.8,0.75]'
is "and no pair" "$(pick pair_stats half 0 '[.n_pairs,.loss.n10,.coverage.n_infrastructure_run,.coverage.share]' infra.out)" '[4,1,1,0.8]'
is "but bounds the drop" "$(pick pair_stats half 0 '[.attribution.drop_infra_low,.attribution.drop_infra_high]' infra.out | rounded)" '[0,0.2]'

# Missing rows, duplicates.
grep -v '"half-e2-0"' hand.jsonl >missing.jsonl
is "a missing row is counted" "$(kvt-stats missing.jsonl | jq -c 'select(.kind=="pair_stats")|[.n_pairs,.coverage.n_missing,(.warnings|index("missing_rows")!=null)]')" '[4,1,true]'
is "doubled lines count once" "$(cat hand.jsonl hand.jsonl | kvt-stats | own | jq -c 'del(.warnings)')" "$(own <hand.out | jq -c 'del(.warnings)')"
is "and are told" "$(cat hand.jsonl hand.jsonl | kvt-stats | jq -c 'select(.kind=="pair_stats")|.warnings|index("duplicate_requests")!=null')" true
{ cat hand.jsonl; response half e1 0 0.5 1; } >conflict.jsonl
is "of conflicting doubles the same one is kept in any order" "$(kvt-stats conflict.jsonl | own)" "$(tac conflict.jsonl | kvt-stats | own)"

# Repeats: entries, not answers, are the units; only common repeats pair.
{
    run full 1 true
    run half 0.5 false
    for e in 1 2; do for r in 0 1; do response full "e$e" 0 1 1 null $r; done; done
    response half e1 0 0.5 1 null 0
    response half e1 0 0.5 0 null 1
    response half e2 0 0.5 1 null 0
} >repeats.jsonl
kvt-stats repeats.jsonl >repeats.out
is "repeats are averaged" "$(pick bin_stats half 0 '[.n,.n_entries,.n_repeats,.acc_mean,.repeat_disagreement]' repeats.out)" '[3,2,2,0.75,1]'
is "unequal repeats pair what they share" "$(pick pair_stats half 0 '[.n_pairs,.delta_mean,(.warnings|index("unequal_repeats")!=null)]' repeats.out)" '[2,-0.25,true]'

# Noise floor, churn, unproven budgets that change nothing.
"$world" flat --n 40 --churn 0.1 --control >control.jsonl
kvt-stats control.jsonl >control.out
is "replicate b is the control, outside the family" "$(jq -c 'select(.kind=="pair_stats" and .control)|[.loss.p_adj, (.loss.p_raw < 1)]' control.out | sort -u)" "[null,true]"
is "the floor is seen" "$(jq -s '[.[]|select(.kind=="pair_stats" and (.control|not))|.churn.floor_n]|add' control.out)" 400
"$world" perfect --n 10 | sed 's/"applied":"proven"/"applied":"unproven"/' >noop.jsonl
is "an unproven budget without effect is suspected" "$(kvt-stats noop.jsonl | jq -c 'select(.kind=="pair_stats")|.noop_suspected' | sort -u)" true

# Any order, golden numbers, replay.
"$world" flat --n 7 --bins 3 --churn 0.15 --control --f1 --cluster 2 >small.jsonl
kvt-stats small.jsonl >small.out
own <small.out | rounded >small.golden
golden "golden statistics: clusters, fractional scores, control" stats/small.jsonl small.golden
shuf --random-source=<(yes) small.jsonl | kvt-stats | own >shuffled.out
is "shuffled input gives the same lines" "$(cat shuffled.out)" "$(own <small.out)"
is "shards in any order give the same lines" "$( (tail -n +40 small.jsonl; head -n 39 small.jsonl) | kvt-stats | own)" "$(own <small.out)"
is "replay repeats the bytes" "$(kvt-stats small.out | grep -v '"kind":"meta"')" "$(grep -v '"kind":"meta"' small.out)"

# Two experiments with other settings: those of the first by name hold, whichever comes first, and that is said.
"$world" flat --n 7 --bins 2 | jq -c 'select(.kind != "experiment")' >plain.jsonl
experiment() { printf '{"kind":"experiment","exp_group_id":"%s","config":{"stats":{"alpha":%s}}}\n' "$1" "$2"; }
(experiment first 0.2; cat plain.jsonl) | kvt-stats | own >first.out
(experiment second 0.01; experiment first 0.2; cat plain.jsonl) | kvt-stats 2>said | own >one.out
(cat plain.jsonl; experiment first 0.2; experiment second 0.01) | kvt-stats 2>/dev/null | own >two.out
is "two experiments in any order" "$(cat one.out)" "$(cat first.out)"
is "give the same lines" "$(cat two.out)" "$(cat one.out)"
like "and whose settings hold is said" "$(cat said)" "^kvt-stats: the stream's experiments have different settings .* 'first' hold"
is "-c settles it" "$( (experiment second 0.01; experiment first 0.2; cat plain.jsonl) | kvt-stats --alpha=0.2 2>&1 >/dev/null)" ''
is "nothing is said where they agree" "$( (experiment second 0.2; experiment first 0.2; cat plain.jsonl; echo '{"kind":"experiment"}' ; echo '{"kind":"experiment"}') |
    sed '/^{"kind":"experiment"}$/s/}$/,"config":{"stats":{"alpha":0.2}}}/' | kvt-stats 2>&1 >/dev/null)" ''
ok "records without settings have the defaults" bash -c "(echo '{\"kind\":\"experiment\"}'; echo '{\"kind\":\"experiment\"}'; cat plain.jsonl) | kvt-stats"

# What is wrong with the input is said.
fails 1 "no response at all" kvt-stats /dev/null
sed 's/,"score":{"value":0}//' hand.jsonl >unscored.jsonl
fails 1 "unscored responses" kvt-stats unscored.jsonl
like "are named by line" "$(cat .err)" 'unscored.jsonl:7: response without score; pipe the stream through kvt-score'
ok "or set aside" kvt-stats --skip-bad aside.jsonl unscored.jsonl
is "as they were" "$(cat aside.jsonl)" "$(grep -v '"score"\|"kind":"run"' unscored.jsonl)"
fails 1 "a score out of range" bash -c "sed 's/\"value\":1/\"value\":1.5/' hand.jsonl | kvt-stats"
fails 1 "a bin that is no number" bash -c "sed 's/\"bin_idx\":0/\"bin_idx\":\"a\"/' hand.jsonl | kvt-stats"
fails 3 "a full disk" bash -c 'kvt-stats hand.jsonl >/dev/full'
grep -v '"kind":"run"' hand.jsonl >bare.jsonl
is "without run lines budget 1 is the reference, said so" "$(kvt-stats bare.jsonl | jq -c 'select(.kind=="pair_stats")|[.kv_budget,.loss.n10,(.warnings|index("reference_guessed")!=null)]')" '[0.5,2,true]'
done_testing
