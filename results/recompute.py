#!/usr/bin/env python3
"""Recomputes the outcome of a run from its log of events, with numpy and nothing of Hopwise.

    hopwise run steady --events events.csv.gz --json outcome.json
    results/recompute.py events.csv.gz outcome.json

Counts must be equal; latencies, which the outcome keeps with three digits, must agree within 0.15 %, the
mean number of live nodes within 1 %. Answers about the owners of keys are judged once more. With virtual
nodes, a host is a member while all its ring nodes are. Ends with status 1 if a figure differs.
"""
import csv
import gzip
import hashlib
import json
import sys

import numpy as np


def read(path, per_host):
    lookups, refused, phases, lives, changes = [], 0, {}, {}, []
    hosts, present, host_of = {}, {}, {}  # lives of hosts; their ring nodes that are members; of which host each is
    with (gzip.open if path.endswith(".gz") else open)(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            time, event = int(row["time_ns"]), row["event"]
            node = int(row["node"] or "0", 16)
            if event in ("present", "joined"):
                lives.setdefault(node, []).append([time, np.inf])
                host_of[node] = row["detail"]
                nodes = present.setdefault(row["detail"], set())
                nodes.add(node)
                if len(nodes) == per_host:
                    hosts.setdefault(row["detail"], []).append([time, np.inf])
                    changes.append((time, event))
            elif event in ("left", "crashed"):
                lives[node][-1][1] = time
                nodes = present[host_of[node]]
                if len(nodes) == per_host:
                    hosts[host_of[node]][-1][1] = time
                    changes.append((time, event))
                nodes.discard(node)
            elif event == "phase":
                phases[row["detail"]] = time
            elif event == "refused":
                refused += int(row["count"])
            elif event == "lookup":
                lookups.append(row)
            elif event == "end" and int(row["count"]) > 0:
                sys.exit(f"{path}: rows are missing")
    return lookups, refused, phases, lives, hosts, changes, host_of


def keys_per_host(lives, host_of, population):
    """The keys that each host owns at the end, fewest first: key i of n is the SHA-1 of the digits of i."""
    members = sorted(node for node, spans in lives.items() if spans[-1][1] == np.inf)
    ids = np.array([node.to_bytes(20, "big") for node in members], dtype="V20")
    keys = np.array([hashlib.sha1(b"%d" % rank).digest() for rank in range(1, population + 1)], dtype="V20")
    bounds = np.searchsorted(np.sort(as_numbers(keys)), as_numbers(ids), side="right")
    owned = np.diff(bounds, prepend=0)
    owned[0] += population - bounds[-1]
    sums = dict.fromkeys((host_of[node] for node in members), 0)
    for node, keys in zip(members, owned):
        sums[host_of[node]] += int(keys)
    return np.sort(list(sums.values()))


def as_numbers(ids):
    """The first 64 bits of each identifier: among so few, no two are the same."""
    return np.array([int.from_bytes(bytes(id)[:8], "big") for id in ids], dtype=np.uint64)


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
    per_host = outcome["scenario"].get("ring", {}).get("virtual_nodes", 1)
    lookups, refused, phases, lives, hosts, changes, host_of = read(path, per_host)
    start, end = phases["measure"], phases["drain"]
    seconds = max(end - start, 1) / 1e9
    of = lambda *verdicts: [row for row in lookups if row["detail"] in verdicts]
    column = lambda rows, name: np.sort(np.array([int(row[name]) for row in rows]))
    rank = lambda values, percent: values[max(0, int(np.ceil(round(percent * len(values) / 100, 6))) - 1)] if len(values) else 0
    mean = lambda values: float(np.mean(values)) if len(values) else 0.0
    during = lambda wanted: sum(event == wanted and start <= time < end for time, event in changes)
    answered = of("correct", "incorrect")
    hops, timeouts = column(answered, "hops"), column(answered + of("failed"), "timeouts")
    waits = np.sort([int(row["time_ns"]) - int(row["intended_ns"]) for row in answered]) / 1e3
    alive = [np.diff(np.clip(life, start, end))[0] for spans in hosts.values() for life in spans]
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
    keys = outcome["scenario"]["workload"]["keys"]
    if outcome["load"].get("keys_mean") is not None and "population" in keys and "store" not in outcome["scenario"]:
        owned = keys_per_host(lives, host_of, keys["population"])
        found["load.keys_mean"] = (mean(owned), 1e-9)
        found |= {f"load.p{p}": (rank(owned, p), 0) for p in (1, 50, 99)}
        found["load.max"] = (owned[-1], 0)
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
