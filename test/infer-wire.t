#!/bin/bash
# kvt-infer against a server that misbehaves: what comes over the wire, and the record it becomes.
. "$(dirname "$0")/lib.sh"
. "$root/test/helpers/mock.sh"
unset BASE_URL MODEL_NAME OPENAI_BASE_URL OPENAI_API_KEY
mock_start

good='.response.text, .response.finish_reason, .error'
whole='[.response.text, .response.finish_reason, .error, .telemetry.attempts]'
lost='[.error.type, .error.status, .error.retryable, .telemetry.attempts]'

# --- framing ---
scenario plain "[$good, .response.completion_tokens, .request.prompt_tokens]" '["hello world","stop",null,2,100]' <<'END'
head 200
role
token hello
token  world
finish stop
usage 100 2
done
END
scenario crlf "$whole" '["hi","stop",null,1]' <<'END'
head 200
raw data: {"choices":\r\ndata: [{"delta":{"content":"hi"}}]}\r\n\r\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}]}\r\n\r\ndata: [DONE]\r\n\r\n
END
scenario crlf-split "$whole" '["hi","stop",null,1]' <<'END'
head 200
raw data: {"choices":\r
read
raw \ndata: [{"delta":{"content":"hi"},"finish_reason":"stop"}]}\r
read
raw \n\r
read
raw \n
END
scenario cr "$whole" '["hi","stop",null,1]' <<'END'
head 200
raw data: {"choices":[{"delta":{"content":"hi"}}]}\r\rdata: {"choices":[{"delta":{},"finish_reason":"stop"}]}\r\r
END
scenario byte-by-byte "$whole" '["hé €","stop",null,1]' <<'END'
drip 1 0
head-close 200
token hé €
finish stop
done
END
scenario multi-line-data "$whole" '["hi","stop",null,1]' <<'END'
head 200
raw data: {"choices":\ndata:[{"delta":\ndata: {"content":"hi"},"finish_reason":"stop"}]}\n\n
END
scenario no-space-no-done "$whole" '["hi","stop",null,1]' <<'END'
head 200
raw data:{"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n
END
scenario no-last-newline "$whole" '["hi","stop",null,1]' <<'END'
head-close 200
raw data: {"choices":[{"delta":{"content":"hi"}}]}\n\ndata: {"choices":[{"delta":{},"finish_reason":"stop"}]}
END
# Of two times of one answer the later one is later by what the server sleeps between, once the first is read.
scenario comments-are-no-token '[.response.text, .telemetry.first_event_s - .telemetry.ttfb_s > 0.14, .telemetry.ttft_s - .telemetry.ttfb_s > 0.14, .telemetry.attempts]' '["hi",true,true,1]' <<'END'
head 200
raw : OPENROUTER PROCESSING\n\n
read
sleep 0.15
raw : keep-alive\n\n
token hi
finish stop
END
scenario comments-and-nothing-else "$lost" '["STREAM_CUT",200,true,3]' <<'END'
head 200
raw : OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n
END
scenario role-is-no-token '[.telemetry.ttft_s - .telemetry.first_event_s > 0.14, .telemetry.ttft_of]' '[true,"content"]' <<'END'
head 200
role
read
sleep 0.15
token hi
finish stop
END
# What the process loses between two looks at the clocks is no part of a time.
LD_PRELOAD=$KVT_BUILD/preload/held_clock.so ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 \
    scenario held-up-at-the-clock '[.telemetry.ttft_s - .telemetry.first_event_s > 0.14]' '[true]' <<'END'
head 200
role
read
sleep 0.15
token hi
finish stop
END
scenario empty-content-is-no-token '[.response.text, .telemetry.ttft_s > 0.14]' '["hi",true]' <<'END'
head 200
data {"choices":[{"delta":{"content":null}}]}
data {"choices":[{"delta":{"content":""}}]}
sleep 0.15
token hi
finish stop
END
# All that comes is one piece, which has one time.
scenario done-and-silence "[$good, .telemetry.latency_s == .telemetry.ttft_s]" '["hi","stop",null,true]' --timeout=60 <<'END'
head 200
raw data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n
hold 30
END
is 'done-and-silence: nobody waits for the end of the connection' "$(asked done-and-silence) $(ended done-and-silence)" '1 0'
scenario five-megabytes '[(.response.text | length), .error]' '[5000000,null]' <<'END'
head 200
raw data: {"choices":[{"delta":{"content":"
fill 5000000 x
raw "},"finish_reason":"stop"}]}\n\n
END
printf 'data: {"choices":[{"delta":{"content":"zip"},"finish_reason":"stop"}]}\n\n' | gzip -9 >"$scratch/stream.gz"
scenario gzip-stream "$whole" '["zip","stop",null,1]' <<END
header Content-Encoding: gzip
head 200
file $scratch/stream.gz
END
printf '{"choices":[{"message":{"content":"zipped"},"finish_reason":"stop"}]}' | gzip -9 >"$scratch/answer.gz"
scenario gzip-document "$whole" '["zipped","stop",null,1]' <<END
header Content-Encoding: gzip
head-close 200 application/json
file $scratch/answer.gz
END
scenario separators-are-text '.response.text' "\"a$(printf '\xe2\x80\xa8')b$(printf '\xc2\x85')c\"" <<END
head 200
token a$(printf '\xe2\x80\xa8')b$(printf '\xc2\x85')c
finish stop
END
scenario not-utf-8 '.response.text' '"a�b�c"' <<'END'
head 200
raw data: {"choices":[{"delta":{"content":"a\xffb\\ud800c"},"finish_reason":"stop"}]}\n\n
END
scenario early-hints "$whole" '["hi","stop",null,1]' <<'END'
wire HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n
head 200
token hi
finish stop
END
scenario json-for-a-stream "[$good, .telemetry.ttft_s, .request.prompt_tokens]" '["whole","stop",null,null,9]' <<'END'
json 200 {"choices":[{"index":0,"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":1}}
END
scenario json-with-blanks-before "$whole" '["whole","stop",null,1]' <<'END'
head 200 text/event-stream
raw \n\n
read
raw  {"choices":[{"message":{"content":"whole"},"finish_reason":"stop"}]}
END
scenario stream-labelled-json "$whole" '["hi","stop",null,1]' <<'END'
head 200 application/json
token hi
finish stop
END
scenario document-with-a-byte-order-mark "$whole" '["whole","stop",null,1]' <<'END'
head-close 200 application/json
raw \xef\xbb\xbf{"choices":[{"message":{"content":"whole"},"finish_reason":"stop"}]}
END
scenario completions-api "$whole" '["raw text","length",null,1]' --api=completions <<'END'
head 200
text raw text
data {"choices":[{"index":0,"text":"","finish_reason":"length"}]}
END
is 'completions-api: its path' "$(jq -r 'select(.name=="completions-api").path' "$requests")" /s/completions-api/completions
scenario whole-answers "[$good, .telemetry.ttft_s]" '["x","stop",null,null]' --no-stream <<'END'
json 200 {"choices":[{"message":{"content":"x"},"finish_reason":"stop"}]}
END
is 'whole-answers: no stream asked for' "$(jq -c 'select(.name=="whole-answers").body.stream' "$requests")" null

# --- what is in an answer ---
scenario parts "$whole" '["ab","stop",null,1]' <<'END'
head 200
data {"choices":[{"delta":{"content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},"finish_reason":"stop"}]}
END
scenario message-after-its-deltas "$whole" '["hello world","stop",null,1]' <<'END'
head 200
token hello
token  world
data {"object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"hello world"},"finish_reason":"stop"}]}
done
END
scenario error-that-is-none "$whole" '["hi!","stop",null,1]' <<'END'
head 200
data {"choices":[{"delta":{"content":"hi"}}],"error":""}
data {"choices":[{"delta":{"content":"!"},"finish_reason":"stop"}],"error":{}}
END
scenario reasoning '[.response.reasoning, .response.text, .telemetry.ttft_s - .telemetry.first_reasoning_s > 0.09, .telemetry.ttft_of]' '["hmm","yes",true,"content"]' <<'END'
head 200
reason hm
reason m
read
sleep 0.1
token yes
finish stop
END
scenario reasoning-only '[.response.reasoning, .response.text, .telemetry.ttft_of, .telemetry.ttft_s != null]' '["why","","reasoning",true]' <<'END'
head 200
data {"choices":[{"delta":{"reasoning":"why"}}]}
finish length
END
scenario empty-answer "$whole" '["","stop",null,1]' <<'END'
head 200
role
finish stop
END
for reason in length content_filter tool_calls eos_token stop_sequence repetition; do
    scenario "finish-$reason" '[.response.finish_reason, .error]' "[\"$reason\",null]" <<END
head 200
token hi
finish $reason
END
done
scenario finish-abort "$lost" '["ENGINE_ERROR",200,true,3]' <<'END'
head 200
token hi
finish abort
END
scenario abort-and-reset "$lost" '["ENGINE_ERROR",200,true,3]' <<'END'
head 200
token hi
finish abort
done
read
reset
END
scenario usage-everywhere '[.request.prompt_tokens, .response.completion_tokens]' '[7,3]' <<'END'
head 200
data {"choices":[{"delta":{"content":"a"}}],"usage":{"prompt_tokens":7,"completion_tokens":1}}
data {"choices":[{"delta":{"content":"b"}}],"usage":{"prompt_tokens":7,"completion_tokens":2}}
data {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3}}
data {"choices":[],"usage":null}
END
scenario no-usage '[.request.prompt_tokens, .response.completion_tokens, .telemetry.cached_tokens, .telemetry.kv.applied, .error]' '[null,null,null,"unproven",null]' <<'END'
head 200
token hi
finish stop
END
scenario server-timings '[.telemetry.prefill_s, .telemetry.decode_s, .telemetry.phase_source]' '[0.12,0.03,"timings"]' <<'END'
head 200
token hi
data {"choices":[{"delta":{},"finish_reason":"stop"}],"timings":{"prompt_n":90,"cache_n":0,"prompt_ms":120,"predicted_ms":30}}
END
scenario server-metrics '[.telemetry.prefill_s, .telemetry.decode_s, .telemetry.phase_source]' '[0.05,0.02,"metrics"]' <<'END'
head 200
token hi
data {"choices":[{"delta":{},"finish_reason":"stop"}],"metrics":{"time_to_first_token_ms":50,"generation_time_ms":20}}
END
scenario server-metrics-in-usage '[.telemetry.prefill_s, .telemetry.decode_s, .telemetry.phase_source]' '[0.05,0.02,"metrics"]' <<'END'
head 200
token hi
data {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":1,"metrics":{"time_to_first_token_ms":50,"generation_time_ms":20}}}
END
scenario derived-phases '.telemetry | [.phase_source, .prefill_s == .ttft_s, .decode_s > 0.09, (.prefill_s + .decode_s - .latency_s | fabs) < 0.00001]' '["derived",true,true,true]' <<'END'
head 200
sleep 0.05
token a
read
sleep 0.1
finish stop
END
# Three gaps, two of which are no smaller than the median, are no more than what comes after the first token.
scenario token-gaps '.telemetry | [.itl_p50_s > 0.03, 2 * .itl_p50_s <= .latency_s - .ttft_s + 0.00001, .itl_p95_s >= .itl_p50_s]' '[true,true,true]' <<'END'
head 200
token a
read
sleep 0.05
token b
read
sleep 0.05
token c
read
sleep 0.05
token d
finish stop
END
scenario prefix-cached '[.telemetry.cached_tokens, .telemetry.flags]' '[64,["prefix_cached"]]' <<'END'
head 200
token hi
data {"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"prompt_tokens_details":{"cached_tokens":64}}}
END
scenario llama-cache_n '[.request.prompt_tokens, .telemetry.flags]' '[100,["prefix_cached"]]' <<'END'
head 200
token hi
data {"choices":[{"delta":{},"finish_reason":"stop"}],"timings":{"prompt_n":10,"cache_n":90}}
END
scenario prompt-cut-silently '.telemetry.flags' '["prompt_truncated"]' <<'END'
head 200
token hi
finish stop
usage 60 1
END
scenario prompt-longer '.telemetry.flags' '["prompt_longer"]' <<'END'
head 200
token hi
finish stop
usage 200 1
END

# --- answers that are not whole ---
scenario cut-at-end-of-stream "$lost" '["STREAM_CUT",200,true,3]' <<'END'
head 200
token half
END
scenario done-without-reason "$lost" '["STREAM_CUT",200,true,3]' <<'END'
head 200
token half
done
END
scenario cut-by-reset "$lost" '["STREAM_CUT",200,true,3]' <<'END'
head 200
token half
read
reset
END
scenario cut-in-a-chunk "$lost" '["STREAM_CUT",200,true,3]' <<'END'
head 200
token half
wire 40\r\ndata: {"choices"
close
END
scenario cut-in-an-event "$lost" '["STREAM_CUT",200,true,3]' <<'END'
head-close 200
token half
raw data: {"choices":[{"delta":{"con
END
scenario cut-in-the-first-event "$lost" '["STREAM_CUT",200,true,3]' <<'END'
head-close 200
raw data: {"choices":[{"delta":{"con
END
scenario cut-behind-the-finish-reason "$lost" '["STREAM_CUT",200,true,3]' <<'END'
head 200
token hi
finish stop
read
reset
END
scenario cut-behind-the-usage "[$good, .request.prompt_tokens, .telemetry.attempts]" '["hi","stop",null,100,1]' <<'END'
head 200
token hi
finish stop
usage 100 1
read
reset
END
scenario finished-and-silence "[$good, .telemetry.attempts, .telemetry.latency_s == .telemetry.ttft_s]" '["hi","stop",null,1,true]' --timeout=2 <<'END'
head 200
raw data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\n
hold 30
END
scenario cut-in-a-document "$lost" '["STREAM_CUT",200,true,3]' <<'END'
wire HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"choices":[{"mess
close
END
scenario empty-200 "$lost" '["STREAM_CUT",200,true,3]' <<'END'
wire HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n
END
scenario nothing-at-all "$lost" '["ENGINE_ERROR",null,true,3]' <<'END'
close
END
scenario not-http "$lost" '["ENGINE_ERROR",null,true,3]' <<'END'
wire SSH-2.0-OpenSSH_9.2\r\n
close
END
scenario event-not-json "$lost" '["ENGINE_ERROR",200,true,3]' <<'END'
head 200
token half
data {"choices": oops}
finish stop
END
scenario html-200 "$lost" '["ENGINE_ERROR",200,true,3]' <<'END'
head-close 200 text/html
raw <html><body>Welcome</body></html>
END
scenario text-200 "$lost" '["ENGINE_ERROR",200,true,3]' <<'END'
head-close 200 text/plain
raw service under maintenance\n
END
scenario error-amid-stream '[.error.type, .error.status, .error.message, .response.text]' '["ENGINE_ERROR",500,"CUDA out of memory","half"]' <<'END'
head 200
token half
data {"error":{"message":"CUDA out of memory","code":500}}
END
scenario error-after-comments '[.error.type, .error.message]' '["ENGINE_ERROR","Upstream idle"]' <<'END'
head 200
raw : keep-alive\n\n
raw event: error\ndata: {"message":"Upstream idle"}\n\n
END
scenario error-in-a-list '[.error.type, .error.status, .error.message, .telemetry.attempts]' '["ENGINE_ERROR",500,"down",3]' <<'END'
json 200 [{"error":{"message":"down","code":500}}]
END
scenario error-before-answer '[.error.type, .error.status, .telemetry.attempts]' '["ENGINE_ERROR",502,3]' <<'END'
json 200 {"error":{"message":"Provider returned error","code":502}}
END

# --- what is asked again ---
script again.3 <<'END'
head 200
token third
finish stop
END
scenario again "$whole" '["third","stop",null,3]' <<'END'
json 500 {"error":{"message":"boom"}}
END
is 'again: attempts are requests sent' "$(asked again)" 3
for code in 408 409 429 500 502 503 504 529; do
    script "status-$code.2" <<'END'
head 200
token ok
finish stop
END
    scenario "status-$code" "$whole" '["ok","stop",null,2]' <<END
json $code {"error":{"message":"later"}}
END
done
for code in 400 405 422 451; do
    scenario "status-$code" "[$lost, .error.message]" "[[\"ENGINE_ERROR\",$code,false,1],\"no\"]" <<END
json $code {"error":{"message":"no"}}
END
done
scenario status-413 "[$lost, .error.message]" '[["CONTEXT_OVERFLOW",413,false,1],"413 Request Entity Too Large nginx"]' <<'END'
head-close 413 text/html
raw <html>\r\n<head><title>413 Request Entity Too Large</title></head>\r\n<hr><center>nginx</center>\r\n</html>
END
script loading.2 <<'END'
json 503 {"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}
END
script loading.3 <<'END'
head 200
token loaded
finish stop
END
scenario loading "[$good, .telemetry.attempts, .telemetry.wait_s >= 0.015]" '["loaded","stop",null,3,true]' <<'END'
json 503 {"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}
END
# a model that loads is waited for: neither attempts nor the deadline count
loading='json 503 {"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}'
jq '.engine.request += {deadline_s: 2, max_attempts: 2}' "$settings" >"$scratch/loading.json"
for k in $(seq 20); do echo "$loading" >"$scripts/load-long.$k"; done
scenario load-long "[$good, .telemetry.attempts, .telemetry.wait_s > 2]" '["loaded","stop",null,21,true]' -c "$scratch/loading.json" <<'END'
head 200
token loaded
finish stop
END
is 'it is said at the beginning and at the end' "$(grep -c "load-long is loading its model; it is waited for, up to 600 s (engine.request.load_wait_s)" "$scratch/messages") $(grep -Ec 'load-long has loaded its model, after [0-9.]+ s' "$scratch/messages")" '1 1'
script load-crowd <<'END'
head 200
token loaded
finish stop
END
for k in $(seq 8); do echo "$loading" >"$scripts/load-crowd.$k"; done
for i in $(seq 20); do sed "s/\"e\"/\"e$i\"/; s/hello/hello $i/" "$entry"; done >"$scratch/crowd"
kvt-infer -c "$scratch/loading.json" -u "$mock/s/load-crowd" --concurrency=4 "$scratch/crowd" >"$scratch/stream" 2>"$scratch/messages"
is 'one request is asked again for all' "$(asked load-crowd) $(jq -r 'select(.kind == "response") | .response.text' "$scratch/stream" | uniq -c | tr -s ' ')" '28  20 loaded'
gaps=$(jq -c 'select(.event == "request" and .name == "load-crowd").t' "$requests" | jq -sc 'sort | [.[4:9] as $t | range(4) | $t[. + 1] - $t[.] >= 0.1]')
is 'and no other is sent before it is answered' "$gaps" '[true,true,true,true]'
jq '.engine.request.load_wait_s = 0.4' "$settings" >"$scratch/loading.json"
stops load-for-ever 'load-for-ever is still loading its model after 0.4 s \(engine.request.load_wait_s\). Once it answers, the same command goes on' -c "$scratch/loading.json" <<<"$loading"
jq '.engine.request.load_wait_s = 0' "$settings" >"$scratch/loading.json"
scenario load-not-waited "$lost" '["ENGINE_ERROR",503,true,3]' -c "$scratch/loading.json" <<<"$loading"
retry_ok() {
    script "$1.2" <<'END'
head 200
token ok
finish stop
END
}
# Far from the first back-off (0.01 s) and from the cap, on a busy machine too. The wait is no part of the latency.
jq '.engine.request.backoff_max_s = 60' "$settings" >"$scratch/patient.json"
waited='[.response.text, .telemetry.attempts, .telemetry.wait_s >= 0.5, .telemetry.wait_s < 30, .telemetry.wait_s + .telemetry.latency_s <= $took]'
for form in 'Retry-After: 0.5' 'retry-after-ms: 500' 'x-ratelimit-reset-requests: 500ms' 'x-ratelimit-reset: 0m0.5s'; do
    name=wait-$(printf '%s' "$form" | tr -c 'a-zA-Z0-9' '-')
    retry_ok "$name"
    scenario "$name" "$waited" '["ok",2,true,true,true]' -c "$scratch/patient.json" <<END
header $form
json 429 {"error":{"message":"slow down"}}
END
done
capped='[.response.text, .telemetry.attempts, .telemetry.wait_s >= 0.3, .telemetry.wait_s < 60]'
for form in 'Retry-After: 1m30s' "Retry-After: $(LC_ALL=C date -u -d '+1 hour' '+%a, %d %b %Y %H:%M:%S GMT')" "Retry-After: $(date -u -d '+1 hour' '+%Y-%m-%dT%H:%M:%SZ')" "x-ratelimit-reset: $(date -u -d '+1 hour' +%s)"; do
    name=capped-$(printf '%s' "$form" | tr -c 'a-zA-Z0-9' '-')
    retry_ok "$name"
    scenario "$name" "$capped" '["ok",2,true,true]' <<END
header $form
json 429 {"error":{"message":"slow down"}}
END
done
# Retry-After wins over the resets, which come with every answer, and say something only where a limit refused.
retry_ok wait-first
scenario wait-first "$waited" '["ok",2,true,true,true]' -c "$scratch/patient.json" <<'END'
header Retry-After: 0.5
header x-ratelimit-reset-tokens: 40s
json 429 {"error":{"message":"slow down"}}
END
retry_ok reset-of-no-limit
scenario reset-of-no-limit '[.response.text, .telemetry.attempts, .telemetry.wait_s < 30]' '["ok",2,true]' -c "$scratch/patient.json" <<'END'
header x-ratelimit-reset-tokens: 40s
json 500 {"error":{"message":"boom"}}
END
scenario asked-to-come-at-once "[$lost, .telemetry.wait_s >= 0.015]" '[["RATE_LIMITED",429,true,3],true]' <<'END'
header Retry-After: 0
json 429 {"error":{"message":"slow down"}}
END
scenario oversize-429 "$lost" '["RATE_LIMITED",429,false,1]' <<'END'
json 429 {"error":{"message":"Request too large for model: Limit 10000, Requested 20000"}}
END
scenario always-429 "$lost" '["RATE_LIMITED",429,true,3]' <<'END'
json 429 {"error":{"message":"slow down"}}
END
# A time-out is long beside what a busy machine takes for an answer that comes at once.
scenario silent "$lost" '["TIMEOUT",null,true,2]' --timeout=1 --max-attempts=2 <<'END'
hold 30
END
scenario stalls-amid-stream "[$lost, .response.text]" '[["TIMEOUT",200,true,2],"half"]' --timeout=1.5 --max-attempts=2 <<'END'
head 200
token half
hold 30
END
# So many attempts would take more than a minute.
jq '.engine.request += {deadline_s: 2.5, max_attempts: 1000, backoff_s: 0.1, backoff_max_s: 0.1}' "$settings" >"$scratch/deadline.json"
scenario deadline '[.error.type, .telemetry.attempts > 2, .telemetry.attempts < 60, .telemetry.wait_s < 30]' '["ENGINE_ERROR",true,true,true]' -c "$scratch/deadline.json" <<'END'
json 500 {"error":{"message":"boom"}}
END
# The deadline comes amid an attempt: it is the deadline that is short, and not the server that is slow.
for name in deadline-amid-attempt deadline-amid-answer; do
    script $name.1 <<'END'
json 500 {"error":{"message":"boom"}}
END
done
scenario deadline-amid-attempt '[.error.type, .error.status, .error.message, .telemetry.attempts]' '["ENGINE_ERROR",500,"boom",2]' -c "$scratch/deadline.json" <<'END'
hold 30
END
scenario deadline-amid-answer '[.error.type, .error.status, .response.text]' '["TIMEOUT",200,"half"]' -c "$scratch/deadline.json" <<'END'
head 200
token half
hold 30
END
# While one request waits to be asked again, another one holds the line until its deadline is past. A second and
# more lies between what comes one after the other; the back-off is half a second at least.
script deadline-in-line.1 <<'END'
sleep 2
json 500 {"error":{"message":"boom"}}
END
script deadline-in-line.2 <<'END'
sleep 3
head 200
token ok
finish stop
END
script deadline-in-line <<'END'
hold 30
END
jq '.engine.request += {deadline_s: 4, backoff_s: 1, backoff_max_s: 1}' "$settings" >"$scratch/deadline.json"
kvt-infer -c "$scratch/deadline.json" -u "$mock/s/deadline-in-line" <(head -n 2 "$scratch/crowd") >"$scratch/stream" 2>"$scratch/messages"
is 'a request whose deadline passes in the line is not asked again' \
    "$(asked deadline-in-line) $(jq -c 'select(.kind == "response") | [.error.message, .response.text, .telemetry.attempts, .telemetry.wait_s > 1]' "$scratch/stream" | paste -sd' ')" \
    '2 ["boom",null,1,true] [null,"ok",1,false]'
# The connection of the warm-up is kept; the server closes it on the next request, which libcurl sends again.
script kept-connection-dies.2 <<'END'
close
END
scenario kept-connection-dies "$whole" '["ok","stop",null,2]' --warmup=1 --max-attempts=1 <<'END'
head 200
token ok
finish stop
END
is 'kept-connection-dies: attempts are what the server saw' "$(asked kept-connection-dies)" 3

# --- over the context: never asked again, in every server's words ---
overflow() {
    scenario "overflow-$1" "$lost" "[\"CONTEXT_OVERFLOW\",$2,false,1]" <<END
json $2 $3
END
}
overflow llama.cpp 400 '{"error":{"code":400,"message":"request (5000 tokens) exceeds the available context size (4096 tokens)","type":"exceed_context_size_error"}}'
overflow llama.cpp-500 500 '{"error":{"code":500,"message":"Context size has been exceeded.","type":"server_error"}}'
overflow vllm 400 '{"object":"error","message":"This model'"'"'s maximum context length is 4096 tokens. However, you requested 5000 tokens"}'
overflow sglang 400 '{"message":"The input (5000 tokens) is longer than the model'"'"'s context length (4096 tokens)."}'
overflow sglang-2 400 '{"message":"Requested token count exceeds the model'"'"'s maximum context length of 4096 tokens."}'
overflow tgi 422 '{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096","error_type":"validation"}'
overflow openai 400 '{"error":{"message":"too long","code":"context_length_exceeded"}}'
overflow ovms 400 '{"error":"Mediapipe execution failed. MP status - INVALID_ARGUMENT: Number of prompt tokens: 5000 exceeds model max length: 4096"}'
overflow tensorrt-llm 400 '{"object":"error","message":"The sum of prompt length (5000) and query length (0) max_tokens (64) should not exceed max_seq_len (4096)"}'
overflow lm-studio 400 '{"error":"Trying to keep the first 5000 tokens when context the overflows. However, the model is loaded with context length of only 4096 tokens, which is not enough."}'
overflow by-429 429 '{"error":{"message":"maximum context length is 4096"}}'
scenario overflow-amid-stream '[.error.type, .error.retryable, .telemetry.attempts]' '["CONTEXT_OVERFLOW",false,1]' <<'END'
head 200
token half
data {"error":{"message":"Context size has been exceeded.","code":500}}
END

# --- error bodies of all shapes ---
shape() {
    scenario "shape-$1" '.error.message' "\"$2\"" --max-attempts=1 <<END
$3
END
}
shape openai 'the message' 'json 500 {"error":{"message":"the message","type":"x","code":null}}'
shape vllm 'the message' 'json 500 {"object":"error","message":"the message"}'
shape tgi 'the message' 'json 500 {"error":"the message","error_type":"generation"}'
shape fastapi 'the message' 'json 500 {"detail":"the message"}'
shape text 'the message' 'json 500 the message'
shape html '502 Bad Gateway nginx' 'json 502 <html><head><title>502 Bad Gateway</title></head><body><hr>nginx</body></html>'
shape none 'HTTP status 503 without a message' 'wire HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n'
shape event-stream 'the message' 'json 500 data: {"error":{"message":"the message"}}'

# --- the whole stage stops ---
stops unauthorized 'refuses the key: bad key.*OPENAI_API_KEY' <<'END'
json 401 {"error":{"message":"bad key"}}
END
stops forbidden 'refuses the key' <<'END'
json 403 {"error":{"message":"no"}}
END
stops spent 'credit is spent: You exceeded your current quota.*goes on from its journal' <<'END'
json 429 {"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}
END
stops payment-required 'credit is spent: Insufficient credits' <<'END'
json 402 {"error":{"message":"Insufficient credits","code":402}}
END
stops no-such-path 'has no such path or model: nothing here.*base URL.*model.name' <<'END'
json 404 {"error":{"message":"nothing here"}}
END
stops redirected 'redirects elsewhere.*final address' <<END
header Location: $mock/s/plain/chat/completions
json 307 {"error":{"message":"elsewhere"}}
END
before=$(asked plain)
OPENAI_API_KEY=sk-secret-key play redirected
is 'redirected: the key is not sent along' "$(asked plain)" "$before"
stops kv-field 'rejects kv_budget: Extra inputs are not permitted.*engine.endpoints.*engine.extra_body' <<'END'
json 422 {"detail":[{"loc":["body","kv_budget"],"msg":"Extra inputs are not permitted"}],"message":"Extra inputs are not permitted"}
END
stops kv-field-400 'rejects kv_policy' <<'END'
json 400 {"error":{"message":"unknown field: kv_policy"}}
END
mock_real=$mock
mock=http://127.0.0.1:1
stops unreachable 'http://127.0.0.1:1/s/unreachable cannot be reached: .*--base-url' <<'END'
END
mock=$mock_real
is 'unreachable: at once, not after retries' "$(grep -c . "$scratch/messages")" 1
is 'every member written is documented' "$(undocumented)" ''
done_testing
