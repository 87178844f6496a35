#!/usr/bin/env python3
"""LongBench v1's scoring rules in plain Python, written from their description.

    scripts/longbench_rules.py [--code-sim=difflib|indel] [--lines] < responses.jsonl > values.txt

reads the response lines that kvt-score reads and prints one value a line; with --lines,
the line with its score in it, as kvt-score does (the value alone: no EM and F1 of other
metrics' rows, no normalised texts, no failures).  It is the other side of two
comparisons: test/score.t holds kvt-score against it on random text, scripts/bench-score
against the clock.  Only the standard library is used.
"""
import argparse
import collections
import difflib
import json
import re
import string
import sys

PUNCTUATION = set(string.punctuation)
FIRST_LINE = {"trec", "triviaqa", "samsum", "lsht"}


def tokens(text):
    text = "".join(c for c in text.lower() if c not in PUNCTUATION)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def qa_f1(prediction, gold, _row):
    prediction, gold = tokens(prediction), tokens(gold)
    common = sum((collections.Counter(prediction) & collections.Counter(gold)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(prediction), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def em(prediction, gold, _row):
    if tokens(prediction) != tokens(gold):
        return 0.0
    if tokens(gold):
        return 1.0
    ends = " \t\r\n"  # "A" normalises to nothing: then the texts themselves count
    return float(prediction.strip(ends) != "" and prediction.strip(ends) == gold.strip(ends))


def matched_words(gold, predicted):
    """Words of the longest common subsequence that the walk back from the end finds."""
    table = [[0] * (len(predicted) + 1) for _ in range(len(gold) + 1)]
    for i, word in enumerate(gold, 1):
        above, row = table[i - 1], table[i]
        for j, other in enumerate(predicted, 1):
            row[j] = above[j - 1] + 1 if word == other else max(above[j], row[j - 1])
    found, i, j = set(), len(gold), len(predicted)
    while i and j:
        if gold[i - 1] == predicted[j - 1]:
            found.add(gold[i - 1])
            i, j = i - 1, j - 1
        elif table[i - 1][j] > table[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return found


def sentences(text):
    return [" ".join(piece.split()).split(" ") for piece in text.split(".") if piece]


def rouge(prediction, gold, _row):
    prediction, gold = sentences(prediction), sentences(gold)
    if not prediction or not gold:
        return 0.0
    found = set()
    for g in gold:
        for p in prediction:
            found |= matched_words(g, p)
    precision = len(found) / len(set().union(*prediction))
    recall = len(found) / len(set().union(*gold))
    return 2 * (precision * recall / (precision + recall + 1e-8))


def classification(prediction, gold, row):
    named = [c for c in row["meta"]["all_classes"] if c in prediction]
    for c in named:
        if c in gold and c != gold:
            named.remove(c)
    return 1 / len(named) if gold in named else 0.0


def share(prediction, number):
    numbers = re.findall(r"\d+", prediction)
    return numbers.count(number) / len(numbers) if numbers else 0.0


def count(prediction, gold, _row):
    return share(prediction, gold)


def retrieval(prediction, gold, _row):
    return share(prediction, re.findall(r"Paragraph (\d+)", gold)[0])


def code_line(text):
    for line in text.lstrip("\n").split("\n"):
        if "`" not in line and "#" not in line and "//" not in line:
            return line
    return ""


def longest_subsequence(a, b):
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def code_sim(prediction, gold, row):
    line = code_line(prediction)
    if line == gold:
        return 1.0
    if not line or not gold:
        return 0.0
    if row["backend"] == "difflib":
        ratio = difflib.SequenceMatcher(None, line, gold).ratio()
    else:
        both = len(line) + len(gold)
        ratio = 1 - (both - 2 * longest_subsequence(line, gold)) / both
    return round(100 * ratio) / 100


METRICS = {"recall": em, "gov_report": rouge, "qmsum": rouge, "multi_news": rouge, "samsum": rouge,
           "trec": classification, "passage_count": count, "passage_retrieval_en": retrieval,
           "lcc": code_sim, "repobench-p": code_sim}


def value(row):
    task, prediction = row["meta"].get("task"), row["response"]["text"]
    if task in FIRST_LINE:
        prediction = prediction.lstrip("\n").split("\n")[0]
    metric = METRICS.get(task, qa_f1)
    return max([0.0] + [metric(prediction, gold, row) for gold in row["answers"]])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--code-sim", choices=("difflib", "indel"), default="difflib")
    parser.add_argument("--lines", action="store_true")
    arguments = parser.parse_args()
    backend = arguments.code_sim
    for line in sys.stdin:
        row = json.loads(line)
        if row.get("kind") == "response":
            row["backend"] = backend
            score = value(row)
            if arguments.lines:
                row["score"] = {"backend": row.pop("backend"), "value": score}
                print(json.dumps(row, ensure_ascii=False, separators=(",", ":")))
            else:
                print(repr(score))


if __name__ == "__main__":
    main()
