"""Byte-level BPE for the grammar: the form GPT-2 and Llama-3 use.

The 256 bytes come first, each as a printable character (GPT-2's alphabet), then
one token per merge, then three control tokens.  Merges are learned by plain BPE
on the grammar's words, each with its leading space, until every word is one
token.  A few hundred tokens are therefore only steps on the way to a word.
"""
import re
from collections import Counter
from functools import lru_cache

from grammar import all_words

# GPT-2's pre-tokenizer; for this ASCII language [A-Za-z] stands for \p{L}, [0-9] for \p{N}.
PRETOKEN = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+"
                      r"|\s+(?!\S)|\s+")
BOS, END, PAD = "<|bos|>", "<|end|>", "<|pad|>"


def byte_alphabet():
    """byte value -> the printable character that stands for it in the vocabulary."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table, extra = {b: chr(b) for b in plain}, 256
    for b in range(256):
        if b not in table:
            table[b] = chr(extra)
            extra += 1
    return plain, table


def merge_pair(parts, left, right):
    """parts with every adjacent (left, right) joined, leftmost first."""
    out, i = [], 0
    while i < len(parts):
        if i + 1 < len(parts) and parts[i] == left and parts[i + 1] == right:
            out.append(left + right)
            i += 2
        else:
            out.append(parts[i])
            i += 1
    return out


def learn_merges(pieces):
    """Most frequent pair first (ties: alphabetical), until each piece is one token."""
    words, merges = [list(p) for p in pieces], []
    while any(len(w) > 1 for w in words):
        pairs = Counter(pair for w in words for pair in zip(w, w[1:]))
        left, right = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append((left, right))
        words = [merge_pair(w, left, right) for w in words]
    return merges


class Vocabulary:
    """tokens: list of strings by id; merges: list of (left, right) by rank."""

    def __init__(self):
        plain, self.alphabet = byte_alphabet()
        pieces = [self.spell(" " + word) for word in all_words()]
        self.merges = learn_merges(pieces)
        order = plain + [b for b in range(256) if b not in plain]
        self.tokens = [self.alphabet[b] for b in order]
        self.tokens += [left + right for left, right in self.merges]
        self.control = [BOS, END, PAD]
        self.tokens += self.control
        self.ids = {token: i for i, token in enumerate(self.tokens)}
        assert len(self.ids) == len(self.tokens), "two merges made the same token"
        self.rank = {pair: i for i, pair in enumerate(self.merges)}
        self.bos, self.end, self.pad = (self.ids[t] for t in self.control)
        self.word = {w: self.ids[p] for w, p in zip(all_words(), pieces)}   # " word" -> id
        self.characters = {c: b for b, c in self.alphabet.items()}
        for w in self.word:
            assert self.encode(" " + w) == [self.word[w]], w

    def spell(self, text):
        return "".join(self.alphabet[b] for b in text.encode())

    @lru_cache(maxsize=4096)
    def encode_piece(self, piece):
        """BPE proper: join the adjacent pair of lowest rank until none is known."""
        parts = list(self.spell(piece))
        while True:
            known = [pair for pair in zip(parts, parts[1:]) if pair in self.rank]
            if not known:
                return tuple(self.ids[p] for p in parts)
            parts = merge_pair(parts, *min(known, key=self.rank.get))

    def encode(self, text):
        """Ordinary text to ids; control tokens are never parsed from it."""
        return [i for piece in PRETOKEN.findall(text) for i in self.encode_piece(piece)]

    def encode_words(self, words):
        """Grammar words, each with its leading space: one id each."""
        return [self.word[w] for w in words]

    def decode(self, ids):
        text = "".join(self.tokens[i] for i in ids if self.tokens[i] not in self.control)
        return bytes(self.characters[c] for c in text).decode(errors="replace")


if __name__ == "__main__":
    v = Vocabulary()
    print(len(v.tokens), "tokens,", len(v.merges), "merges,", len(v.word), "words")
