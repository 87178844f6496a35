#!/usr/bin/env python3
"""Train the example model:  python3 scripts/train/train.py

Needs python3-torch and python3-numpy.  Deterministic by step: batch n depends
on the seed and n alone, so a stopped run continues where it was.  Writes
runs/train/checkpoint.pt and a log, one JSON object per line.  Then:
export.py, questions.py, evaluate.py (README.md has the order).
"""
import argparse
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import NamedTuple

ENVIRONMENT = {     # keep freed memory, or every step pays for its pages again
    "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000",
    "MALLOC_TOP_PAD_": "268435456", "OMP_NUM_THREADS": "2", "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONHASHSEED": "0"}
if __name__ == "__main__" and any(os.environ.get(k) != v for k, v in ENVIRONMENT.items()):
    # these are read at start-up only
    os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **ENVIRONMENT})

import torch

from documents import training_row
from grammar import ADJECTIVES, NAMES, OBJECTS
from losses import Batch, attention_loss, exact_by_kind, probe_loss, token_loss
from model import Config, Decoder
from muon import Muon
from vocab import Vocabulary

SEED, THREADS = 1, 2
RUNS = Path(__file__).resolve().parents[2] / "runs" / "train"


class Stage(NamedTuple):
    until: int                      # last step of the stage
    lengths: tuple                  # row lengths, one drawn per step
    odds: tuple                     # odds of each length
    tokens: int                     # per step
    question_share: float           # of a row
    filler: tuple                   # share of the context without facts, from, to
    hard: tuple                     # density of the grid of facts, from, to
    curriculum: float               # share of rows where one part of the key decides
    absent: float                   # share of questions that no fact answers
    list_items: tuple               # goods in a list, from, to
    probe: float                    # weight of the probe's loss
    attention: float                # weight of the attention loss
    jump_to: int                    # random position jumps reach this far, 0: none


STAGES = (
    Stage(800, (96, 160, 256), (1, 1, 1), 6144, 0.5, (0, 0.3), (0.8, 1.2), 0.3, 0.0, (3, 6),
          0.5, 0.3, 0),
    Stage(1450, (128, 256, 512), (1, 1, 1), 8192, 0.35, (0, 0.5), (0.8, 1.5), 0.1, 0.1, (3, 12),
          0.1, 0.3, 4200),
    Stage(2050, (512, 1024, 2048), (1, 1, 1), 8192, 0.2, (0, 0.5), (0.8, 1.5), 0.05, 0.1, (3, 15),
          0.05, 0.2, 4200),
    Stage(2750, (256, 512, 1024, 2048, 4096), (1, 2, 2, 2, 3), 8192, 0.15, (0, 0.5), (0.8, 1.5),
          0.05, 0.1, (3, 15), 0.0, 0.05, 0),
)
MUON_RATE, ADAM_RATE, WARM_UP, DECAY_SHARE = 0.02, 3e-3, 50, 0.35


def learning_rate(step, last):
    """Factor for this step: short warm-up, constant, linear decay at the end."""
    return max(0.02, min(1.0, (step + 1) / WARM_UP, (1 - step / last) / DECAY_SHARE))


def draw_batch(step, stage, vocab):
    rng = random.Random(f"rows {SEED} {step}")
    length = rng.choices(stage.lengths, stage.odds)[0]
    rows = [training_row(rng, vocab, length, stage) for _ in range(stage.tokens // length)]
    return length, Batch(rows, vocab.pad)


def jumping_positions(ids, full_stop, reach, generator):
    """Positions (B, T) that skip ahead after random sentences: far positions, short rows."""
    rows, length = ids.shape
    ends = (ids == full_stop).float()
    room = max(0, reach - length) * torch.rand(rows, 1, generator=generator) ** 2
    jumps = torch.rand(rows, length, generator=generator) * ends
    jumps = (jumps / jumps.sum(1, keepdim=True).clamp(min=1e-6) * room).floor()
    return (torch.arange(length)[None] + jumps.cumsum(1) - jumps).long()


class Averages:
    """Running means of what the log reports."""

    def __init__(self, values=None):
        self.values = values or {}

    def add(self, name, value, keep=0.95):
        old = self.values.get(name, value)
        self.values[name] = keep * old + (1 - keep) * value

    def rounded(self):
        return {k: round(v, 4) for k, v in sorted(self.values.items())}


class Trainer:
    def __init__(self, stages):
        torch.manual_seed(SEED)
        torch.set_num_threads(THREADS)
        torch.use_deterministic_algorithms(True)    # else gradients of rows add up in any order
        self.stages, self.last, self.vocab = stages, stages[-1].until, Vocabulary()
        self.model = Decoder(Config(len(self.vocab.tokens)))
        self.key_words = torch.tensor(self.vocab.encode_words(NAMES + ADJECTIVES + OBJECTS))
        dim = self.model.config.dim
        self.probe = torch.nn.Linear(dim, 3 * dim, bias=False)
        matrices = self.model.matrices()
        chosen = {id(p) for p in matrices}
        self.rest = [p for p in self.model.parameters() if id(p) not in chosen]
        self.rest += list(self.probe.parameters())
        self.muon = Muon(matrices, MUON_RATE)
        self.adam = torch.optim.AdamW(self.rest, ADAM_RATE, betas=(0.9, 0.95), weight_decay=0.0)
        self.step, self.tokens, self.seconds, self.averages = 0, 0, 0.0, Averages()

    def parts(self):
        return {"model": self.model, "probe": self.probe, "muon": self.muon, "adam": self.adam}

    def save(self, path):
        state = {name: part.state_dict() for name, part in self.parts().items()}
        state.update(step=self.step, tokens=self.tokens, seconds=self.seconds,
                     averages=self.averages.values)
        torch.save(state, f"{path}.new")
        os.replace(f"{path}.new", path)

    def load(self, path):
        state = torch.load(path)
        for name, part in self.parts().items():
            part.load_state_dict(state[name])
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        self.averages = Averages(state["averages"])

    def train_step(self):
        stage = next(s for s in self.stages if self.step < s.until)
        length, batch = draw_batch(self.step, stage, self.vocab)
        generator = torch.Generator().manual_seed(SEED * 1_000_003 + self.step)
        positions = None
        if stage.jump_to:
            positions = jumping_positions(batch.ids, self.vocab.word["."], stage.jump_to, generator)
        hidden, trace = self.model(batch.ids, positions)
        loss, of_answers, right = token_loss(self.model, hidden, batch, generator)
        if stage.probe:
            term = probe_loss(self.model, self.probe, trace, batch, self.key_words)
            self.averages.add("probe", term.item())
            loss = loss + stage.probe * term
        if stage.attention:
            term = attention_loss(trace, batch)
            self.averages.add("attention", term.item())
            loss = loss + stage.attention * term
        self.update(loss)
        self.averages.add(f"loss {length}", of_answers)
        for kind, (good, n) in exact_by_kind(batch, right).items():
            self.averages.add(f"exact {length} {kind}", good / n)
        self.tokens += batch.ids.numel()
        self.step += 1

    def update(self, loss):
        factor = learning_rate(self.step, self.last)
        self.muon.param_groups[0]["lr"] = MUON_RATE * factor
        self.adam.param_groups[0]["lr"] = ADAM_RATE * factor
        self.muon.zero_grad(set_to_none=True)
        self.adam.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in self.rest if p.grad is not None], 1.0)
        self.adam.step()
        self.muon.step()

    def report(self):
        return {"step": self.step, "tokens": self.tokens, "seconds": round(self.seconds),
                "rate": round(learning_rate(self.step, self.last), 3),
                "averages": self.averages.rounded()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, help="stop early, after this step")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder of checkpoint and log")
    options = parser.parse_args()
    options.runs.mkdir(parents=True, exist_ok=True)
    checkpoint, trainer = options.runs / "checkpoint.pt", Trainer(STAGES)
    if checkpoint.exists():
        trainer.load(checkpoint)
    with open(options.runs / "train.log.jsonl", "a") as log:
        while trainer.step < min(trainer.last, options.steps or trainer.last):
            start = time.monotonic()
            trainer.train_step()
            trainer.seconds += time.monotonic() - start
            if trainer.step % 25 == 0 or trainer.step == trainer.last:
                print(json.dumps(trainer.report()), file=log, flush=True)
                print(json.dumps(trainer.report()), flush=True)
            if trainer.step % 100 == 0 or trainer.step == trainer.last:
                trainer.save(checkpoint)


if __name__ == "__main__":
    main()
