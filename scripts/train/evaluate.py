#!/usr/bin/env python3
"""Ask a GGUF its questions:  python3 scripts/train/evaluate.py recall.gguf rows.jsonl

Full cache, greedy, float32 arithmetic on the exported weights, read from the file
and rotated its way, so that an error of the exporter shows here.
Prints exact matches by length and kind; --answers writes every answer.
"""
import argparse
import json
import sys
from collections import defaultdict

import numpy as np
import torch
import torch.nn.functional as F

import gguf
from questions import prompt_of
from vocab import Vocabulary

MOST_TOKENS = 40


class Engine:
    """A plain forward pass over a GGUF's weights with a cache of keys and values."""

    def __init__(self, path):
        file = gguf.Reader(path)
        meta = file.metadata
        self.weights = {n: torch.tensor(a.astype(np.float32)) for n, a in file.tensors.items()}
        self.layers, self.heads = meta["llama.block_count"], meta["llama.attention.head_count"]
        self.eps = meta["llama.attention.layer_norm_rms_epsilon"]
        size = meta["llama.rope.dimension_count"]
        self.steps = meta["llama.rope.freq_base"] ** (-torch.arange(0, size, 2).float() / size)
        self.end = meta["tokenizer.ggml.eos_token_id"]
        self.bos = meta["tokenizer.ggml.bos_token_id"]
        assert meta["tokenizer.ggml.tokens"] == Vocabulary().tokens, "another vocabulary"

    def norm(self, x, name):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weights[name]

    def rotate(self, x, cos, sin):
        """x (T, H, E): turn each pair (2i, 2i + 1)."""
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack([a * cos - b * sin, b * cos + a * sin], -1).flatten(-2)

    def attend(self, q, k, v, start):
        """q (T, E) at positions start.., k and v (start + T, E) -> (T, E)."""
        out = []
        for i in range(0, len(q), 512):
            block, seen = q[i:i + 512], min(len(k), start + i + 512)
            scores = block @ k[:seen].T * q.shape[-1] ** -0.5
            here = start + i + torch.arange(len(block))[:, None]
            scores = scores.masked_fill(torch.arange(seen)[None] > here, -torch.inf)
            out.append(scores.softmax(-1) @ v[:seen])
        return torch.cat(out)

    def forward(self, ids, cache):
        """Append ids to the cache (a list of [k, v] by layer); logits after the last one."""
        w, start = self.weights, len(cache[0][0]) if cache else 0
        angle = (start + torch.arange(len(ids)).float())[:, None, None] * self.steps
        cos, sin = angle.cos(), angle.sin()
        x = w["token_embd.weight"][torch.tensor(ids)]
        for layer in range(self.layers):
            def project(x, part):
                return F.linear(x, w[f"blk.{layer}.{part}.weight"])
            h = self.norm(x, f"blk.{layer}.attn_norm.weight")
            q, k, v = (project(h, part).view(len(ids), self.heads, -1)
                       for part in ("attn_q", "attn_k", "attn_v"))
            q, k = self.rotate(q, cos, sin), self.rotate(k, cos, sin)
            if start:
                k, v = torch.cat([cache[layer][0], k]), torch.cat([cache[layer][1], v])
                cache[layer] = [k, v]
            else:
                cache.append([k, v])
            mixed = [self.attend(q[:, h], k[:, h], v[:, h], start) for h in range(self.heads)]
            x = x + project(torch.cat(mixed, -1), "attn_output")
            h = self.norm(x, f"blk.{layer}.ffn_norm.weight")
            x = x + project(F.silu(project(h, "ffn_gate")) * project(h, "ffn_up"), "ffn_down")
        return F.linear(self.norm(x[-1], "output_norm.weight"), w["token_embd.weight"])

    def answer(self, prompt):
        """prompt ids -> (logits after the prompt, greedy answer ids without the end token)."""
        cache, out = [], []
        first = logits = self.forward(prompt, cache)
        while len(out) < MOST_TOKENS and int(logits.argmax()) != self.end:
            out.append(int(logits.argmax()))
            logits = self.forward(out[-1:], cache)
        return first, out


def table(rows):
    """Exact matches in percent: a line per kind, a column per rung."""
    cells = defaultdict(list)
    for row in rows:
        rung = row["_id"].rsplit("-", 1)[1]
        for kind in (row["kind"], "all"):
            cells[kind, rung].append(row["exact"])
    rungs = sorted({rung for _, rung in cells})
    for kind in sorted({kind for kind, _ in cells}, key=lambda k: (k == "all", k)):
        values = [cells[kind, rung] or [float("nan")] for rung in rungs]
        yield f"{kind:6}" + "".join(f"{100 * sum(v) / len(v):7.1f}" for v in values)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gguf")
    parser.add_argument("rows", type=argparse.FileType())
    parser.add_argument("--answers", type=argparse.FileType("w"), help="JSON lines")
    options = parser.parse_args()
    torch.set_grad_enabled(False)
    engine, vocab, done = Engine(options.gguf), Vocabulary(), []
    for line in options.rows:
        row = json.loads(line)
        _, ids = engine.answer([engine.bos] + vocab.encode(prompt_of(row)))
        row["answer"] = vocab.decode(ids).strip()
        row["exact"] = row["answer"] in row["answers"]
        done.append(row)
        if options.answers:
            kept = ("_id", "kind", "answers", "answer", "exact")
            print(json.dumps({k: row[k] for k in kept}), file=options.answers)
        if sys.stderr.isatty():
            print(f"\r{len(done)}", end="", file=sys.stderr)
    print("\n".join(table(done)))


if __name__ == "__main__":
    main()
