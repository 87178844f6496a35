/* The reference libraries on the texts of scripts/bench-tokens: one thread, load excluded, CPU time. */
"use strict";
const fs = require("fs");
const path = require("path");
const { createRequire } = require("module");
const need = createRequire(process.cwd() + "/");
const [, , file, ...texts] = process.argv;

/* Lines in batches of about 64 KB: none of the libraries is made for a text of megabytes. */
function pieces(text) {
  const out = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(text.length, at + 65536);
    const newline = text.lastIndexOf("\n", end);
    if (end < text.length && newline > at) end = newline + 1;
    out.push(text.slice(at, end));
    at = end;
  }
  return out;
}
const seconds = () => { const used = process.cpuUsage(); return (used.user + used.system) / 1e6; };
function report(name, text, bytes, tokens, time) {
  console.log(`${name.padEnd(4)} ${path.basename(text).padEnd(11)} ${String(tokens).padStart(9)} tokens ${(bytes / 1e6 / time).toFixed(1).padStart(8)} MB/s`);
}
async function main() {
  process.env.TOKENIZERS_PARALLELISM = "false";
  const { Tokenizer } = need("tokenizers");
  const hf = Tokenizer.fromFile(file);
  for (const text of texts) {
    const bytes = fs.readFileSync(text).subarray(0, 2000000), parts = pieces(bytes.toString());
    let tokens = 0;
    const start = seconds();
    for (const part of parts) tokens += (await hf.encode(part, null, { addSpecialTokens: false })).getLength();
    report("hf", text, bytes.length, tokens, seconds() - start);
  }
  let tiktoken;
  try { tiktoken = need("tiktoken").get_encoding("cl100k_base"); } catch { return; }
  for (const text of texts) {
    const bytes = fs.readFileSync(text).subarray(0, 2000000), parts = pieces(bytes.toString());
    let tokens = 0;
    const start = seconds();
    for (const part of parts) tokens += tiktoken.encode_ordinary(part).length;
    report("tik", text, bytes.length, tokens, seconds() - start);
  }
  console.log("hf: Hugging Face tokenizers, the same vocabulary, first 2 MB; tik: tiktoken (wasm), cl100k, first 2 MB");
}
main();
