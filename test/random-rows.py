#!/usr/bin/env python3
"""Random response lines for every task, in many scripts:  random-rows.py SEED N"""
import json
import random
import sys

import unicodedata

TASKS = ["recall", "qasper", "gov_report", "samsum", "trec", "passage_count",
         "passage_retrieval_en", "lcc", "riddles"]
# What the rules look at, and its near misses: articles, digits of other scripts, white space that
# splits and that does not, sigmas in every position, marks, quotes.
PIECES = (" |  |\n|.|. |, |-|_|'|\"|`|#|/|//|a|an|the|The|A|AN|x|1|2|03|1,000|3.0|Paragraph 7|Paragraph "
          "|Food|Date|Other|Other entity|entity|\u00a0|\u3000|\u200b|\u2028|\u0085|\x1c|\t|\r|\u0130|\u03a3"
          "|\u03c3|\u03c2|\u1e9e|\u00df|\u0301|\u02b0|\u4e2d|\u2019|\u201c|\u0663|\uff13|\u00b2|\u00bd|\U0001d7d9"
          "|\U00010400|\ufffd|\U0001f600|not stated").split("|")
OLD = [c for c in range(0x80, 0x3000) if unicodedata.category(chr(c)) not in ("Cn", "Cs")]


def text(rng, pool, longest):
    return "".join(rng.choice(pool) for _ in range(rng.randint(0, longest)))


def pool_of(rng):
    """A few pieces, so that texts have something in common."""
    return rng.choices(PIECES, k=rng.randint(2, 12)) + [chr(c) for c in rng.choices(OLD, k=2)]


def row_of(rng, number):
    task = rng.choice(TASKS)
    pool = pool_of(rng)
    longest = rng.choice([3, 10, 40, 300])
    if task == "passage_retrieval_en":
        answers = [f"Paragraph {rng.randint(1, 9)}"]
    elif task == "passage_count":
        answers = [rng.choice(["1", "2", "03", "\u0663"])]
    elif task == "trec":
        answers = [rng.choice(["Food", "Other entity", "entity", "Date"])]
    else:
        answers = [text(rng, pool, longest) for _ in range(rng.randint(1, 3))]
    classes = ["Food", "entity", "Other", "Other entity", "Date", "Food"]
    rng.shuffle(classes)
    return {"kind": "response", "request_id": str(number), "answers": answers,
            "meta": {"task": task, "all_classes": classes},
            "response": {"text": text(rng, pool, longest), "finish_reason": "stop"}, "error": None}


def main():
    rng = random.Random(int(sys.argv[1]))
    for number in range(int(sys.argv[2])):
        print(json.dumps(row_of(rng, number), ensure_ascii=rng.random() < .5))


if __name__ == "__main__":
    main()
