#!/usr/bin/env python3
"""Recomputes the outcome of a run from its log of events, with numpy and nothing of Hopwise.

    hopwise run steady --events events.csv.gz --json outcome.json
    results/recompute.py events.csv.gz outcome.json

Counts must be equal; latencies, which the outcome keeps with three digits, must agree within 0.15 %, the
mean number of live nodes within 1 %. Answers about the owners of keys are judged once more. Ends with
status 1 if a figure differs.
"""
import csv
import gzip
import json
import sys

import numpy as np


def read(path):
    lookups, refused, phases, lives, changes = [], 0, {}, {}, []
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            time, event = int(row["time_ns"]), row["event"]
            if event in ("present", "joined"):
                lives.setdefault(int(row["node"], 16), []).append([time, np.inf])
            elif event in ("left", "crashed"):
                lives[int(row["node"], 16)][-1][1] = time
            elif event == "phase":
                phases[row["detail"]] = time
            elif event == "refused":
                refused += int(row["count"])
            elif event == "lookup":
                lookups.append(row)
            elif event == "end" and int(row["count"]) > 0:
                sys.exit(f"{path}: rows are missing")
            changes.append((time, event))
    return lookups, refused, phases, lives, changes


def is_owner(lives, nodes, row):
    """Whether the node named owned the key at some instant from the issue to the answer."""
    key, named = int(row["key"], 16), int(row["answer"], 16)
    unowned = [(int(row["issued_ns"]), int(row["time_ns"]))]  # no node visited so far was live then
    first = int(np.searchsorted(nodes, key))
    for node in np.roll(nodes, -first):
        if node == named:
            return any(joined <= high and left > low for joined, left in lives[node] for low, high in unowned)
        for joined, left in lives[node]:
            parts = [part for low, high in unowned for part in ((low, min(high, joined - 1)), (max(low, left), high))]
            unowned = [(low, high) for low, high in parts if low <= high]
        if not unowned:
            return False
    return False


def figures(path, outcome):
    """Figures by their path in the outcome: the value and the accepted relative difference."""
    lookups, refused, phases, lives, changes = read(path)
    start, end = phases["measure"], phases["drain"]
    seconds = max(end - start, 1) / 1e9
    of = lambda *verdicts: [row for row in lookups if row["detail"] in verdicts]
    column = lambda rows, name: np.sort(np.array([int(row[name]) for row in rows]))
    rank = lambda values, percent: values[max(0, int(np.ceil(percent / 100 * len(values))) - 1)] if len(values) else 0
    mean = lambda values: float(np.mean(values)) if len(values) else 0.0
    during = lambda wanted: sum(event == wanted and start <= time < end for time, event in changes)
    answered = of("correct", "incorrect")
    hops, timeouts = column(answered, "hops"), column(answered + of("failed"), "timeouts")
    waits = np.sort([int(row["time_ns"]) - int(row["intended_ns"]) for row in answered]) / 1e3
    alive = [np.diff(np.clip(life, start, end))[0] for spans in lives.values() for life in spans]
    found = {
        "lookups.issued": (len(lookups) + refused, 0),
        "lookups.completed": (len(answered), 0),
        "lookups.shed": (len(of("shed")) + refused, 0),
        **{f"lookups.{verdict}": (len(of(verdict)), 0) for verdict in ("correct", "incorrect", "failed", "orphaned")},
        **{f"lookups.hops.p{p}": (rank(hops, p), 0) for p in (1, 50, 99)},
        **{f"lookups.timeouts.p{p}": (rank(timeouts, p), 0) for p in (1, 50, 99)},
        **{f"lookups.latency_us.p{p}": (rank(waits, p), 1.5e-3) for p in (50, 90, 99)},
        "lookups.latency_us.p99_9": (rank(waits, 99.9), 1.5e-3),
        "lookups.latency_us.max": (rank(waits, 100), 1.5e-3),
        "lookups.latency_us.mean": (mean(waits), 1.5e-3),
        "lookups.hops.mean": (mean(hops), 1e-9),
        "lookups.per_s": (len(answered) / seconds, 1e-9),
        **{f"membership.{name}": (during(event), 0)
           for name, event in (("joins", "joined"), ("leaves", "left"), ("crashes", "crashed"))},
        "membership.live_mean": (sum(alive) / 1e9 / seconds, 1e-2),
    }
    if outcome["engine"].get("trace_digest"):  # the simulator knows what each lookup cost
        sent = sum(int(row["messages"]) for row in lookups)
        found["lookups.messages.mean"] = (sent / max(1, len(lookups) - len(of("shed"))), 1e-9)
        found["lookups.timeouts.mean"] = (mean(timeouts), 1e-9)
    if "items" not in outcome["scenario"] and "store" not in outcome["scenario"]:  # answers are owners
        nodes = np.array(sorted(lives), dtype=object)
        found["lookups.correct "] = (sum(is_owner(lives, nodes, row) for row in answered), 0)
    return found


def main(events, outcome_path):
    with open(outcome_path, encoding="utf-8") as file:
        outcome = json.load(file)
    wrong = 0
    for path, (here, tolerance) in figures(events, outcome).items():
        there = outcome
        for name in path.strip().split("."):
            there = there[name]
        differs = abs(here - there) > tolerance * max(abs(here), abs(there))
        wrong += differs
        print(f"{'DIFFERS' if differs else 'ok':8}{path:26} events {here:<12.8g} outcome {there:<12.8g}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(*sys.argv[1:]) if len(sys.argv) == 3 else sys.exit(__doc__)
