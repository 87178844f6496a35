#!/bin/bash
# scripts/audit: a folder of predictions becomes one table.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
folder=$scratch/preds
mkdir -p "$folder"/{full,nothing-0.5,cut-0.2}
rows() { # JQ expression for the prediction of row .
    jq -nc 'range(200) | {pred:('"$1"'),answers:["word\(.) gold"],all_classes:null,length:(1000 + 7 * .)}'
}
rows '"word\(.) gold"' >"$folder/full/narrativeqa.jsonl"
rows '"word\(.) gold"' >"$folder/nothing-0.5/narrativeqa.jsonl"
rows 'if . % 2 == 0 then "word\(.) gold" else "something else" end' >"$folder/cut-0.2/narrativeqa.jsonl"
head -n 3 "$folder/cut-0.2/narrativeqa.jsonl" >"$scratch/head"
cat "$folder/cut-0.2/narrativeqa.jsonl" >>"$scratch/head"
cp "$scratch/head" "$folder/cut-0.2/narrativeqa.jsonl"
echo '{"narrativeqa": 100.0}' >"$folder/full/result.json"
echo '{"narrativeqa": 50.25}' >"$folder/cut-0.2/result.json"
jq -nc 'range(6) | {pred:"tide",answers:["diet"],all_classes:null,length:1000}' >"$folder/full/lcc.jsonl"
jq -nc 'range(6) | {pred:"x",answers:["\u4e00"],all_classes:null,length:1000}' >"$folder/full/dureader.jsonl"
indel=$(kvt-import -f longbench "$folder/full/lcc.jsonl" 2>/dev/null | kvt-score --code-sim=indel --no-meta | jq -s 'map(select(.kind == "response") | .score.value) | 10000 * add / length | round / 100')
echo "{\"full\":{\"lcc\":{\"mean\":$indel}}}" >"$folder/expected.json"

ok "runs" scripts/audit --bins=2 --stream="$scratch/stream" "$folder"
table=$scratch/.out
line() { grep "| $1 " "$table"; }
like "a published mean comes out" "$(line 'narrativeqa | full')" '\| 200 \| 0 \| 100.00 \| reproduced \|.*reference'
like "an identical run is named a no-op" "$(line 'narrativeqa | nothing-0.5')" '\| 0.00 \| 0 / 0 \| 0% \|.*no-op'
like "repeated rows are counted, and the mean that includes them comes out" "$(line 'narrativeqa | cut-0.2')" '\| 203 \| 3 \| 50.25 \| reproduced \|'
like "loss and churn are of the 200 pairs" "$(line 'narrativeqa | cut-0.2')" '\| 50.00 \| 100 / 0 \| 50% \|'
like "a code_sim mean of the other backend is recognised" "$(line 'lcc | full')" "$indel.00, reproduced with indel"
like "tasks that are not scored are named" "$(cat "$table")" 'Rows not scored: 6 .*dureader'
like "repeated rows are named" "$(cat "$table")" '203 rows of narrativeqa, 3 repeated: row 4 \(as 1\)'
ok "the stream it kept renders" kvt-lint "$scratch/stream"
sed -i 100d "$folder/nothing-0.5/narrativeqa.jsonl"
ok "a row that is missing" scripts/audit --bins=2 "$folder"
like "is named" "$(cat "$table")" '^- .*nothing-0.5/narrativeqa.jsonl: no partner for 1 rows of .*full/narrativeqa.jsonl: row 100$'
rows '"word\(.) gold"' >"$folder/nothing-0.5/narrativeqa.jsonl"
ok "--dedupe" scripts/audit --dedupe --bins=2 "$folder"
like "drops them" "$(line 'narrativeqa | cut-0.2')" '\| 50.00 \| 50.25 \|'
mkdir "$scratch/named"
cp -r "$folder/full" "$scratch/named/FullKV"
cp -r "$folder/cut-0.2" "$scratch/named/CUT_0.2"
ok "folders named in other ways" scripts/audit --bins=2 "$scratch/named"
like "have their published means too" "$(line 'narrativeqa | cut-0.2')" '\| 50.25 \| reproduced \|'
like "the full cache as well" "$(line 'narrativeqa | full')" '\| 100.00 \| reproduced \|'
fails 1 "KVCache-Factory's capacity of -1 is no budget" scripts/audit --format=kvcache-factory examples/published/kvcache-factory
like "with the remedy" "$(cat "$scratch/.err")" 'H2O.json: its capacity of -1 is a share of the prompt .* give --budget, or --unnamed-budget'
ok "which is given" scripts/audit --format=kvcache-factory --unnamed-budget=0.2 examples/published/kvcache-factory
is "to the run that lacks it" "$(grep -E '^\| recall' "$table" | cut -d'|' -f2-4)" $' recall | full | 200 \n recall | h2o-0.2 | 200 '
# --- folders laid out in other ways -----------------------------------------------------------------
mkdir -p "$scratch/models"/{one,two}
cp -r "$folder/full" "$folder/cut-0.2" "$scratch/models/one"
cp -r "$folder/full" "$folder/nothing-0.5" "$scratch/models/two"
echo '{"narrativeqa": 99.5}' >"$scratch/models/two/full/result.json"
ok "two folders that hold the same run" scripts/audit --bins=2 "$scratch/models"
is "are two tables, with the published means of each" \
    "$(grep -E '^##|narrativeqa \|' "$table" | cut -d'|' -f1-7 | tr -s ' ' | paste -sd';')" \
    '## one;| narrativeqa | full | 200 | 0 | 100.00 | reproduced ;| narrativeqa | cut-0.2 | 203 | 3 | 50.25 | reproduced ;## two;| narrativeqa | full | 200 | 0 | 100.00 | 99.50 ;| narrativeqa | nothing-0.5 | 200 | 0 | 100.00 | '
fails 2 "which are not one stream" scripts/audit --stream="$scratch/models.jsonl" "$scratch/models"
press=$scratch/kv/longbench__narrativeqa__m
mkdir -p "$press"__{no_press__0.00,snapkv__0.50}
for run in "$press"__*; do
    echo length,answers,predicted_answer,task >"$run/predictions.csv"
    seq 200 | sed "s/.*/&,['word & gold'],word & gold,narrativeqa/" >>"$run/predictions.csv"
done
echo 100.0 >"${press}__no_press__0.00/metrics.json"
echo '{"narrativeqa": 42.0}' >"${press}__snapkv__0.50/metrics.json"
ok "kvpress's folders" scripts/audit --format=kvpress "$scratch/kv"
is "have their published means in metrics.json" "$(grep narrativeqa "$table" | cut -d'|' -f3,6,7 | paste -sd';')" ' full | 100.00 | reproduced ; snapkv-0.5 | 100.00 | 42.00 '
echo '{"narrativeqa": {"0-4k": 1, "4-8k": 2}}' >"$folder/nothing-0.5/result.json"
mkdir "$scratch/a link"
ln -s "$folder"/* "$scratch/a link"
ok "a name with a space, links, means by length" make -s audit PRED="$scratch/a link" AUDIT=--bins=2
is "give the same table" "$(grep '^|' "$table")" "$(scripts/audit --bins=2 "$folder" | grep '^|')"
like "with the means that are numbers" "$(line 'narrativeqa | full')" '\| 100.00 \| reproduced \|'
echo '{torn' >"$folder/nothing-0.5/result.json"
fails 1 "published means that cannot be read" scripts/audit "$folder"
like "are named" "$(cat "$scratch/.err")" 'nothing-0.5/result.json: not as published means are written'
fails 2 "no folder" scripts/audit
fails 3 "a folder that is not there" scripts/audit "$scratch/none"
mkdir "$scratch/empty"
fails 1 "a folder without predictions" scripts/audit "$scratch/empty"
done_testing
