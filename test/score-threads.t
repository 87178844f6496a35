#!/bin/bash
# kvt-score by several threads: the same bytes, messages and order for any number of them, no line held back.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
counts="1 2 7"

# --- a stream with everything in it -----------------------------------------------------------------
# Blocks end with reads, of 128 kB; here are some 90 of them, and settings that change 40 times.
experiment() { printf '{"kind":"experiment","exp_group_id":"x","config":{"scoring":{"metric":"%s","more_refusal_patterns":["^%s"]}}}\n' "$1" "$2"; }
(
    grep -v '"experiment"' test/golden/score/rows.jsonl >"$scratch/rows"
    yes "$(cat "$scratch/rows")" | head -n 700 >"$scratch/many"
    for ((i = 0; i < 20; i++)); do
        experiment em "a$i"
        printf '{"kind":"run","run_id":"r%d","kv_budget":0.%d}\n\n' "$i" "$i"
        cat "$scratch/many"
        printf '{"kind":"bin","i":%d}\n{"i":%d}\n{"kind":"meta","stage":"kvt-score","old":%d}\n{"kind":"meta","stage":"kvt-bin"}\n' "$i" "$i" "$i"
        experiment contains "b$i"
        cat "$scratch/many"
    done
    printf '{"kind":"response","answers":["%s"],"meta":{"task":"qasper"},"response":{"text":"%s"},"error":null}\n' \
        "$(yes 'one two' | head -n 200000 | tr '\n' ' ')" "$(yes 'two three' | head -n 300000 | tr '\n' ' ')"
    cat "$scratch/many"
    for ((i = 0; i < 30; i++)); do printf '{"kind":"kind%d"}\n' "$i"; done # more kinds than are counted apart
    printf '{"kind":"foreign","last":"without a newline"}'
) >"$scratch/stream"
for n in $counts; do
    ok "a stream of $(wc -l <"$scratch/stream") lines by $n threads" kvt-score --threads="$n" "$scratch/stream"
    mv "$scratch/.out" "$scratch/out.$n"
    is "drips in by pieces of odd sizes: the same bytes" \
        "$(dd if="$scratch/stream" bs=7919 2>/dev/null | kvt-score --threads="$n" | cmp "$scratch/out.1" - 2>&1)" ''
    is "the same bytes as by one ($n threads)" "$(cmp "$scratch/out.1" "$scratch/out.$n" 2>&1)" ''
done
is "and so without --threads" "$(kvt-score "$scratch/stream" | cmp "$scratch/out.1" - 2>&1)" ''
is "the hash is of the bytes and the newline that was missing" "$(tail -n 1 "$scratch/out.7" | jq -r .input_sha256)" \
    "$( (cat "$scratch/stream"; echo) | sha256sum | cut -d' ' -f1)"
(printf '\xef\xbb\xbf'; head -n 3000 "$scratch/stream"; printf '{"kind":"foreign"}') >"$scratch/marked"
(printf '\xef\xbb\xbf'; head -n 1 "$scratch/rows"; experiment em c; printf '\n{"kind":"experiment","config":{}}') >"$scratch/marked.2"
for n in $counts; do
    is "of all files, their byte-order marks included ($n threads)" \
        "$(kvt-score --threads="$n" "$scratch/marked" "$scratch/marked.2" "$scratch/marked" | tail -n 1 | jq -r .input_sha256)" \
        "$( (cat "$scratch/marked"; echo; cat "$scratch/marked.2"; echo; cat "$scratch/marked"; echo) | sha256sum | cut -d' ' -f1)"
done
is "each row is scored by the settings before it" \
    "$(jq -r 'if .kind == "experiment" then "= " + .config.scoring.metric elif .kind == "response" then .score.metric else empty end' "$scratch/out.7" |
        awk '$1 == "=" { metric = $2; next } { n++; if ($1 != metric) wrong++ } END { print n, wrong + 0 }')" \
    "$(grep -c '"kind":"response"' "$scratch/stream") 0"
is "lines of other kinds are where they were" "$(grep -v '"response"\|"kvt-score"' "$scratch/out.7" | cmp - <(grep -v '"response"\|"kvt-score"' "$scratch/stream") 2>&1)" ''

# --- bad lines --------------------------------------------------------------------------------------
half=$(($(wc -l <"$scratch/stream") / 2))
(
    head -n "$half" "$scratch/stream"
    printf 'not json\n'
    tail -n +"$((half + 1))" "$scratch/stream"
    printf '\n{"kind":"response","answers":[],"response":{"text":"x"}}\n'
) >"$scratch/bad"
head -n "$half" "$scratch/stream" | kvt-score --no-meta >"$scratch/before"
for n in $counts; do
    fails 1 "$n threads stop at a bad line" kvt-score --threads="$n" "$scratch/bad"
    is "with its number" "$(cat "$scratch/.err")" "kvt-score: $scratch/bad:$((half + 1)): not a JSON object on one line"
    is "all that came before is written, nothing after" "$(cmp "$scratch/.out" "$scratch/before" 2>&1)" ''
    ok "$n threads set bad lines aside" kvt-score --threads="$n" --skip-bad="$scratch/aside" "$scratch/bad"
    is "in order" "$(cut -c 1-40 "$scratch/aside")" $'not json\n{"kind":"response","answers":[],"respons'
    is "and name each" "$(grep -c "^kvt-score: $scratch/bad:" "$scratch/.err")" 2
    mv "$scratch/.out" "$scratch/out.$n"
    is "the same bytes as by one ($n threads, bad lines)" "$(cmp "$scratch/out.1" "$scratch/out.$n" 2>&1)" ''
    fails 3 "$n threads report a file that is missing" kvt-score --threads="$n" --no-meta "$scratch/rows" "$scratch/none"
    is "after all that came before" "$(kvt-score --no-meta "$scratch/rows" | cmp "$scratch/.out" - 2>&1)" ''
    (head -n 5000 "$scratch/stream"; experiment qa_f1 '(') >"$scratch/settings"
    fails 2 "$n threads stop at settings that are wrong" kvt-score --threads="$n" "$scratch/settings"
    is "after all that came before them" "$(wc -l <"$scratch/.out")" "$(grep -vc '"stage":"kvt-score"' "$scratch/settings")"
    fails 3 "$n threads report a full disk" bash -c "kvt-score --threads=$n '$scratch/stream' >/dev/full"
    like "in words" "$(cat "$scratch/.err")" '^kvt-score: cannot write to standard output: No space left'
    kvt-score --threads="$n" "$scratch/stream" 2>"$scratch/.err" | head -n 1 >/dev/null
    is "$n threads end quietly on a closed pipe" "${PIPESTATUS[0]} $(cat "$scratch/.err")" '141 '
done
fails 2 "a negative number of threads" kvt-score --threads=-1 "$scratch/rows"
fails 2 "too many threads" kvt-score --threads=257 "$scratch/rows"

# --- a line that comes alone goes on at once; memory does not grow ----------------------------------
for n in $counts; do
    rm -f "$scratch/in" "$scratch/back"
    mkfifo "$scratch/in" "$scratch/back"
    kvt-score --threads="$n" --no-meta <"$scratch/in" >"$scratch/back" &
    pid=$!
    exec 5>"$scratch/in" 6<"$scratch/back"
    answered=0
    for ((i = 0; i < 20; i++)); do
        head -n 1 "$scratch/rows" >&5
        IFS= read -r -t 60 answer <&6 && [[ $answer == *'"score"'* ]] && answered=$((answered + 1))
    done
    is "$n threads: each line comes out before the next one goes in" "$answered" 20
    cat <&6 5>&- >/dev/null &
    reader=$!
    for ((i = 0; i < 2; i++)); do cat "$scratch/many" "$scratch/many" "$scratch/many" "$scratch/many" >&5; done
    early=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
    for ((i = 0; i < 100; i++)); do cat "$scratch/many" >&5; done
    late=$(awk '/^VmHWM/ { print $2 }' "/proc/$pid/status")
    exec 5>&- 6<&-
    wait "$pid" "$reader"
    is "$n threads: memory does not grow with 12 MB more" "$((late - early < 4096))" 1
done
done_testing
