#!/bin/bash
# Shared by the tests of kvt-infer: a mock server, one-entry inputs, and scenarios.
#
#   mock_start            starts the server; $mock is its address, $scripts its folder, $requests its log
#   script NAME           reads a script (see mock_server.c) from standard input
#   scenario NAME FILTER EXPECTED [OPTION...]
#                         plays the script on standard input against one request at the full cache and
#                         compares the record, seen through a jq filter, with a text; $took is how long the
#                         stage ran, in seconds
#   stops NAME REGEX [OPTION...]
#                         the same, but the stage must stop with exit 3, no response, and this message
#   asked NAME            how often a script was asked for
#   has_asked NAME N      whether it was so that often; for `eventually`
#   ended NAME            how many of these requests the server has done with
#   go NAME               creates the file that a script awaits
#   undocumented          members that kvt-infer wrote into the streams kept so far (keep_stream; play
#                         keeps its own) and kvt-stream(5) does not name, one a line

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
    local port
    mkfifo "$scratch/mock-port"
    "$KVT_BUILD/helpers/mock_server" --scripts="$scripts" --log="$requests" >"$scratch/mock-port" &
    read -r port <"$scratch/mock-port"
    mock="http://127.0.0.1:$port"
}

script() {
    cat >"$scripts/$1"
}

asked() {
    grep -c "\"event\":\"request\".*\"name\":\"$1\"" "$requests"
}

has_asked() {
    [ "$(asked "$1")" -ge "$2" ]
}

ended() {
    jq -rs --arg name "$1" '[.[] | select(.event == "request" and .name == $name).n] as $mine
        | [.[] | select(.event == "end" and (.n | IN($mine[])))] | length' "$requests"
}

go() {
    : >"$scripts/$1"
}

# Runs kvt-infer on the one entry; the record is in $scratch/record, the exit status in $status, the
# seconds it took in $took.
play() {
    local name=$1 begun
    shift
    status=0
    begun=$EPOCHREALTIME
    ${INFER_WRAPPER:-} kvt-infer -c "$settings" -u "$mock/s/$name" "$@" "$entry" >"$scratch/stream" 2>"$scratch/messages" || status=$?
    took=$(jq -n "$EPOCHREALTIME - $begun")
    grep '"kind":"response"' "$scratch/stream" >"$scratch/record" || true
    keep_stream
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
    is "$name" "$(jq -c --argjson took "$took" "$filter" "$scratch/record" 2>&1)" "$expected"
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

keep_stream() {
    cat "$scratch/stream" >>"$scratch/written"
}

undocumented() {
    kvt-lint --contract >"$scratch/contract"
    # Members of an object that the table gives as a whole are named in its description.
    jq -rn --rawfile contract "$scratch/contract" --rawfile page "$root/src/kvt-stream.5" '
        [$contract | split("\n")[] | select(. != "") | split("\t") | {key: "\(.[0]) \(.[1])", value: .[2]}] | from_entries as $known
        | reduce (inputs | select(.kind | IN("run", "preflight", "response", "meta"))
            | .kind as $kind | path(..) | select(length > 0 and all(.[]; type == "string")) | "\($kind) \(join("."))") as $name ({}; .[$name] = true)
        | keys[] | select(endswith(" kind") | not) | . as $name
        | select($known[$name] == null)
        | select([$known | keys[] | select(startswith($name + "."))] | length == 0)
        | select((test("^(run kv|response (meta|response.raw)|meta (settings|records_in|records_out))\\.")) | not)
        | (split(".") | last) as $last
        | select((startswith("response error.") and ($page | contains("{type, status, message, retryable}")) and ($last | IN("type", "status", "message", "retryable"))) | not)
        | select((startswith("response telemetry.kv.gauge.") and ($page | contains("{name, before, last, peak}")) and ($last | IN("name", "before", "last", "peak"))) | not)
        | select((startswith("response telemetry.probe.") and ($known["response telemetry." + $last] != null or $last == "completion_tokens")) | not)' \
        "$scratch/written"
}
