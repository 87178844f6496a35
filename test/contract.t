#!/bin/bash
# kvt-stream(5), kvt-lint and the SQL agree; kvt-lint finds what is wrong with a stream.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

# Members of the page: "kind<TAB>member<TAB>type".
awk '/^\.Ss / { kind = $2 } /^\.Sh SCORES/ { kind = "" }
     kind && /^\.It Va .* Pq / { print kind "\t" $3 "\t" $5 }' src/kvt-stream.5 >"$scratch/page"
kvt-lint --contract >"$scratch/table"
is "the page lists the members the validator checks" "$(cat "$scratch/page")" "$(cat "$scratch/table")"

record='{"kind":"bin","bin_id":"b0","dataset_id":"d","bin_idx":0,"token_min":1,"token_max":2,"n_examples":3,"n_selected":3}'
dataset='{"kind":"dataset","dataset_id":"d","name":"x","task":null,"created_at":"2026-01-01T00:00:00Z","source_sha256":null,"n_examples":3,"tokenizer":null,"template":null,"manifest_version":1}'
printf '%s\n' "$dataset" "$record" '{"kind":"foreign","x":1}' >"$scratch/good.jsonl"
ok "a good stream passes" kvt-lint "$scratch/good.jsonl"
fails 1 "a reference to nothing is found" kvt-lint <<<"$record"
like "and named" "$(cat "$scratch/.out")" '^stdin:1: bin.dataset_id names a dataset that came on no line before: d$'
fails 1 "a missing member is found" kvt-lint <<<"${dataset/\"n_examples\":3,/}"
like "and named" "$(cat "$scratch/.out")" 'dataset without member n_examples'
fails 1 "a wrong type is found" kvt-lint <<<"${dataset/\"n_examples\":3/\"n_examples\":\"3\"}"
printf '%s\n' "$dataset" "$record" "$record" >"$scratch/good.jsonl"
ok "a bin that stands there twice passes" kvt-lint "$scratch/good.jsonl"
fails 1 "but not with other edges" kvt-lint <<<"$dataset
$record
${record/\"token_max\":2/\"token_max\":9}"
like "and it is named" "$(cat "$scratch/.out")" '^stdin:3: bin.bin_id stands on an earlier line too, with other edges: b0$'
fails 1 "a manifest of a newer version is found" kvt-lint <<<"${dataset/\"manifest_version\":1/\"manifest_version\":2}"
like "with what to do" "$(cat "$scratch/.out")" '^stdin:1: dataset.manifest_version is 2, and this release reads versions up to 1: use the release that wrote the manifest, or make it anew'
fails 1 "and one before the first" kvt-lint <<<"${dataset/\"manifest_version\":1/\"manifest_version\":0}"
fails 1 "a kind that is not first is found" kvt-lint <<<'{"x":1,"kind":"foreign"}'
fails 1 "a torn line is found" kvt-lint <<<'{"kind":"bin",'
fails 2 "an unknown option is refused" kvt-lint --sectoins=kv
like "with the nearest one" "$(cat "$scratch/.err")" 'did you mean --sections'
fails 2 "an unknown setting is refused" kvt-lint --get kv.polcy
like "with the nearest one" "$(cat "$scratch/.err")" 'nearest valid key is kv.policy$'
fails 2 "and a section" kvt-lint --sections=kv,engin
like "with the nearest one" "$(cat "$scratch/.err")" 'no section engin; the nearest valid key is engine$'
for none in --get= --get=kv. --sections=kv,,seed; do fails 2 "a setting without a name: $none" kvt-lint $none; done
echo '{"engine":{"base_url":"http://me:secret@h/v1"}}' >"$scratch/secret.json"
is "a section of one setting is without secrets too" "$(kvt-lint -c "$scratch/secret.json" --sections=engine.base_url)" '{"engine.base_url":"http://h/v1"}'
fails 2 "settings of which none is asked for" kvt-lint -c "$scratch/secret.json" "$scratch/good.jsonl"
fails 2 "a stream that would not be read" kvt-lint --get=seed "$scratch/good.jsonl"
fails 2 "two forms at once" kvt-lint --get=seed --sections=kv
fails 2 "or these two" kvt-lint --defaults --contract

# ids of any length, texts that are none
long=$(printf '%0300d' 0)
fails 1 "ids that differ far behind differ" kvt-lint <<<"${dataset/\"d\"/\"${long}1\"}
${record/\"d\"/\"${long}2\"}"
ok "and are found" kvt-lint <<<"${dataset/\"d\"/\"${long}1\"}
${record/\"d\"/\"${long}1\"}"
for text in $'\xff' '\u0000' '\ud800'; do
    fails 1 "a text that no stream carries is found" kvt-lint <<<"${dataset/\"x\"/\"$text\"}"
    like "and said" "$(cat "$scratch/.out")" '^stdin:1: dataset has text that is invalid UTF-8'
done
ok "of a foreign kind it passes" kvt-lint <<<'{"kind":"foreign","x":"\u0000"}'
ok "blank lines pass, those of CRLF too" kvt-lint <<<$'\r\n\n \r'
fails 3 "a full disk is an error" bash -c 'kvt-lint --defaults >/dev/full'
done_testing
