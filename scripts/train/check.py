#!/usr/bin/env python3
"""Check the committed example:  python3 scripts/train/check.py

Standard library only.  The questions are the generator's output, each rung's
prompts fit its length, a shorter context lies inside the longer one, the evidence
is there once, items asked are those that training rows avoid, and the weights are
the ones that README.md names.
"""
import hashlib
import json
import random
import sys
from pathlib import Path

from documents import training_row
from grammar import held_out
from questions import LENGTHS, MORE, TEST, ladders, prompt_of
from vocab import Vocabulary

HERE = Path(__file__).resolve().parent
EXAMPLE = HERE.parents[1] / "examples" / "recall"
MOST_BYTES = 2_000_000


class AnyStage:
    """A stage that allows everything training_row can do."""
    question_share, filler, hard, curriculum, absent = 0.2, (0, 0.5), (0.8, 1.5), 0.3, 0.1
    list_items = (3, 15)


def sentences(row):
    return row["context"].removesuffix(" .").split(" . ")


def key_of(question):
    """(name, adjective, object) of a question's text."""
    words = question.split()
    the = words.index("the")
    verb = next(w for w in ("does", "did", "will") if w in words)
    return words[words.index(verb) + 1], words[the + 1], words[the + 2]


def check_rows(rows, vocab):
    for before, row in zip([None] + rows, rows):
        rung = int(row["_id"][-1])
        tokens = 1 + len(vocab.encode(prompt_of(row)))
        assert LENGTHS[rung] - 8 <= tokens <= LENGTHS[rung], (row["_id"], tokens)
        name, adjective, obj = key_of(row["input"])
        assert held_out(adjective, obj), row["_id"]
        of_key = [s for s in sentences(row) if s.startswith(f"{name} ")
                  and f"the {adjective} {obj} " in s and s.endswith(f" {row['answers'][0]}")]
        assert len(of_key) == 1, row["_id"]
        if rung:
            longer = iter(sentences(row))
            assert before["cluster"] == row["cluster"] and before["input"] == row["input"]
            assert all(s in longer for s in sentences(before)), row["_id"]


def check_training_avoids_held_out(vocab):
    words = {i: w for w, i in vocab.word.items()}
    for n in range(50):
        row = training_row(random.Random(n), vocab, 512, AnyStage)
        for key in set(row.key) - {(0, 0, 0)}:
            _, adjective, obj = (words[i] for i in key)
            assert not held_out(adjective, obj), (adjective, obj)


def main():
    vocab = Vocabulary()
    rows = []
    for name, recipe in (("recall.jsonl", TEST), ("recall-more.jsonl", MORE)):
        lines = (EXAMPLE / name).read_text().splitlines()
        assert [json.loads(line) for line in lines] == list(ladders(*recipe)), f"{name} is stale"
        rows += [json.loads(line) for line in lines]
    check_rows(rows, vocab)
    check_training_avoids_held_out(vocab)
    readme = (HERE / "README.md").read_text()
    for name in ("recall.gguf", "recall.jsonl", "recall-more.jsonl"):
        data = (EXAMPLE / name).read_bytes()
        assert len(data) < MOST_BYTES, name
        line = f"{hashlib.sha256(data).hexdigest()}  examples/recall/{name} ({len(data):,} bytes)"
        assert line in readme, f"{name} is not the one in README.md"
    print(f"{len(rows)} rows, {len(vocab.tokens)} tokens: as they should be")


if __name__ == "__main__":
    sys.exit(main())
