#!/bin/bash
# kvt-infer over a whole grid: order, pacing, resume, proof, memory, secrets, interruption.
. "$(dirname "$0")/lib.sh"
. "$root/test/helpers/mock.sh"
unset BASE_URL MODEL_NAME OPENAI_BASE_URL OPENAI_API_KEY
mock_start

# entries N > FILE
entries() {
    local i
    for i in $(seq 0 $(($1 - 1))); do
        printf '{"kind":"entry","entry_id":"e%d","bin_idx":%d,"rank":%d,"token_len":%d,"question":"q","context":"c","answers":["a"],"messages":[{"role":"user","content":"question %d"}],"cluster":null,"meta":{"task":"t"}}\n' \
            "$i" $((i % 3)) $((i / 3)) $((980 + i)) "$i"
    done
}
entries 12 >"$scratch/entries"
cat >"$scratch/grid.json" <<'END'
{"kv": {"budgets": [0.5, 1.0, 0.2], "replicates": 2},
 "engine": {"extra_body": {"kv_policy": "{kv_policy}", "kv_budget": "{kv_budget}", "kv_capacity": "{kv_capacity}"},
            "request": {"max_attempts": 3, "backoff_s": 0.01, "timeout_s": 5}}}
END
# run NAME [OPTION...]: the grid over 12 entries
run() {
    local name=$1
    shift
    status=0
    kvt-infer -c "$scratch/grid.json" -u "$mock/s/$name" "$@" "$scratch/entries" >"$scratch/stream" 2>"$scratch/messages" || status=$?
    keep_stream
}
# What the server was asked, in order: "question budget", one a line.
asked_of() {
    jq -r "select(.name==\"$1\") | .body | \"\(.messages[0].content) \(.kv_budget) \(.kv_policy)\"" "$requests"
}
# A stream without what differs from run to run.
timeless() {
    jq -c 'del(.telemetry.latency_s, .telemetry.ttfb_s, .telemetry.ttft_s, .telemetry.first_event_s, .telemetry.prefill_s, .telemetry.decode_s, .telemetry.itl_p50_s, .telemetry.itl_p95_s, .telemetry.wait_s, .telemetry.started_at, .telemetry.in_flight, .created_at, .base_url)' "$1"
}

echo 'answer honest' | script honest
echo 'answer unsafe' | script unsafe

# --- order ---
run honest
is 'a grid: exit 0' "$status" 0
is 'run records come before the first entry' "$(jq -r .kind "$scratch/stream" | head -n 5 | tr '\n' ' ')" 'run run run run entry '
is 'four responses follow each entry' "$(jq -r .kind "$scratch/stream" | tail -n +5 | head -n -1 | uniq -c | tr -s ' ' | tr -d '\n')" "$(for _ in $(seq 12); do printf ' 1 entry 4 response'; done)"
is 'in the order of the config, replicates side by side' \
    "$(jq -r 'select(.kind=="response" and .entry_id=="e3") | "\(.kv_budget)\(.replicate)"' "$scratch/stream" | tr '\n' ' ')" '0.5a 1a 1b 0.2a '
is 'entries lose context and messages, and nothing else' "$(grep -m1 '"kind":"entry"' "$scratch/stream")" \
    '{"kind":"entry","entry_id":"e0","bin_idx":0,"rank":0,"token_len":980,"question":"q","answers":["a"],"cluster":null,"meta":{"task":"t"}}'
cp "$scratch/stream" "$scratch/first"
asked_of honest >"$scratch/order1"
is 'every request was sent once' "$(sort "$scratch/order1" | uniq -c | awk '{print $1}' | sort | uniq -c | tr -s ' ')" "$(printf ' 24 1\n 12 2')"
is 'entry by entry' "$(cut -d' ' -f2 "$scratch/order1" | uniq | tr '\n' ' ')" '0 1 2 3 4 5 6 7 8 9 10 11 '
ok 'budgets in another order from entry to entry' \
    [ "$(awk '{b[$2] = b[$2] $3 ","} END {for (e in b) print b[e]}' "$scratch/order1" | sort -u | wc -l)" -gt 3 ]
: >"$requests"
run honest
asked_of honest >"$scratch/order2"
ok 'the same order for the same seed' cmp "$scratch/order1" "$scratch/order2"
jq '.seed = 2' "$scratch/grid.json" >"$scratch/seed2.json"
: >"$requests"
run honest -c "$scratch/seed2.json"
asked_of honest >"$scratch/order3"
fails 1 'another for another seed' cmp "$scratch/order1" "$scratch/order3"
is 'of the same requests' "$(sort "$scratch/order3" | sha256sum)" "$(sort "$scratch/order1" | sha256sum)"
is 'identities do not depend on port, concurrency or time-outs' \
    "$(kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --concurrency=3 --timeout=7 "$scratch/entries" 2>/dev/null | jq -r 'select(.kind=="response").request_id' | sha256sum)" \
    "$(jq -r 'select(.kind=="response").request_id' "$scratch/first" | sha256sum)"
is 'and are those of the released form' "$(jq -r 'select(.kind=="response").request_id' "$scratch/first" | head -n 1)" \
    "$(printf 'request\0%s\0snapkv\0000.5\0fraction\0000\0a\000127.0.0.1\0\0' "$(printf '%s' '{"model":"recall","messages":[{"role":"user","content":"question 0"}],"max_tokens":128,"temperature":0,"seed":0,"kv_policy":"snapkv","kv_budget":0.5}' | sha256sum | cut -d' ' -f1)" | sha256sum | cut -d' ' -f1)"
versioned() { printf '{"kind":"dataset","dataset_id":"d","manifest_version":%s}\n' "$1"; }
{ versioned 1; head -n 1 "$scratch/entries"; versioned 2; sed -n 2p "$scratch/entries"; } >"$scratch/newer"
for option in --no-meta "--skip-bad=$scratch/aside"; do
    kvt-infer -c "$settings" -u "$mock/s/honest" --no-meta "$option" "$scratch/newer" >"$scratch/out" 2>"$scratch/err" && code=0 || code=$?
    is "a manifest of a newer version is refused ($option)" "$code $(jq -r .kind "$scratch/out" | tr '\n' ' ')" '1 dataset run entry response '
    like 'the message names the line and says what to do' "$(cat "$scratch/err")" 'newer:3: dataset.manifest_version is 2, .*or make it anew from its questions'
done
printf '%s\n' '{"kind":"foreign","n":1}' "$(head -n 1 "$scratch/entries")" '{"kind":"foreign","n":2}' "$(sed -n 2p "$scratch/entries")" '{"kind":"meta","stage":"other"}' |
    kvt-infer -c "$settings" -u "$mock/s/honest" --no-meta 2>/dev/null | jq -r .kind | tr '\n' ' ' >"$scratch/kinds"
is 'other lines stay in their places' "$(cat "$scratch/kinds")" 'foreign run entry response foreign entry response meta '
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" "$scratch/first" >"$scratch/out" 2>"$scratch/err" && code=0 || code=$?
is 'a stream that was answered already has no prompts to ask' "$code" 1
like 'and the message names the line and the remedy' "$(cat "$scratch/err")" 'first:5: the entry has neither messages nor a prompt .*its input, also with --offline, is the manifest'

# --- pacing ---
script slow <<'END'
head 200
sleep 0.15
token hi
finish stop
END
most_in_flight() {
    jq -rs "[.[] | select(.event==\"request\" and .name==\"$1\").n] as \$mine | [.[] | select(.n as \$n | \$mine | index(\$n))] | sort_by(.t) | reduce .[] as \$e ({now: 0, most: 0}; (if \$e.event == \"request\" then .now += 1 elif \$e.event == \"end\" then .now -= 1 else . end) | .most = ([.most, .now] | max)) | .most" "$requests"
}
# Nothing is answered until six requests have come, and a seventh has had time to.
script together <<'END'
head 200
await together.go
token hi
finish stop
END
kvt-infer -c "$settings" -u "$mock/s/together" --concurrency=6 --timeout=60 "$scratch/entries" >"$scratch/stream" 2>/dev/null &
infer_pid=$!
eventually has_asked together 6
sleep 0.2
go together.go
wait "$infer_pid"
is 'six requests at a time' "$(most_in_flight together)" 6
is 'the record says how many were under way' "$(jq -r 'select(.kind=="response").telemetry.in_flight' "$scratch/stream" | sort -n | tail -n 1)" 6
# The first token comes while the reader stands still, for a second and more. Of the time between the two tokens
# it would miss that second if it took the first one's time when it reads it.
script asleep <<'END'
head 200
role
read
touch asleep.ready
await asleep.stopped
token one
touch asleep.sent
read
sleep 0.2
token two
finish stop
END
kvt-infer -c "$settings" -u "$mock/s/asleep" --timeout=60 "$entry" >"$scratch/stream" 2>/dev/null &
infer_pid=$!
eventually test -e "$scripts/asleep.ready"
kill -STOP "$infer_pid"
go asleep.stopped
eventually test -e "$scripts/asleep.sent"
sleep 1.2
kill -CONT "$infer_pid"
wait "$infer_pid"
is 'a token that came while nobody read has the time it came at' "$(jq -c 'select(.kind=="response").telemetry | [.itl_p50_s > 1.3, .ttft_s + .itl_p50_s <= .latency_s + 0.00001]' "$scratch/stream")" '[true,true]'
cp "$scripts/slow" "$scripts/slow-one"
entries 3 | kvt-infer -c "$settings" -u "$mock/s/slow-one" >/dev/null 2>&1
is 'one by default' "$(most_in_flight slow-one)" 1
cp "$scripts/slow" "$scripts/slow-a"
cp "$scripts/slow" "$scripts/slow-b"
# Each server answers when the other one has been asked, too.
for i in 1 2 3; do
    printf '%s\n' "touch a.$i" "await b.$i" 'head 200' 'token hi' 'finish stop' | script slow-a.$i
    printf '%s\n' "touch b.$i" "await a.$i" 'head 200' 'token hi' 'finish stop' | script slow-b.$i
done
jq --arg a "$mock/s/slow-a" --arg b "$mock/s/slow-b" '.kv.budgets = [1.0, 0.5] | .engine.endpoints = {"1.0": $a, "0.5": $b}' "$settings" >"$scratch/two.json"
entries 3 | kvt-infer -c "$scratch/two.json" --timeout=60 >"$scratch/stream" 2>/dev/null
is 'each budget at its own endpoint' "$(asked slow-a) $(asked slow-b)" '3 3'
is 'which its run names' "$(jq -r 'select(.kind=="run").base_url' "$scratch/stream" | sed 's/.*slow-//' | tr '\n' ' ')" 'a b '
is 'endpoints are asked side by side' "$(jq -r 'select(.kind=="response") | "\(.telemetry.attempts) \(.response.text)"' "$scratch/stream" | sort | uniq -c | tr -s ' ')" ' 6 1 hi'
for first in late.1 late.4; do
    script "$first" <<'END'
head 200
sleep 0.3
token slow
finish stop
END
done
script late <<'END'
head 200
token fast
finish stop
END
entries 6 | kvt-infer -c "$settings" -u "$mock/s/late" --concurrency=4 2>/dev/null | jq -r 'select(.kind=="response").entry_id' | tr '\n' ' ' >"$scratch/ids"
is 'records leave in input order, whatever comes first' "$(cat "$scratch/ids")" 'e0 e1 e2 e3 e4 e5 '
script paced <<'END'
head 200
token hi
finish stop
END
# A busy machine may hold up a request on its way, so that the next one comes close behind: in one of some runs
# none was held up.
for run in $(seq 10); do
    cp "$scripts/paced" "$scripts/paced-$run"
    entries 5 | kvt-infer -c "$settings" -u "$mock/s/paced-$run" --rpm=600 --concurrency=5 >/dev/null 2>&1
    spaced=$(jq -rs --arg name "paced-$run" '[.[] | select(.name==$name).t] | sort | [range(1; length) as $i | .[$i] - .[$i - 1]] | (min > 0.03 and add > 0.36 and length == 4)' "$requests")
    [ "$spaced" = true ] && break
done
is 'requests per minute are evenly spaced' "$spaced" true
cp "$scripts/paced" "$scripts/warm"
entries 2 | kvt-infer -c "$settings" -u "$mock/s/warm" --warmup=3 2>/dev/null >"$scratch/stream"
is 'warm-up requests are sent' "$(asked warm)" 5
is 'and not recorded' "$(grep -c '"kind":"response"' "$scratch/stream")" 2
is 'each with a nonce of its own' "$(jq -r 'select(.name=="warm").body.messages[0].content' "$requests" | grep -c '^\[[0-9a-f]\{12\}\] question 0$')" 3
cp "$scripts/paced" "$scripts/repeated"
entries 2 | kvt-infer -c "$settings" -u "$mock/s/repeated" --repeats=3 2>/dev/null >"$scratch/stream"
is 'repeats have a number and a seed' "$(jq -r 'select(.kind=="response" and .entry_id=="e1") | "\(.repeat)\(.request.seed)"' "$scratch/stream" | tr '\n' ' ')" '00 11 22 '
is 'and identities of their own' "$(jq -r 'select(.kind=="response").request_id' "$scratch/stream" | sort -u | wc -l)" 6
cp "$scripts/paced" "$scripts/busted"
entries 1 | kvt-infer -c "$settings" -u "$mock/s/busted" --bust-prefix-cache 2>/dev/null >"$scratch/stream"
id=$(jq -r 'select(.kind=="response").request_id' "$scratch/stream")
is 'a nonce from the request_id comes before the prompt' "$(jq -r 'select(.name=="busted").body.messages[0].content' "$requests")" "[${id:0:12}] question 0"
is 'the identity is that of the request without it' "$id" "$(entries 1 | kvt-infer -c "$settings" -u "$mock/s/busted" 2>/dev/null | jq -r 'select(.kind=="response").request_id')"
script probed <<'END'
head 200
tokens 3
finish stop
usage 100 3
END
entries 6 | kvt-infer -c "$settings" -u "$mock/s/probed" --latency-probe=1 2>/dev/null >"$scratch/stream"
keep_stream
is 'a latency probe on the first entry of each bin' "$(jq -r 'select(.kind=="response") | if .telemetry.probe then .telemetry.probe.completion_tokens else "-" end' "$scratch/stream" | tr '\n' ' ')" '3 3 3 - - - '
is 'asks for a forced length' "$(jq -c 'select(.name=="probed").body | select(.ignore_eos) | [.max_tokens, .ignore_eos]' "$requests" | sort | uniq -c | tr -s ' ')" ' 3 [64,true]'
is 'right after the answer itself' "$(jq -r 'select(.name=="probed").body | "\(.messages[0].content | ltrimstr("question "))\(.ignore_eos // "")"' "$requests" | head -n 4 | tr '\n' ' ')" '0 0true 1 1true '
is 'without changing its record' "$(jq -r 'select(.kind=="response" and .entry_id=="e0").request.max_tokens' "$scratch/stream")" 128

# --- a sample for the noise floor ---
run honest --replicates=1 --noise-sample=2 --journal "$scratch/sampled"
is 'a noise sample asks the first entries of each bin twice' "$(jq -r 'select(.kind=="response" and .replicate=="b").entry_id' "$scratch/stream" | tr '\n' ' ')" 'e0 e1 e2 e3 e4 e5 '
is 'its run says so' "$(jq -c 'select(.kind=="run") | [.replicate, .sample]' "$scratch/stream" | tr '\n' ' ')" '["a",null] ["a",null] ["b",2] ["a",null] '
like 'and the summary' "$(cat "$scratch/messages")" '12 entries at 3 runs, 6 of them twice: 42 asked'
kvt-score "$scratch/stream" | kvt-stats | kvt-transition >"$scratch/judged"
is 'the statistics take it for the control' "$(jq -c 'select(.kind=="pair_stats" and .control) | [.n_pairs, .coverage.n_missing, .churn.n_text_changed, (.warnings | index("missing_rows"))]' "$scratch/judged" | sort -u)" '[2,2,0,null]'
is 'and test churn on the entries that have one' "$(jq -c 'select(.kind=="pair_stats" and .kv_budget==0.2) | [.n_pairs, .churn.floor_n, .churn.floor_changed, (.churn.p_adj <= 1), (.warnings | index("no_control"))]' "$scratch/judged" | sort -u)" '[4,2,0,true,null]'
kvt-render report "$scratch/judged" >"$scratch/report"
like 'the report states the floor' "$(cat "$scratch/report")" 'Noise floor: 0% of the texts and 0% of the scores differ between identical full-cache runs \(6 of 12 entries asked twice\)'
run honest --replicates=1 --noise-sample=2 --journal "$scratch/sampled" --offline
is 'offline it is complete' "$status $(grep -c '"kind":"response"' "$scratch/stream")" '0 42'
before=$(asked honest)
run honest --replicates=2 --journal "$scratch/sampled"
is 'a whole second run takes its answers over' "$(($(asked honest) - before)) $(jq -r 'select(.kind=="run").sample' "$scratch/stream" | sort -u)" '6 null'
for k in 2 3 7 11 12 17 23 29; do
    script flipping.$k <<'END'
head 200
token left
finish stop
END
done
script flipping <<'END'
head 200
token right
finish stop
END
run flipping --replicates=1 --noise-sample=4 -b 1.0,0.5
sed 's/"answers":\["a"\]/"answers":["right"]/' "$scratch/stream" | kvt-score | kvt-stats | kvt-transition | kvt-render report >"$scratch/report"
differ=$(jq -s '[.[] | select(.kind=="response" and .reference)] | group_by(.entry_id) | map(select(.[0].response.text != .[1].response.text)) | length' "$scratch/stream")
percent=$(awk -v n="$differ" 'BEGIN { p = 100 * n / 12; printf(p == int(p) ? "%d" : "%.1f", p) }')
like 'a server that differs from itself is seen' "$differ: $(grep Noise "$scratch/report")" "^[1-9][0-9]*: Noise floor: $percent% of the texts and $percent% of the scores differ between identical full-cache runs \\(12 entries asked twice\\)"

# --- the journal ---
: >"$requests"
journal=$scratch/journal
run honest --journal "$journal"
cp "$scratch/stream" "$scratch/fresh"
run honest --journal "$journal"
ok 'a finished run is shown again byte for byte' cmp "$scratch/fresh" "$scratch/stream"
is 'and nothing is asked' "$(asked honest)" 48
like 'which the summary says' "$(cat "$scratch/messages")" '12 entries at 4 runs: 0 asked, 48 from the journal'
SYNCED=$scratch/synced LD_PRELOAD=$KVT_BUILD/preload/failing_sync.so ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
    kvt-infer -c "$scratch/grid.json" -u "$mock/s/unsafe" --journal "$scratch/unsafe" "$scratch/entries" \
    >"$scratch/stream" 2>"$scratch/messages" && code=0 || code=$?
is 'a journal that cannot be synced stops the stage' "$code" 3
like 'which says why' "$(cat "$scratch/messages")" 'cannot sync the journal .*unsafe: Input/output error'
shown=$(grep -c '"kind":"response"' "$scratch/stream")
safe=$(head -c "$(cat "$scratch/synced")" "$scratch/unsafe" | grep -c '"kind":"response"')
ok 'answers had come' test "$(grep -c '"kind":"response"' "$scratch/unsafe")" -gt "$safe"
ok 'and none was shown that was not on disk' test "$shown" -le "$safe"
(trap '' XFSZ; ulimit -f 4; kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal "$scratch/full" "$scratch/entries" 2>"$scratch/messages"; echo "exit $?") | cat >"$scratch/stream"
is 'a journal that cannot be written stops it too' "$(tail -n 1 "$scratch/stream")" 'exit 3'
like 'and it says why' "$(cat "$scratch/messages")" 'cannot write to the journal .*full: File too large'
is 'nor was anything shown that it does not hold' "$(comm -13 <(jq -rR 'fromjson? | .request_id // empty' "$scratch/full" | sort) <(jq -rR 'fromjson? | select(.kind=="response").request_id' "$scratch/stream" | sort) | wc -l)" 0
mock_real=$mock
mock=http://127.0.0.1:1
run honest --journal "$journal" --offline
ok 'offline it needs no server' cmp <(grep -v '"meta"' "$scratch/fresh") <(grep -v '"meta"' "$scratch/stream")
mock=$mock_real
entries 14 >"$scratch/more"
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal "$journal" --offline "$scratch/more" >"$scratch/stream" 2>"$scratch/messages" && code=0 || code=$?
is 'what the journal lacks is data that is missing' "$code" 1
like 'and is counted' "$(cat "$scratch/messages")" '8 requests are not in the journal'
is 'what it holds is shown' "$(grep -c '"kind":"response"' "$scratch/stream")" 48
entries 5 >"$scratch/fewer"
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal "$journal" "$scratch/fewer" >"$scratch/stream" 2>/dev/null
is 'records not asked for are not shown' "$(grep -c '"kind":"response"' "$scratch/stream")" 20
is 'and stay' "$(grep -c '"kind":"response"' "$journal")" 48
sed 's/"bin_idx":2/"bin_idx":7/; s/"answers":\["a"\]/"answers":["b"]/' "$scratch/fewer" |
    kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal "$journal" >"$scratch/stream" 2>/dev/null
is 'bins and answers are those of the present stream' "$(jq -r 'select(.kind=="response" and .entry_id=="e2") | "\(.bin_idx)\(.answers[0])"' "$scratch/stream" | sort -u)" 7b
printf '%s' '{"kind":"response","request_id":"to' >>"$journal"
run honest --journal "$journal"
like 'a torn last line is left out with a notice' "$(cat "$scratch/messages")" 'the last line is incomplete \(35 bytes\)'
ok 'and changes nothing' cmp <(grep -v '"meta"' "$scratch/fresh") <(grep -v '"meta"' "$scratch/stream")
head -n 20 "$journal" >"$scratch/part"
head -c -40 "$scratch/part" >"$scratch/torn"
: >"$requests"
run honest --journal "$scratch/torn"
is 'only the torn record and those after it are asked for' "$(asked honest)" $((48 - $(head -n 19 "$scratch/part" | grep -c '"kind":"response"')))
is 'the stream is the same but for times' "$(timeless "$scratch/stream" | sha256sum)" "$(timeless "$scratch/fresh" | sha256sum)"
sed '7s/.*/not a record/' "$journal" >"$scratch/foreign"
run honest --journal "$scratch/foreign"
is 'a line that is no record is an error' "$status" 1
like 'naming the line' "$(cat "$scratch/messages")" 'foreign:7: no record of a journal'
run honest --journal "$scratch/foreign" --skip-bad "$scratch/aside"
like '--skip-bad leaves it out' "$status $(cat "$scratch/messages")" '^0 .*foreign:7: no record of a journal; 1 such line is left out'
is 'and its request is asked again' "$(grep -c '"kind":"response"' "$scratch/stream") $(sed -n 's/.*runs: \([0-9]* asked\).*/\1/p' "$scratch/messages")" '48 1 asked'
sed 's/"applied":"[a-z]*"/"other":1/' "$journal" >"$scratch/older"
run honest --journal "$scratch/older"
like 'a response of another version is named, with the remedy' "$status $(cat "$scratch/messages")" '^3 .*older: the response [0-9a-f]+\.\.\. has no request or no telemetry.kv, .*remove that line'
cp "$journal" "$scratch/precious"
run honest --journal "$scratch/precious" --skip-bad "$scratch/../$(basename "$scratch")/precious"
is '--skip-bad does not overwrite the journal' "$status $(cmp "$scratch/precious" "$journal" && echo whole)" '2 whole'
cp "$scratch/entries" "$scratch/precious"
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --skip-bad "$scratch/precious" <"$scratch/precious" >/dev/null 2>&1 && code=0 || code=$?
is 'nor the input' "$code $(cmp "$scratch/precious" "$scratch/entries" && echo whole)" '2 whole'
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal "$scratch/closed" "$scratch/entries" 2>"$scratch/messages" >&- && code=0 || code=$?
like 'without a standard output the stage stops' "$code $(cat "$scratch/messages")" '^3 .*cannot write to standard output'
# Whether an answer comes before the first record is shown is up to the disk.
like 'and nothing but its records is in the journal' "$(jq -r .kind "$scratch/closed" | sort -u | tr '\n' ' ')" '^(response )?run $'
fails 2 '--offline without a journal' kvt-infer -c "$scratch/grid.json" --offline "$scratch/entries"
like 'is told what it needs' "$(cat "$scratch/.err")" '--offline needs the journal .*--journal=FILE'
fails 2 '--retry-failed too' kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --retry-failed "$scratch/entries"
fails 2 'a journal is no stream' kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal - "$scratch/entries"
script once-bad.1 <<'END'
json 400 {"error":{"message":"not today"}}
END
script once-bad <<'END'
head 200
token fine
finish stop
END
play once-bad --journal "$scratch/failures"
is 'a failure is a record' "$(jq -r .error.type "$scratch/record")" ENGINE_ERROR
is 'all failed: exit 3' "$status" 3
play once-bad --journal "$scratch/failures"
is 'it is not asked again by itself' "$(jq -r .error.type "$scratch/record") $(asked once-bad)" 'ENGINE_ERROR 1'
play once-bad --journal "$scratch/failures" --retry-failed
is 'but with --retry-failed' "$(jq -r .response.text "$scratch/record") $(asked once-bad)" 'fine 2'
is 'the old attempt stays' "$(jq -r 'select(.kind=="response") | .error.type // "good"' "$scratch/failures" | tr '\n' ' ')" 'ENGINE_ERROR good '
play once-bad --journal "$scratch/failures" --retry-failed
is 'and the new one counts' "$(jq -r .response.text "$scratch/record") $(asked once-bad)" 'fine 2'

# --- interruption ---
script steady <<'END'
head 200
sleep 0.05
token hi
finish stop
usage 1000 1
END
# What is still under way when the signal comes is answered after it.
script steady-held <<'END'
await steady.go
head 200
token hi
finish stop
usage 1000 1
END
for k in 13 14 15; do cp "$scripts/steady-held" "$scripts/steady.$k"; done
catches_int() { # PID
    [ $((0x$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$1/status") & 2)) -gt 0 ]
}
count_asked() {
    jq -rc "select(.name==\"$1\").body | [.messages, .kv_budget, .kv_policy]" "$requests" | sort | uniq -c | awk '{print $1}' | sort | uniq -c | tr -s ' ' | tr '\n' ';'
}
# Twice as many of the reference, for its replicate.
start_run() { # NAME JOURNAL [OPTION...]
    local name=$1 journal=$2
    shift 2
    kvt-infer -c "$scratch/grid.json" -u "$mock/s/$name" --concurrency=3 --timeout=60 --journal "$journal" "$@" "$scratch/entries" >"$scratch/stream" 2>"$scratch/messages" &
    infer_pid=$!
}
has_records() { # JOURNAL N: it holds so many responses
    [ "$(grep -c '"kind":"response"' "$1")" -ge "$2" ]
}
start_run steady "$scratch/int"
eventually has_asked steady 15
eventually has_records "$scratch/int" 12
kill -INT "$infer_pid"
eventually grep -q 'interrupted' "$scratch/messages"
go steady.go
wait "$infer_pid"
is 'SIGINT: ends by the signal' "$?" 130
is 'and asks nothing more' "$(asked steady)" 15
like 'says so' "$(cat "$scratch/messages")" 'interrupted'
like 'and how to go on' "$(cat "$scratch/messages")" 'goes on from the journal'
is 'every answer that was under way is in the journal' "$(grep -c '"kind":"response"' "$scratch/int")" "$(asked steady)"
ok 'the journal is whole' jq -e . "$scratch/int"
run steady --journal "$scratch/int" --concurrency=3
is 'the same command finishes, and nothing was asked twice' "$(count_asked steady)" ' 24 1; 12 2;'
is 'all responses are there' "$(grep -c '"kind":"response"' "$scratch/stream")" 48
script failing <<'END'
await failing.go
close
END
start_run failing "$scratch/failing" --max-attempts=1
eventually has_asked failing 3
kill -INT "$infer_pid"
eventually grep -q 'interrupted' "$scratch/messages"
go failing.go
wait "$infer_pid"
is 'a request that fails after SIGINT is neither asked again nor recorded' "$(asked failing) $(grep -c '"kind":"response"' "$scratch/failing")" '3 0'
script stuck <<'END'
hold 30
END
start_run stuck "$scratch/stuck"
eventually has_asked stuck 3
kill -INT "$infer_pid"
eventually grep -q 'again to stop at once' "$scratch/messages"
kill -INT "$infer_pid"
wait "$infer_pid"
is 'a second SIGINT ends at once' "$?" 130
is 'without waiting for answers' "$(asked stuck) $(ended stuck)" '3 0'
# A preflight has no answers to wait for.
script slow-probe <<'END'
hold 10
END
kvt-infer -c "$scratch/grid.json" -u "$mock/s/slow-probe" --probe --timeout=60 --max-attempts=1 "$scratch/entries" >"$scratch/stream" 2>"$scratch/messages" &
infer_pid=$!
eventually has_asked slow-probe 1
kill -INT "$infer_pid"
wait "$infer_pid"
is 'SIGINT in a preflight: ends by the signal' "$?" 130
is 'nothing more is asked, and no answer waited for' "$(asked slow-probe) $(ended slow-probe)" '1 0'
like 'and it is said' "$(cat "$scratch/messages")" 'interrupted before the first entry; the same command begins again'
before=$(asked slow-probe)
mkfifo "$scratch/held"
kvt-infer -c "$scratch/grid.json" -u "$mock/s/slow-probe" --probe <"$scratch/held" >"$scratch/stream" 2>"$scratch/messages" &
infer_pid=$!
exec 7>"$scratch/held"
head -n 3 "$scratch/entries" >&7
eventually catches_int "$infer_pid" # which a process of the background does not by itself
kill -INT "$infer_pid"
exec 7>&-
wait "$infer_pid"
is 'SIGINT before a preflight: nothing is asked' "$? $(($(asked slow-probe) - before))" '130 0'
# kill -9: what the journal holds is not asked again (more kills in test/long/kill-infer). Answers that wait
# for the disk are lost with the process, so that more may be asked again than was in flight.
# "question budget", sorted, one line for each time it is to be asked, is journaled, or was asked
for question in $(seq 0 11); do printf "$question %s\n" 1 1 0.5 0.2; done | sort >"$scratch/wanted"
journaled() {
    [ ! -f "$1" ] || jq -r 'select(.kind=="response") | "\(.entry_id[1:]) \(.kv_budget)"' "$1" | sort
}
asked_for() { # NAME: a request that reached the server may be noted there after its sender's end
    jq -r --arg name "$1" 'select(.name==$name).body | "\(.messages[0].content[9:]) \(.kv_budget)"' "$requests" | sort
}
: >"$scratch/again"
for kill in 5 14 26 48; do
    journaled "$scratch/kill" >"$scratch/known"
    cp "$scripts/steady" "$scripts/killed-$kill"
    if [ "$kill" -lt 48 ]; then
        start_run "killed-$kill" "$scratch/kill"
        eventually has_records "$scratch/kill" "$kill"
        kill -KILL "$infer_pid"
        wait "$infer_pid" 2>/dev/null
    else
        run "killed-$kill" --journal "$scratch/kill" --concurrency=3
    fi
    comm -13 <(comm -23 "$scratch/wanted" "$scratch/known") <(asked_for "killed-$kill") >>"$scratch/again"
done
is 'killed three times: every request is answered once' "$(jq -r 'select(.kind=="response").request_id' "$scratch/stream" | sort | uniq -d | wc -l) $(grep -c '"kind":"response"' "$scratch/stream")" '0 48'
is 'nothing that was in the journal was asked again' "$(cat "$scratch/again")" ''
is 'the stream equals an uninterrupted one but for times' "$(timeless "$scratch/stream" | sha256sum)" "$(run steady --concurrency=3; timeless "$scratch/stream" | sha256sum)"
is 'no record is in the journal twice' "$(jq -r 'select(.kind=="response").request_id' "$scratch/kill" | sort | uniq -d | wc -l)" 0
start_run stuck "$scratch/locked"
eventually test -s "$scratch/locked"
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal "$scratch/locked" "$scratch/entries" >/dev/null 2>"$scratch/err" && code=0 || code=$?
is 'a second writer is refused' "$code" 3
like 'and told why' "$(cat "$scratch/err")" 'another kvt-infer writes to the journal'
kill -KILL "$infer_pid"
wait "$infer_pid" 2>/dev/null

# --- proof ---
preflight() { # NAME EXIT REGEX
    echo "answer $1" | script "$1"
    rm -f "$scratch/proof"
    kvt-infer -c "$scratch/grid.json" -u "$mock/s/$1" --journal "$scratch/proof" --preflight "$scratch/entries" >"$scratch/out" 2>"$scratch/messages" && code=0 || code=$?
    is "a server that is $1: exit $2" "$code" "$2"
    like "a server that is $1: one line" "$(head -n 1 "$scratch/messages")" "$3"
    is "a server that is $1: no stream" "$(cat "$scratch/out")" ''
}
applied() {
    jq -r 'select(.kind=="response") | "\(.kv_budget):\(.telemetry.kv.applied)"' "$scratch/stream" | sort -u | tr '\n' ' '
}
preflight honest 0 'budget applied: proven \(server reports kept 0\.20 of the prompt at budget 0\.2; 3/3 starved answers changed; A/A 0/3\)'
run honest --journal "$scratch/proof"
is 'after it every row is proven' "$(applied)" '0.2:proven 0.5:proven 1:proven '
is 'the finding is in the stream' "$(jq -r 'select(.kind=="preflight") | .applied, .evidence, .starved_changed, .aa_changed' "$scratch/stream" | tr '\n' ' ')" 'proven changed 3 0 '
before=$(asked honest)
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal "$scratch/proof" --preflight "$scratch/entries" 2>/dev/null
is 'it is not asked for twice' "$(asked honest)" "$before"
run honest --journal "$scratch/proof" --policy=h2o
is 'other settings do not inherit it' "$(applied)" '0.2:reported 0.5:reported 1:proven '
run honest
is 'without a preflight a count is reported' "$(applied)" '0.2:reported 0.5:reported 1:proven '
run honest --probe
is '--probe needs no journal' "$(applied)" '0.2:proven 0.5:proven 1:proven '
is 'and its finding is in the stream' "$(jq -r 'select(.kind=="preflight").applied' "$scratch/stream")" proven
is 'and asks the longest and the shortest entry' "$(jq -r 'select(.name=="honest" and .body.kv_budget and .body.kv_budget < 0.1).body.messages[0].content' "$requests" | sort -u | tr '\n' ' ')" 'question 0 question 1 question 11 '
rm "$scratch/proof"
run honest --journal "$scratch/proof"
is 'a journal filled before the preflight' "$(applied)" '0.2:reported 0.5:reported 1:proven '
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" --journal "$scratch/proof" --preflight "$scratch/entries" 2>/dev/null
run honest --journal "$scratch/proof"
is 'is judged again by what is known now' "$(applied)" '0.2:proven 0.5:proven 1:proven '
preflight silent 0 'behavioural \(server reports no kept count; 3/3 starved answers changed; A/A 0/3\)'
run silent --journal "$scratch/proof"
is 'a silent server is proven by behaviour' "$(applied)" '0.2:behavioural 0.5:behavioural 1:behavioural '
preflight ignore 3 'contradicted \(server reports no kept count; 0/3 starved answers changed; A/A 0/3\)'
like 'the remedy' "$(tail -n 1 "$scratch/messages")" 'does not apply the budget.*engine.endpoints'
preflight echo 3 'contradicted'
preflight liar 3 'contradicted \(server reports kept 0\.20'
preflight full 3 'contradicted \(server reports kept 1\.00'
preflight noisy 0 'unproven \(server reports no kept count; 3/3 starved answers changed; A/A 3/3\)'
run full
is 'a count that does not match contradicts its row' "$(applied)" '0.2:contradicted 0.5:contradicted 1:proven '
like 'and the summary says so' "$(cat "$scratch/messages")" '24 whose budget was NOT applied'
jq --arg u "$mock/s/ignore" '.engine.extra_body = {} | .engine.endpoints = {"1": $u, "0.5": ($u + "/v1"), "0.2": ($u + "/v2")}' "$scratch/grid.json" >"$scratch/ends.json"
kvt-infer -c "$scratch/ends.json" --preflight "$scratch/entries" 2>"$scratch/messages" && code=0 || code=$?
is 'endpoints per budget cannot be starved: nothing is proven, nothing refuted' "$code" 0
like 'which is said' "$(cat "$scratch/messages")" 'unproven .*0/3 smallest-budget answers changed'
kvt-infer -c "$scratch/ends.json" "$scratch/entries" >"$scratch/stream" 2>/dev/null
is 'their rows are unproven' "$(applied)" '0.2:unproven 0.5:unproven 1:unproven '
jq '.engine.endpoints = $ends[0].engine.endpoints' --slurpfile ends "$scratch/ends.json" "$scratch/grid.json" >"$scratch/both.json"
kvt-infer -c "$scratch/both.json" --probe "$scratch/entries" >"$scratch/stream" 2>"$scratch/messages" && code=0 || code=$?
is 'nor do fields that a server of one budget ignores' "$code $(applied)" '0 0.2:unproven 0.5:unproven 1:unproven '
jq '.engine.extra_body = {}' "$scratch/grid.json" >"$scratch/none.json"
kvt-infer -c "$scratch/none.json" -u "$mock/s/honest" "$scratch/entries" >/dev/null 2>"$scratch/messages" && code=0 || code=$?
is 'budgets that do not travel are refused' "$code" 2
like 'with the remedy' "$(cat "$scratch/messages")" 'nothing tells budget .*\{kv_budget\}.*engine.endpoints'
jq '.kv += {budgets: [200, 50], budget_unit: "tokens"}' "$scratch/grid.json" >"$scratch/tokens.json"
kvt-infer -c "$scratch/tokens.json" -u "$mock/s/honest" --probe "$scratch/entries" >"$scratch/stream" 2>/dev/null
is 'budgets in tokens: the reference is added, and all are proven' "$(applied)" '1:proven 200:proven 50:proven '
is 'kv_capacity travels as a number' "$(jq -c 'select(.name=="honest" and .body.kv_capacity).body | [.kv_capacity, .kv_budget]' "$requests" | sort -u | tr '\n' ' ')" '[200,null] [50,null] [8,null] '
jq '.engine.kv_report = {kept_tokens: "/stats/kept", prompt_tokens: "/stats/prompt"} | .kv.budgets = [0.5]' "$scratch/grid.json" >"$scratch/pointers.json"
script other-report <<'END'
head 200
token hi
data {"choices":[{"delta":{},"finish_reason":"stop"}],"stats":{"kept":505,"prompt":1000}}
END
kvt-infer -c "$scratch/pointers.json" -u "$mock/s/other-report" "$scratch/fewer" >"$scratch/stream" 2>/dev/null
is 'another server'"'"'s report, by JSON pointers' "$(applied)" '0.5:reported 1:contradicted '
kvt-infer -u "$mock/s/honest" --conformance >"$scratch/out" 2>&1
is '--conformance lists what is spoken' "$(grep -c '^yes' "$scratch/out") $(grep '^no' "$scratch/out" | sed 's/^no *//' | tr '\n' ';')" '23 usage.kv_cache.kept_per_layer;an unknown kv_policy is a 400;an unknown kv_ field is a 400;'
kvt-infer -u "$mock/s/ignore" --conformance >"$scratch/out" 2>&1
like 'and what is not' "$(cat "$scratch/out")" 'no +usage.kv_cache in a stream'

fails 2 'a report under a wrong name' kvt-infer -c <(jq '.engine.kv_report = {kept_token: "/x"}' "$scratch/grid.json") -u "$mock/s/honest" "$scratch/fewer"
like 'is refused with the right one' "$(cat "$scratch/.err")" 'kv_report has no member kept_token; the nearest is kept_tokens'
fails 2 'a pointer that is none' kvt-infer -c <(jq '.engine.kv_report = {kept_tokens: "stats.kept"}' "$scratch/grid.json") -u "$mock/s/honest" "$scratch/fewer"
fails 2 'a geometry under a wrong name' kvt-infer -c <(jq '.kv.geometry = {n_layer: 2}' "$scratch/grid.json") -u "$mock/s/honest" "$scratch/fewer"

# --- memory ---
jq '.kv.geometry = {n_layers: 2, n_kv_heads: 2, head_dim: 8, bytes_per_value: 2} | .kv.budgets = [0.5]' "$scratch/grid.json" >"$scratch/geometry.json"
kvt-infer -c "$scratch/geometry.json" -u "$mock/s/ignore" "$scratch/fewer" >"$scratch/stream" 2>/dev/null
keep_stream
is 'bytes by geometry where nothing is reported' "$(jq -c 'select(.kind=="response" and .replicate=="a" and .entry_id=="e0") | [.kv_budget, .telemetry.kv.source, .telemetry.kv.bytes, .telemetry.kv.full_bytes]' "$scratch/stream" | tr '\n' ' ')" '[1,"analytic",128000,128000] [0.5,"analytic",64000,128000] '
kvt-infer -c "$scratch/geometry.json" -u "$mock/s/honest" "$scratch/fewer" 2>/dev/null | jq -r 'select(.kind=="response").telemetry.kv.source' | sort -u >"$scratch/out"
is 'what the server reports comes first' "$(cat "$scratch/out")" reported
script metrics.1 <<'END'
json 200 # TYPE vllm:kv_cache_usage_perc gauge
END
printf 'head-close 200 text/plain\nraw vllm:cache_config_info{block_size="16",num_gpu_blocks="100"} 1.0\\n\nraw vllm:kv_cache_usage_perc{engine="0"} 0.25\\n\n' | script metrics.1
printf 'head-close 200 text/plain\nraw vllm:cache_config_info{block_size="16",num_gpu_blocks="100"} 1.0\\n\nraw vllm:kv_cache_usage_perc{engine="0"} 0.75\\n\n' | script metrics
jq --arg u "$mock/s/metrics" '.kv.budgets = [1.0] | .kv.replicates = 1 | .engine.gauge_url = $u | .engine.gauge = "auto"' "$scratch/geometry.json" >"$scratch/gauge.json"
# The answer ends when the gauge has been seen twice while it was under way; the first look may have begun before.
printf 'touch gauged.go\n' | cat - "$scripts/metrics" | script metrics.4
printf '%s\n' 'head 200' 'await gauged.go' 'token hi' 'finish stop' | script gauged
entries 1 | kvt-infer -c "$scratch/gauge.json" -u "$mock/s/gauged" --timeout=60 >"$scratch/stream" 2>/dev/null
keep_stream
is 'bytes by the server'"'"'s gauge: half of 1600 tokens of 128 bytes' "$(jq -c 'select(.kind=="response").telemetry.kv | [.source, .bytes, .gauge.name, .gauge.before, .gauge.peak]' "$scratch/stream")" '["gauge",102400,"vllm:kv_cache_usage_perc",0.25,0.75]'
fails 2 'a gauge is honest for one request at a time' kvt-infer -c "$scratch/gauge.json" -u "$mock/s/gauged" --concurrency=2 "$scratch/fewer"
jq --arg u "$mock/s/none" '.engine.gauge_url = $u | .engine.gauge = "vllm:nothing"' "$scratch/gauge.json" >"$scratch/no-gauge.json"
entries 1 | kvt-infer -c "$scratch/no-gauge.json" -u "$mock/s/gauged" 2>"$scratch/messages" >/dev/null
like 'a gauge that is not there is told' "$(cat "$scratch/messages")" "no gauge vllm:nothing was found at $mock/s/none"
entries 1 | kvt-infer -c "$settings" -u "$mock/s/slow" --mem-probe='exit 3' 2>"$scratch/messages" >/dev/null
like 'and a command that measures nothing' "$(cat "$scratch/messages")" 'mem-probe: the command never ended well with a number'
printf '%s\n' 'head 200' 'await measured.go' 'token hi' 'finish stop' | script measured
measure="echo 100; echo 250.5 MiB; echo 30; echo >>'$scratch/measured'; [ \$(wc -l <'$scratch/measured') -lt 3 ] || : >'$scripts/measured.go'"
entries 1 | kvt-infer -c "$settings" -u "$mock/s/measured" --timeout=60 --mem-probe="$measure" >"$scratch/stream" 2>/dev/null
keep_stream
is 'memory by a command: the largest number' "$(jq -r 'select(.kind=="response").telemetry.peak_mem_mb' "$scratch/stream")" 250.5
probe="sleep 97.$$" # of this run alone: another suite may be at work
probe_gone() { ! pgrep -f "^${probe/./[.]}\$" >/dev/null; }
probe_left() { eventually probe_gone && echo gone; } # what is killed is gone a moment later
before=$SECONDS
entries 1 | timeout -s KILL 60 kvt-infer -c "$settings" -u "$mock/s/slow" --mem-probe="$probe | cat" >"$scratch/stream" 2>"$scratch/messages"
is 'a command that hangs does not keep the stage' "$? $((SECONDS - before < 40)) $(probe_left)" '0 1 gone'
like 'and is told, too' "$(cat "$scratch/messages")" 'mem-probe: the command never ended well with a number'
cat >"$scratch/escape" <<END
setsid sh -c 'echo \$\$ >"$scratch/escaped"; exec sleep 97' 2>/dev/null &
echo 100
END
before=$SECONDS
entries 1 | timeout -s KILL 60 kvt-infer -c "$settings" -u "$mock/s/slow" --mem-probe=". $scratch/escape" >"$scratch/stream" 2>"$scratch/messages"
is 'nor does one that left its session and holds the pipe open' "$? $((SECONDS - before < 40))" '0 1'
like 'which is told alike' "$(cat "$scratch/messages")" 'mem-probe: the command never ended well with a number'
is 'and recorded alike' "$(jq -c 'select(.kind=="response").telemetry | [has("peak_mem_mb"), .peak_mem_mb]' "$scratch/stream")" '[true,null]'
kill "$(cat "$scratch/escaped")"
script hanging <<<'hold 30'
entries 1 >"$scratch/hung"
before=$SECONDS
timeout --preserve-status -k 60 -s INT 1.5 kvt-infer -c "$settings" -u "$mock/s/hanging" --timeout=3 --max-attempts=1 --mem-probe="$probe | cat" "$scratch/hung" >/dev/null 2>"$scratch/messages"
is 'nor an interrupted one' "$? $((SECONDS - before < 40)) $(probe_left)" '130 1 gone'

# --- contamination: flags of a response reach the statistics, the verdict and the report ---
script clean <<'END'
head 200
token a
finish stop
usage 985 1
END
script cached <<'END'
head 200
token a
data {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":985,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":64}}}
END
script cut <<'END'
head 200
token a
finish stop
usage 512 1
END
script cut.2 <<'END'
json 503 {"error":{"message":"busy"}}
END
jq --arg u "$mock/s" '.engine.endpoints = {"1": ($u + "/clean"), "0.5": ($u + "/cached"), "0.2": ($u + "/cut")}' "$scratch/grid.json" >"$scratch/flags.json"
kvt-infer -c "$scratch/flags.json" "$scratch/entries" 2>/dev/null | kvt-score | kvt-stats | kvt-transition >"$scratch/stream"
flags_of() { # KIND FILTER
    jq -c "select(.kind==\"$1\" and .kv_budget==$2) | $3" "$scratch/stream" | sort -u | tr '\n' ' '
}
is 'bin_stats count the flags' "$(flags_of bin_stats 1 .flags)$(flags_of bin_stats 0.5 .flags)$(flags_of bin_stats 0.2 '[.bin_idx,.flags]')" \
    '{} {"prefix_cached":4} [0,{"prompt_truncated":4}] [1,{"retried":1,"prompt_truncated":4}] [2,{"prompt_truncated":4}] '
is 'pair_stats too' "$(flags_of pair_stats 0.5 .flags)$(flags_of pair_stats 0.2 '[.bin_idx,.flags]')" \
    '{"prefix_cached":4} [0,{"prompt_truncated":4}] [1,{"retried":1,"prompt_truncated":4}] [2,{"prompt_truncated":4}] '
warned='.warnings | map(select(. == ("latency_contaminated", "prompt_truncated", "prompt_longer")))'
for kind in bin_stats pair_stats transition; do
    is "$kind warns" "$(flags_of $kind 0.5 "$warned") $(flags_of $kind 0.2 "select(.bin_idx != 1) | $warned")" \
        "[\"latency_contaminated\"]  $([ $kind = transition ] && echo '["latency_contaminated","prompt_truncated"]' || echo '["prompt_truncated"]') "
done
is 'contaminated latencies make no ratio, cut prompts still do' "$(flags_of pair_stats 0.5 .latency_ratio)$(flags_of pair_stats 0.2 .latency_ratio.n)" 'null 3 4 '
ok 'the records keep the contract' kvt-lint <(grep -v '"kind":"entry"' "$scratch/stream")
kvt-render report <"$scratch/stream" >"$scratch/report"
is 'the report counts per budget and bin' "$(grep -E '^\| (prompt |asked more)' "$scratch/report" | cut -d'|' -f2-5)" \
    "$(printf '%s\n' ' prompt taken from a prefix cache | 0 · 0 · 0 = 0 | 4 · 4 · 4 = 12 | 0 · 0 · 0 = 0 ' ' asked more than once | 0 · 0 · 0 = 0 | 0 · 0 · 0 = 0 | 0 · 1 · 0 = 1 ' ' prompt shorter than the entry | 0 · 0 · 0 = 0 | 0 · 0 · 0 = 0 | 4 · 4 · 4 = 12 ')"
is 'where the server speaks of its cache, that is all' "$(grep -c 'says nothing of a prefix cache' "$scratch/report")" 0
like 'and warns in words' "$(cat "$scratch/report")" '12 requests, prompt shorter than the entry. The server may have cut them without a word'
is 'and under the verdict' "$(grep -c 'Note: the server counted far fewer prompt tokens' "$scratch/report")" 1
is 'the summary has them' "$(kvt-render summary <"$scratch/stream" | jq -c '[.studies[0].runs[].bins[0].flags]')" '[{},{},{"prefix_cached":4},{"prompt_truncated":4}]'
kvt-infer -c "$scratch/grid.json" -u "$mock/s/honest" "$scratch/entries" 2>/dev/null | kvt-score | kvt-stats | kvt-render report >"$scratch/report"
like 'a clean run says that too, and what it cannot see' "$(cat "$scratch/report")" 'Contamination: no request is flagged. The server says nothing of a prefix cache'

# --- secrets ---
key=sk-very-secret-key-42
script leaky.1 <<END
json 500 {"error":{"message":"Incorrect API key provided: $key"}}
END
script leaky <<END
head 200
token your key is $key
finish stop
END
OPENAI_API_KEY=$key play leaky --journal "$scratch/leaky" --max-attempts=2
is 'the key is sent' "$(jq -r 'select(.name=="leaky").authorization' "$requests" | sort -u)" "Bearer $key"
is 'and appears in no stream, journal or message' "$(cat "$scratch/stream" "$scratch/leaky" "$scratch/messages" | grep -c "$key")" 0
is 'not even where the server repeats it' "$(jq -r .response.text "$scratch/record")" 'your key is [key]'
script leaky-401 <<END
json 401 {"error":{"message":"Incorrect API key provided: $key"}}
END
OPENAI_API_KEY=$key play leaky-401
is 'nor in the message of a stop' "$(grep -c "$key" "$scratch/messages") $status" '0 3'
script key-word <<'END'
head 200
token a response to a response
data {"choices":[{"delta":{},"finish_reason":"stop"}],"response":["the response"],"model":"m"}
END
OPENAI_API_KEY=response play key-word --journal "$scratch/key-word"
is 'a key that is the name of a member harms no record' "$(jq -c '[.kind, .response.text, .response.raw]' "$scratch/record")" \
    '["response","a [key] to a [key]",{"response":["the [key]"],"model":"m"}]'
OPENAI_API_KEY=response play key-word --journal "$scratch/key-word"
is 'and its journal can be read' "$status $(asked key-word)" '0 1'
OPENAI_API_KEY=$'sk-1\nX-Other: 1' fails 2 'a key with a line end' kvt-infer -c "$settings" -u "$mock/s/paced" "$entry"
like 'is named, not shown' "$(cat "$scratch/.err")" 'the key in the environment.s OPENAI_API_KEY .engine.api_key_env. holds a line end$'
OPENAI_API_KEY=$key fails 3 'a server that refuses the key tells nothing of a protocol' kvt-infer -u "$mock/s/leaky-401" --conformance
like 'which is said' "$(cat "$scratch/.err")" 'the server answers no request: Incorrect API key provided: \[key\] \(status 401\)'
jq '.engine.api_key_env = "MY_KEY"' "$settings" >"$scratch/env.json"
cp "$scripts/paced" "$scripts/my-key"
MY_KEY=abc OPENAI_API_KEY=wrong play my-key -c "$scratch/env.json"
is 'engine.api_key_env names the variable' "$(jq -r 'select(.name=="my-key").authorization' "$requests")" 'Bearer abc'
jq --arg u "${mock/127.0.0.1/localhost}/s/other-gauge" '.engine.gauge_url = $u' "$scratch/gauge.json" >"$scratch/elsewhere.json"
jq --arg u "$mock/s/own-gauge" '.engine.gauge_url = $u' "$scratch/gauge.json" >"$scratch/own.json"
cp "$scripts/metrics" "$scripts/other-gauge"
cp "$scripts/metrics" "$scripts/own-gauge"
cp "$scripts/paced" "$scripts/gauge-key"
OPENAI_API_KEY=$key play gauge-key -c "$scratch/elsewhere.json"
OPENAI_API_KEY=$key play gauge-key -c "$scratch/own.json"
is 'the key is not sent to gauges of another server' "$(jq -r 'select(.name=="other-gauge" or .name=="own-gauge") | "\(.name) \(.authorization)"' "$requests" | sort -u | tr '\n' ';')" "other-gauge null;own-gauge Bearer $key;"
cp "$scripts/paced" "$scripts/no-key"
OPENAI_API_KEY='' play no-key
is 'no header for an empty key' "$(jq -r 'select(.name=="no-key").authorization' "$requests")" null
cp "$scripts/paced" "$scripts/basic"
kvt-infer -c "$settings" -u "${mock/127/me:pw-in-url@127}/s/basic" "$entry" >"$scratch/stream" 2>"$scratch/messages"
is 'credentials in a URL are used' "$(jq -r 'select(.name=="basic").authorization' "$requests")" "Basic $(printf me:pw-in-url | base64)"
is 'and recorded nowhere' "$(cat "$scratch/stream" "$scratch/messages" | grep -c pw-in-url) $(jq -r 'select(.kind=="run").base_url' "$scratch/stream")" "0 $mock/s/basic"
jq --arg u "${mock/127/me:pw-in-url@127}" '.engine.base_url = $u' "$settings" >"$scratch/published.json"
fails 2 'but not in settings, which are published' kvt-infer -c "$scratch/published.json" "$entry"

head -n 1 "$scratch/entries" | sed 's/^/{"kind":"experiment","exp_group_id":"g","config":{}}\n/' |
    kvt-infer -c "$scratch/published.json" >"$scratch/out" 2>/dev/null
is 'not even for one line' "$(grep -c pw-in-url "$scratch/out")" 0
http_proxy=http://127.0.0.1:1 play paced
is 'a server on this machine is asked without a proxy' "$(jq -r .response.text "$scratch/record")" hi
script revoked.2 <<'END'
json 401 {"error":{"message":"key revoked"}}
END
cp "$scripts/paced" "$scripts/revoked"
entries 4 | kvt-infer -c "$settings" -u "$mock/s/revoked" --journal "$scratch/revoked" >"$scratch/stream" 2>"$scratch/messages" && code=0 || code=$?
is 'a key that runs out on the way stops the stage' "$code $(grep -c '"kind":"response"' "$scratch/stream") $(asked revoked)" '3 1 2'

# --- bad input, settings, people ---
fails 1 'a preflight needs entries' kvt-infer -c "$settings" -u "$mock/s/paced" --preflight /dev/null
printf '%s\n' "$(head -n 1 "$scratch/entries")" '{"kind":"entry","entry_id":"x","bin_idx":0}' "$(sed -n 2p "$scratch/entries")" >"$scratch/bad"
kvt-infer -c "$settings" -u "$mock/s/paced" "$scratch/bad" >"$scratch/stream" 2>"$scratch/messages" && code=0 || code=$?
is 'an entry without a prompt stops the stage' "$code" 1
like 'naming it' "$(cat "$scratch/messages")" 'bad:2: the entry has neither messages nor a prompt'
is 'after everything before it' "$(jq -r .kind "$scratch/stream" | tr '\n' ' ')" 'run entry response '
kvt-infer -c "$settings" -u "$mock/s/paced" --skip-bad "$scratch/aside" "$scratch/bad" 2>/dev/null | jq -r .kind | tr '\n' ' ' >"$scratch/out"
is 'or is set aside' "$(cat "$scratch/out")" 'run entry response entry response meta '
for change in '.bin_idx = "0"' '.bin_idx = 1.5' '.answers = "a"' '.meta = 5' '.token_len = "9"' '.cluster = 5' '.rank = "0"' \
    '.meta.max_tokens = "40"' '.meta.max_tokens = 0' '.meta.max_tokens = 0.5'; do
    jq -c "$change" <(head -n 1 "$scratch/entries") >"$scratch/bad"
    fails 1 "an entry whose responses nobody could use is not asked: $change" kvt-infer -c "$settings" -u "$mock/s/nobody" "$scratch/bad"
    member=${change%% =*}
    like 'and its member is named' "$(cat "$scratch/.err")" "^kvt-infer: $scratch/bad:1: .*${member#.} is not "
done
is 'null is like no member' "$(jq -c '.cluster = null | .bin_idx = null | .meta = null' <(head -n 1 "$scratch/entries") |
    kvt-infer -c "$settings" -u "$mock/s/paced" 2>/dev/null | jq -c 'select(.kind=="response") | [.bin_idx, .cluster, .meta]')" '[0,null,{}]'
head -n 1 "$scratch/entries" >"$scratch/bad"
for name in policy max-tokens-field; do
    fails 2 "an empty --$name names nothing" kvt-infer -c "$settings" -u "$mock/s/nobody" --$name= "$scratch/bad"
done
fails 2 'a journal is not the output' bash -c "kvt-infer -c '$settings' -u '$mock/s/nobody' -j '$scratch/to' '$scratch/bad' >'$scratch/to'"
like 'which is said' "$(cat "$scratch/.err")" 'is standard output too; name another file'
echo certificates >"$scratch/certificates"
fails 2 '--skip-bad does not overwrite the certificates' kvt-infer -c "$settings" -u "$mock/s/nobody" --cacert "$scratch/certificates" --skip-bad "$scratch/certificates" "$scratch/bad"
is 'which stay' "$(cat "$scratch/certificates")" certificates
{ echo '{"kind":"experiment","exp_group_id":"x","config":{"kv":{"budgets":"0.2"}}}'; head -n 1 "$scratch/entries"; } >"$scratch/bad"
fails 1 'settings of the stream have types' kvt-infer -u "$mock/s/nobody" "$scratch/bad"
like 'and are named' "$(cat "$scratch/.err")" "bad:1: experiment.config: kv.budgets must be an array of numbers"
cp "$scripts/paced" "$scripts/named"
model_of() { jq -r 'select(.name=="named").body.model' "$requests" | tail -n 1; }
play named
is 'without a name the model is recall' "$(model_of)" recall
MODEL_NAME=mine play named
is 'MODEL_NAME names it' "$(model_of) $(jq -r 'select(.kind=="run").model_name' "$scratch/stream")" 'mine mine'
MODEL_NAME=mine play named --model=other
is 'an option and the settings come first' "$(model_of)" other
like 'which is said' "$(cat "$scratch/messages")" 'MODEL_NAME is not used: the settings name the model other'
MODEL_NAME=mine play named --journal "$scratch/named-journal"
play named --journal "$scratch/named-journal" --offline
is 'offline the journal knows the model' "$status $(jq -r 'select(.kind=="run").model_name' "$scratch/stream")" '0 mine'
kvt-infer -c "$scratch/two.json" -u "$mock/s/paced" "$entry" >/dev/null 2>"$scratch/messages"
like '--base-url beside endpoints for every budget has no effect, which is said' "$(cat "$scratch/messages")" 'base-url is not used: engine.endpoints names a server for every budget'
kvt-infer -c <(jq 'del(.engine.endpoints["0.5"]) | .engine.extra_body = {b: "{kv_budget}"}' "$scratch/two.json") -u "$mock/s/named" "$entry" >"$scratch/stream" 2>"$scratch/messages"
is 'it takes what endpoints leave over' "$(grep -c 'not used' "$scratch/messages") $(jq -r 'select(.kind=="run").base_url' "$scratch/stream" | sed 's/.*slow-//; s/.*[/]//' | tr '\n' ' ')" '0 a named '
fails 2 'a date that is none' env SOURCE_DATE_EPOCH=abc kvt-infer -c "$settings" -u "$mock/s/paced" "$entry"
like 'is named' "$(cat "$scratch/.err")" 'SOURCE_DATE_EPOCH is abc; it must be seconds since 1970'
fails 2 'no server at all' kvt-infer -c "$settings" "$entry"
fails 2 'a URL that is none' kvt-infer -c "$settings" -u localhost:8000 "$entry"
fails 2 'a port that is none' kvt-infer -c "$settings" -u http://127.0.0.1:99999 "$entry"
fails 2 'certificates that are not there' kvt-infer -c "$settings" -u "$mock/s/paced" --cacert "$scratch/none" "$entry"
like 'are named' "$(cat "$scratch/.err")" 'cacert: cannot read .*none: No such file'
fails 2 'an endpoint for no budget' kvt-infer -c <(jq '.engine.endpoints.half = "http://h"' "$scratch/two.json") "$entry"
like 'is named' "$(cat "$scratch/.err")" 'engine.endpoints: "half" is no budget'
kvt-infer -c <(jq '.engine.endpoints["0.3"] = "http://h"' "$scratch/two.json") "$entry" >/dev/null 2>"$scratch/messages"
like 'one for a budget that is not asked for is told' "$(cat "$scratch/messages")" 'a server for budget 0.3, which kv.budgets does not hold'
fails 2 'an unknown placeholder' kvt-infer -c <(jq '.engine.extra_body = {a: "{kv_bugdet}"}' "$settings") -u "$mock/s/paced" "$entry"
if command script -qec true /dev/null >/dev/null 2>&1; then
    entries 6 >"$scratch/six"
    command script -qec "kvt-infer -c '$settings' -u '$mock/s/slow' '$scratch/six' >/dev/null" /dev/null >"$scratch/tty" 2>&1
    like 'progress on a terminal' "$(tr '\r' '\n' <"$scratch/tty")" 'kvt-infer:  full [0-9]+/6 +[0-9.]+/s, [0-9]+ s left'
    echo 'json 503 {"error":{"code":503,"message":"Loading model"}}' >"$scripts/tty-load.5"
    cp "$scripts/slow" "$scripts/tty-load"
    command script -qec "kvt-infer -c '$settings' -u '$mock/s/tty-load' '$scratch/six' >/dev/null" /dev/null >"$scratch/tty" 2>&1
    is 'a message takes its place' "$(tr '\r' '\n' <"$scratch/tty" | grep -c $'^\033\\[Kkvt-infer: http.*tty-load is loading its model')" 1
else
    skip 'progress on a terminal' 'no script(1), or no pseudo-terminals'
fi
is 'none elsewhere' "$(grep -c 's left' "$scratch/messages")" 0
if command -v openssl >/dev/null; then
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$scratch/tls.key" -out "$scratch/tls.crt" -days 2 \
        -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
    openssl s_server -accept 0 -naccept 20 -cert "$scratch/tls.crt" -key "$scratch/tls.key" -www >"$scratch/tls" 2>&1 &
    eventually grep -q ACCEPT "$scratch/tls"
    tls=$(sed -n 's/^ACCEPT.*:\([0-9]*\)$/\1/p' "$scratch/tls")
    kvt-infer -c "$settings" -u "https://localhost:$tls" "$entry" >"$scratch/stream" 2>"$scratch/messages" && code=0 || code=$?
    is 'an untrusted certificate stops the stage' "$code" 3
    like 'with the remedy' "$(cat "$scratch/messages")" 'certificate is not trusted.*--cacert'
    kvt-infer -c "$settings" -u "https://localhost:$tls" --cacert "$scratch/tls.crt" --max-attempts=1 --timeout=1 "$entry" >"$scratch/stream" 2>"$scratch/messages" || true
    fails 1 'one that is named is trusted' grep -q certificate "$scratch/messages"
else
    skip 'TLS certificates' 'no openssl(1)'
fi
is 'every member written is documented' "$(undocumented)" ''
done_testing
