#!/bin/bash
# kvt-transition: planted worlds give the verdict they deserve; order, replay, degenerate streams.
. "$(dirname "$0")/lib.sh"
world=$KVT_BUILD/helpers/world
cd "$scratch" || exit 1

verdicts() { grep '^{"kind":"transition"' | jq -r "${1:-.verdict}"; }
# judge NAME WORLD-ARGS... : verdict at budget 0.2
judge() { "$world" "$@" | kvt-transition | verdicts 'select(.kv_budget == 0.2) | .verdict'; }

is "a perfect run of 40 is safe" "$(judge perfect --n 40)" safe_within
is "a perfect run of 20 cannot show 10 points" "$(judge perfect --n 20)" inconclusive
is "a flat loss without failures is silent" "$(judge flat-loss --n 40)" silent_loss
is "a step to silent loss is abrupt" "$(judge silent-step --n 100)" abrupt_collapse
is "rising failures without collapse" "$(judge failing --n 100 --churn 0.05)" failing
is "failures, then collapse" "$(judge zone --n 100)" transition_zone
is "noise is inconclusive" "$(judge flat --n 40 --churn 0.05 --seed 2)" inconclusive
is "a straight decline is no zone" "$(judge line-100 --n 40 --churn 0.05)" failing
is "fractional scores too" "$(judge flat-loss --n 100 --f1)" silent_loss

"$world" zone --n 40 >zone.jsonl
kvt-stats zone.jsonl | kvt-transition >zone.out
is "the zone and the collapse" "$(verdicts '[.transition_bin_start,.transition_bin_end,.collapse_bin]|@csv' <zone.out)" ",,
1,2,3"
ok "the new lines keep the contract" kvt-lint <(grep -v '"kind":"response"' zone.out)
is "shuffled input gives the same verdicts" "$(shuf --random-source=<(yes) zone.jsonl | kvt-transition | grep '"kind":"transition"')" "$(grep '"kind":"transition"' zone.out)"
is "replay repeats the bytes" "$(kvt-transition zone.out | grep -v '"stage":"kvt-transition"')" "$(grep -v '"stage":"kvt-transition"' zone.out)"
is "verdicts do not depend on kvt-stats" "$(kvt-transition zone.jsonl | grep '"kind":"transition"')" "$(grep '"kind":"transition"' zone.out)"
like "the sentence" "$(verdicts .summary <zone.out | tail -n 1)" '^At budget 0.2 world becomes unstable before it collapses: failures rise from 5[0-9]+ tokens on \(bin 2\) while the score is still retained, and the score falls below 50% of the full cache.s in bins? 4( and 5)? \(from 2,[0-9]+ tokens\)\.$'
like "safe in words" "$("$world" perfect --n 40 | kvt-transition | verdicts .summary | head -n 1)" '^At budget 0.5 world is safe within 7.3 points at every length\.$'
like "silent in words" "$("$world" silent-step --n 20 | kvt-transition --permutations=99 | verdicts .summary | tail -n 1)" 'loses [0-9.]+ to [0-9.]+ points from 2,[0-9]+ tokens on( \([0-9.]+ over all lengths\))?, silently: wrong answers rise in bins 4 and 5, failures do not\.$'

# Noise's gains that failures hide: no silent loss is claimed, but where silence sets in, for the order, is judged at
# even chances (kvt-stats(1)).
is "the order takes silent losses at even chance" "$("$world" line-100 --n 100 --churn 0.05 --seed 71 --data-sets 50 | kvt-transition |
    grep '^{"kind":"transition"' | jq -sc 'map(select(.kv_budget == 0.2) | .rationale) |
    [map(select(.order.bS != null)) | length, (map(select(.silent.bins != [])) | length)]')" '[5,0]'

# Five entries per bin can never show a zone, and the program says so.
is "n = 5 cannot show a zone" "$("$world" zone --n 5 | kvt-transition | verdicts '[.verdict != "transition_zone", .rationale.min_attainable_p.zone > 0.05] | @csv' | sort -u)" true,true
is "n = 40 could" "$(verdicts '.rationale.min_attainable_p.zone < 0.05' <zone.out | sort -u)" true

# One context asked at five lengths is one unit, not five: three contexts lost are no 15 losses.
contexts() { # CLUSTER-OR-NULL: of 40 contexts the compressed run loses the first three at every length
    for r in full half; do
        [ $r = full ] && run='1 true' || run='0.5 false'
        printf '{"kind":"run","run_id":"%s","exp_group_id":"x","kv_policy":"p","kv_budget":%s,"budget_unit":"fraction","reference":%s,"replicate":"a","kv":{},"engine_name":"e","base_url":null,"model_name":"m","created_at":"2026-01-01T00:00:00Z"}\n' $r $run
        awk -v r=$r -v budget="${run% *}" -v cluster="$1" 'BEGIN { for (c = 1; c <= 40; c++) for (b = 0; b < 5; b++)
            printf("{\"kind\":\"response\",\"request_id\":\"%s-%d-%d\",\"run_id\":\"%s\",\"entry_id\":\"%d-%d\",\"bin_idx\":%d,\"token_len\":%d,\"kv_policy\":\"p\",\"kv_budget\":%s,\"repeat\":0,\"cluster\":%s,\"meta\":{},\"response\":{\"text\":\"a\",\"finish_reason\":\"stop\"},\"telemetry\":{\"kv\":{\"applied\":\"proven\"}},\"error\":null,\"score\":{\"metric\":\"em\",\"value\":%d},\"failure\":null}\n",
                r, c, b, r, c, b, b, 1000 * (b + 1) + c, budget, (cluster == "null" ? cluster : "\"" cluster c "\""), (r == "full" || c > 3)) }'
    done
}
is "15 losses of unrelated entries are a loss over all lengths" "$(contexts null | kvt-transition | verdicts '[.verdict,.rationale.loss.overall]|@csv')" '"degraded",true'
is "the same of three contexts are not" "$(contexts c | kvt-transition | verdicts '[.verdict,.rationale.loss.overall]|@csv')" '"inconclusive",false'
is "and the bound over all lengths knows 40 contexts, not 200 entries" "$(contexts c | kvt-transition | verdicts '.rationale.safe.pooled_bound * 1000 | round')" 183

# What is not seen or not proven is not claimed.
is "a loss is not called silent where failures are unseen" "$("$world" flat-loss --n 40 | sed 's/"finish_reason":"stop"/"finish_reason":null/' | kvt-transition | verdicts '[.verdict,.order]|@csv' | tail -n 1)" '"degraded","undecided"'
is "and where they are unseen, wrong answers are not said to lead, by no distance" "$("$world" wrong-first --n 100 | sed 's/"finish_reason":"stop"/"finish_reason":null/' | kvt-transition | verdicts '[.order,.rationale.order.two_bins]|@csv' | tail -n 1)" '"undecided",false'
is "where they are seen they lead by two bins" "$("$world" wrong-first --n 100 | kvt-transition | verdicts '[.order,.rationale.order.two_bins]|@csv' | tail -n 1)" '"wrong_answers_first",true'
is "no effect of a budget that nothing proves is not called safe" "$("$world" perfect --n 40 | sed 's/"applied":"proven"/"applied":"unproven"/' | kvt-transition | verdicts '[.verdict,.rationale.safe.blocked_by,.noop_suspected]|@csv' | sort -u)" '"inconclusive","noop_suspected",true'
is "missing answers are not called safe" "$("$world" perfect --n 60 | awk '!/"run_id":"d00000-0.2"/ || /"kind":"run"/ || ++k % 4' | kvt-transition | verdicts '[.verdict,.rationale.safe.blocked_by]|@csv' | tail -n 1)" '"inconclusive","coverage"'
{ "$world" flat-loss --n 40 | sed 's/d00000-0\.2/A/; s/"kv_budget":0.2/"kv_budget":0.7/'; } >larger.jsonl
is "after a budget that is not safe no smaller one is" "$(kvt-transition larger.jsonl | verdicts '[.kv_budget,.verdict,.rationale.safe.blocked_by]|@csv')" '0.7,"silent_loss",
0.5,"inconclusive","larger_budget"'

# Streams of several kinds.
grep -v '"reference":true\|-1",' zone.jsonl >orphan.jsonl
is "no reference" "$(kvt-transition orphan.jsonl | verdicts '[.verdict,.safe_within,.summary]|@csv' | tail -n 1)" '"no_reference",,"At budget 0.2 world cannot be judged: the stream has no reference run of this experiment and model."'
sed 's/"kv_budget":0.2,"budget_unit":"fraction"/"kv_budget":384,"budget_unit":"tokens"/; s/"kv_policy":"world","kv_budget":0.2/"kv_policy":"world","kv_budget":384/' zone.jsonl >tokens.jsonl
is "budgets in tokens" "$(kvt-transition tokens.jsonl | verdicts '[.kv_budget,.verdict]|@csv' | tail -n 1)" '384,"transition_zone"'
like "are called so" "$(kvt-transition tokens.jsonl | verdicts .summary | tail -n 1)" '^At budget 384 tokens world'
like "one of them, too" "$(sed 's/384/1/' tokens.jsonl | kvt-transition | verdicts .summary | tail -n 1)" '^At budget 1 token world'
"$world" flat-loss --n 40 | grep -v '"bin_idx":1,' >gap.jsonl
like "bins are named one by one where one between them is missing" "$(kvt-transition gap.jsonl | verdicts .summary | tail -n 1)" 'wrong answers rise in bins 1, 3, 4 and 5,'
like "one point is not points" "$("$world" flat --n 5 | kvt-transition --delta=0.01 | verdicts .summary | head -n 1)" 'safe within 1 point if'
{ cat zone.jsonl; grep '0\.2"' zone.jsonl | sed 's/d00000-0\.2/other/; s/"kv_policy":"world"/"kv_policy":"other"/'; } >policies.jsonl
is "one reference serves all policies of its experiment" "$(kvt-transition policies.jsonl | verdicts '[.kv_policy,.kv_budget,.verdict,.reference_run_id]|@csv' | head -n 1)" '"other",0.2,"transition_zone","d00000-1"'
{ sed 's/"meta":{}/"meta":{"task":"one"}/' zone.jsonl; sed 's/"meta":{}/"meta":{"task":"two"}/; s/"request_id":"/"request_id":"x/' zone.jsonl | grep -v '"kind":"run"'; } >tasks.jsonl
is "two tasks are two studies" "$(kvt-transition tasks.jsonl | verdicts '[.task,.kv_budget,.rationale.family_cells]|@csv')" '"one",0.5,10
"one",0.2,10
"two",0.5,10
"two",0.2,10'
is "or one family" "$(kvt-transition --family=all tasks.jsonl | verdicts '.rationale.family_cells' | sort -u)" 20
is "2 and 50 bins" "$(for b in 2 50; do "$world" flat --n 3 --bins $b | kvt-transition | verdicts '.rationale.bins|length'; done | sort -un | tr '\n' ' ')" '2 50 '
sed 's/"kv_budget":0.2/"kv_budget":0.5/' zone.jsonl >same.jsonl
is "two runs of one budget are told apart" "$(kvt-transition same.jsonl | verdicts '[.kv_budget, .verdict, .summary[:40]]|@csv')" '0.5,"transition_zone","At budget 0.5 (run d00000-0.2) world bec"
0.5,"inconclusive","At budget 0.5 (run d00000-0.5) world can"'
sed 's/"kv_budget":0.2/"kv_budget":2.5/' zone.jsonl >more.jsonl
is "a fraction above 1 is a budget as any other" "$(kvt-transition more.jsonl | verdicts '[.kv_budget,.verdict]|@csv')" '2.5,"transition_zone"
0.5,"inconclusive"'
sed 's/"failure":null/"failure":{"failure_type":"EMPTY_OUTPUT","class":"model"}/; s/"score":{"value":1}/"score":{"value":0}/' zone.jsonl >failed.jsonl
is "nothing but failures" "$(kvt-transition failed.jsonl | verdicts '[.verdict,(.warnings|index("baseline_floor") != null)]|@csv' | sort -u)" '"inconclusive",true'
awk '/"run_id":"d00000-0.2"/ { sub(/"failure":.*/, "\"failure\":{\"failure_type\":\"TIMEOUT\",\"class\":\"infrastructure\"}}"); sub(/"value":[01]/, "\"value\":null") } { print }' zone.jsonl >lost.jsonl
is "nothing but lost requests" "$(kvt-transition lost.jsonl | verdicts '[.verdict,.safe_within,(.warnings|index("infrastructure_failures") != null)]|@csv' | tail -n 1)" '"inconclusive",1,true'
{ grep '"kind":"run"' zone.jsonl; grep -m 1 '"run_id":"d00000-1"' <(grep '"kind":"response"' zone.jsonl); } >row.jsonl
is "one row of the reference has nothing to judge" "$(kvt-transition row.jsonl | verdicts .verdict)" ""
is "lengths unknown" "$(sed 's/"token_len":[0-9]*/"token_len":null/' zone.jsonl | kvt-transition | verdicts '[.rationale.length.loss_step,(.warnings|index("no_lengths") != null)]|@csv' | sort -u)" ',true'
like "unequal bins are told" "$("$world" flat --n 40 --unequal | kvt-transition | verdicts .summary | tail -n 1)" 'of up to 14 points at some length is not excluded with 20 pairs in the smallest bin; about 30 per bin would show it safe within 10 points'
is "one pair" "$("$world" perfect --n 1 --bins 1 | kvt-transition | verdicts '[.verdict,.rationale.n_pairs]|@csv' | tail -n 1)" '"inconclusive",1'
is "shared contexts switch to cluster sums" "$("$world" flat-loss --n 40 --cluster 4 | kvt-transition | verdicts '[.rationale.clusters,.verdict]|@csv' | tail -n 1)" 'true,"silent_loss"'
is "the legacy rule is there, and flags noise" "$("$world" flat --n 10 --churn 0.1 --seed 4 | kvt-transition --method=zscore | verdicts '[.rationale.method,.verdict,(.rationale.zscore.std|length)]|@csv' | tail -n 1)" '"zscore","transition_zone",5'

# Where to sample next.
next() { "$world" "$@" | kvt-transition --next 25; }
is "--next hands out what it was given" "$(next zone --n 10 --churn 0.05 | awk '{ a += $3; if ($2 + $3 != $4) bad = 1 } END { print a, bad + 0 }')" "25 0"
is "to bins of five first" "$(next zone --n 3 | awk '{ print ($4 >= 5) }' | sort -u)" 1
"$world" zone --n 10 | jq -c 'if .kind == "response" and (.bin_idx == 1 or .bin_idx == 4) then .score.value = null | .failure = {failure_type: "TIMEOUT", class: "infrastructure", message: ""} else . end' >lost.jsonl
is "a bin whose every request was lost has no entries, and gets the first" "$(kvt-transition --next 12 lost.jsonl | awk '{ print $1, $2, ($3 >= 5) }' | sed -n '2p;5p' | tr '\n' ' ')" "1 0 1 4 0 1 "
is "it does not look at which budget failed" "$("$world" zone --n 10 | sed 's/"run_id":"d00000-0.5"/"run_id":"T"/; s/"run_id":"d00000-0.2"/"run_id":"d00000-0.5"/; s/"run_id":"T"/"run_id":"d00000-0.2"/' | kvt-transition --next 25)" "$("$world" zone --n 10 | kvt-transition --next 25)"
is "it stops at the examples there are" "$({ for b in 0 1 2 3 4; do echo "{\"kind\":\"bin\",\"bin_idx\":$b,\"n_examples\":12}"; done; "$world" zone --n 10; } | kvt-transition --next 25 | awk '{ a += $3; m = $4 > m ? $4 : m } END { print a, m }')" "10 12"
two_tasks() { "$world" zone --n 10 | sed '/"bin_idx":[024]/s/"meta":{[^}]*}/"meta":{"task":"qasper"}/; /"bin_idx":[13]/s/"meta":{[^}]*}/"meta":{"task":"hotpotqa"}/'; }
set_of() { echo "{\"kind\":\"dataset\",\"dataset_id\":\"$1\",\"name\":\"import\",\"task\":\"$1\"}"; }
two_tasks >tasks.jsonl
fails 1 "--next: bins of several data sets are not added up" kvt-transition --next 25 <(set_of qasper; set_of hotpotqa) tasks.jsonl
is "nothing is planned" "$(cat .out)" ''
like "and they are named" "$(cat .err)" '^kvt-transition: --next: the stream holds 2 data sets \(qasper, hotpotqa\), each with bins of its own; give it one of them at a time'
fails 1 "nor are those of tasks that nothing says share them" kvt-transition --next 25 tasks.jsonl
like "which are named" "$(cat .err)" 'holds 2 tasks \((qasper, hotpotqa|hotpotqa, qasper)\), and no dataset line says that they share'
is "several tasks in one data set are planned together" "$(kvt-transition --next 25 <(set_of both; set_of both) tasks.jsonl 2>err)" "$(next zone --n 10)"
like "which is said" "$(cat err)" "the data set's bins hold 2 tasks \\((qasper, hotpotqa|hotpotqa, qasper)\\), which are planned together"
"$world" zone --n 60 | sed 's/"meta":{[^}]*}/"meta":{"task":"qasper"}/' >many.jsonl
ok "hundreds of responses of one task are one task" bash -c '[ "$(grep -c qasper many.jsonl)" -gt 512 ] && kvt-transition --next 25 many.jsonl'
is "and nothing is said" "$(cat .err)" ''
fails 1 "no response at all" kvt-transition /dev/null
fails 2 "a delta out of range" bash -c 'kvt-transition --delta=3 zone.jsonl'
fails 2 "an unknown method" kvt-transition --method=zscor zone.jsonl
fails 3 "a full disk" bash -c 'kvt-transition zone.jsonl >/dev/full'
for n in -1 -3; do
    fails 2 "--next=$n is no number of entries" kvt-transition --next=$n zone.jsonl
done
done_testing
