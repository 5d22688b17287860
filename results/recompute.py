#!/usr/bin/env python3
"""Recomputes the outcome of a run from its log of events, with numpy and nothing of Hopwise.

    hopwise run steady --events events.csv.gz --json outcome.json
    results/recompute.py events.csv.gz outcome.json

Compares every figure that follows from the events and ends with status 1 if one differs. Counts must be
equal; latencies, which the outcome keeps with three digits, must agree within 0.1 %, the mean number of
live nodes within 1 %. Of lookups for keys it also judges every answer.
"""

import csv
import gzip
import json
import sys

import numpy as np


def rows_of(path):
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", newline="") as file:
        yield from csv.DictReader(file)


def nearest_rank(sorted_values, percent):
    rank = max(1, int(np.ceil(percent / 100 * len(sorted_values))))
    return sorted_values[rank - 1] if len(sorted_values) else 0


def owners_at(lives, ids, key, start, end):
    """All nodes that owned the key at some instant from start to end, both included."""
    free = [(start, end)]  # when no node visited so far was live
    at = int(np.searchsorted(ids, key))
    for step in range(len(ids)):
        node = ids[(at + step) % len(ids)]
        spans = [(joined, left) for joined, left in lives[node] if joined <= end and left > start]
        if any(joined <= high and left > low for joined, left in spans for low, high in free):
            yield node
        for joined, left in spans:
            parts = [[(low, min(high, joined - 1)), (max(low, left), high)] for low, high in free]
            free = [(low, high) for part in parts for low, high in part if low <= high]
        if not free:
            return


def recompute(path, outcome):
    lookups, refused, phases, lives, departures, complete = [], 0, {}, {}, [], False
    for row in rows_of(path):
        time, event, node = int(row["time_ns"]), row["event"], row["node"]
        if event == "joined":
            lives.setdefault(int(node, 16), []).append((time, float("inf")))
        elif event in ("left", "crashed"):
            life = lives[int(node, 16)]
            life[-1] = (life[-1][0], time)
            departures.append((time, event))
        elif event == "phase":
            phases[row["detail"]] = time
        elif event == "refused":
            refused += int(row["count"])
        elif event == "lookup":
            lookups.append(row)
        elif event == "end":
            complete = int(row["count"]) == 0
    if not complete:
        sys.exit(f"{path}: the log is not complete")
    start, end = phases["measure"], phases["drain"]
    seconds = (end - start) / 1e9
    verdict = np.array([row["detail"] for row in lookups], dtype=object)
    count = lambda *names: int(np.isin(verdict, names).sum()) if len(verdict) else 0
    answered = [row for row in lookups if row["detail"] in ("correct", "incorrect")]
    ended = answered + [row for row in lookups if row["detail"] == "failed"]
    hops = np.sort(np.array([int(row["hops"]) for row in answered], dtype=int))
    timeouts = np.sort(np.array([int(row["timeouts"]) for row in ended], dtype=int))
    waits = [int(row["time_ns"]) - int(row["intended_ns"]) for row in answered]
    latency = np.sort(np.array(waits, dtype=float)) / 1e3
    mean = lambda values: float(np.mean(values)) if len(values) else 0.0
    spans = [np.clip([joined, min(left, end)], start, end) for life in lives.values() for joined, left in life]
    exact = {
        "lookups.issued": len(lookups) + refused,
        "lookups.completed": len(answered),
        "lookups.correct": count("correct"),
        "lookups.incorrect": count("incorrect"),
        "lookups.failed": count("failed"),
        "lookups.shed": count("shed") + refused,
        "lookups.orphaned": count("orphaned"),
        "lookups.hops.p1": nearest_rank(hops, 1),
        "lookups.hops.p50": nearest_rank(hops, 50),
        "lookups.hops.p99": nearest_rank(hops, 99),
        "lookups.hops.max": int(hops.max()) if len(hops) else 0,
        "lookups.timeouts.p1": nearest_rank(timeouts, 1),
        "lookups.timeouts.p50": nearest_rank(timeouts, 50),
        "lookups.timeouts.p99": nearest_rank(timeouts, 99),
        "membership.leaves": sum(event == "left" and start <= time < end for time, event in departures),
        "membership.crashes": sum(event == "crashed" and start <= time < end for time, event in departures),
        "membership.joins": sum(start <= joined < end for life in lives.values() for joined, _ in life),
    }
    close = {
        "lookups.hops.mean": (mean(hops), 1e-9),
        "lookups.per_s": (len(answered) / seconds if seconds else 0.0, 1e-9),
        "lookups.latency_us.mean": (mean(latency), 1e-3),
        **{f"lookups.latency_us.{name}": (float(nearest_rank(latency, percent)), 1.5e-3)
           for name, percent in (("p50", 50), ("p90", 90), ("p99", 99), ("p99_9", 99.9), ("max", 100))},
        "membership.live_mean": (sum(high - low for low, high in spans) / (end - start) if seconds else 0.0, 1e-2),
    }
    if answered and answered[0]["messages"]:  # the simulator knows the costs of each lookup
        sent = sum(int(row["messages"]) for row in lookups)
        close["lookups.messages.mean"] = (sent / max(1, len(lookups) - count("shed")), 1e-9)
        close["lookups.timeouts.mean"] = (mean(timeouts), 1e-9)
    if "items" not in outcome["scenario"] and outcome["scenario"]["system"] == "ring":
        ids = sorted(lives)
        names = np.array(ids, dtype=object)
        judge = lambda row: int(row["answer"], 16) in owners_at(
            lives, names, int(row["key"], 16), int(row["issued_ns"]), int(row["time_ns"]))
        exact["answers judged here"] = sum(judge(row) for row in answered)
    return exact, close


def main(events, outcome_path):
    with open(outcome_path, encoding="utf-8") as file:
        outcome = json.load(file)
    exact, close = recompute(events, outcome)
    wrong = 0
    for name, (here, tolerance) in {**{k: (v, 0) for k, v in exact.items()}, **close}.items():
        there = outcome
        for part in ("lookups.correct" if name == "answers judged here" else name).split("."):
            there = there[part]
        good = abs(here - there) <= tolerance * max(abs(here), abs(there))
        wrong += not good
        print(f"{'ok' if good else 'DIFFERS':8} {name:28} events {here:<14.10g} outcome {there:<14.10g}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
