#!/usr/bin/env python3
"""Runs a scenario with a partition once per seed and writes, as CSV, when there were how many rings.

    results/partitions.py HOPWISE SCENARIO.toml SEEDS > FILE.csv
"""
import csv
import json
import subprocess
import sys
import tempfile
import tomllib

hopwise, scenario, seeds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(scenario, "rb") as file:
    plan = tomllib.load(file)
seconds = lambda text: float(text.removesuffix("s"))
warmup, fault = seconds(plan["phases"]["warmup"]), plan["fault"][0]
cut, healed = (warmup + seconds(fault[key]) for key in ("at", "until"))


def since(rows, begin, end, rings):
    """Seconds from `begin` until there are `rings`, and no other number up to `end`."""
    wrong = [t for t, found in rows if begin < t <= end and found != rings]
    last = max(wrong, default=begin)
    return last + 1 - begin if last < end else None


out = csv.writer(sys.stdout)
out.writerow(["seed", "two_rings_after_s", "one_ring_after_s", "correct", "incorrect", "failed"])
for seed in range(1, seeds + 1):
    with tempfile.TemporaryDirectory() as folder:
        command = [hopwise, "run", scenario, "--seed", str(seed), "--quiet", "--out", folder]
        subprocess.run(command, check=True)
        with open(f"{folder}/series.csv") as file:
            rows = [(float(row["t_s"]), int(row["rings"])) for row in csv.DictReader(file) if row["rings"]]
        with open(f"{folder}/outcome.json") as file:
            lookups = json.load(file)["lookups"]
    end = max(t for t, _ in rows)
    two, one = since(rows, cut, healed, 2), since(rows, healed, end, 1)
    out.writerow([seed, two, one, *(lookups[key] for key in ("correct", "incorrect", "failed"))])
    sys.stdout.flush()
