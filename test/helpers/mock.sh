#!/bin/bash
# Shared by the tests of kvt-infer: a mock server, one-entry inputs, and scenarios.
#
#   mock_start            starts the server; $mock is its address, $scripts its folder, $requests its log
#   script NAME           reads a script (see mock_server.c) from standard input
#   scenario NAME FILTER EXPECTED [OPTION...]
#                         plays the script on standard input against one request at the full cache and
#                         compares the record, seen through a jq filter, with a text
#   stops NAME REGEX [OPTION...]
#                         the same, but the stage must stop with exit 3, no response, and this message
#   asked NAME            how often a script was asked for

scripts=$scratch/scripts
requests=$scratch/requests
settings=$scratch/one.json
entry=$scratch/entry.jsonl
mkdir -p "$scripts"
# One request per entry, short waits.
cat >"$settings" <<'END'
{"kv": {"budgets": [1.0], "replicates": 1},
 "engine": {"request": {"max_attempts": 3, "backoff_s": 0.01, "backoff_max_s": 0.3, "timeout_s": 5}}}
END
printf '%s\n' '{"kind":"entry","entry_id":"e","bin_idx":0,"rank":0,"token_len":100,"question":"q","context":"c","answers":["a"],"messages":[{"role":"user","content":"hello"}],"cluster":null,"meta":{"task":"t"}}' >"$entry"

mock_start() {
    "$KVT_BUILD/helpers/mock_server" --scripts="$scripts" --log="$requests" >"$scratch/port" &
    for _ in $(seq 100); do
        [ -s "$scratch/port" ] && break
        sleep 0.02
    done
    mock="http://127.0.0.1:$(cat "$scratch/port")"
}

script() {
    cat >"$scripts/$1"
}

asked() {
    grep -c "\"event\":\"request\".*\"name\":\"$1\"" "$requests"
}

# Runs kvt-infer on the one entry; the record is in $scratch/record, the exit status in $status.
play() {
    local name=$1
    shift
    status=0
    ${INFER_WRAPPER:-} kvt-infer -c "$settings" -u "$mock/s/$name" "$@" "$entry" >"$scratch/stream" 2>"$scratch/messages" || status=$?
    grep '"kind":"response"' "$scratch/stream" >"$scratch/record" || true
    # What a sanitizer or valgrind finds is a failure of the scenario, whatever the record says.
    if grep -E 'Sanitizer|runtime error|== Invalid|definitely lost: [1-9]' "$scratch/messages" >"$scratch/record.bad"; then
        mv "$scratch/record.bad" "$scratch/record"
    fi
}

scenario() {
    local name=$1 filter=$2 expected=$3
    shift 3
    script "$name"
    play "$name" "$@"
    is "$name" "$(jq -c "$filter" "$scratch/record" 2>&1)" "$expected"
}

stops() {
    local name=$1 regex=$2
    shift 2
    script "$name"
    play "$name" "$@"
    is "$name: exit 3" "$status" 3
    is "$name: no record" "$(cat "$scratch/record")" ''
    like "$name: the remedy" "$(cat "$scratch/messages")" "$regex"
}
