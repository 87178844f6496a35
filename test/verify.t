#!/bin/bash
# scripts/verify: a report that follows from its responses is a MATCH, any other names the cell.
. "$(dirname "$0")/lib.sh"
cd "$scratch" || exit 1

run=$scratch/run
mkdir -p "$run/tables" "$run/plots"
{
    for r in full half; do
        [ $r = full ] && reference=true budget=1 || { reference=false; budget=0.5; }
        printf '{"kind":"run","run_id":"%s","exp_group_id":"x","kv_policy":"p","kv_budget":%s,"budget_unit":"fraction","reference":%s,"replicate":"a","kv":{},"engine_name":"e","base_url":null,"model_name":"m","created_at":"2026-01-01T00:00:00Z"}\n' $r $budget $reference
        for e in 1 2 3 4 5 6 7 8; do
            text=paris
            [ $r = full ] || [ $e -lt 7 ] || text=rome
            printf '{"kind":"response","request_id":"%s-%s","run_id":"%s","entry_id":"e%s","bin_idx":%s,"token_len":%s,"kv_policy":"p","kv_budget":%s,"repeat":0,"answers":["Paris"],"cluster":null,"meta":{"task":"qa"},"request":{"prompt_tokens":null,"max_tokens":8,"temperature":0,"seed":0,"body_sha256":null},"response":{"text":"%s","finish_reason":"stop","completion_tokens":2,"reasoning":null,"raw":null},"telemetry":{"latency_s":0.5,"kv":{"source":"none","applied":"unproven"}},"error":null}\n' \
                $r $e $r $e $((e / 5)) $((e * 100)) $budget $text
        done
    done
} >"$run/responses.jsonl"
kvt-score "$run/responses.jsonl" | kvt-stats | kvt-transition >"$run/stream.jsonl"
render() {
    for table in bins pairs outcomes failures transitions runs requests; do kvt-render table $table "$run/stream.jsonl" >"$run/tables/$table.csv"; done
    kvt-render report "$run/stream.jsonl" >"$run/report.md"
    kvt-render summary "$run/stream.jsonl" >"$run/summary.json"
}
render
ok "what follows from the responses is a match" "$root/scripts/verify" "$run"
like "said with their digest" "$(cat .out)" "^MATCH: .*$(sha256sum "$run/responses.jsonl" | cut -c1-64)"
like "which the report carries" "$(grep 'responses, SHA-256' "$run/report.md")" "$(sha256sum "$run/responses.jsonl" | cut -c1-64)"

sed -i '2s/,8,/,9,/; 2s/,4,/,5,/' "$run/tables/bins.csv"
fails 1 "a changed cell" "$root/scripts/verify" "$run"
like "is named" "$(cat .out)" '^DIFFERS: tables/bins\.csv row 2, [a-z_]+: .* is saved, .* is recomputed$'
render
echo "one more line" >>"$run/report.md"
fails 1 "a changed report" "$root/scripts/verify" "$run"
like "is named by line" "$(cat .out)" '^DIFFERS: report\.md line [0-9]+'
render
sed -i 's/"n_pairs":4/"n_pairs":3/' "$run/stream.jsonl"
fails 1 "a changed record" "$root/scripts/verify" "$run"
like "is named by run, bin and member" "$(cat .out)" '^DIFFERS: stream\.jsonl: pair_stats of run half, bin 0, n_pairs: 3 is saved, 4 is recomputed$'
sed -i 's/"text":"rome"/"text":"paris"/' "$run/responses.jsonl"
fails 1 "changed responses" "$root/scripts/verify" "$run"

# whatever differs is named: a record too few or too many, and bytes that say the same
sed -i 's/"text":"paris"/"text":"rome"/' "$run/responses.jsonl"
kvt-score "$run/responses.jsonl" | kvt-stats | kvt-transition >"$run/stream.jsonl"
render
cp "$run/stream.jsonl" good.jsonl
grep -v '"kind":"transition"' good.jsonl >"$run/stream.jsonl"
fails 1 "a record that is missing" "$root/scripts/verify" "$run"
like "is named" "$(cat .out)" '^DIFFERS: stream\.jsonl: transition of run half is not saved$'
(cat good.jsonl; grep '"kind":"transition"' good.jsonl) >"$run/stream.jsonl"
fails 1 "a record twice" "$root/scripts/verify" "$run"
like "is named, too" "$(cat .out)" '^DIFFERS: stream\.jsonl: transition of run half is saved, and no such record is recomputed$'
sed 's/"n_pairs":4,/"n_pairs": 4,/' good.jsonl >"$run/stream.jsonl"
fails 1 "a number written in another way" "$root/scripts/verify" "$run"
like "is said to be" "$(cat .out)" '^DIFFERS: stream\.jsonl: the same records, written in another way$'
cp good.jsonl "$run/stream.jsonl"
truncate -s -1 "$run/tables/bins.csv"
fails 1 "a table without its last newline" "$root/scripts/verify" "$run"
like "is named by its end" "$(cat .out)" '^DIFFERS: tables/bins\.csv: the end of its last line$'
render
rm "$run/tables/pairs.csv"
fails 1 "a table that is missing" "$root/scripts/verify" "$run"
like "is named" "$(cat .out)" '^DIFFERS: tables/pairs\.csv is not there, and summary\.json names it$'
rm -r "$run/tables"
fails 1 "so are all of them" "$root/scripts/verify" "$run"
fails 3 "a run without a report" "$root/scripts/verify" "$scratch"
done_testing
