#!/bin/bash
# --tokenizer=http://…/tokenize against servers that answer as vLLM, llama.cpp and TGI do: what they are asked,
# and what their answers count for.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/helpers/mock.sh"
mock_start

# kvt-bin --count on one text with every option given; stdout in $scratch/.count
line='{"text":"a \"café\"\n"}'
count() { # SCRIPT [OPTION...]
    local name=$1
    shift
    printf '%s\n' "$line" | kvt-bin --count --tokenizer="$mock/s/$name/tokenize" "$@" 2>"$scratch/.err"
}
# The body of the N-th request to a script, seen through a jq filter.
body() { # SCRIPT N FILTER
    jq -c --arg name "$1" --argjson n "$2" 'select(.event == "request" and .name == $name)' "$requests" | sed -n "${2}p" |
        jq -c "(.body | if type == \"string\" then fromjson else . end) as \$body | $3"
}

script vllm <<<'json 200 {"count":3,"max_model_len":4096,"tokens":[5,6,7],"token_strs":null}'
is "vLLM: the count" "$(count vllm)" '{"n":3}'
is "vLLM: the ids" "$(count vllm --ids)" '{"ids":[5,6,7]}'
is "vLLM: with what it adds" "$(count vllm --special)" '{"n":3}'
is "vLLM: is sent the text as prompt, and whether to add special tokens" \
    "$(body vllm 1 '[.method, .path, $body.prompt, $body.add_special_tokens, ($body.model | type)]') $(body vllm 3 '$body.add_special_tokens')" \
    "$(jq -cn --argjson line "$line" '["POST", "/s/vllm/tokenize", $line.text, false, "string"]') true"

script llama <<<'json 200 {"tokens":[5,6]}'
is "llama.cpp: the tokens are counted" "$(count llama) $(count llama --ids --special)" '{"n":2} {"ids":[5,6]}'
is "llama.cpp: is sent the text as content, and whether to add special tokens" \
    "$(body llama 1 '[$body.content, $body.add_special]') $(body llama 2 '$body.add_special')" \
    "$(jq -cn --argjson line "$line" '[$line.text, false]') true"
script pieces <<<'json 200 {"tokens":[{"id":5,"piece":"a"},{"id":198,"piece":[195]}]}'
is "llama.cpp: tokens with their pieces" "$(count pieces --ids)" '{"ids":[5,198]}'

script tgi <<<'json 200 [{"id":1,"text":"","start":0,"stop":0},{"id":5,"text":"a","start":0,"stop":1},{"id":6,"text":" ","start":1,"stop":2}]'
is "TGI: what it added itself does not count" "$(count tgi) $(count tgi --ids)" '{"n":2} {"ids":[5,6]}'
is "TGI: unless it is asked for" "$(count tgi --special) $(count tgi --ids --special)" '{"n":3} {"ids":[1,5,6]}'
is "TGI: is sent the text as inputs" "$(body tgi 1 '$body.inputs')" "$(jq -c .text <<<"$line")"
script nowhere <<<'json 200 [{"id":1,"text":"","start":0,"stop":0},{"id":5,"text":"","start":0,"stop":0}]'
fails 3 "TGI without places: cannot tell what it added" count nowhere
like "and says what to do" "$(cat "$scratch/.err")" '--special'
is "with --special it can be counted" "$(count nowhere --special)" '{"n":2}'

line='{"text":"a\u0000b"}'
script zero <<<'json 200 {"tokens":[5]}'
is "U+0000 is text like any other" "$(count zero)" '{"n":1}'
is "and is sent" "$(body zero 1 '$body.content | length')" 3
is "as it is" "$(body zero 1 '.body_length - (.body | tojson | utf8bytelength)')" 9 # the log has U+FFFD, 3 bytes for 6

# chat prompts: the length of an entry is what the server counts for its messages
printf '%s\n' '{"id":"r","input":"where?","context":"there","answers":["x"]}' >"$scratch/row"
entry_length() { # SCRIPT
    kvt-bin --no-meta --n-per-bin=1 --tokenizer="$mock/s/$1/tokenize" -c "$root/config/snapkv.json" "$scratch/row" 2>"$scratch/.err" |
        jq -c 'select(.kind == "entry").token_len'
}
script vllm-chat <<<'json 200 {"count":42,"max_model_len":4096,"tokens":[1]}'
is "vLLM: counts messages" "$(entry_length vllm-chat)" 42
is "and is asked with a generation prompt" "$(body vllm-chat 1 '[$body.messages[-1].role, $body.add_generation_prompt]')" '["user",true]'

script llama-chat.1 <<<'json 200 {"tokens":[]}'
script llama-chat.2 <<<'json 200 {"prompt":"<|user|>there where?<|assistant|>"}'
script llama-chat.3 <<<'json 200 {"tokens":[1,2,3,4]}'
is "llama.cpp: the templated prompt is counted" "$(entry_length llama-chat)" 4
is "after /apply-template" "$(body llama-chat 2 '[.path, ($body.messages | length > 0)]')" '["/s/llama-chat/apply-template",true]'
is "with BOS, as a completion has it" "$(body llama-chat 3 '[.path, $body.content, $body.add_special]')" \
    '["/s/llama-chat/tokenize","<|user|>there where?<|assistant|>",true]'

script tgi-chat.1 <<<'json 422 {"error":"missing field inputs"}'
script tgi-chat.2 <<<'json 404 {}'
script tgi-chat.3 <<<'json 200 {"tokenize_response":[{"id":1,"text":"<s>","start":0,"stop":3},{"id":5,"text":"a","start":3,"stop":4}],"templated_text":"<s>a"}'
is "TGI: /chat_tokenize" "$(entry_length tgi-chat)" 2
is "is what was asked" "$(body tgi-chat 3 '[.path, $body.messages[-1].role]')" '["/s/tgi-chat/chat_tokenize","user"]'

for answer in 'json 500 {"error":"no"}' 'json 200 not json' 'json 200 {"tokens":"x"}' 'json 200 {"tokens":[1,"b"]}' 'json 200 {"count":-1}' 'json 200 [[1]]'; do
    script bad <<<"$answer"
    fails 3 "refused: $answer" count bad --ids
    like "it is named" "$(cat "$scratch/.err")" '/s/bad/tokenize answered with status [0-9]+ and no token count'
done

# a server that loads its model is waited for, by the rule and the settings of kvt-infer
loading='json 503 {"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}'
script load.1 <<<"$loading"
script load.2 <<<"$loading"
script load.3 <<<'json 200 {"tokens":[5,6]}'
is "a model that is being loaded is waited for" "$(count load) $(asked load)" '{"n":2} 3'
is "which is said at the beginning and at the end" \
    "$(grep -c "$mock/s/load/tokenize is loading its model; it is waited for, up to 600 s (engine.request.load_wait_s)" "$scratch/.err") $(grep -Ec 'load/tokenize has loaded its model, after [0-9.]+ s' "$scratch/.err")" '1 1'
printf 'header Retry-After: 0.7\n%s\n' "$loading" | script load-asked.1
script load-asked.2 <<<'json 200 {"tokens":[5,6]}'
is "as long as it asks" "$(count load-asked)" '{"n":2}'
like "and no shorter" "$(cat "$scratch/.err")" 'has loaded its model, after (0\.[7-9]|[1-9])'
echo '{"engine":{"request":{"load_wait_s":0.4}}}' >"$scratch/short.json"
script load-for-ever <<<"$loading"
fails 3 "but not for ever" count load-for-ever -c "$scratch/short.json"
like "and says so" "$(cat "$scratch/.err")" 'load-for-ever/tokenize is still loading its model after 0.4 s \(engine.request.load_wait_s\)'
echo '{"engine":{"request":{"load_wait_s":0}}}' >"$scratch/none.json"
script load-not-waited <<<"$loading"
fails 3 "or not at all" count load-not-waited -c "$scratch/none.json"
is "with load_wait_s 0" "$(asked load-not-waited) $(grep -c 'answered with status 503 and no token count' "$scratch/.err")" '1 1'
script load-chat.1 <<<"$loading"
script load-chat.2 <<<'json 200 {"count":42,"max_model_len":4096,"tokens":[1]}'
is "entries are counted once it is loaded" "$(entry_length load-chat)" 42
done_testing
