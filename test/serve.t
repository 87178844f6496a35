#!/bin/bash
# kvt-serve over HTTP: answers, streams, usage.kv_cache, errors, concurrency, clients that go away, shutdown.
# shellcheck source=test/lib.sh disable=SC1091,SC2154
. "$(dirname "$0")/lib.sh"
model=$root/examples/recall/recall.gguf
question_file=$root/examples/recall/recall.jsonl

# serve OPTIONS...: starts a server; sets $url and $server.
serve() {
    local fifo=$scratch/ready
    rm -f "$fifo"
    mkfifo "$fifo"
    kvt-serve --model "$model" --port 0 --ready-fd 3 "$@" 3>"$fifo" 2>"$scratch/log" &
    server=$!
    read -r port <"$fifo" || port=
    url=http://127.0.0.1:$port
}
stop() {
    kill -TERM "$server"
    wait "$server"
}
post() { curl -s --max-time 60 "$url$1" -H 'Content-Type: application/json' -d "$2"; }
status() { curl -s --max-time 60 -o "$scratch/body" -w '%{http_code}' "$url$1" -d "$2"; }
metric() { curl -s "$url/metrics" | sed -n "s/^kvt_$1 //p"; }
# metric_is NAME VALUE: for `eventually`
metric_is() { [ "$(metric "$1")" = "$2" ]; }
# body LINE [JQ]: a chat request for question number LINE of the example, changed by a jq filter
body() {
    sed -n "$1p" "$question_file" | jq -c '{messages: [{role: "user", content: [
        {type: "text", text: ("context : " + .context)}, {type: "text", text: (" question : " + .input)}]}],
        temperature: 0, max_tokens: 16} | '"${2:-.}"
}

serve --parallel 3
like "the port comes on the descriptor" "$port" '^[0-9]+$'
is "/health" "$(curl -s "$url/health" | jq -r .status)" ok
is "/v1/models" "$(curl -s "$url/v1/models" | jq -c '.data[0] | [.id, .max_model_len, .meta.n_layer]')" '["recall",4352,4]'
is "/v1/models names the policies" "$(curl -s "$url/v1/models" | jq -r '.data[0].kv_policies | keys | join(" ")')" \
    "full h2o knorm observed random snapkv streamingllm streamingllm-rerotated tova"

# The very first request: what it reports as its peak is all that the allocator has ever held.
reply=$(post /v1/chat/completions "$(body 1 '. + {kv_policy: "snapkv", kv_budget: 0.5, kv_window: 16}')")
is "an answer" "$(jq -r '.choices[0].message.content' <<<"$reply")" " $(sed -n 1p "$question_file" | jq -r '.answers[0]')"
is "peak_bytes is the allocator's peak" "$(jq .usage.kv_cache.peak_bytes <<<"$reply")" "$(metric kv_cache_peak_bytes)"
is "nothing is held afterwards" "$(metric kv_cache_bytes)" 0
is "kept entries: half of the compressible ones and the tail" "$(jq '.usage.kv_cache |
    (.compressible_tokens * 0.5 | floor) == .kept_compressible and .kept_tokens == .kept_compressible + .uncompressed_tail
    and .kept_per_layer == [.kept_tokens, .kept_tokens, .kept_tokens, .kept_tokens]
    and .compressible_tokens + .uncompressed_tail == .prompt_tokens' <<<"$reply")" true
is "the tail is the generation prompt" "$(jq .usage.kv_cache.uncompressed_tail <<<"$reply")" 2
is "bytes are the pages of the kept entries" "$(jq '.usage.kv_cache | .bytes == ((.kept_tokens + 15) / 16 | floor) * 16 * (32 + 32 + 1) * 4 * 16
    and .full_bytes == ((.prompt_tokens + 15) / 16 | floor) * 16 * (32 + 32 + 1) * 4 * 16' <<<"$reply")" true
is "usage and timings" "$(jq '.usage.prompt_tokens == .timings.prompt_n and .usage.completion_tokens == .timings.predicted_n
    and .timings.cache_n == 0 and .timings.prompt_ms > 0 and .usage.kv_cache.prompt_tokens == .usage.prompt_tokens' <<<"$reply")" true
is "finish_reason" "$(jq -r '.choices[0].finish_reason' <<<"$reply")" stop
is "the report is not an echo: a capacity above the prompt keeps the prompt" \
    "$(post /v1/chat/completions "$(body 1 '. + {kv_policy: "snapkv", kv_capacity: 4000}')" | jq '.usage.kv_cache | .kept_tokens == .prompt_tokens')" true
is "a window that takes all that is kept is flagged" \
    "$(post /v1/chat/completions "$(body 1 '. + {kv_policy: "snapkv", kv_capacity: 40}')" | jq -c '.usage.kv_cache | [.window_not_below_kept, .window, .kept_compressible]')" '[true,40,40]'
is "h2o keeps its capacity while the tail and the answer come" \
    "$(post /v1/chat/completions "$(body 1 '. + {kv_policy: "h2o", kv_capacity: 100}')" | jq -c '.usage.kv_cache | [.kept_tokens, .entries_at_end]')" '[100,100]'

# Where it is compressed.
after() { post /v1/chat/completions "$(body 1 ". + {kv_policy: \"random\", kv_budget: 0.5, kv_compress_after: \"$1\"}")" | jq -c '.usage.kv_cache | [.compressible_tokens, .uncompressed_tail]'; }
total=$(jq .usage.prompt_tokens <<<"$reply")
is "after the question" "$(after question)" "[$((total - 2)),2]"
is "after the prompt" "$(after prompt)" "[$total,0]"
context=$(post /tokenize "$(sed -n 1p "$question_file" | jq -c '{prompt: (" context : " + .context)}')" | jq .count)
is "after the context" "$(after context)" "[$context,$((total - context))]"
is "after all but the last token of a completion" \
    "$(post /v1/completions '{"prompt":" context : ned","temperature":0,"kv_policy":"random","kv_budget":0.5}' | jq -c '.usage | [.prompt_tokens - .kv_cache.compressible_tokens, .kv_cache.uncompressed_tail]')" '[1,1]'

# Budget 1 and full: the same text and the same log probabilities to the last digit.
full=$(post /v1/chat/completions "$(body 9 '. + {logprobs: true, top_logprobs: 3, kv_policy: "full"}')" | jq -c .choices)
like "log probabilities are there" "$full" '"logprob":-'
for policy in snapkv h2o streamingllm random; do
    is "$policy at budget 1 equals full" "$(post /v1/chat/completions "$(body 9 ". + {logprobs: true, top_logprobs: 3, kv_policy: \"$policy\", kv_budget: 1.0}")" | jq -c .choices)" "$full"
done

# Streams.
post /v1/chat/completions "$(body 5 '. + {stream: true, stream_options: {include_usage: true}, logprobs: true}')" >"$scratch/stream"
whole=$(post /v1/chat/completions "$(body 5 '. + {logprobs: true}')")
events=$(sed -n 's/^data: {/{/p' "$scratch/stream")
is "the stream says what the whole answer says" "$(jq -rj '.choices[0].delta.content // empty' <<<"$events")" "$(jq -r '.choices[0].message.content' <<<"$whole")"
is "a chunk for every token" "$(jq -c 'select(.choices[0].logprobs != null)' <<<"$events" | wc -l)" "$(jq '.choices[0].logprobs.content | length' <<<"$whole")"
is "usage comes last, without choices" "$(tail -n 1 <<<"$events" | jq -c '[.choices, .usage.completion_tokens]')" "[[],$(jq .usage.completion_tokens <<<"$whole")]"
is "the same usage" "$(tail -n 1 <<<"$events" | jq -cS .usage)" "$(jq -cS .usage <<<"$whole")"
is "the end" "$(grep -c '^data: \[DONE\]' "$scratch/stream")" 1
is "finish_reason once" "$(jq -r '.choices[0].finish_reason // empty' <<<"$events")" stop
is "usage goes with the last choice when it was not asked for" \
    "$(post /v1/chat/completions "$(body 5 '. + {stream: true}')" | sed -n 's/^data: {/{/p' | tail -n 1 | jq '.usage.kv_cache.kept_tokens > 0 and .choices[0].finish_reason == "stop"')" true

# Completions: text and token ids, leading space kept, log probabilities in their old form.
ids=$(post /tokenize '{"prompt":" context : ned keeps the marble dish in the old arch . question : where does ned keep the marble dish ? answer :"}' | jq -c .tokens)
by_ids=$(post /v1/completions "{\"prompt\":$ids,\"temperature\":0,\"max_tokens\":2,\"logprobs\":2}")
is "token ids as a prompt" "$(jq -r '.choices[0].text' <<<"$by_ids")" " old arch"
is "their number" "$(jq .usage.prompt_tokens <<<"$by_ids")" "$(jq length <<<"$ids")"
is "length" "$(jq -r '.choices[0].finish_reason' <<<"$by_ids")" length
is "log probabilities of a completion" "$(jq -c '.choices[0].logprobs | [.tokens, (.top_logprobs[0] | length), .text_offset]' <<<"$by_ids")" '[[" old"," arch"],2,[0,4]]'
is "llama.cpp's form of /tokenize adds no BOS" "$(post /tokenize '{"content":" ned keeps"}' | jq -c '[(.tokens | length), keys]')" '[2,["tokens"]]'
is "/tokenize of messages counts the chat template" "$(post /tokenize "$(body 1)" | jq .count)" "$total"

# Stop strings, limits, seeds.
is "a stop string is cut off" "$(post /v1/chat/completions "$(body 1 '. + {stop: ["'"$(sed -n 1p "$question_file" | jq -r '.answers[0] | split(" ")[1]')"'"]}')" | jq -r '.choices[0] | .message.content + "|" + .finish_reason')" " $(sed -n 1p "$question_file" | jq -r '.answers[0] | split(" ")[0]') |stop"
is "max_completion_tokens" "$(post /v1/chat/completions "$(body 1 'del(.max_tokens) + {max_completion_tokens: 1}')" | jq .usage.completion_tokens)" 1
is "ignore_eos" "$(post /v1/chat/completions "$(body 1 '. + {ignore_eos: true, max_tokens: 30}')" | jq -c '[.usage.completion_tokens, .choices[0].finish_reason]')" '[30,"length"]'
warm='{"prompt":" context :","temperature":1.5,"max_tokens":20,"seed":'
one=$(post /v1/completions "${warm}1}" | jq -r '.choices[0].text')
is "the same seed, the same text" "$(post /v1/completions "${warm}1}" | jq -r '.choices[0].text')" "$one"
if [ "$(post /v1/completions "${warm}2}" | jq -r '.choices[0].text')" != "$one" ]; then pass "another seed, another text"; else fail "another seed, another text" "$one"; fi

# Errors in OpenAI's shape.
refused() { # NAME STATUS TYPE PARAM PATH BODY
    is "$1" "$(status "$5" "$6") $(jq -r '.error | .type + " " + (.param // "-")' "$scratch/body")" "$2 $3 $4"
}
refused "an unknown kv_ field" 400 invalid_request_error kv_bugdet /v1/chat/completions "$(body 1 '. + {kv_bugdet: 0.5}')"
like "the nearest one is named" "$(jq -r .error.message "$scratch/body")" 'kv_budget'
refused "an unknown policy" 400 invalid_request_error kv_policy /v1/chat/completions "$(body 1 '. + {kv_policy: "lru"}')"
refused "a budget without a policy" 400 invalid_request_error kv_policy /v1/chat/completions "$(body 1 '. + {kv_budget: 0.5}')"
refused "a budget of zero" 400 invalid_request_error kv_budget /v1/chat/completions "$(body 1 '. + {kv_policy: "h2o", kv_budget: 0}')"
refused "a budget above one" 400 invalid_request_error kv_budget /v1/chat/completions "$(body 1 '. + {kv_policy: "h2o", kv_budget: 1.5}')"
refused "a budget and a capacity" 400 invalid_request_error kv_capacity /v1/chat/completions "$(body 1 '. + {kv_policy: "h2o", kv_budget: 0.5, kv_capacity: 9}')"
refused "an even kernel" 400 invalid_request_error kv_kernel /v1/chat/completions "$(body 1 '. + {kv_policy: "snapkv", kv_budget: 0.5, kv_kernel: 4}')"
refused "context in one part" 400 invalid_request_error kv_compress_after /v1/chat/completions '{"messages":[{"role":"user","content":"x"}],"kv_policy":"h2o","kv_budget":0.5,"kv_compress_after":"context"}'
refused "what is not there is not ignored" 400 invalid_request_error n /v1/chat/completions "$(body 1 '. + {n: 2}')"
refused "no messages" 400 invalid_request_error messages /v1/chat/completions '{}'
refused "a token id out of range" 400 invalid_request_error prompt /v1/completions '{"prompt":[1,99999]}'
refused "no JSON" 400 invalid_request_error - /v1/chat/completions '{"messages":'
refused "another path" 404 not_found_error - /v1/embeddings '{}'
refused "another method" 405 invalid_request_error - /health '{}'
long=$(head -c 30000 /dev/zero | sed 's/\x0/ ned/g')
refused "a prompt longer than the context" 400 exceed_context_size_error - /v1/completions "{\"prompt\":\"$long\"}"
is "in llama.cpp's words" "$(jq -r .error.message "$scratch/body")" "request (30001 tokens) exceeds the available context size (4352 tokens), try increasing it"
is "with its numbers" "$(jq -c '.error | [.n_prompt_tokens, .n_ctx]' "$scratch/body")" '[30001,4352]'
# By its declared length: whether a client that sends it all the same reads the answer first is up to the client.
head -c 17000000 /dev/zero | tr '\0' ' ' >"$scratch/large"
is "a body that is too long" "$(curl -s --max-time 60 --expect100-timeout 50 -o /dev/null -w '%{http_code} %{size_upload}' --data-binary @"$scratch/large" "$url/v1/completions")" '413 0'

# Concurrency: nine requests at once, three at a time; each answer as if alone.
for i in 1 2 3 4 5 6 7 8 9; do
    body $((i * 5)) '. + {logprobs: true, kv_policy: "h2o", kv_budget: 0.'"$i"'}' >"$scratch/request.$i"
    curl -s "$url/v1/chat/completions" -d @"$scratch/request.$i" | jq -c '[.choices, .usage]' >"$scratch/alone.$i"
done
waits=()
for i in 1 2 3 4 5 6 7 8 9; do
    curl -s "$url/v1/chat/completions" -d @"$scratch/request.$i" >"$scratch/among.$i" &
    waits+=($!)
done
wait "${waits[@]}"
same=0
for i in 1 2 3 4 5 6 7 8 9; do
    [ "$(jq -c '[.choices, .usage]' "$scratch/among.$i")" = "$(cat "$scratch/alone.$i")" ] && same=$((same + 1))
done
is "nine at once answer as each alone" "$same" 9

# A short request is not held up by a long one. On a busy machine the long one may be over before the short one
# is sent: then they are sent again.
long_answer() { curl -s --max-time 600 "$url/v1/completions" -d '{"prompt":" context :","max_tokens":2500,"ignore_eos":true,"temperature":0}'; }
short_request=$(body 1)
for _ in 1 2 3 4 5; do
    long_answer >"$scratch/long" &
    long_request=$!
    until [ "$(metric requests_running)" = 1 ] || ! kill -0 "$long_request" 2>/dev/null; do sleep 0.01; done
    post /v1/chat/completions "$short_request" >/dev/null
    still=$(metric requests_running)
    wait "$long_request"
    [ "$still" = 1 ] && break
done
is "the long one is still running after the short one" "$still" 1
is "and ends well" "$(jq .usage.completion_tokens "$scratch/long")" 2500

# Clients that go away: while an answer streams, while a whole one is waited for, while waiting in line.
cancelled=$(metric requests_cancelled_total)
endless='{"prompt":" context :","max_tokens":4300,"ignore_eos":true,"temperature":0'
gone=()
curl -s "$url/v1/completions" -d "$endless,\"stream\":true}" >/dev/null &
gone+=($!)
for i in 1 2 3; do
    curl -s "$url/v1/completions" -d "$endless}" >/dev/null &
    gone+=($!)
done
three_and_one() { [ "$(curl -s "$url/metrics" | grep -c -e '^kvt_requests_running 3$' -e '^kvt_requests_waiting 1$')" = 2 ]; }
ok "three run, one waits" eventually three_and_one
kill "${gone[@]}"
wait "${gone[@]}" 2>/dev/null
eventually metric_is requests_cancelled_total $((cancelled + 4))
is "they are counted, and their work has ended" "$(metric requests_cancelled_total) $(metric requests_running) $(metric requests_waiting)" "$((cancelled + 4)) 0 0"
is "their memory is free" "$(metric kv_cache_bytes)" 0

# SIGTERM: no new requests, those at work are finished. On a busy machine the work may be over before a connection
# is refused: then it is tried again.
refuses() { curl -s -o /dev/null "$url/health"; [ $? -eq 7 ]; }
for try in 1 2 3 4 5; do
    [ "$try" = 1 ] || serve --parallel 3
    long_answer >"$scratch/last" &
    last=$!
    until [ "$(metric requests_running)" = 1 ] || ! kill -0 "$last" 2>/dev/null; do sleep 0.01; done
    kill -TERM "$server"
    eventually refuses
    at_work=$(kill -0 "$last" 2>/dev/null && echo yes)
    wait "$server"
    code=$?
    wait "$last"
    [ "$at_work" = yes ] && break
done
is "no new connections while a request is at work" "$at_work" yes
is "it exits well" "$code" 0
is "the request at work was finished" "$(jq .usage.completion_tokens "$scratch/last")" 2500

# Threads do not show in the answer; the KV limit is an error of one request.
answer() { jq -c '[.choices, .usage]'; }
serve --threads 1 --alias other
single=$(post /v1/chat/completions "$(body 60 '. + {logprobs: true, kv_policy: "snapkv", kv_budget: 0.3}')" | tee "$scratch/one" | answer)
is "--alias" "$(jq -r .model "$scratch/one")" other
stop
serve --threads 3
is "one thread or three: the same to the last digit" "$(post /v1/chat/completions "$(body 60 '. + {logprobs: true, kv_policy: "snapkv", kv_budget: 0.3}')" | answer)" "$single"
stop
serve --kv-limit 2000000
refused "no memory for the KV cache" 503 overloaded_error - /v1/chat/completions "$(body 60)"
is "a smaller request is answered" "$(status /v1/chat/completions "$(body 1)")" 200
stop

fails 2 "no model" kvt-serve
fails 2 "an unknown option" kvt-serve --modle x
fails 3 "a model that is not there" kvt-serve --model "$scratch/absent.gguf"
echo GGUF >"$scratch/broken.gguf"
fails 1 "a file that is no model" kvt-serve --model "$scratch/broken.gguf"
serve
fails 3 "a port that is in use" kvt-serve --model "$model" --port "$port"
stop
done_testing
