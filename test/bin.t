#!/bin/bash
# kvt-bin: determinism, nested order, ties, truncation, errors that name the line, --count.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
export SOURCE_DATE_EPOCH=1700000000
unset KVT_GIT_HASH

model=examples/recall/recall.gguf
rows=examples/recall/recall.jsonl
bin() { kvt-bin --no-meta --tokenizer="$model" "$@"; }
entries() { jq -r 'select(.kind == "entry") | [.bin_idx, .rank, .example_id] | @tsv'; }

# the example's questions
ok "the example's questions are binned" bin -c config/snapkv.json "$rows"
cp "$scratch/.out" "$scratch/a"
ok "its records are as the contract says" kvt-lint "$scratch/a"
is "experiment, dataset, bins, entries, in this order" "$(jq -r .kind "$scratch/a" | uniq | paste -sd,)" \
    experiment,dataset,bin,entry
is "entries by bin and rank" "$(entries <"$scratch/a")" "$(entries <"$scratch/a" | sort -n -k1,1 -k2,2)"
bin -c config/snapkv.json <"$rows" >"$scratch/b"
is "the same bytes from standard input" "$(sha256sum <"$scratch/b")" "$(sha256sum <"$scratch/a")"
bin -c config/snapkv.json --threads=1 "$rows" >"$scratch/b"
is "and with one thread" "$(sha256sum <"$scratch/b")" "$(sha256sum <"$scratch/a")"
shuf --random-source="$rows" "$rows" | bin -c config/snapkv.json >"$scratch/b"
is "the order does not depend on the order of the rows" "$(entries <"$scratch/b")" "$(entries <"$scratch/a")"
is "every question is in exactly one bin" \
    "$(jq -s 'map(select(.kind == "bin").n_examples) | add' "$scratch/a")" "$(wc -l <"$rows")"
is "bins hold what they say" "$(jq -s 'map(select(.kind == "entry")) as $e | map(select(.kind == "bin")) | all(. as $b |
    $e | map(select(.bin_idx == $b.bin_idx)) | length == $b.n_selected and all(.token_len >= $b.token_min and
    .token_len <= $b.token_max))' "$scratch/a")" true
jq -c 'select(.kind == "entry") | {text: (" " + .messages[0].content + " answer :")}' "$scratch/a" |
    kvt-bin --count --special --tokenizer="$model" | jq .n >"$scratch/counts"
is "token_len is the whole prompt, BOS and generation prompt included" \
    "$(jq 'select(.kind == "entry").token_len' "$scratch/a" | paste -sd,)" "$(paste -sd, "$scratch/counts")"
for n in 5 12; do
    bin -c config/snapkv.json --n-per-bin=$n "$rows" | entries >"$scratch/few"
    is "n_per_bin=$n is the beginning of every bin" "$(cat "$scratch/few")" \
        "$(entries <"$scratch/a" | awk -v n=$n '$2 < n')"
done
is "a number for each bin" "$(bin --n-per-bin=1,2,3,4,0 "$rows" | jq -c 'select(.kind == "bin").n_selected' |
    paste -sd,)" 1,2,3,4,0
is "another seed, another order" "$(bin --seed=2 --n-per-bin=5 "$rows" | entries | cksum)" \
    "$(bin --seed=2 --n-per-bin=5 "$rows" | entries | cksum)"
if [ "$(bin --seed=2 --n-per-bin=5 "$rows" | entries)" != "$(bin --n-per-bin=5 "$rows" | entries)" ]; then
    pass "seeds differ"
else
    fail "seeds differ" "seed 2 gives the order of seed 1"
fi
echo '{"dataset":{"ids":["q03-1","q11-4"]}}' >"$scratch/pinned.json"
is "pinned ids, and only these" "$(bin -c "$scratch/pinned.json" "$rows" |
    jq -r 'select(.kind == "entry").example_id' | sort | paste -sd,)" q03-1,q11-4
echo '{"dataset":{"ids":["nobody"]}}' >"$scratch/pinned.json"
fails 1 "a pinned id that no row has" bin -c "$scratch/pinned.json" "$rows"
like "is named" "$(cat "$scratch/.err")" 'dataset.ids names nobody'

# the two parts, and the question first
bin -c config/snapkv-context.json --n-per-bin=1 "$rows" >"$scratch/parts"
is "compress_after=context: two text parts that make the same text" \
    "$(jq -c 'select(.kind == "entry").messages[0].content | [length, .[0].type, (map(.text) | join(""))]' "$scratch/parts" | cksum)" \
    "$(bin -c config/snapkv.json --n-per-bin=1 "$rows" | jq -c 'select(.kind == "entry") | [2, "text", .messages[0].content]' | cksum)"
is "the second part starts at the question" \
    "$(jq -r 'select(.kind == "entry") | .messages[0].content[1].text == " question : " + .question' "$scratch/parts" | uniq)" true
is "the question first" "$(bin --question=first --n-per-bin=1 "$rows" |
    jq -r 'select(.kind == "entry") | .messages[0].content == "question : " + .question + " context : " + .context' | uniq)" true
fails 2 "question first and compress_after=context exclude each other" bin -c config/snapkv-context.json --question=first "$rows"

# small rows of our own
row() { # ID WORDS [more members]
    local text=''
    for _ in $(seq "$2"); do text="$text ned"; done
    printf '{"_id":"%s","input":"where ?","context":"%s","answers":["old arch"]%s}\n' "$1" "${text# }" "${3:-}"
}
i=0
for n in 3 3 3 3 3 3 3 9; do row "r$((++i))" $n; done >"$scratch/ties"
bin --bins=4 "$scratch/ties" >"$scratch/out" 2>"$scratch/err"
is "ties stay together, empty bins are left out" "$(jq -c 'select(.kind == "bin") | [.bin_idx, .n_examples]' "$scratch/out" |
    paste -sd' ')" '[0,7] [1,1]'
like "and it is said" "$(cat "$scratch/err")" '2 bins instead of 4'
is "the manifest says how many were asked for" "$(jq -c 'select(.kind == "dataset") | [.n_bins, .n_bins_asked]' "$scratch/out")" '[2,4]'
row one 5 >"$scratch/one"
is "one question is one bin" "$(bin --bins=3 "$scratch/one" 2>/dev/null | jq -r .kind | paste -sd,)" experiment,dataset,bin,entry
is "edges are type-7 quantiles" "$(for n in 1 2 3 4 10; do row "e$n" $n; done | bin --bins=2 |
    jq -c 'select(.kind == "dataset").edges | map(. - 9)')" '[1,3,10]' # 9 tokens that are not the words
row x 4 ',"dataset":"recall","kind":"where","cluster":7,"depth":0.25,"all_classes":null,"language":"en"' >"$scratch/extra"
is "other members go to meta, a kind of their own too" "$(bin "$scratch/extra" 2>/dev/null | jq -c 'select(.kind == "entry") |
    [.cluster, .meta.kind, .meta.depth, .meta.language, .meta.max_tokens]')" '["7","where",0.25,"en",40]'

# the same prompt under different ids is one request downstream
{ row p1 3; row p2 4; row p3 3; row p4 5; row p5 4; row p6 3; } >"$scratch/same"
bin --bins=1 "$scratch/same" >"$scratch/out" 2>"$scratch/err"
is "entries with the same prompt are written all the same" "$(jq -r 'select(.kind == "entry").example_id' "$scratch/out" | sort | paste -sd,)" \
    p1,p2,p3,p4,p5,p6
is "it is said once, with their number and the first two, in the order of the entries" "$(cat "$scratch/err")" \
    "kvt-bin: 3 entries have the prompt of another under a different id, first $(jq -rs 'map(select(.kind == "entry")) |
    . as $all | first(range(length) as $i | first(range($i) as $j | select($all[$j].prompt_sha256 == $all[$i].prompt_sha256) |
    $all[$i].example_id + ", that of " + $all[$j].example_id))' "$scratch/out"): the same request has the same request_id, and the database keeps one row of it"
is "entries that were not chosen do not count" "$(bin --bins=1 --n-per-bin=1 "$scratch/same" 2>&1 >/dev/null)" ''
row p2 4 >"$scratch/two"
is "nor does one prompt alone" "$(bin --bins=1 "$scratch/two" 2>&1 >/dev/null)" ''

# templates
echo '{"qasper":"A {{x}} {context} B {input} C","lcc":"{context}!"}' >"$scratch/templates"
row l1 3 ',"dataset":"lcc"' >"$scratch/lcc"
row q1 3 ',"dataset":"qasper_e"' >"$scratch/qasper"
is "a template file fills the prompt in" "$(bin --templates="$scratch/templates" "$scratch/qasper" 2>/dev/null |
    jq -r 'select(.kind == "entry").messages[0].content')" 'A {x} ned ned ned B where ? C'
is "tasks without a chat template have a prompt" "$(bin --templates="$scratch/templates" "$scratch/lcc" 2>/dev/null |
    jq -c 'select(.kind == "entry") | [.prompt, .messages, .meta.max_tokens]')" '["ned ned ned!",null,64]'
fails 2 "a LongBench task without its template is refused" bin "$scratch/qasper"
like "with the remedy" "$(cat "$scratch/.err")" 'dataset2prompt.json with --templates'
echo '{"qasper":"{context} {question}"}' >"$scratch/bad-templates"
fails 2 "a template with an unknown place is refused" bin --templates="$scratch/bad-templates" "$scratch/qasper"
{ row q1 3 ',"dataset":"qasper"'; row q2 4 ',"dataset":"qasper"'; row q3 5 ',"dataset":"qasper"'; } >"$scratch/three"
fails 2 "also where several rows have it" timeout 20 kvt-bin --no-meta --tokenizer="$model" --threads=1 \
    --templates="$scratch/bad-templates" "$scratch/three"
like "naming the file, the task and the place" "$(cat "$scratch/.err")" 'bad-templates: the template of task qasper has "\{question\}"'
row g1 2 ',"dataset":"mine"' >"$scratch/mine"
is "an unknown task gets the generic template" "$(bin "$scratch/mine" 2>/dev/null | jq -r 'select(.kind == "entry").messages[0].content')" \
    $'ned ned\n\nQuestion: where ?\nAnswer:'

# truncation
row long 50 >"$scratch/long"
is "the middle is cut out: half the tokens from each end, BOS among the first" \
    "$(bin --max-prompt-tokens=20 "$scratch/long" 2>/dev/null | jq -r 'select(.kind == "entry").messages[0].content')" \
    'context : ned ned ned ned ned ned ned ned ned ned ned ned question : where ?'
is "and recorded" "$(bin --max-prompt-tokens=20 "$scratch/long" 2>/dev/null |
    jq -c 'select(.kind == "entry") | [.token_len, .meta.truncated, .meta.tokens_untruncated]')" '[21,true,58]'
{ row short 2; cat "$scratch/long"; } >"$scratch/two"
is "or the row is dropped" "$(bin --overlong=drop --max-prompt-tokens=20 --bins=1 "$scratch/two" 2>"$scratch/err" |
    jq -c 'select(.kind == "dataset") | [.n_examples, .n_dropped]')" '[1,1]'
like "and it is said" "$(cat "$scratch/err")" '1 of 2 rows are longer than 20 tokens'

# bad input
bad() { # NAME ROW REGEX
    { row good 3; printf '%s\n' "$2"; } >"$scratch/bad"
    fails 1 "$1" bin "$scratch/bad"
    like "$1: the line is named" "$(cat "$scratch/.err")" "^kvt-bin: $scratch/bad:2: .*$3"
    is "$1: nothing is half-written" "$(wc -c <"$scratch/.out")" 0
}
bad "not JSON" '{"_id":"x",' 'not a JSON object'
bad "no id" '{"input":"","context":"","answers":[]}' 'no _id'
bad "no context" '{"_id":"x","input":"","answers":[]}' 'no context'
bad "answers that are not a list" '{"_id":"x","input":"","context":"","answers":"a"}' 'answers is not a list'
bad "an answer that is not a text" '{"_id":"x","input":"","context":"","answers":["a",1]}' 'answers\[1\] is not a string'
bad "an id used twice" "$(row good 4)" "the id good was used before, at $scratch/bad:1"
bad "a broken value" '{"_id":"x","input":tru,"context":"","answers":[]}' 'not JSON'
{ row a 1; echo '{"_id":"b"}'; row c 2; } >"$scratch/bad"
ok "--skip-bad goes on" bin --bins=1 --skip-bad "$scratch/aside" "$scratch/bad"
is "with the rest" "$(jq -c 'select(.kind == "dataset").n_examples' "$scratch/.out")" 2
is "and keeps the line" "$(cat "$scratch/aside")" '{"_id":"b"}'
is "lone surrogates and U+0000 become U+FFFD, counted" "$(printf '%s\n' \
    '{"_id":"s","input":"a\ud800b\u0000c","context":"x","answers":["y"]}' | bin --bins=1 |
    jq -c 'select(.kind == "entry") | [.question, .meta.replaced]')" '["a�b�c",2]'
fails 1 "no question at all" bin /dev/null
fails 2 "no tokenizer" kvt-bin "$scratch/one"
fails 3 "a full disk" bash -c "kvt-bin --tokenizer=$model $rows >/dev/full"
kvt-bin --tokenizer="$model" "$rows" 2>"$scratch/err" | head -n 1 >/dev/null
is "a closed pipe ends it quietly" "${PIPESTATUS[0]} $(cat "$scratch/err")" '141 '
fails 2 "--ids without --count" bin --ids "$scratch/one"
fails 2 "a list of the wrong length" bin --n-per-bin=1,2 "$rows"

# replays and secrets
kvt-bin -c config/snapkv.json "$rows" >"$scratch/stream"
printf '%s\n' '{"kind":"run","run_id":"r"}' '{"kind":"meta","stage":"kvt-infer"}' >"$scratch/foreign"
cat "$scratch/stream" "$scratch/foreign" "$rows" | kvt-bin >"$scratch/again"
is "what kvt-bin makes itself is dropped, the rest passes; the stream's settings count" \
    "$(head -n -1 "$scratch/again")" "$(head -n -1 "$scratch/stream"; cat "$scratch/foreign")"
is "one meta of its own" "$(grep -c '"stage":"kvt-bin"' "$scratch/again")" 1
echo '{"engine":{"base_url":"http://me:secret@host:1/v1?key=secret","endpoints":{"0.5":"http://a:secret@h/"}}}' >"$scratch/secret.json"
is "no credentials in the manifest" "$(bin -c "$scratch/secret.json" "$scratch/one" 2>/dev/null | jq -c 'select(.kind == "experiment").config.engine |
    [.base_url, .endpoints]')" '["http://host:1/v1",{"0.5":"http://h/"}]'
echo '{"engine":{"gauge_url":"http://me:secret@h/metrics?key=secret"}}' >"$scratch/secret.json"
is "nor of the gauge" "$(bin -c "$scratch/secret.json" "$scratch/one" 2>/dev/null | jq -r 'select(.kind == "experiment").config.engine.gauge_url')" \
    http://h/metrics
is "nor where a later stage writes its settings" "$(bin "$scratch/one" 2>/dev/null |
    OPENAI_API_KEY='' kvt-infer --offline -j "$scratch/none.jsonl" -u http://h -c "$scratch/secret.json" 2>/dev/null | grep -c secret)" 0
is "the commit is recorded" "$(KVT_GIT_HASH=abc bin "$scratch/one" 2>/dev/null | jq -r 'select(.kind == "experiment") | .git_hash + " " + .created_at')" \
    'abc 2023-11-14T22:13:20Z'

# --count
count() { kvt-bin --count --tokenizer="$model" "$@"; }
is "counts" "$(printf '%s\n' '{"text":" ned keeps"}' '{"text":""}' | count)" $'{"n":2}\n{"n":0}'
is "ids" "$(echo '{"text":" ned<|end|>"}' | count --ids)" "$(echo '{"text":" ned<|end|>"}' | count --ids)"
is "a special token is one token, or ordinary text" "$(echo '{"x":"<|end|>"}' | count --field=x; echo '{"x":"<|end|>"}' |
    count --field=x --ordinary)" $'{"n":1}\n{"n":5}'
is "U+0000 is a character" "$(printf '%s\n' '{"text":"\u0000\u0000"}' | count)" '{"n":2}'
printf '%s\n' '{"text":"a"}' '{"txt":"a"}' >"$scratch/texts"
fails 1 "a line without the member" count "$scratch/texts"
like "is named" "$(cat "$scratch/.err")" "texts:2: .*no member \"text\""
is "what came before is written" "$(cat "$scratch/.out")" '{"n":1}'
is "other members do not matter" "$(count <<<'{"id":[1,{"a":null}],"text":"a","x":-1.5e3}')" '{"n":1}'
fails 1 "but must be JSON" count <<<'{"text":"a","x":nonsense}'
is "a byte-order mark before the first line is no part of it" "$(printf '\xef\xbb\xbf{"text":"a"}\r\n{"text":"a"}' | count)" $'{"n":1}\n{"n":1}'
fails 1 "a text that is not a string" count <<<'{"text":1}'
fails 3 "a full disk under --count" bash -c "echo '{\"text\":\"a\"}' | kvt-bin --count --tokenizer=$model >/dev/full"

# --ladder
texts() { # PREFIX COUNT
    local i list=''
    for i in $(seq "$2"); do list="$list,\"ned keeps the $1 dish in the old arch .\""; done
    echo "[${list#,}]"
}
echo "{\"_id\":\"k\",\"input\":\"where ?\",\"answers\":[\"old arch\"],\"evidence\":[\"piet keeps the silver crown in the long abbey .\"],\"distractors\":$(texts marble 60),\"depth\":0.5}" >"$scratch/marked"
ok "a marked question becomes a row at each length" bin --ladder=60,120,480 "$scratch/marked"
cp "$scratch/.out" "$scratch/rungs"
is "of one cluster, nested, with the evidence at its place" \
    "$(jq -c '[._id, .cluster, (.context | split("piet keeps")[0] | length) * 2 < (.context | length), (.context | contains("silver crown"))]' "$scratch/rungs" | paste -sd' ')" \
    '["k-0","k",true,true] ["k-1","k",true,true] ["k-2","k",true,true]'
bin --bins=3 "$scratch/rungs" >"$scratch/laddered"
is "within a tenth of their lengths, a bin each" \
    "$(jq -s 'map(select(.kind == "entry").token_len) | [.[0] > 54, .[0] <= 60, .[1] > 108, .[1] <= 120, .[2] > 432, .[2] <= 480] | all' "$scratch/laddered")" true
is "one question in every bin" "$(jq -c 'select(.kind == "entry") | [.bin_idx, .cluster]' "$scratch/laddered" | paste -sd' ')" '[0,"k"] [1,"k"] [2,"k"]'
fails 1 "too few distractors" bin --ladder=60,2000 "$scratch/marked"
like "are said" "$(cat "$scratch/.err")" "marked:1: row k reaches only [0-9]+ of 2000 tokens with 60 of 60 distractors"
fails 1 "a length below the evidence" bin --ladder=5 "$scratch/marked"
fails 1 "a row without evidence" bin --ladder=60 "$scratch/one"
fails 2 "a length above the longest prompt" bin --ladder=60,110 --max-prompt-tokens=100 "$scratch/marked"
like "which would cut it" "$(cat "$scratch/.err")" '110 tokens are more than dataset.max_prompt_tokens, which is 100'
is "at the longest prompt nothing is cut" "$(bin --ladder=60,110 --max-prompt-tokens=110 "$scratch/marked" | cksum)" \
    "$(bin --ladder=60,110 "$scratch/marked" | cksum)"
marked_with() { jq -c "$1" "$scratch/marked" >"$scratch/marked-bad"; }
marked_with '.depth = "0.5"'
fails 1 "a depth that is no number" bin --ladder=60 "$scratch/marked-bad"
like "is named" "$(cat "$scratch/.err")" 'marked-bad:1: row k: depth is not a number'
marked_with '.separator = 5'
fails 1 "a separator that is no text" bin --ladder=60 "$scratch/marked-bad"
marked_with '._id = 7'
is "an id may be a number, as in any row" "$(bin --ladder=60 "$scratch/marked-bad" | jq -c '[._id, .cluster]')" '["7-0","7"]'
fails 1 "rungs that would be one prompt" bin --ladder=120,121 "$scratch/marked"
like "are named" "$(cat "$scratch/.err")" 'the rungs of 120 and 121 tokens would be the same prompt'
fails 2 "a length that is no number of tokens" bin --ladder=99999999999999999999 "$scratch/marked"
fails 2 "lengths that do not ascend" bin --ladder=60,60 "$scratch/marked"

# counts from a server
mkfifo "$scratch/port"
kvt-serve --model "$model" --port 0 --ready-fd 3 3>"$scratch/port" >/dev/null 2>&1 &
if read -r port <"$scratch/port" && [ -n "$port" ]; then
    kvt-bin --no-meta --tokenizer="http://127.0.0.1:$port/tokenize" --n-per-bin=1 -c config/snapkv.json "$rows" >"$scratch/remote"
    bin --n-per-bin=1 -c config/snapkv.json "$rows" >"$scratch/local"
    is "--tokenizer=URL: the lengths are the server's, template included" \
        "$(jq -c 'select(.kind == "entry") | [.example_id, .token_len]' "$scratch/remote")" \
        "$(jq -c 'select(.kind == "entry") | [.example_id, .token_len]' "$scratch/local")"
    is "and the manifest names the server, without a digest" \
        "$(jq -c 'select(.kind == "dataset").tokenizer' "$scratch/remote")" "{\"name\":\"http://127.0.0.1:$port/tokenize\",\"sha256\":null}"
    is "--count asks it too" "$(echo '{"text":" ned keeps"}' | kvt-bin --count --ids --special --tokenizer="http://127.0.0.1:$port/tokenize")" \
        "$(echo '{"text":" ned keeps"}' | kvt-bin --count --ids --special --tokenizer="$model")"
    secret="http://me:secret@127.0.0.1"
    kvt-bin --tokenizer="$secret:$port/tokenize?key=secret" --bins=1 "$scratch/one" >"$scratch/out" 2>&1
    is "credentials of the server are in no record" "$(grep -c secret "$scratch/out") $(jq -r 'select(.kind == "meta").settings.model.tokenizer' "$scratch/out")" \
        "0 http://127.0.0.1:$port/tokenize"
    fails 3 "a server that does not count" kvt-bin --count --tokenizer="$secret:$port/health?key=secret" "$scratch/texts"
    like "is named without them" "$(cat "$scratch/.err")" "^kvt-bin: http://127.0.0.1:$port/health answered with status 405"
    fails 3 "a server that is not there" kvt-bin --count --tokenizer="$secret:9/tokenize?key=secret" "$scratch/texts"
    like "is too" "$(cat "$scratch/.err")" '^kvt-bin: http://127.0.0.1:9/tokenize: '
    fails 2 "cutting prompts needs the file" kvt-bin --tokenizer="http://127.0.0.1:$port/tokenize" --max-prompt-tokens=20 "$scratch/long"
    fails 3 "an address that is no /tokenize" kvt-bin --count --tokenizer="http://127.0.0.1:$port/health" "$scratch/texts"
else
    fail "kvt-serve starts" "it did not say its port"
fi
fails 3 "no server" kvt-bin --tokenizer=http://127.0.0.1:9/tokenize "$scratch/one"
printf '%s\n' '{"text":"a"}' '{"txt":"b"}' 'x' '{"text":"a"}' >"$scratch/count-bad"
ok "--count sets bad lines aside" kvt-bin --count --tokenizer examples/recall/recall.gguf --skip-bad "$scratch/count-aside" "$scratch/count-bad"
is "and counts the others" "$(grep -c '"n":' "$scratch/.out")" 2
cp "$scratch/count-bad" "$scratch/count-precious"
fails 2 "--skip-bad does not overwrite what is counted" kvt-bin --count --tokenizer examples/recall/recall.gguf --skip-bad "$scratch/count-bad" "$scratch/count-bad"
ok "which stays" cmp "$scratch/count-bad" "$scratch/count-precious"
is "and keeps the bad ones" "$(cat "$scratch/count-aside")" "$(sed -n 2,3p "$scratch/count-bad")"
jq -c 'if ._id == "q00-1" then .answers = [] else . end' examples/recall/recall.jsonl | head -n 5 >"$scratch/no-answer"
fails 1 "a row without an answer is a bad line" kvt-bin -c config/snapkv.json "$scratch/no-answer"
like "named before anything is asked" "$(cat "$scratch/.err")" "$scratch/no-answer:2: row q00-1 has no answer"
{ row a 3; row b 4; row c 5; } >"$scratch/three-lf"
# files as other people have them, and what is not what it should be
sed 's/$/\r/' "$scratch/three-lf" | sed 's/\r$/\r\n\r/' >"$scratch/crlf"
is "CRLF and blank lines are no questions" "$(bin --bins=1 "$scratch/crlf" | jq -c 'select(.kind == "entry") | [.example_id, .token_len]' 2>/dev/null | sort)" \
    "$(bin --bins=1 "$scratch/three-lf" | jq -c 'select(.kind == "entry") | [.example_id, .token_len]' | sort)"
is "nor texts to count" "$(printf '{"text":"a"}\r\n\r\n \t\r\n{"text":"a"}\r\n' | count)" $'{"n":1}\n{"n":1}'
jq -c '. + {dataset: "mine", max_tokens: 512, replaced: 7, task: "t"}' "$scratch/one" >"$scratch/members"
is "members that are not written stay those of the row" "$(bin "$scratch/members" 2>/dev/null |
    jq -c 'select(.kind == "entry").meta | [.task, .max_tokens, .replaced]')" '["mine",512,7]'
is "those that are written do not" "$(jq -c '. + {dataset: "recall", max_tokens: 512}' "$scratch/one" | bin 2>/dev/null |
    jq -c 'select(.kind == "entry").meta.max_tokens')" 40
jq -c '._id = "k\u0000"' "$scratch/marked" >"$scratch/replaced"
is "what a ladder replaces is counted" "$(bin --ladder=60 "$scratch/replaced" | bin 2>/dev/null | jq -c 'select(.kind == "entry").meta.replaced')" 1
jq -c '.dataset = "mine" | .context = ""' "$scratch/one" >"$scratch/empty"
fails 1 "nothing to compress before the question" bin -c config/snapkv-context.json "$scratch/empty"
like "is a bad row" "$(cat "$scratch/.err")" "^kvt-bin: $scratch/empty:1: row one has no context to compress"
ok "but no matter where the question is in the cache too" bin "$scratch/empty"
for given in 'n_per_bin":"many' 'n_per_bin":-1,"name":"x' 'overlong":"cut' 'ids":"q1'; do
    { echo "{\"kind\":\"experiment\",\"config\":{\"dataset\":{\"$given\"}}}"; cat "$scratch/one"; } >"$scratch/given"
    fails 1 "the stream's settings have types: $given" bin "$scratch/given"
    like "and are named" "$(cat "$scratch/.err")" "^kvt-bin: $scratch/given:1: experiment.config: dataset.${given%%\"*} "
done
{ echo '{"kind":"experiment","config":{"dataset":5}}'; cat "$scratch/one"; } >"$scratch/given"
fails 1 "and sections" bin "$scratch/given"
{ echo '{"kind":"experiment","config":{"dataset":{"hence":5},"hence":{"seed":""}}}'; cat "$scratch/one"; } >"$scratch/given"
ok "keys of another version pass" bin "$scratch/given"
for name in name task exp; do fails 2 "an empty --$name names nothing" bin --$name= "$scratch/one"; done
fails 2 "--count and --ladder exclude each other" bin --count --ladder=60 "$scratch/texts"
fails 2 "--field without --count" bin --field=x "$scratch/one"
fails 2 "less than no threads" bin --threads=-1 "$scratch/one"

# --skip-bad keeps what is read
cp "$model" "$scratch/model.gguf"
echo '{"seed":2}' >"$scratch/settings.json"
echo '{"qasper":"{context} {input}"}' >"$scratch/own-templates"
fails 2 "--skip-bad does not overwrite the settings" bin -c "$scratch/settings.json" --skip-bad="$scratch/settings.json" "$scratch/one"
fails 2 "nor the tokenizer" kvt-bin --tokenizer="$scratch/model.gguf" --skip-bad="$scratch/model.gguf" "$scratch/one"
fails 2 "nor under --count" kvt-bin --count --tokenizer="$scratch/model.gguf" --skip-bad="$scratch/model.gguf" "$scratch/texts"
fails 2 "nor the templates" bin --templates="$scratch/own-templates" --skip-bad="$scratch/own-templates" "$scratch/one"
fails 2 "nor the output" bash -c "kvt-bin --tokenizer=$model --skip-bad=$scratch/to $scratch/one >$scratch/to"
is "which all stay" "$(cat "$scratch/settings.json" "$scratch/own-templates"; cmp "$model" "$scratch/model.gguf" && echo same)" \
    $'{"seed":2}\n{"qasper":"{context} {input}"}\nsame'
done_testing
