#!/usr/bin/python3
"""The statistics of kvt-stats and kvt-transition with numpy and scipy, as one run: the rival of the benchmark
and an independent check of the numbers. Reads a scored stream with one experiment, prints one JSON line per run
and bin.

    scripts/bench-stats.py STREAM > rival.jsonl
"""
import json
import sys

import numpy as np
from scipy import optimize, stats

ALPHA, C, FLIPS = 0.05, 0.5, 9999


def load(path):
    runs, columns = {}, {}
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["kind"] == "run":
                runs[record["run_id"]] = record
            elif record["kind"] == "response":
                rows = columns.setdefault(record["run_id"], {})
                failure = record["failure"]
                rows[record["entry_id"]] = (
                    record["bin_idx"], record["score"]["value"],
                    failure is not None and failure["class"] == "model", record["token_len"],
                    record["telemetry"].get("latency_s"))
    return runs, columns


def dispersion_wilson(scores):
    n, m = len(scores), scores.mean()
    rho = min(1, scores.var() / (m * (1 - m))) if m * (1 - m) > 1e-15 else 1
    rho = (rho * (n - 1) + 5) / (n + 4)
    size, z = n / rho, stats.norm.ppf(1 - ALPHA / 2)
    centre = (m + z * z / (2 * size)) / (1 + z * z / size)
    half = z * np.sqrt(m * (1 - m) / size + z * z / (4 * size * size)) / (1 + z * z / size)
    return max(0, centre - half), min(1, centre + half)


def sign_p(n10, n01, chance=0.5):
    return stats.binom.sf(n10 - 1, n10 + n01, chance) if n10 + n01 else 1.0


def silent_chance(s1, f1, fk):
    """Of a silent difference to be a loss if failures are all that happens (kvt-stats(1))."""
    sound = f1 == 0
    score = s1[sound].sum()
    return 1 / (2 - s1[sound & (fk > 0)].sum() / score) if score > 0 else 0.5


def flip_p(d, rng, chance=0.5):
    """Sign flips of the differences, each positive by chance; all |d| equal is the sign test."""
    d = d[np.abs(d) > 1e-12]
    if len(d) == 0:
        return 1.0
    if np.ptp(np.abs(d)) <= 1e-12:
        return sign_p(int((d > 0).sum()), int((d < 0).sum()), chance)
    if len(d) > 10000:
        size = np.abs(d)
        return stats.norm.sf((d.sum() - (2 * chance - 1) * size.sum())
                             / np.sqrt(4 * chance * (1 - chance) * (d * d).sum()))
    size = np.abs(d)
    sums = np.array([(np.where(rng.random(len(d)) < chance, size, -size)).sum() for _ in range(FLIPS)])
    return (1 + (sums >= d.sum() - 1e-9 * np.abs(d).sum()).sum()) / (FLIPS + 1)


def gaffke(d, alpha):
    """Upper bound on the mean, by Imhof's integral on a grid in ln t."""
    values, counts = np.unique(np.append(d, 1.0), return_counts=True)
    h = min(0.04, 0.5 / np.sqrt(len(d) + 1))

    def tail(m):
        c = values - m
        t = np.exp(np.arange(np.log(1e-12 / (np.abs(c) * counts).sum()), 12, h))
        total = 0.0
        for block in np.array_split(t, max(1, len(t) * len(c) // 1000000)):
            x = np.outer(block, c)
            size = np.exp(-0.5 * (np.log1p(x * x) @ counts))
            total += (np.sin(np.arctan(x) @ counts) * size).sum()
        return 0.5 + h * total / np.pi

    low, high = d.mean(), min(1.0, d.mean() + 8 * np.sqrt(d.var() / len(d)) + 12 / len(d))
    return optimize.brentq(lambda m: tail(m) - alpha, low, high, xtol=1e-12)


def retention(s1, sk):
    u = np.concatenate([sk - C * s1, [-C, 1 - C]])
    t = u.mean() / (u.std(ddof=1) / np.sqrt(len(u)))
    return stats.t.sf(t, len(u) - 1), stats.t.cdf(t, len(u) - 1)


def holm(p):
    order, adjusted, running = np.argsort(p), np.empty(len(p)), 0.0
    for place, index in enumerate(order):
        running = max(running, min(1.0, p[index] * (len(p) - place)))
        adjusted[index] = running
    return adjusted


def main():
    runs, columns = load(sys.argv[1])
    reference = next(r for r, record in runs.items() if record["reference"])
    entries = sorted(columns[reference])
    table = {r: np.array([rows[e] if e in rows else (np.nan,) * 5 for e in entries], dtype=float)
             for r, rows in columns.items()}
    bins = table[reference][:, 0]
    rng = np.random.default_rng(1)
    out = []
    for run, rows in table.items():
        for b in np.unique(bins):
            chosen = rows[bins == b]
            scores = chosen[:, 1]
            low, high = dispersion_wilson(scores)
            line = {"run": run, "bin": int(b), "n": len(scores), "mean": scores.mean(), "low": low, "high": high,
                    "sd": scores.std(ddof=1), "fail": chosen[:, 2].mean(),
                    "lat_p50": np.quantile(chosen[:, 4], 0.5), "lat_p95": np.quantile(chosen[:, 4], 0.95)}
            if run != reference:
                ref = table[reference][bins == b]
                d = ref[:, 1] - scores
                lift = chosen[:, 2] - ref[:, 2]
                both = (chosen[:, 2] == 0) & (ref[:, 2] == 0)
                line.update(n10=int((d > 1e-12).sum()), n01=int((d < -1e-12).sum()), delta=-d.mean(),
                            loss_p=flip_p(d, rng), lift_p=sign_p(int((lift > 0).sum()), int((lift < 0).sum())),
                            silent_p=flip_p(d[both], rng, silent_chance(ref[:, 1], ref[:, 2], chosen[:, 2])),
                            upper=gaffke(d, ALPHA),
                            upper_bins=gaffke(d, ALPHA / len(np.unique(bins))))
                line["p_retained"], line["p_collapsed"] = retention(ref[:, 1], scores)
            out.append(line)
    for name in ("loss_p", "lift_p", "silent_p", "p_retained", "p_collapsed"):
        lines = [line for line in out if name in line]
        for line, p in zip(lines, holm(np.array([line[name] for line in lines]))):
            line[name + "_holm"] = p
    for line in out:
        print(json.dumps({k: (None if isinstance(v, float) and np.isnan(v) else v) for k, v in line.items()}))


main()
