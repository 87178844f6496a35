#!/usr/bin/env node
/*
 * Makes the fixtures of the tokenizer tests in test/golden/tokens: for each family of tokenizers a small
 * vocabulary of our own, trained on corpus.txt in that family's configuration (NAME.json), and what the
 * reference library says about it: ids of texts (NAME.cases.jsonl) and the digest of its ids for every
 * code point and for random characters (NAME.sweep).
 *
 *     npm install tokenizers && node scripts/token-fixtures.cjs test/golden/tokens
 *
 * Run it in the folder that holds node_modules. The reference is needed only here, never to build or test.
 */
"use strict";
const fs = require("fs");
const path = require("path");
const crypto = require("crypto");
const { createRequire } = require("module");
const { Tokenizer } = createRequire(process.cwd() + "/")("tokenizers");
const folder = process.argv[2];
const corpus = path.join(folder, "corpus.txt");

const CONTRACTION = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const LLAMA3 = CONTRACTION + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*" +
  "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 = LLAMA3.replace("\\p{N}{1,3}", "\\p{N}");
const UPPER = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]", LOWER = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const words = (tail) => `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+${tail}|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*${tail}`;
const O200K = words(CONTRACTION + "?") + "|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const TEKKEN = words("") + "|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const byteLevel = (options) => ({ type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false, ...options });
const split = (Regex, behavior = "Isolated", invert = false) => ({ type: "Split", pattern: { Regex }, behavior, invert });
const sequence = (...pretokenizers) => ({ type: "Sequence", pretokenizers });
const token = (content, options) => ({ content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...options });
const template = (name) => ({
  type: "TemplateProcessing",
  single: [{ SpecialToken: { id: name, type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
  pair: [{ Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
  special_tokens: { [name]: { id: name, ids: [name], tokens: [name] } },
});
const PREPEND = { type: "Prepend", prepend: "▁" };
const REPLACE = { type: "Replace", pattern: { String: " " }, content: "▁" };
const metaspace = (prepend_scheme, cut) => ({ type: "Metaspace", replacement: "▁", prepend_scheme, split: cut });
const FALLBACK = { byte_fallback: true, fuse_unk: true, unk_token: "<unk>" };

/* bytes: byte-level vocabulary; bos: token of the template; train: pre-tokenizer while merges are learned. */
const families = {
  gpt2: { bytes: true, pre: byteLevel({ use_regex: true }), added: [token("<|endoftext|>")] },
  llama3: { bytes: true, pre: sequence(split(LLAMA3), byteLevel()), model: { ignore_merges: true }, bos: "<|begin|>",
    added: [token("<|begin|>"), token("<|eot|>"), token("<|eot|>x")], whole: ["harbour", " uncharacter", "Việt", "=====", "2048"] },
  qwen2: { bytes: true, normalizer: { type: "NFC" }, pre: sequence(split(QWEN2), byteLevel()),
    added: [token("<|im_start|>"), token("<|im_end|>"), token("<think>", { special: false })] },
  o200k: { bytes: true, pre: sequence(split(O200K), byteLevel()), added: [token("<|endoftext|>")] },
  tekken: { bytes: true, pre: sequence(split(TEKKEN), byteLevel()), model: { ignore_merges: true }, bos: "<s>",
    added: [token("<s>"), token("[INST]"), token("[/INST]")], whole: [" lighthouse", "Straße"] },
  llama2: { normalizer: { type: "Sequence", normalizers: [PREPEND, REPLACE] }, pre: null, train: metaspace("always", true),
    model: FALLBACK, bos: "<s>", added: [token("<s>"), token("</s>"), token("<pad>", { normalized: true })] },
  mistral: { pre: metaspace("first", false), train: metaspace("always", true), model: FALLBACK, bos: "<s>",
    added: [token("<s>"), token("</s>"), token("<|end|>", { rstrip: true }), token("[X]", { lstrip: true })] },
  metaspace: { pre: metaspace("always", true), model: FALLBACK, added: [token("<s>")] },
  gemma: { normalizer: REPLACE, pre: { type: "Split", pattern: { String: " " }, behavior: "MergedWithPrevious", invert: false },
    train: metaspace("never", true), model: FALLBACK, bos: "<bos>", added: [token("<bos>"), token("<start_of_turn>"), token("\n\n", { special: false })] },
  deepseek: { bytes: true, pre: sequence(split("\\p{N}{1,3}"), split("[一-龥぀-ゟ゠-ヿ]+"),
    split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"),
    byteLevel()), added: [token("<｜end｜>"), token("<|fim|>", { special: false, normalized: true })] },
  falcon: { bytes: true, pre: sequence({ type: "Punctuation", behavior: "Contiguous" }, byteLevel({ use_regex: true }),
    { type: "Digits", individual_digits: false }, split("[0-9][0-9][0-9]")), added: [token("<|endoftext|>")] },
  prefix: { bytes: true, normalizer: { type: "Sequence", normalizers: [{ type: "NFKC" }, { type: "Lowercase" },
    { type: "Replace", pattern: { Regex: "\\s{2,}" }, content: " " }] }, pre: byteLevel({ add_prefix_space: true, use_regex: true }),
    added: [token("<|X|>", { normalized: true, single_word: true }), token("<mask>", { lstrip: true, special: false })] },
  unknown: { pre: sequence({ type: "Digits", individual_digits: true }, split("[a-z]+", "MergedWithNext"), split("[.,]", "Removed"),
    split("\\s", "Contiguous"), split("ab", "MergedWithPrevious", true)), model: { unk_token: "<unk>", fuse_unk: false }, few: true, added: [token("<unk>")] },
};

/* The printable spelling of a byte (GPT-2). */
function spelling() {
  const out = [];
  let next = 256;
  for (let b = 0; b < 256; b++) {
    const itself = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b <= 0xac) || b >= 0xae;
    out.push(String.fromCodePoint(itself ? b : next++));
  }
  return out;
}
const SPELLED = spelling();
const spell = (text) => [...Buffer.from(text)].map((b) => SPELLED[b]).join("");

function file(family, vocab, merges, added) {
  const model = { type: "BPE", dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null,
    fuse_unk: false, byte_fallback: false, ignore_merges: false, ...family.model, vocab, merges };
  const post = family.bos ? template(family.bos) : null;
  if (post) post.special_tokens[family.bos].ids = [added.find((a) => a.content === family.bos).id];
  return { version: "1.0", truncation: null, padding: null, added_tokens: added, normalizer: family.normalizer || null,
    pre_tokenizer: family.pre, post_processor: post, decoder: null, model };
}

function train(family) {
  const start = file({ ...family, bos: null, model: {}, normalizer: family.train ? null : family.normalizer,
    pre: family.train || family.pre }, {}, [], []);
  const tokenizer = Tokenizer.fromString(JSON.stringify(start));
  tokenizer.train([corpus]);
  const scratch = path.join(require("os").tmpdir(), `fixture-${process.pid}.json`);
  tokenizer.save(scratch);
  const learned = JSON.parse(fs.readFileSync(scratch)).model.merges;
  fs.unlinkSync(scratch);
  return learned.map((m) => (Array.isArray(m) ? m : m.split(" "))).slice(0, family.few ? 60 : 700);
}

function vocabulary(family, merges) {
  const vocab = {};
  const add = (text) => { if (!(text in vocab)) vocab[text] = Object.keys(vocab).length; };
  if (!family.bytes) for (const special of ["<unk>", "<s>", "</s>"]) add(special);
  if (family.bytes) SPELLED.forEach(add);
  else if (!family.few) for (let b = 0; b < 256; b++) add(`<0x${b.toString(16).toUpperCase().padStart(2, "0")}>`);
  if (!family.bytes) {
    const frequent = {};
    for (const c of fs.readFileSync(corpus, "utf8").replace(/ /g, "▁")) frequent[c] = (frequent[c] || 0) + 1;
    for (const c of Object.keys(frequent).sort()) if (frequent[c] > (family.few ? 40 : 2)) add(c);
  }
  const kept = merges.filter(([a, b]) => a in vocab && b in vocab && (add(a + b), true));
  for (const text of family.whole || []) add(spell(text)); /* tokens that no merge reaches */
  return [vocab, kept];
}

/* 32-bit xorshift: the same sequence in test/unit/test_token_files.c. */
function random(seed) {
  let x = seed >>> 0;
  return () => { x ^= x << 13; x >>>= 0; x ^= x >>> 17; x ^= x << 5; x >>>= 0; return x; };
}
const scalar = (cp) => (cp >= 0xd800 && cp <= 0xdfff ? 0xfffd : cp);

function sweepTexts() {
  const between = ["", "a", " ", "1", "\n", "A", "'s", "  "], texts = [];
  for (let first = 0; first < 0x110000; first += 64) {
    let text = "";
    for (let cp = first; cp < first + 64; cp++) text += between[cp % 7] + String.fromCodePoint(scalar(cp));
    texts.push(text);
  }
  const next = random(20240229);
  for (let i = 0; i < 4000; i++) {
    let text = "";
    for (let n = next() % 24; n > 0; n--) {
      const kind = next() % 8, value = next();
      const limit = [0x80, 0x80, 0x80, 0x250, 0x3000, 0x10000, 0x20000, 0x110000][kind];
      text += kind === 0 ? between[value % 8] : String.fromCodePoint(scalar(value % limit));
    }
    texts.push(text);
  }
  return texts;
}

function caseTexts(specials) {
  const lines = fs.readFileSync(corpus, "utf8").split("\n");
  const texts = ["", " ", "  ", "   ", "\n", "\r\n", "\t", " \n", "\n ", "a", " a", "a ", "  a  b  ", "\u0000", "a\u0000b", "it's IT'S it’s 'ſ",
    "e\u0301 \u00e9 \u1100\u1161\u11a8 \uac01 \ufb01 Å \u212b q\u0307\u0323", "1234567 12 ١٢٣ ²³ Ⅷ", "HTTPServer getElementById ABCdef ǅungla",
    "\u00a0x\u2003y\u3000z\u180eq\u200b\ufeff\u0085\u2028", "a".repeat(300), " ".repeat(120) + "x", "!".repeat(150), "ab".repeat(200), "\n".repeat(50),
    "日本語".repeat(80), "=".repeat(100), "0".repeat(100), "👍🏽".repeat(20), "x  \n  \n  y", "<unk><s></s><0x41>▁ ▁▁", "a.b,c;d ab.ab"];
  for (let i = 0; i < lines.length; i += 2) texts.push(lines[i]);
  texts.push(lines.slice(24).join("\n"), lines.slice(9, 14).join("  ") + " ");
  for (const s of specials) texts.push(s, `a${s}b`, ` ${s} `, `${s}${s}`, `x ${s}\n\ty${s.slice(0, -1)}`, `${s}harbour 2048`);
  return texts;
}

async function main() {
  const swept = sweepTexts();
  for (const [name, family] of Object.entries(families)) {
    const [vocab, merges] = vocabulary(family, train(family));
    let next = Object.keys(vocab).length;
    const added = family.added.map((a) => ({ id: a.content in vocab ? vocab[a.content] : next++, ...a }));
    const made = file(family, vocab, merges, added);
    const where = path.join(folder, name);
    fs.writeFileSync(where + ".json", JSON.stringify(made) + "\n");
    const reference = Tokenizer.fromString(JSON.stringify(made));
    const texts = caseTexts(family.added.map((a) => a.content));
    const ids = async (list, addSpecialTokens) => (await reference.encodeBatch(list, { addSpecialTokens })).map((e) => e.getIds());
    const bare = await ids(texts, false), special = await ids(texts, true);
    fs.writeFileSync(where + ".cases.jsonl",
      texts.map((text, i) => JSON.stringify({ text, ids: bare[i], special: special[i].length - bare[i].length }) + "\n").join(""));
    const hash = crypto.createHash("sha256");
    for (let i = 0; i < swept.length; i += 2000)
      for (const list of await ids(swept.slice(i, i + 2000), false)) hash.update(list.join(",") + "\n");
    fs.writeFileSync(where + ".sweep", hash.digest("hex") + "\n");
    console.log(name, Object.keys(vocab).length, "tokens", merges.length, "merges", texts.length, "texts");
  }
}
main();
