#!/bin/bash
# The saved verdicts (examples/verdicts): today's programs give the saved statistics and reports from the saved
# responses, byte for byte. `make bless` writes them anew.
. "$(dirname "$0")/lib.sh"
verdicts=$root/examples/verdicts

claimed() { jq -r 'select(.kind == "transition") | .verdict' "$verdicts/$1"/stream-*.jsonl | sort -u | paste -sd' '; }
for case in "$verdicts"/*/; do
    name=$(basename "$case")
    saved=$scratch/$name.jsonl
    cat "$case"stream-*.jsonl >"$saved"
    ok "$name keeps the contract" kvt-lint "$saved"
    kvt-score "$saved" | kvt-stats | kvt-transition | grep -v '^{"kind":"meta"' >"$scratch/again"
    if [ -n "${KVT_BLESS:-}" ] && ! cmp -s "$scratch/again" <(grep -v '^{"kind":"meta"' "$saved"); then
        grep '^{"kind":"meta"' "$saved" | cat "$scratch/again" - >"$scratch/blessed"
        cp "$scratch/blessed" "$saved"
        rm "$case"stream-*.jsonl
        split -C 1990000 --numeric-suffixes=1 -a 1 --additional-suffix=.jsonl "$saved" "$case/stream-"
    fi
    [ -z "${KVT_BLESS:-}" ] || kvt-render report "$saved" >"$case/report.md"
    is "$name: the saved statistics and verdicts follow from the responses" \
        "$(cmp "$scratch/again" <(grep -v '^{"kind":"meta"' "$saved") 2>&1)" ""
    kvt-render report "$saved" >"$scratch/report"
    is "$name: the saved report follows from the stream" "$(diff "$scratch/report" "$case/report.md" | head -n 3)" ""
    is "$name: every figure of the report is there" \
        "$(grep -o 'plots/[a-z_]*\.png' "$case/report.md" | while read -r plot; do [ -s "$case/$plot" ] || echo "$plot"; done)" ""
    is "$name: no file of two megabytes" "$(find "$case" -type f -size +2000000c)" ""
done
is "safe is safe" "$(claimed safe)" safe_within
is "silent is silent" "$(claimed silent)" silent_loss
is "loud is loud" "$(claimed loud)" failing
done_testing
