#!/bin/bash
# scripts/fetch-longbench against a server of our own: download, check, resume, no network.
. "$(dirname "$0")/lib.sh"
cd "$root" || exit 1
if ! command -v python3 >/dev/null || ! command -v curl >/dev/null; then
    skip "fetch-longbench" "needs python3 and curl"
    done_testing
fi
mkdir -p "$scratch/www/data"
for i in $(seq 150); do
    printf '{"_id":"m%d","input":"q","context":"c %d","answers":["a"],"dataset":"multifieldqa_en","length":2,"language":"en","all_classes":null}\n' "$i" "$i"
done >"$scratch/www/data/multifieldqa_en.jsonl"
head -n 30 "$scratch/www/data/multifieldqa_en.jsonl" >"$scratch/www/data/qasper.jsonl"
echo '{"multifieldqa_en":"{context} {input}"}' >"$scratch/www/dataset2prompt.json"
(cd "$scratch/www" && python3 -c 'import zipfile
with zipfile.ZipFile("data.zip", "w", zipfile.ZIP_DEFLATED) as z:
    z.write("data/multifieldqa_en.jsonl"); z.write("data/qasper.jsonl")')

# a server that resumes, and tells what was asked for
cat >"$scratch/server.py" <<'PY'
import http.server, os, re, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = "." + self.path
        if not os.path.isfile(path):
            return self.send_error(404)
        body, wanted = open(path, "rb").read(), self.headers.get("Range")
        start = int(re.match(r"bytes=(\d+)-", wanted).group(1)) if wanted else 0
        with open("../log", "a") as log:
            log.write(f"{self.path} {start}\n")
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        self.wfile.write(body[start:])
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
PY
mkfifo "$scratch/port"
(cd "$scratch/www" && exec python3 "$scratch/server.py" >"$scratch/port" 2>/dev/null) &
read -r port <"$scratch/port"
export LONGBENCH_DIR=$scratch/data
export LONGBENCH_URL=http://127.0.0.1:$port/data.zip LONGBENCH_TEMPLATES_URL=http://127.0.0.1:$port/dataset2prompt.json

ok "a task is fetched" scripts/fetch-longbench multifieldqa_en
is "its path is printed" "$(cat "$scratch/.out")" "$scratch/data/multifieldqa_en.jsonl"
is "its rows are the archive's" "$(cksum <"$scratch/data/multifieldqa_en.jsonl")" "$(cksum <"$scratch/www/data/multifieldqa_en.jsonl")"
is "templates come with it" "$(cat "$scratch/data/dataset2prompt.json")" "$(cat "$scratch/www/dataset2prompt.json")"
ok "kvt-bin takes both" kvt-bin --tokenizer=examples/recall/recall.gguf --name=longbench --n-per-bin=2 \
    --templates="$scratch/data/dataset2prompt.json" "$scratch/data/multifieldqa_en.jsonl"
: >"$scratch/log"
ok "again" scripts/fetch-longbench multifieldqa_en
is "nothing is downloaded twice" "$(cat "$scratch/log")" ''
fails 1 "a task with too few rows is not taken" scripts/fetch-longbench qasper
like "and it is said" "$(cat "$scratch/.err")" 'qasper has 30 rows instead of 200'
fails 2 "an unknown task" scripts/fetch-longbench qasperr
size=$(wc -c <"$scratch/www/data.zip")
rm -rf "$scratch/data"
mkdir "$scratch/data"
head -c $((size / 2)) "$scratch/www/data.zip" >"$scratch/data/data.zip.part"
: >"$scratch/log"
ok "a broken download" scripts/fetch-longbench multifieldqa_en
is "goes on where it stopped" "$(grep zip "$scratch/log")" "/data.zip $((size / 2))"
is "and is whole" "$(cksum <"$scratch/data/data.zip")" "$(cksum <"$scratch/www/data.zip")"
printf 'PK damaged' >"$scratch/data/data.zip"
fails 1 "a damaged archive" scripts/fetch-longbench multifieldqa_en
like "is named" "$(cat "$scratch/.err")" 'data.zip is damaged'
rm -rf "$scratch/data"
LONGBENCH_URL=http://127.0.0.1:1/data.zip LONGBENCH_TEMPLATES_URL=http://127.0.0.1:1/t.json \
    fails 3 "without network" scripts/fetch-longbench multifieldqa_en
like "it says what to do" "$(cat "$scratch/.err")" 'Without network: fetch it elsewhere, put it at'
done_testing
