#!/bin/bash
# kvt-import: every format, names, ids, repeated and shifted rows, and the stages that follow.
. "$(dirname "$0")/lib.sh"
cd "$root/test/golden/import" || exit 1
export SOURCE_DATE_EPOCH=1767225600
press=longbench__hotpotqa__tiny--model__snapkv__0.80
samples=samples_longbench_hotpotqa_2025-01-31T10-00-00.123456.jsonl

run() { # FORMAT ARGUMENTS...: the stream, messages aside
    kvt-import --format="$1" "${@:2}" 2>"$scratch/said"
}
# What scoring needs of each response, whatever the format says beside it.
answers() { jq -c 'select(.kind == "response") | [.answers,.response.text,.meta.length]'; }
entries() { jq -r 'select(.kind == "response") | .entry_id'; }

# --- each format ------------------------------------------------------------------------------------
run longbench --bins=2 full/hotpotqa.jsonl snapkv-64/hotpotqa.jsonl >"$scratch/longbench"
grep -v "\"kind\":\"experiment\"" "$scratch/longbench" >"$scratch/golden" # its settings are everybody's
golden "longbench: two runs of one task" import/longbench.jsonl "$scratch/golden"
run kvpress $press/predictions.csv >"$scratch/kvpress"
grep -v "\"kind\":\"experiment\"" "$scratch/kvpress" >"$scratch/golden" # its settings are everybody's
golden "kvpress: NumPy's lists, settings beside the file" import/kvpress.jsonl "$scratch/golden"
run ruler -p snapkv -b .2 4096/pred/niah_multivalue.jsonl >"$scratch/ruler"
grep -v "\"kind\":\"experiment\"" "$scratch/ruler" >"$scratch/golden" # its settings are everybody's
golden "ruler" import/ruler.jsonl "$scratch/golden"
run lm-eval -p snapkv -b 64 $samples >"$scratch/lm-eval"
run kvcache-factory tiny-model_64/hotpotqa/SnapKV.json >"$scratch/factory"
for format in kvpress lm-eval factory; do
    is "$format: the same answers as longbench's file" \
        "$(answers <"$scratch/$format")" "$(run longbench snapkv-64/hotpotqa.jsonl | answers)"
done
is "lm-eval: one filter's rows only" "$(entries <"$scratch/lm-eval" | wc -l)" 6
is "kvcache-factory: policy, budget, model" \
    "$(jq -c 'select(.kind == "run") | [.kv_policy,.kv_budget,.budget_unit,.model_name]' "$scratch/factory")" \
    '["snapkv",64,"tokens","tiny-model"]'
is "ids give the same entries in every format" \
    "$(entries <"$scratch/kvpress") $(entries <"$scratch/factory")" "$(entries <"$scratch/lm-eval") $(entries <"$scratch/lm-eval")"
for stream in longbench kvpress ruler lm-eval factory; do
    ok "$stream: the records are as the contract says" kvt-lint "$scratch/$stream"
done
jq -cs . snapkv-64/hotpotqa.jsonl >"$scratch/hotpotqa.json"
is "rows in one JSON array" \
    "$(run longbench -p snapkv -b 64 "$scratch/hotpotqa.json" | answers)" "$(run longbench snapkv-64/hotpotqa.jsonl | answers)"

# --- what is known, and nothing else ----------------------------------------------------------------
is "the experiment says what the files tell" \
    "$(jq -c 'select(.kind == "experiment").config | [.dataset,.binning,.model,.kv,.output]' "$scratch/longbench")" \
    '[{"name":"import","task":"hotpotqa"},{"n_bins":2},{"name":null},{"policy":"snapkv","budgets":[64],"budget_unit":"tokens"},{"exp_group_id":"import-hotpotqa"}]'
is "and nothing of a server, a model or its decoding" \
    "$(jq -c 'select(.kind == "experiment").config | keys' "$scratch/longbench")" \
    '["binning","dataset","kv","model","notes","output","scoring","seed","stats","transition"]'
is "the model, where the name tells it" "$(jq -c 'select(.kind == "experiment").config.model' "$scratch/factory")" '{"name":"tiny-model"}'
jq -c 'select(.kind == "experiment").config' "$scratch/longbench" >"$scratch/config.json"
ok "it is a settings file" kvt-lint -c "$scratch/config.json" --get scoring.code_sim

# --- options over names -----------------------------------------------------------------------------
is "options win over names" \
    "$(run longbench -p h2o -b 32 -t odd --model=m --exp=e --replicate=b snapkv-64/hotpotqa.jsonl | jq -c 'select(.kind == "run") | [.kv_policy,.kv_budget,.budget_unit,.model_name,.exp_group_id,.replicate,.reference]')" \
    '["h2o",32,"tokens","m","e","b",false]'
for option in task policy model exp; do
    fails 2 "an empty --$option" kvt-import -f longbench --$option= snapkv-64/hotpotqa.jsonl
    like "is named" "$(cat "$scratch/.err")" "^kvt-import: --$option is empty$"
done
mkdir "$scratch/"$'b\xff-64' && cp snapkv-64/hotpotqa.jsonl "$scratch/"$'b\xff-64/t\xfe.jsonl'
run longbench --model=$'m\xfd' "$scratch/"$'b\xff-64/t\xfe.jsonl' >"$scratch/bytes"
is "names that are not UTF-8, in the experiment's settings as in the run" \
    "$(jq -c 'select(.kind == "experiment").config | [.dataset.task,.kv.policy,.model.name,.output.exp_group_id]' "$scratch/bytes")" '["t�","b�","m�","import-t�"]'
cp $press/predictions.csv "$scratch/predictions.csv" && mkdir -p "$scratch/longbench__hotpotqa__maker--a-model__snapkv__0.80" &&
    mv "$scratch/predictions.csv" "$scratch/longbench__hotpotqa__maker--a-model__snapkv__0.80/"
is "kvpress's MAKER--MODEL is the MAKER/MODEL of its settings" \
    "$(run kvpress "$scratch/longbench__hotpotqa__maker--a-model__snapkv__0.80/predictions.csv" | jq -r 'select(.kind == "run").model_name')" maker/a-model
is "budget 1 is the reference" \
    "$(run longbench -p h2o -b 1 snapkv-64/hotpotqa.jsonl | jq 'select(.kind == "run") | .reference')" true
is "a policy that is none needs no budget" \
    "$(run lm-eval -p full $samples | jq -c 'select(.kind == "run") | [.kv_budget,.reference]')" '[1,true]'
is "--budget-unit is not of a full cache" \
    "$(run longbench --budget-unit=tokens full/hotpotqa.jsonl snapkv-64/hotpotqa.jsonl | jq -c 'select(.kind == "run") | [.kv_budget,.budget_unit]' | paste -sd' ')" \
    '[1,"fraction"] [64,"tokens"]'
fails 2 "64 is no fraction" kvt-import -f longbench --budget-unit=fraction snapkv-64/hotpotqa.jsonl
like "which is said" "$(cat "$scratch/.err")" 'snapkv-64/hotpotqa.jsonl: a budget of 64 is no fraction of the prompt'
cp snapkv-64/hotpotqa.jsonl "$scratch/hotpotqa.jsonl"
fails 2 "a policy nothing tells" kvt-import -f longbench "$scratch/hotpotqa.jsonl"
like "is asked for" "$(cat "$scratch/.err")" 'give --policy'
fails 2 "a budget nothing tells" kvt-import -f longbench -p h2o "$scratch/hotpotqa.jsonl"
like "is asked for" "$(cat "$scratch/.err")" 'give --budget'
fails 2 "no format" kvt-import snapkv-64/hotpotqa.jsonl
fails 2 "an unknown format" kvt-import -f helm snapkv-64/hotpotqa.jsonl
fails 2 "no file" kvt-import -f longbench
fails 3 "a missing file" kvt-import -f longbench full/none.jsonl
fails 1 "another format's file" kvt-import -f kvpress -p h2o -b 1 full/hotpotqa.jsonl

# --- rows that came twice, are missing, or stand elsewhere ------------------------------------------
jq -nc 'range(200) | {pred:"p\(.)",answers:["g\(. % 190)"],all_classes:null,length:(1000 + . % 190)}' >"$scratch/narrativeqa.jsonl"
run longbench -p full "$scratch/narrativeqa.jsonl" >/dev/null
like "as many rows as questions: nothing is a repetition" "$(cat "$scratch/said")" '10 rows of narrativeqa have the golds and length of an earlier one.*no repetition'
(head -n 3 "$scratch/narrativeqa.jsonl"; cat "$scratch/narrativeqa.jsonl") >"$scratch/more.jsonl"
run longbench -p full -t narrativeqa "$scratch/more.jsonl" >"$scratch/kept"
like "203 rows: 3 repeated, named, kept" "$(cat "$scratch/said")" '203 rows of narrativeqa, 3 repeated: row 4 \(as 1\), 5 \(as 2\), 6 \(as 3\).*; kept'
is "all 203 are there" "$(entries <"$scratch/kept" | wc -l)" 203
run longbench -p full -t narrativeqa --dedupe "$scratch/more.jsonl" >"$scratch/deduped"
is "--dedupe leaves 200" "$(entries <"$scratch/deduped" | wc -l)" 200
is "which are the entries of the file without repetition" \
    "$(entries <"$scratch/deduped")" "$(run longbench -p full "$scratch/narrativeqa.jsonl" | entries)"
jq -nc 'range(200) | {pred:"p\(.)",answers:["g\(.)"],all_classes:null,length:(1000 + .)}' >"$scratch/all.jsonl"
head -n 3 "$scratch/all.jsonl" >"$scratch/again.jsonl"
run longbench -p full -t narrativeqa "$scratch/all.jsonl" "$scratch/again.jsonl" >/dev/null
like "rows that another file of the run repeats are named with both files" "$(cat "$scratch/said")" '3 repeated: row 1 of .*again.jsonl \(as 1 of .*all.jsonl\), 2 of'
tail -n +2 "$scratch/narrativeqa.jsonl" >"$scratch/fewer.jsonl"
run longbench -p h2o -b .5 -t narrativeqa "$scratch/fewer.jsonl" >"$scratch/fewer"
like "a missing row is noticed" "$(cat "$scratch/said")" '199 rows of narrativeqa, which has 200 questions'
is "and does not shift the others" "$(comm -12 <(entries <"$scratch/fewer" | sort) <(entries <"$scratch/deduped" | sort) | wc -l)" 199
like "it is said how rows without ids are joined" "$(cat "$scratch/said")" 'without ids: paired .* by order'

# two questions with equal golds, 11 and 12, are none of the three rows that came again
jq -nc 'range(200) | {pred:"p\(.)",answers:["g\(if . == 11 then 10 else . end)"],all_classes:null,length:(if . == 11 then 10 else . end)}' >"$scratch/narrativeqa.jsonl"
(cat "$scratch/narrativeqa.jsonl"; sed -n '21,22p' "$scratch/narrativeqa.jsonl") >"$scratch/more.jsonl"
run longbench -p full -t narrativeqa "$scratch/more.jsonl" >/dev/null
like "only rows that came twice are named as such" "$(cat "$scratch/said")" '2 repeated: row 201 \(as 21\), 202 \(as 22\); kept'
run longbench -p full -t odd "$scratch/narrativeqa.jsonl" >/dev/null
like "of a task whose questions nobody counted: by the texts" "$(cat "$scratch/said")" 'row 12 \(as 11\); they are no repetition, as their texts differ'
mkdir -p "$scratch"/partner/{full,cut-64,other-64}
cp "$scratch/narrativeqa.jsonl" "$scratch/partner/full/odd.jsonl"
sed '7d; s/"g9"/"h9"/' "$scratch/narrativeqa.jsonl" >"$scratch/partner/cut-64/odd.jsonl"
tac "$scratch/narrativeqa.jsonl" >"$scratch/partner/other-64/odd.jsonl"
(cd "$scratch/partner" && run longbench cut-64/odd.jsonl full/odd.jsonl other-64/odd.jsonl >/dev/null)
is "rows without a partner in the full cache's file are named, and those that have none here" \
    "$(grep partner "$scratch/said")" \
    "kvt-import: cut-64/odd.jsonl: 1 rows without a partner in full/odd.jsonl, by golds and length or id: row 9
kvt-import: cut-64/odd.jsonl: no partner for 2 rows of full/odd.jsonl: row 7, 10"

# --- question files ---------------------------------------------------------------------------------
run longbench --questions=questions.jsonl snapkv-64/hotpotqa.jsonl >"$scratch/joined"
is "questions give ids" "$(entries <"$scratch/joined")" "$(entries <"$scratch/factory")"
printf '\xef\xbb\xbf%s\r\n\r\n%s' "$(sed 's/$/\r/' questions.jsonl | head -n 3)" "$(tail -n +4 questions.jsonl)" >"$scratch/questions"
is "also with a byte order mark, CRLF and blank lines" "$(run longbench --questions="$scratch/questions" snapkv-64/hotpotqa.jsonl | entries)" "$(entries <"$scratch/factory")"
cat snapkv-64/hotpotqa.jsonl <(head -n 2 snapkv-64/hotpotqa.jsonl) >"$scratch/hotpotqa.jsonl"
fails 1 "more rows than questions" kvt-import -f longbench -p h2o -b .5 --questions=questions.jsonl "$scratch/hotpotqa.jsonl"
like "are named" "$(cat "$scratch/.err")" '8 rows of hotpotqa, 2 repeated: row 7 \(as 1\), 8 \(as 2\)'
run longbench -p h2o -b .5 --questions=questions.jsonl --dedupe "$scratch/hotpotqa.jsonl" >"$scratch/joined"
is "and --dedupe drops as many as the questions say" "$(entries <"$scratch/joined")" "$(entries <"$scratch/factory")"
head -n 5 snapkv-64/hotpotqa.jsonl >"$scratch/hotpotqa.jsonl"
fails 1 "fewer rows than questions" kvt-import -f longbench -p h2o -b .5 --questions=questions.jsonl "$scratch/hotpotqa.jsonl"
(sed -n 2p snapkv-64/hotpotqa.jsonl; sed -n 1p snapkv-64/hotpotqa.jsonl; tail -n 4 snapkv-64/hotpotqa.jsonl) >"$scratch/hotpotqa.jsonl"
fails 1 "rows in another order than the questions" kvt-import -f longbench -p h2o -b .5 --questions=questions.jsonl "$scratch/hotpotqa.jsonl"
like "are named" "$(cat "$scratch/.err")" 'hotpotqa.jsonl:1: row 1 has other golds than its question'
printf '%s\n' predicted_answer 'In the cellar' Anna Wienau '""' lamp keeper >"$scratch/old.csv"
fails 1 "kvpress's older file has no golds" kvt-import -f kvpress -p snapkv -b .5 -t hotpotqa "$scratch/old.csv"
like "which questions give" "$(cat "$scratch/.err")" '--questions=FILE gives them'
is "and do" "$(run kvpress -p snapkv -b .5 -t hotpotqa --questions=questions.jsonl "$scratch/old.csv" | entries | wc -l)" 6
jq -c '{kind:"entry",entry_id:("e" + ._id),dataset_id:"d",example_id:._id,bin_idx:2,rank:0,token_len:(.length * 2),question:.input,answers,prompt_sha256:"x",cluster:null,meta:{task:"hotpotqa",length}}' questions.jsonl | sed 3d >"$scratch/manifest"
run longbench --questions="$scratch/manifest" snapkv-64/hotpotqa.jsonl >"$scratch/joined"
is "a manifest gives entries, bins and tokens, and leaves out what was not selected" \
    "$(jq -c 'select(.kind == "response") | [.entry_id,.bin_idx,.token_len]' "$scratch/joined" | head -n 3 | tr '\n' ' ')" \
    '["em1",2,1624] ["em2",2,2408] ["em4",2,4220] '
is "its dataset and bins stand in the manifest" "$(grep -cE '"kind":"(bin|dataset)"' "$scratch/joined")" 0
(echo '{"kind":"dataset","dataset_id":"d","manifest_version":2}'; cat "$scratch/manifest") >"$scratch/newer"
fails 1 "a manifest of a newer version is refused" kvt-import -f longbench --questions="$scratch/newer" snapkv-64/hotpotqa.jsonl
like "with what to do" "$(cat "$scratch/.err")" 'newer:1: dataset.manifest_version is 2, and this release reads versions up to 1'

# --- rows that cannot be read -----------------------------------------------------------------------
(cat snapkv-64/hotpotqa.jsonl; echo '{"answers":["x"]}'; echo '{torn'; echo '{"pred":"x","answers":{}}') >"$scratch/hotpotqa.jsonl"
fails 1 "a row without prediction" kvt-import -f longbench -p h2o -b .5 "$scratch/hotpotqa.jsonl"
like "is named by file and line" "$(cat "$scratch/.err")" 'hotpotqa.jsonl:7: no member pred'
ok "--skip-bad goes on" kvt-import -f longbench -p h2o -b .5 --skip-bad "$scratch/aside" "$scratch/hotpotqa.jsonl"
is "and keeps the bad rows" "$(wc -l <"$scratch/aside")" 3
cp "$scratch/hotpotqa.jsonl" "$scratch/kept"
fails 2 "--skip-bad of a file that is read" kvt-import -f longbench -p h2o -b .5 --skip-bad "$scratch/hotpotqa.jsonl" full/hotpotqa.jsonl "$scratch/hotpotqa.jsonl"
fails 2 "or of the questions" kvt-import -f longbench --questions="$scratch/hotpotqa.jsonl" --skip-bad "$scratch/hotpotqa.jsonl" full/hotpotqa.jsonl
ok "does not overwrite it" cmp "$scratch/hotpotqa.jsonl" "$scratch/kept"
printf '%s\r\n' answers,predicted_answer "['a'],x,y" "['a'],x" "['a' ...],x" >"$scratch/table.csv"
ok "so it does in a table" kvt-import -f kvpress -p h2o -b .5 -t x --skip-bad "$scratch/aside" "$scratch/table.csv"
is "whose bad rows stand there as they were" "$(cat "$scratch/aside")" $'[\'a\'],x,y\n[\'a\' ...],x'
printf '{"pred":"a\xffb","answers":["\xc3"],"length":1}\n' >"$scratch/hotpotqa.jsonl"
ok "text that is not UTF-8" kvt-import -f longbench -p h2o -b .5 "$scratch/hotpotqa.jsonl"
is "is replaced, not refused" "$(jq -c 'select(.kind == "response") | [.response.text,.answers]' "$scratch/.out")" '["a�b",["�"]]'
printf '%s\n' '{"pred":"a","answers":["x"],"all_classes":["x"],"length":1}' '{"pred":"a","answers":["y"],"all_classes":["y"],"length":1}' >"$scratch/trec.jsonl"
is "all classes come from the last row" \
    "$(run longbench -p h2o -b .5 "$scratch/trec.jsonl" | jq -c 'select(.kind == "response") | .meta.all_classes' | uniq)" '["y"]'

# --- rows made to mislead ---------------------------------------------------------------------------
printf '{"pred":"a","answers":["x"],"pred":"b"}\n' >"$scratch/hotpotqa.jsonl"
is "a member that stands twice: the last counts, as in Python" \
    "$(run longbench -p h2o -b .5 "$scratch/hotpotqa.jsonl" | jq -r 'select(.kind == "response").response.text')" b
columns=length,answers,predicted_answer,_id,task,question,max_new_tokens
cells=$'12,"[\'x\']","b\nc",1,hotpotqa,q,32'
printf '\xef\xbb\xbf%s\n%s\n' "$columns" "$cells" >"$scratch/predictions.csv"
is "a byte order mark is no part of a column's name" \
    "$(run kvpress -p h2o -b .5 "$scratch/predictions.csv" | jq -c 'select(.kind == "response") | [.meta.length,.response.text]')" '[12,"b\nc"]'
printf '%s,answers\n%s,"[]"\n' "$columns" "$cells" >"$scratch/predictions.csv"
fails 1 "a column that stands twice" kvt-import -f kvpress -p h2o -b .5 "$scratch/predictions.csv"
like "is named" "$(cat "$scratch/.err")" 'predictions.csv:1: column answers stands twice'
# an empty cell says nothing: no gold, no id, no task, no length
mkdir "$scratch/cells"
printf '_id,length,answers,predicted_answer,task\n' >"$scratch/cells/hotpotqa.csv"
cp "$scratch/cells/hotpotqa.csv" "$scratch/cells/gold.csv"
printf '%s\n' ",,['x'],a," ",,['x'],b," ',"",y,"",' >>"$scratch/cells/hotpotqa.csv"
run kvpress -p h2o -b .5 -t hotpotqa "$scratch/cells/hotpotqa.csv" >"$scratch/cells/out"
is "an empty cell is no id and no length; of an answer it is an empty one" \
    "$(jq -c 'select(.kind == "response") | [.meta.example_id,.meta.length,.answers,.response.text]' "$scratch/cells/out" | tr '\n' ' ')" \
    '[null,null,["x"],"a"] [null,null,["x"],"b"] [null,null,["y"],""] '
is "rows without ids are not one row" "$(jq -c 'select(.kind == "run").import | [.joined_by,.repeated]' "$scratch/cells/out")" '["golds",0]'
fails 2 "an empty cell names no task" kvt-import -f kvpress -p h2o -b .5 - <"$scratch/cells/hotpotqa.csv"
like "and standard input has none" "$(cat "$scratch/.err")" 'kvt-import: stdin: neither its rows nor its name tell the task; give --task'
printf '1,5,,a,hotpotqa\n' >>"$scratch/cells/gold.csv"
fails 1 "nor is it a gold" kvt-import -f kvpress -p h2o -b .5 "$scratch/cells/gold.csv"
like "which is said" "$(cat "$scratch/.err")" 'gold.csv:2: row 1 has no golds'
printf '{"pred":"%s","answers":["x"],"_id":""}\n' a b >"$scratch/hotpotqa.jsonl"
is "an empty id in JSON is none" "$(run longbench -p h2o -b .5 "$scratch/hotpotqa.jsonl" | jq -c 'select(.kind == "run").import | [.joined_by,.repeated]')" '["golds",0]'
for resps in '[["-1.5","False"],["-0.5","True"]]' '[[["-1.5",false]],[["-0.5",true]]]'; do
    printf '{"doc_id":0,"doc":{},"target":"x","resps":%s}\n' "$resps" >"$scratch/samples_x_2025-01-31T10-00-00.1.jsonl"
    fails 1 "likelihoods $resps" kvt-import -f lm-eval -p h2o -b .5 "$scratch/samples_x_2025-01-31T10-00-00.1.jsonl"
    like "are no answers" "$(cat "$scratch/.err")" 'jsonl:1: likelihoods of choices, and no generated text'
done
printf '{"pred":"a","answers":["x"],"length":"%s"}\n' 812 ' 1.5e2' 0x10 inf >"$scratch/hotpotqa.jsonl"
is "lengths as texts: decimal numbers" "$(run longbench -p h2o -b .5 "$scratch/hotpotqa.jsonl" | jq -c 'select(.kind == "response").meta.length' | paste -sd' ')" '812 150 null null'
printf '{"pred":"a","answers":["x"],"length":%s}\n' -5 1e300 7 >"$scratch/hotpotqa.jsonl"
fails 1 "--bins: lengths that are none" kvt-import -f longbench -p h2o -b .5 --bins=2 "$scratch/hotpotqa.jsonl"
like "are counted" "$(cat "$scratch/.err")" '2 rows of hotpotqa have no length'
for text in '["a"]' '{}' true; do
    printf '{"pred":%s,"answers":["x"]}\n' "$text" >"$scratch/hotpotqa.jsonl"
    fails 1 "a prediction that is $text" kvt-import -f longbench -p h2o -b .5 "$scratch/hotpotqa.jsonl"
    like "is no empty answer" "$(cat "$scratch/.err")" 'hotpotqa.jsonl:1: a prediction that is no text'
done
deep=$(printf '[%.0s' {1..20000})
printf '{"pred":"a","answers":%s%s}\n' "$deep" "${deep//\[/]}" >"$scratch/hotpotqa.jsonl"
fails 1 "answers nested 20,000 deep" kvt-import -f longbench -p h2o -b .5 "$scratch/hotpotqa.jsonl"

# --- the stages that follow -------------------------------------------------------------------------
(run longbench full/hotpotqa.jsonl; run longbench snapkv-64/hotpotqa.jsonl) >"$scratch/cat"
ok "two imports joined by cat are a valid stream" kvt-lint "$scratch/cat"
kvt-score --no-meta "$scratch/cat" >"$scratch/scored"
ok "scored too" kvt-lint "$scratch/scored"
is "what cannot be seen is listed" \
    "$(jq -c 'select(.kind == "run") | .failures_unobservable[-1]' "$scratch/scored" | uniq)" '"TRUNCATED"'
if command -v python3 >/dev/null; then
    is "scores as by the rules in plain Python" "$(jq 'select(.kind == "response") | .score.value' "$scratch/scored" | awk '{ printf "%.9f ", $1 }')" \
        "$(python3 -X utf8 "$root/scripts/longbench_rules.py" <"$scratch/scored" | awk '{ printf "%.9f ", $1 }')"
else
    skip "scores as by the rules in plain Python" "no python3"
fi
exit_status=0
kvt-stats "$scratch/scored" 2>"$scratch/err" | kvt-transition 2>>"$scratch/err" >"$scratch/stream" || exit_status=$?
is "kvt-stats and kvt-transition take it" "$exit_status $(grep -c '"kind":"transition"' "$scratch/stream")" "0 1"
is "all rows pair" "$(jq -c 'select(.kind == "pair_stats") | .n_pairs' "$scratch/stream")" 6

kvt-render report <"$scratch/stream" >"$scratch/report"
like "the report names the policy, and no model" "$(cat "$scratch/report")" '^# .*snapkv on an unnamed model, task hotpotqa$'
is "claims no decoding, and no latencies of this machine" "$(grep -c -e '^| decoding' -e '^- Latencies are' "$scratch/report")" 0
like "says that nothing was measured" "$(cat "$scratch/report")" 'neither latencies nor memory'
like "and what lengths are" "$(cat "$scratch/report")" 'not tokens of the model'

# --- the worked example: the same answers in five formats -------------------------------------------
cd "$root/examples/published" || exit 1
press=kvpress/recall__recall__h2o__0.80/predictions.csv
means() { # IMPORT ARGUMENTS...
    kvt-import "$@" 2>/dev/null | kvt-score --no-meta >"$scratch/example"
    jq -rn '[inputs | select(.kind == "response")] | "\(length) rows, mean \(map(.score.value) | add / length * 1e6 | round / 1e4), " +
        (map(.failure.failure_type // "none") | group_by(.) | map("\(.[0]) \(length)") | join(", "))' "$scratch/example"
    jq -c 'select(.kind == "run") | [.kv_policy,.kv_budget,.budget_unit]' "$scratch/example" | sort -u
}
expected=$(means -f longbench longbench/h2o-0.2/recall.jsonl)
like "longbench: 200 rows" "$(head -n 1 <<<"$expected")" '^200 rows, mean [0-9.]+, '
is "under h2o at a fifth" "$(tail -n 1 <<<"$expected")" '["h2o",0.2,"fraction"]'
is "kvpress: the same" "$(means -f kvpress $press)" "$expected"
is "lm-eval: the same" "$(means -f lm-eval lm-eval/h2o-0.2/*.jsonl)" "$expected"
is "kvcache-factory: the same" "$(means -f kvcache-factory -b 0.2 kvcache-factory/recall_-1/recall/H2O.json)" "$expected"
fails 2 "its -1 is a share that no name tells" kvt-import -f kvcache-factory kvcache-factory/recall_-1/recall/{FullKV,H2O}.json
like "which is said, with the remedy" "$(cat "$scratch/.err")" 'H2O.json: its capacity of -1 is a share of the prompt that no name tells; give --budget, or --unnamed-budget'
fails 2 "a full cache that is said to keep a part" kvt-import -f longbench -p full -b 0.2 "$scratch/narrativeqa.jsonl"
like "is no reference" "$(cat "$scratch/.err")" 'narrativeqa.jsonl: the policy full keeps the whole cache, which is a budget of 1 and not 0.2; name the one that kept less with --policy'
is "--unnamed-budget: what names tell stays, and a full cache is full" \
    "$(kvt-import -f kvcache-factory --unnamed-budget=0.2 kvcache-factory/recall_-1/recall/{FullKV,H2O}.json "$root/test/golden/import/tiny-model_64/hotpotqa/SnapKV.json" 2>/dev/null |
    jq -c 'select(.kind == "run") | [.kv_policy,.kv_budget,.budget_unit,.reference]' | paste -sd' ')" \
    '["fullkv",1,"fraction",true] ["h2o",0.2,"fraction",false] ["snapkv",64,"tokens",false]'
is "ruler: the same" "$(means -f ruler ruler/h2o-0.2/*/pred/recall.jsonl)" "$expected"
ok "questions give LongBench's rows their ids" kvt-import -f longbench --questions=../recall/recall.jsonl longbench/h2o-0.2/recall.jsonl
is "and their clusters" "$(jq -r 'select(.kind == "response") | .cluster' "$scratch/.out" | sort -u | wc -l)" 40
is "the same entries as files that have ids" "$(entries <"$scratch/.out")" "$(kvt-import -f lm-eval lm-eval/h2o-0.2/*.jsonl 2>/dev/null | entries)"
kvt-import -f longbench --bins=3 longbench/{full,h2o-0.5,h2o-0.2}/recall.jsonl 2>/dev/null | kvt-score | kvt-stats | kvt-transition >"$scratch/stream"
kvt-render report <"$scratch/stream" >"$scratch/report"
like "the rows' own lengths are not called tokens: tables" "$(cat "$scratch/report")" '^\| 3 \(length 1,881.+3,785\) \|'
is "nowhere but where that is said" "$(grep '[0-9] tokens' "$scratch/report"; grep -c 'not tokens of the model' "$scratch/report")" 1
like "nor in the verdict" "$(jq -r 'select(.kind == "transition").summary' "$scratch/stream")" 'from a length of 1,881 on'
like "nor in figures" "$(kvt-render plot acc <"$scratch/stream")" 'context length \(as the rows have it, mean of the bin; log scale\)'
sed "s/the rows' own length/a tokenizer/" "$scratch/stream" | kvt-transition >"$scratch/counted"
like "counted ones are: the verdict" "$(jq -r 'select(.kind == "transition").summary' "$scratch/counted")" 'from 1,881 tokens on'
like "tables" "$(kvt-render report <"$scratch/counted")" '^\| 3 \(1,881.+3,785 tokens\) \|'
like "figures" "$(kvt-render plot acc <"$scratch/counted")" 'context length \(tokens, mean of the bin; log scale\)'
"$root/scripts/audit" longbench >"$scratch/audit"
[ -z "${KVT_BLESS:-}" ] || cp "$scratch/audit" audit.md
ok "the audit's table is the one beside them" cmp "$scratch/audit" audit.md
done_testing
