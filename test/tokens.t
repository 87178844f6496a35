#!/bin/bash
# Damaged tokenizer files and random texts never crash the tokenizer (with SAN=1: nor touch memory that is
# not theirs), and files of kinds that cannot be done exactly are refused by name.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1

ok "damaged files are refused or work" "$KVT_BUILD/helpers/fuzz_tokens" 25 test/golden/tokens/*.json examples/recall/recall.gguf
like "some of each" "$(cat "$scratch/.out")" '^[1-9][0-9]* loaded, [1-9][0-9]* refused$'

# The fast ways against the plain one: also with a token that a whole piece is, but no merge makes, and with
# characters that are unknown and fused.
jq -c '.model.vocab["é¾ĺ"] = 7777 | .model.ignore_merges = true' test/golden/tokens/llama3.json >"$scratch/whole.json"
jq -c '.model.byte_fallback = false' test/golden/tokens/llama2.json >"$scratch/fused.json"
ok "caches, cuts and the linear way give the ids of plain merging" "$KVT_BUILD/helpers/token_ways" 600 \
    test/golden/tokens/*.json examples/recall/recall.gguf "$scratch/whole.json" "$scratch/fused.json"
like "for most fixtures" "$(cat "$scratch/.out")" '^[1-9][0-9] compared, [0-9]* without places, 0 texts different$'

refused() { # NAME JQ-FILTER REGEX
    jq -c "$2" test/golden/tokens/gpt2.json >"$scratch/changed.json"
    fails 2 "$1 is refused" kvt-bin --count --tokenizer="$scratch/changed.json" /dev/null
    like "$1: by name" "$(cat "$scratch/.err")" "$3"
}
refused "a Unigram model" '.model.type = "Unigram"' 'model.type "Unigram" cannot be done exactly'
refused "a WordPiece model" '.model.type = "WordPiece"' '"WordPiece"'
refused "dropout" '.model.dropout = 0.1' 'model.dropout'
refused "a suffix of words" '.model.end_of_word_suffix = "</w>"' 'end_of_word_suffix'
refused "an unknown normalizer" '.normalizer = {type: "BertNormalizer"}' 'normalizer "BertNormalizer"'
refused "an unknown pre-tokenizer" '.pre_tokenizer = {type: "UnicodeScripts"}' 'pre_tokenizer "UnicodeScripts"'
refused "an unknown post-processor" '.post_processor = {type: "Other"}' 'post_processor "Other"'
refused "a pattern the libraries read differently" \
    '.pre_tokenizer = {type: "Split", pattern: {Regex: "[a-z&&[^x]]"}, behavior: "Isolated", invert: false}' '&& in a class'
refused "a pattern that does not compile" \
    '.pre_tokenizer = {type: "Split", pattern: {Regex: "(a"}, behavior: "Isolated", invert: false}' 'does not compile'
refused "bytes spelled twice" '.pre_tokenizer = {type: "Sequence", pretokenizers: [.pre_tokenizer, .pre_tokenizer]}' \
    'pre_tokenizer: ByteLevel twice cannot be done exactly'
refused "a merge of unknown tokens" '.model.merges[3] = "zz qq"' 'merge of tokens that are not in the vocabulary'
refused "two tokens with one id" '.model.vocab["zz"] = 5' 'two tokens have the id 5'
printf 'no tokenizer' >"$scratch/other"
fails 2 "a file of another kind" kvt-bin --count --tokenizer="$scratch/other" /dev/null
like "is described" "$(cat "$scratch/.err")" 'neither a GGUF, nor a tokenizer.json, nor a tiktoken rank file'

# a rank file: bytes, then "ab" and "abc"
python3 - >"$scratch/ranks" 2>/dev/null <<'PY' || skip "rank files" "needs python3"
import base64
for rank, token in enumerate([bytes([b]) for b in range(256)] + [b"ab", b"abc", b" a"]):
    print(base64.b64encode(token).decode(), rank)
PY
if [ -s "$scratch/ranks" ]; then
    is "a rank file with its encoding behind an @" \
        "$(echo '{"text":"abc ab<|endoftext|>"}' | kvt-bin --count --ids --tokenizer="$scratch/ranks@gpt2")" '{"ids":[257,32,256,50256]}' # ab has the lower rank
    fails 2 "without one it is refused" kvt-bin --count --tokenizer="$scratch/ranks" /dev/null
    like "with the names" "$(cat "$scratch/.err")" 'cl100k_base'
    is "llama-3 numbers its special tokens behind the ranks, BOS first" \
        "$(echo '{"text":"a<|eot_id|>"}' | kvt-bin --count --ids --special --tokenizer="$scratch/ranks@llama-3")" '{"ids":[259,97,268]}'
fi
is "--special adds what the file's template adds" \
    "$(echo '{"text":""}' | kvt-bin --count --ids --special --tokenizer=test/golden/tokens/llama3.json)" \
    "{\"ids\":[$(jq '.added_tokens[] | select(.content == "<|begin|>").id' test/golden/tokens/llama3.json)]}"

# tokenizer_config.json beside a tokenizer.json: some classes build the template anew
mkdir "$scratch/llama2"
cp test/golden/tokens/llama2.json "$scratch/llama2/tokenizer.json"
config() { # MEMBERS: ids of "a" with what is added
    printf '{"model_max_length": 1000000000000000019884624838656, "bos_token": {"content": "<s>"}, "eos_token": "</s>", %s}\n' "$1" >"$scratch/llama2/tokenizer_config.json"
    special llama2/tokenizer.json
}
special() { echo '{"text":"a"}' | kvt-bin --count --ids --special --tokenizer="$scratch/$1" | jq -c .ids; }
alone=$(echo '{"text":"a"}' | kvt-bin --count --ids --tokenizer="$scratch/llama2/tokenizer.json" | jq -c '.ids[]' | paste -sd,)
is "the file's own template" "$(special llama2/tokenizer.json)" "[1,$alone]"
is "the config takes BOS away" "$(config '"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": false')" "[$alone]"
is "adds EOS" "$(config '"tokenizer_class": "LlamaTokenizer", "add_eos_token": true')" "[1,$alone,2]"
is "or agrees" "$(config '"tokenizer_class": "GemmaTokenizerFast", "add_bos_token": true, "add_eos_token": false')" "[1,$alone]"
is "says nothing" "$(config '"tokenizer_class": "LlamaTokenizerFast"')" "[1,$alone]"
is "or has a class that does not look at it" "$(config '"tokenizer_class": "PreTrainedTokenizerFast", "add_bos_token": false, "add_eos_token": true')" "[1,$alone]"
is "or one that only begins like another" "$(config '"tokenizer_class": "LlamaTokenizerOther", "add_bos_token": false')" "[1,$alone]"
is "without --special it does not matter" "$(config '"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": false' >/dev/null; echo '{"text":"a"}' | kvt-bin --count --tokenizer="$scratch/llama2/tokenizer.json")" \
    "$(echo '{"text":"a"}' | kvt-bin --count --tokenizer=test/golden/tokens/llama2.json)"
digest() { echo '{"_id":"1","input":"q","context":"c","answers":["a"]}' | kvt-bin --name=x --tokenizer="$scratch/llama2/tokenizer.json" --bins=1 2>/dev/null | jq -r 'select(.kind == "dataset").tokenizer.sha256'; }
file=$(sha256sum <"$scratch/llama2/tokenizer.json" | cut -d' ' -f1)
config '"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true' >/dev/null
is "the digest is the file's" "$(digest)" "$file"
config '"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": false' >/dev/null
like "but not where the config changes the ids" "$([ "$(digest)" != "$file" ] && digest)" '^[0-9a-f]{64}$'
cp "$scratch/llama2/tokenizer.json" "$scratch/llama2/other.json"
is "of another file it says nothing" "$(special llama2/other.json)" "[1,$alone]"
echo '{"tokenizer_class": "LlamaTokenizerFast", "add_bos_token": true}' >"$scratch/llama2/tokenizer_config.json"
fails 2 "a BOS to add and none named" kvt-bin --count --tokenizer="$scratch/llama2/tokenizer.json" /dev/null
like "is told" "$(cat "$scratch/.err")" 'tokenizer.json: tokenizer_config.json beside it: add_bos_token is true, but there is no bos_token'
echo '{"tokenizer_class": ' >"$scratch/llama2/tokenizer_config.json"
fails 2 "as is one that is no JSON" kvt-bin --count --tokenizer="$scratch/llama2/tokenizer.json" /dev/null
mkdir "$scratch/deepseek"
cp test/golden/tokens/deepseek.json "$scratch/deepseek/tokenizer.json"
end=$(jq '.added_tokens[0].id' test/golden/tokens/deepseek.json)
is "a file without a post_processor, as DeepSeek's" "$(echo '{"tokenizer_class":"LlamaTokenizerFast","add_bos_token":true,"add_eos_token":false,"bos_token":{"__type":"AddedToken","content":"<｜end｜>"}}' >"$scratch/deepseek/tokenizer_config.json"; special deepseek/tokenizer.json | jq -c '.[0]')" "$end"
done_testing
