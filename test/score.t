#!/bin/bash
# kvt-score: every rule on one golden stream, settings, bad rows, and the rules of an independent scorer.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
rows=test/golden/score/rows.jsonl

kvt-score "$rows" >"$scratch/scored"
golden "scores and failures of every kind" score/scored.jsonl "$scratch/scored"
kvt-score --explain --code-sim=indel --no-meta "$rows" >"$scratch/explained"
golden "explanations" score/explained.jsonl "$scratch/explained"

kvt-score --no-meta "$rows" >"$scratch/once"
kvt-score --no-meta "$scratch/once" >"$scratch/twice"
ok "a scored stream scores to itself" cmp "$scratch/once" "$scratch/twice"
kvt-score --explain "$scratch/once" | kvt-score --no-meta >"$scratch/twice"
is "and loses old explanations" "$(grep -c explain "$scratch/twice")" 0
(head -n 9 "$rows" | kvt-score --no-meta; tail -n +10 "$rows" | kvt-score --no-meta) >"$scratch/shards"
ok "shards of the stream score as the whole" cmp "$scratch/once" "$scratch/shards"
is "a failure never changes a score" \
    "$(jq -c 'select(.kind == "response" and .failure.class == "model" and .score.value != .score.f1 and .score.metric == "qa_f1")' "$scratch/once")" ''
is "value 1 has no failure" "$(jq -c 'select(.kind == "response" and .score.value == 1 and .failure)' "$scratch/once")" ''
is "an infrastructure failure has no score" \
    "$(jq -c 'select(.kind == "response" and .failure.class == "infrastructure") | .score.value' "$scratch/once" | sort -u)" null

# --- settings: option, file, stream -----------------------------------------------------------------
row() { printf '{"kind":"response","answers":["b c"],"meta":{"task":%s},"response":{"text":"a b c d","finish_reason":"stop"},"error":null}\n' "${1:-null}"; }
is "--metric" "$(row | kvt-score --no-meta --metric=contains | jq -c '[.score.metric,.score.value]')" '["contains",1]'
printf '{"scoring":{"metric":"em"}}' >"$scratch/em.json"
is "-c" "$(row | kvt-score --no-meta -c "$scratch/em.json" | jq -r .score.metric)" em
experiment='{"kind":"experiment","exp_group_id":"x","config":{"scoring":{"tasks":{"odd":{"metric":"em","format":"^z"}}}}}'
(echo "$experiment"; row '"odd"') | kvt-score --no-meta >"$scratch/odd"
is "a task of the stream's own settings" "$(tail -n 1 "$scratch/odd" | jq -c '[.score.metric,.failure.failure_type]')" '["em","FORMAT_ERROR"]'
(echo "$experiment"; row '"odd"') | kvt-score --no-meta --metric=qa_f1 >"$scratch/odd"
is "an option wins over them" "$(tail -n 1 "$scratch/odd" | jq -r .score.metric)" qa_f1
is "and stands in the experiment's settings" "$(head -n 1 "$scratch/odd" | jq -r .config.scoring.metric)" qa_f1
is "a task named by the settings alone" \
    "$(row | kvt-score --no-meta -c <(echo '{"dataset":{"task":"recall"}}') | jq -r .score.metric)" em
fails 2 "an unknown metric" kvt-score --metric=qa_f2 "$rows"
like "names the nearest" "$(cat "$scratch/.err")" 'did you mean "qa_f1"'
printf '{"scoring":{"more_refusal_patterns":["no (way"]}}' >"$scratch/bad.json"
fails 2 "a bad pattern" kvt-score -c "$scratch/bad.json" "$rows"
like "is named with its offset" "$(cat "$scratch/.err")" 'scoring.more_refusal_patterns: .*at offset 7'
for said in '"metric":3' '"first_line":"yes"' '"answers_end":1' '"abstentions":"n/a"' '"abstentions":["a",3]' '"format":["a"]'; do
    printf '{"scoring":{"tasks":{"odd":{%s}}}}' "$said" >"$scratch/bad.json"
    fails 2 "a task that says $said" kvt-score -c "$scratch/bad.json" "$rows"
    like "is named with the type it must have" "$(cat "$scratch/.err")" "scoring.tasks.odd.$(cut -d'"' -f2 <<<"$said") must be (a|an|true) .* or null"
done
printf '{"scoring":{"tasks":{"odd":"em"}}}' >"$scratch/bad.json"
fails 2 "a task that is no object" kvt-score -c "$scratch/bad.json" "$rows"
printf '{"scoring":{"tasks":{"recall":{"metric":null,"format":null}}}}' >"$scratch/bad.json"
is "null leaves it to the built-in task" "$(row '"recall"' | kvt-score --no-meta -c "$scratch/bad.json" | jq -r .score.metric)" em
printf '{"scoring":{"more_refusal_patterns":["(?i)no idea"]}}' >"$scratch/more.json"
is "a further refusal pattern" \
    "$(row | sed 's/a b c d/No idea/' | kvt-score --no-meta -c "$scratch/more.json" | jq -r .failure.failure_type)" REFUSAL
ok "--list" kvt-score --list
is "lists what there is" "$(cut -f1 "$scratch/.out" | sort | uniq -c | tr -s ' \n' ' ')" ' 11 failure 12 metric 32 task '

is "RULER's tasks have its metrics under lm-evaluation-harness's names too" \
    "$(for task in niah_multikey_1 ruler_vt ruler_cwe ruler_fwe ruler_qa_squad ruler_qa_hotpot qa_1; do row "\"$task\""; done | kvt-score --no-meta | jq -r .score.metric | uniq -c | tr -s ' \n' ' ')" \
    ' 4 string_match_all 3 string_match_part '

# --- bad rows ---------------------------------------------------------------------------------------
for task in multifieldqa_zh dureader vcsum; do
    row "\"$task\"" >"$scratch/row"
    fails 1 "$task is refused" kvt-score "$scratch/row"
    like "$task: by name, with the reason" "$(cat "$scratch/.err")" "^kvt-score: $scratch/row:1: task \"$task\" .*jieba"
done
row '"lsht"' >"$scratch/row"
fails 1 "classification without classes" kvt-score "$scratch/row"
like "names what is missing" "$(cat "$scratch/.err")" 'meta.all_classes'
row | sed 's/\["b c"\]/[]/' >"$scratch/row"
fails 1 "a row without answers" kvt-score "$scratch/row"
row | sed 's/\["b c"\]/[{}]/' >"$scratch/row"
fails 1 "answers that are no texts" kvt-score "$scratch/row"
row | sed 's/a b c d/\xff b\xc3 c/' | kvt-score --no-meta | jq -r .score.pred_norm >"$scratch/norm"
is "ill-formed UTF-8 is scored" "$(cat "$scratch/norm")" "$(printf '\xef\xbf\xbd b\xef\xbf\xbd c')"
row | sed 's/a b c d/b\\ud800 c\\u0000/' | kvt-score --no-meta | grep -o '"pred_norm":"[^"]*"' | cut -d'"' -f4 >"$scratch/norm"
is "so are a lone surrogate and U+0000" "$(cat "$scratch/norm")" "$(printf 'b\xef\xbf\xbd c\xef\xbf\xbd')"

# --- lines made to mislead --------------------------------------------------------------------------
base='{"kind":"response","answers":["b"],"meta":{"task":"recall"},"response":{"text":"b"},"error":null'
for twice in '"answers":["c"]' '"meta":{"task":"lcc"}' '"response":{"text":"c"}' '"error":null' '"kind":"entry"' '"answ\u0065rs":["c"]'; do
    fails 1 "a second $twice is a bad line" kvt-score <<<"$base,$twice}"
    like "named" "$(cat "$scratch/.err")" '^kvt-score: stdin:1: [a-z]+: stands twice$'
done
fails 1 "a second text in the response" kvt-score <<<"${base/\"b\"\}/\"b\",\"text\":\"c\"\}}}"
like "is named" "$(cat "$scratch/.err")" 'response: text: stands twice'
fails 1 "members of the response without a comma between them" kvt-score <<<"${base/\"b\"\}/\"b\" \"c\":1\}}}"
like "are no object" "$(cat "$scratch/.err")" 'response: not one complete JSON object'
is "a name in escapes is the name" "$(kvt-score --no-meta <<<"${base/answers/answ\\u0065rs}}" | jq .score.value)" 1
is "an old score that stands twice goes twice" \
    "$(kvt-score --no-meta <<<"$base,\"score\":{},\"x\":1,\"score\":{\"value\":9},\"failure\":{}}" | grep -o -e '"score"' -e '"failure"' -e '"x":1' | tr '\n' ' ')" '"x":1 "score" "failure" '
fails 1 "an old score whose name is in escapes is a bad line" kvt-score <<<"$base,\"scor\\u0065\":{}}"
deep=$(printf '[%.0s' {1..20000})
is "brackets 20,000 deep pass by" "$(kvt-score --no-meta <<<"$base,\"x\":$deep${deep//\[/]}}" | grep -o '"value":1')" '"value":1'
fails 1 "but not among the answers" kvt-score <<<"${base/\[\"b\"\]/$deep${deep//\[/]}}}"
fails 1 "brackets that stay open" kvt-score <<<"$base,\"x\":$deep}"
printf '%s,"x":"\0\1"}\n' "$base" >"$scratch/row"
ok "bytes that JSON does not have, in a member nobody reads" kvt-score --no-meta "$scratch/row"
is "stay as they are" "$(grep -c -a -P '"x":"\x00\x01"' "$scratch/.out")" 1
printf '%s' "$base}" >"$scratch/row"
is "a last line without its newline" "$(kvt-score --no-meta "$scratch/row" | jq .score.value)" 1

# --- long rows stay bounded -------------------------------------------------------------------------
long() { # TASK UNIT COUNT: a prediction and a gold of so many units
    printf '{"kind":"response","answers":["%s"],"meta":{"task":"%s"},"response":{"text":"%s"},"error":null}\n' \
        "$(yes "$2" | head -n "$3" | tr '\n' ' ')" "$1" "$(yes "$2" | head -n "$3" | tac | tr '\n' ' ')x"
}
for task in qasper gov_report lcc; do
    long "$task" "one two 3 four's" 10000 >"$scratch/long"
    ok "$task: 40,000 words in seconds" timeout 20 kvt-score "$scratch/long"
done
awk 'BEGIN {
    printf "{\"kind\":\"response\",\"answers\":[\""
    for (i = 1; i <= 40000; i++) printf "w%d ", i
    printf "\"],\"meta\":{\"task\":\"qmsum\"},\"response\":{\"text\":\""
    for (i = 40000; i > 0; i--) printf "w%d ", i
    print "\"},\"error\":null}"
}' >"$scratch/long"
ok "rouge: 40,000 different words in seconds" timeout 20 kvt-score "$scratch/long"

# --- an independent implementation of the rules -----------------------------------------------------
if ! command -v python3 >/dev/null; then
    skip "random text against plain Python" "no python3"
else
    for backend in difflib indel; do
        seed=$((RANDOM))
        python3 -X utf8 test/random-rows.py "$seed" 4000 >"$scratch/random"
        kvt-score --no-meta --code-sim="$backend" "$scratch/random" | jq .score.value >"$scratch/ours"
        python3 -X utf8 scripts/longbench_rules.py --code-sim="$backend" <"$scratch/random" >"$scratch/theirs"
        paste "$scratch/ours" "$scratch/theirs" | awk -v seed="$seed" '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-9) { bad++; if (!first) first = NR } scored += $2 > 0 }
            END { printf "%d rows, %d differ", NR, bad; if (bad) printf " (seed %d, first on line %d)", seed, first; print (scored > 400 ? "" : "; too few above 0") }' >"$scratch/verdict"
        is "4,000 random rows agree with plain Python ($backend)" "$(cat "$scratch/verdict")" "4000 rows, 0 differ"
    done
fi
# a broken producer must not look like a model that says nothing
row='{"kind":"response","answers":["a b"],"meta":{"task":"recall"},"error":null'
fails 1 "a record with neither response nor error is a bad line" kvt-score <<<"$row}"
like "and said to be" "$(cat "$scratch/.err")" 'stdin:1: neither a response nor an error'
fails 1 "a response that is a text is a bad line" kvt-score <<<"$row,\"response\":\"a b\"}"
fails 1 "so is a text that is a number" kvt-score <<<"$row,\"response\":{\"text\":7}}"
ok "no text at all is an answer" kvt-score --no-meta <<<"$row,\"response\":{\"text\":null}}"
like "an empty one" "$(cat "$scratch/.out")" '"EMPTY_OUTPUT"'
done_testing
