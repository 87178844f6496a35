"""A Llama-style decoder small enough to train on two cores.

RMSNorm, rotary positions in the rotate-half layout (pairs i, i + head/2), SwiGLU
and tied embeddings.  Matrix products run in bfloat16, everything else in float32.
Shapes: B rows, T tokens, D = dim, H heads of size E.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass(frozen=True)
class Config:
    vocab: int
    dim: int = 128
    layers: int = 4
    heads: int = 4              # as many key/value heads
    head_dim: int = 32
    hidden: int = 256           # SwiGLU width
    rope_base: float = 50000.0
    eps: float = 1e-5
    context: int = 4352


def product(x, weight):
    """x @ weight.T in bfloat16, float32 in and out."""
    return F.linear(x.bfloat16(), weight.bfloat16()).float()


class RMSNorm(nn.Module):
    def __init__(self, dim, eps):
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(dim)), eps

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * self.weight


def rotations(positions, config):
    """positions (T) or (B, T) -> cos, sin (..., T, E/2), ready to broadcast over heads."""
    steps = torch.arange(0, config.head_dim, 2).float() / config.head_dim
    angle = positions.float()[..., None] * config.rope_base ** -steps
    if angle.dim() == 3:
        angle = angle[:, None]
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def causal_attention(q, k, v, block=256):
    """q, k, v (B, H, T, E) -> (B, H, T, E), by blocks of queries so that memory stays small."""
    q, k, v = (q * q.shape[-1] ** -0.5).bfloat16(), k.bfloat16(), v.bfloat16()
    out = []
    for start in range(0, q.shape[2], block):
        end = min(start + block, q.shape[2])
        scores = q[:, :, start:end] @ k[:, :, :end].transpose(-1, -2)
        future = torch.full((end - start,) * 2, -math.inf, dtype=scores.dtype).triu_(1)
        scores = torch.cat([scores[..., :start], scores[..., start:] + future], -1)
        out.append(scores.softmax(-1) @ v[:, :, :end])
    return torch.cat(out, 2).float()


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.heads, width = c.heads, c.heads * c.head_dim
        self.attn_norm, self.ffn_norm = RMSNorm(c.dim, c.eps), RMSNorm(c.dim, c.eps)
        for name, rows, columns in [("q", width, c.dim), ("k", width, c.dim), ("v", width, c.dim),
                                    ("o", c.dim, width), ("gate", c.hidden, c.dim),
                                    ("up", c.hidden, c.dim), ("down", c.dim, c.hidden)]:
            gain = 0.7 / math.sqrt(2 * c.layers) if name in ("o", "down") else 0.7
            weight = torch.randn(rows, columns) * gain * columns ** -0.5
            self.register_parameter(name, nn.Parameter(weight))

    def forward(self, x, cos, sin):
        """x (B, T, D) -> x, and the rotated queries and keys (B, H, T, E)."""
        B, T, _ = x.shape
        qkv = product(self.attn_norm(x), torch.cat([self.q, self.k, self.v]))
        q, k, v = (t.view(B, T, self.heads, -1).transpose(1, 2) for t in qkv.chunk(3, -1))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        mixed = causal_attention(q, k, v).transpose(1, 2).reshape(B, T, -1)
        x = x + product(mixed, self.o)
        gate, up = product(self.ffn_norm(x), torch.cat([self.gate, self.up])).chunk(2, -1)
        return x + product(F.silu(gate) * up, self.down), (q, k)


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed = nn.Parameter(torch.randn(config.vocab, config.dim) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = RMSNorm(config.dim, config.eps)

    def forward(self, ids, positions=None):
        """ids (B, T) -> last hidden state (B, T, D), and per layer (output, queries, keys)."""
        if positions is None:
            positions = torch.arange(ids.shape[1])
        cos, sin = rotations(positions, self.config)
        x, trace = self.embed[ids], []
        for block in self.blocks:
            x, qk = block(x, cos, sin)
            trace.append((x, *qk))
        return x, trace

    def logits(self, hidden):
        """hidden (N, D) -> (N, vocab)"""
        return F.linear(self.norm(hidden), self.embed)

    def matrices(self):
        return [p for block in self.blocks for p in block.parameters() if p.dim() == 2]
