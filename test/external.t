#!/bin/bash
# The recipe against servers that are not ours: one that refuses kv_ fields, one that ignores them, one
# per budget that reports nothing; and a model's name that tries to be a command.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

mkdir "$scratch/scripts"
echo 'json 400 {"error":{"message":"Unrecognized request argument supplied: kv_policy","type":"invalid_request_error","param":null,"code":null}}' >"$scratch/scripts/strict"
printf '%s\n' 'head 200' 'token  old' 'token  arch' 'finish stop' 'usage 240 3' 'done' >"$scratch/scripts/ignores"
cp "$scratch/scripts/ignores" "$scratch/scripts/half"
cp "$scratch/scripts/ignores" "$scratch/scripts/fifth"
"$KVT_BUILD/helpers/mock_server" --scripts="$scratch/scripts" --log="$scratch/log" >"$scratch/port" &
for _ in $(seq 100); do [ -s "$scratch/port" ] && break; sleep 0.05; done
server=http://127.0.0.1:$(cat "$scratch/port")
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

# One endpoint per budget, nothing in the body: it runs, and says that nothing is proven.
name="m\`touch $scratch/pwned\`\"'\$(touch $scratch/pwned)"
jq --arg url "$server/s" --arg name "$name" '.engine.extra_body = {} | .dataset.n_per_bin = 5 | .model.name = $name
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
done_testing
