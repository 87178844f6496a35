#!/bin/bash
# The recipe against servers that are not ours: one that refuses kv_ fields, one that ignores them, one
# per budget that reports nothing; and a model's name that tries to be a command.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

mkdir "$scratch/scripts"
mkfifo "$scratch/port"
echo 'json 400 {"error":{"message":"Unrecognized request argument supplied: kv_policy","type":"invalid_request_error","param":null,"code":null}}' >"$scratch/scripts/strict"
printf '%s\n' 'head 200' 'token  old' 'token  arch' 'finish stop' 'usage 240 3' 'done' >"$scratch/scripts/ignores"
cp "$scratch/scripts/ignores" "$scratch/scripts/half"
cp "$scratch/scripts/ignores" "$scratch/scripts/fifth"
"$KVT_BUILD/helpers/mock_server" --scripts="$scratch/scripts" --log="$scratch/log" >"$scratch/port" &
read -r port <"$scratch/port"
server=http://127.0.0.1:$port
sanitized=()
case $KVT_BUILD in */san) sanitized=(SAN=1) ;; esac
experiment() { # run directory, config, variables and targets
    local run=$1 config=$2
    shift 2
    env -u OPENAI_BASE_URL -u MAKEFLAGS -u MAKELEVEL make --no-print-directory "${sanitized[@]}" \
        CONFIG="$config" RUN="$run" "$@"
}

jq '.dataset.n_per_bin = 2 | .output.exp_group_id = "mini"' config/snapkv.json >"$scratch/mini.json"

BASE_URL=$server/s/strict/v1 fails 2 "a server that refuses kv_ fields stops the recipe" \
    experiment "$scratch/strict" "$scratch/mini.json" run
like "with the remedy" "$(cat "$scratch/.err")" 'engine\.endpoints'
is "after one request" "$(grep -c '"request"' "$scratch/log")" 1
ok "and nothing is taken for an answer" test ! -e "$scratch/strict/responses.jsonl"

: >"$scratch/log"
BASE_URL=$server/s/ignores/v1 fails 2 "a server that ignores the budget stops the recipe" \
    experiment "$scratch/ignores" "$scratch/mini.json" run
like "in one line that says so" "$(cat "$scratch/.err")" 'contradicted'

# The same settings with one endpoint per budget: it runs, and says that nothing is proven.
name="m\`touch $scratch/pwned\`\"'\$(touch $scratch/pwned)"
jq --arg url "$server/s" --arg name "$name" '.dataset.n_per_bin = 5 | .model.name = $name
    | .engine.endpoints = {"1": ($url + "/ignores/v1"), "0.5": ($url + "/half/v1"), "0.2": ($url + "/fifth/v1")}' "$scratch/mini.json" >"$scratch/endpoints.json"
BASE_URL=$server/s/ignores/v1 ok "with endpoints per budget the recipe runs" \
    experiment "$scratch/endpoints" "$scratch/endpoints.json" experiment
stream=$scratch/endpoints/stream.jsonl
is "and marks its budgets unproven" \
    "$(jq -r 'select(.kind=="response" and .kv_budget != 1) | .telemetry.kv.applied' "$stream" | sort -u)" unproven
is "the reference is asked twice on an external server" \
    "$(jq -r 'select(.kind=="run" and .reference) | .replicate' "$stream" | xargs)" 'a b'
like "identical answers at all budgets are a suspected no-op" "$(jq -c 'select(.kind=="transition") | .noop_suspected' "$stream" | sort -u)" true
like "the report says so" "$(cat "$scratch/endpoints/report.md")" '[Uu]nproven'
ok "a name full of quotes and backticks is only a name" test ! -e "$scratch/pwned"
ok "and draws its plots" test -s "$scratch/endpoints/plots/acc_vs_len.png"
ok "the stream keeps its contract" kvt-lint "$stream"

# Ctrl-C in the middle of the recipe, as a terminal sends it: to every process of the group. Counted at the server.
# The middle is the thirtieth request, twelve of the preflight among them, which is answered after the signal.
printf '%s\n' 'answer honest' >"$scratch/scripts/steady"
printf '%s\n' 'await steady.go' 'answer honest' >"$scratch/scripts/steady.30"
: >"$scratch/log"
interrupted=$scratch/interrupted
asked() { jq -c 'select(.event=="request" and .body.logprobs == null) | .body | [.messages, .kv_budget, .kv_policy]' "$scratch/log"; }
export BASE_URL=$server/s/steady/v1
setsid env --default-signal=INT,QUIT -u OPENAI_BASE_URL -u MAKEFLAGS -u MAKELEVEL make --no-print-directory "${sanitized[@]}" \
    CONFIG="$scratch/mini.json" RUN="$interrupted" run >"$scratch/out" 2>&1 &
make=$!
is_held() { [ "$(grep -c '"request"' "$scratch/log")" -ge 30 ]; }
eventually is_held
kill -INT -- -$make
eventually grep -q 'waiting for 1 answers under way' "$scratch/out"
: >"$scratch/scripts/steady.go"
wait $make
ok "Ctrl-C ends the recipe" test $? -ne 0
like "kvt-infer says how to go on" "$(cat "$scratch/out")" 'the same command goes on from the journal'
ok "no stream is left behind" test ! -e "$interrupted/responses.jsonl"
asked_before=$(asked | wc -l)
is "what was asked is in the journal" "$(grep -c '"kind":"response"' "$interrupted/journal.jsonl")" "$asked_before"
is "some of it, not all" "$asked_before" 18
ok "the same command finishes" experiment "$interrupted" "$scratch/mini.json" run
is "no request was asked twice, counted at the server" "$(asked | sort | uniq -c | awk '{ print $1 }' | sort | uniq -c | xargs)" '20 1 10 2'
is "the preflight was asked once" "$(jq -c 'select(.event=="request" and .body.logprobs != null)' "$scratch/log" | wc -l)" 12
is "and every answer is there" "$(jq -r 'select(.kind=="response").request_id' "$interrupted/responses.jsonl" | sort -u | wc -l)" 40
unset BASE_URL
# Names from which files are made.
for name in ../config/snapkv snap/kv .. .snapkv 'snap kv'; do
    fails 2 "EXP='$name' is refused" env -u MAKEFLAGS -u MAKELEVEL make --no-print-directory "${sanitized[@]}" EXP="$name" prepare
done
fails 2 "a date that is none" env -u MAKEFLAGS -u MAKELEVEL SOURCE_DATE_EPOCH=abc make --no-print-directory "${sanitized[@]}" \
    CONFIG="$scratch/mini.json" RUN="$scratch/dated" prepare
like "is named" "$(cat "$scratch/.err")" 'SOURCE_DATE_EPOCH is abc; it must be seconds since 1970'
ok "and leaves no date behind" test ! -e "$scratch/dated/created"
done_testing
