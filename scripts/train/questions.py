#!/usr/bin/env python3
"""Write questions as LongBench rows:  python3 scripts/train/questions.py > rows.jsonl

A ladder: each question is asked at several lengths with the same evidence.  A
longer context is the shorter one with more sentences put in, so along a ladder
only length changes; the evidence stays at about the same relative depth.
Every question asks about an item that training never saw stated or asked.

The defaults give the committed examples/recall/recall.jsonl, --more gives recall-more.jsonl.
Checkpoints are judged and settings chosen on other seeds only.
"""
import argparse
import json
import random
import sys

from grammar import (ADJECTIVES, ASK, CONTEXT, KINDS, NAMES, OBJECTS, REPLY, Cell, ask, draw_value,
                     filler, held_out, state)
from documents import KIND_WEIGHTS, MEAN_FACT

LENGTHS = (240, 480, 960, 1900, 3800)   # tokens of the whole prompt, at most
TEST = (2024, 40, "q")                  # seed, questions, first letter of their names
MORE = (2025, 55, "r")
FILLER_SHARE = 0.3                      # of a context's tokens
ASKED_GOODS, OTHER_GOODS = (4, 15), (3, 15)     # an asked list has 7-29 tokens
FRAME = 1 + len(CONTEXT) + len(ASK) + len(REPLY)  # prompt tokens besides context and question


class Grid:
    """The names and items a context draws from; they grow with the number of facts."""

    def __init__(self, rng, cell):
        self.rng, self.items = rng, [(cell.adjective, cell.object)]
        self.names, self.adjectives, self.objects = (
            [first] + rng.sample([w for w in pool if w != first], len(pool) - 1)
            for first, pool in [(cell.name, NAMES), (cell.adjective, ADJECTIVES),
                                (cell.object, OBJECTS)])

    def grow(self, facts):
        """Make room for this many facts, as dense as training rows of hardness 1."""
        n_items = max(2, round(facts ** 0.5))
        self.n_names = min(len(NAMES), max(2, round(1.3 * facts ** 0.5)))
        pool = [(a, o) for a in self.adjectives[:max(2, round(0.7 * n_items))]
                for o in self.objects[:max(2, round(0.8 * n_items))]]
        fresh = [item for item in pool if item not in self.items]
        missing = max(0, n_items - len(self.items))
        self.items += self.rng.sample(fresh, min(len(fresh), missing))

    def cell(self):
        kind = self.rng.choices(KINDS, KIND_WEIGHTS)[0]
        return Cell(kind, self.rng.choice(self.names[:self.n_names]), *self.rng.choice(self.items))


class Side:
    """The sentences before, or after, the evidence."""

    def __init__(self, share):
        self.share, self.sentences, self.size = share, [], 0

    def room(self, total):
        return self.share * total - self.size

    def insert(self, rng, words):
        self.sentences.insert(rng.randint(0, len(self.sentences)), words)
        self.size += len(words)


def grow_contexts(rng, evidence, depth, lengths):
    """Contexts (lists of sentences) of at most so many words, each inside the next."""
    grid, used = Grid(rng, evidence.cell), {evidence.cell}
    before, after, in_facts = Side(depth), Side(1 - depth), len(evidence.words)
    for length in lengths:
        around = length - len(evidence.words)
        grid.grow(length * (1 - FILLER_SHARE) / MEAN_FACT)

        def place(words):
            """Into the side with more room left; False if it does not fit."""
            side = max(before, after, key=lambda s: s.room(around))
            if before.size + after.size + len(words) > around:
                return False
            side.insert(rng, words)
            return True
        while in_facts < length * (1 - FILLER_SHARE):
            cell = grid.cell()
            fact = state(rng, cell, draw_value(rng, cell.kind, OTHER_GOODS))
            if cell in used:
                continue
            if not place(fact.words):
                break
            used.add(cell)
            in_facts += len(fact.words)
        while place(filler(rng)):
            pass
        yield before.sentences + [evidence.words] + after.sentences, before.size


def pick_cell(rng, kind):
    items = [(a, o) for a in ADJECTIVES for o in OBJECTS if held_out(a, o)]
    return Cell(kind, rng.choice(NAMES), *rng.choice(items))


def ladders(seed, questions, letter="q", lengths=LENGTHS):
    """LongBench rows; the kinds take turns, each one's evidence spread over all depths."""
    for number in range(questions):
        rng = random.Random(f"questions {seed} {number}")
        kind, turn = KINDS[number % len(KINDS)], number // len(KINDS)
        turns = -(-questions // len(KINDS))
        depth = (turn + (number % len(KINDS) + 0.5) / len(KINDS)) / turns
        cell = pick_cell(rng, kind)
        evidence = state(rng, cell, draw_value(rng, kind, ASKED_GOODS))
        question, _ = ask(cell)
        rooms = [length - FRAME - len(question) for length in lengths]
        for rung, (sentences, at) in enumerate(grow_contexts(rng, evidence, depth, rooms)):
            words = [w for sentence in sentences for w in sentence]
            yield {"_id": f"{letter}{number:02}-{rung}", "input": " ".join(question),
                   "context": " ".join(words), "answers": [" ".join(evidence.value)],
                   "length": len(words), "dataset": "recall", "language": "en",
                   "all_classes": None, "cluster": f"{letter}{number:02}", "kind": kind,
                   "depth": round(at / len(words), 3)}


def prompt_of(row):
    """What the model reads after <|bos|>, as the chat template makes it."""
    return f" context : {row['context']} question : {row['input']} answer :"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=TEST[0])
    parser.add_argument("--questions", type=int, default=TEST[1])
    parser.add_argument("--more", action="store_true", help="the rows of recall-more.jsonl")
    parser.add_argument("--lengths", type=int, nargs="+", default=LENGTHS,
                        help="prompt tokens, growing")
    options = parser.parse_args()
    what = MORE if options.more else (options.seed, options.questions)
    for row in ladders(*what, lengths=options.lengths):
        sys.stdout.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
