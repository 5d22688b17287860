#!/usr/bin/env python3
"""Kills a process of a ring again and again, while clients read and write, and writes the memory of all processes as CSV.

    results/killed_processes.py HOPWISE [--processes 10] [--nodes 200] [--minutes 30] [--seed 1] > FILE.csv

Each minute one process, chosen by the seed, ends by SIGKILL; five seconds later it is started again at the same
address and joins the others. At the end the report of the clients goes to standard error. It says how many answers
were wrong, and how many values are missing or old; the status is 1 if there are any.
"""
import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

PAUSE_S = 5
SAMPLE_S = 10
# Until all processes have joined and all copies are in their places.
WARM_UP_S = 30

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
parser.add_argument("hopwise")
parser.add_argument("--processes", type=int, default=10)
parser.add_argument("--nodes", type=int, default=200, help="of each process")
parser.add_argument("--minutes", type=int, default=30)
parser.add_argument("--rate", type=int, default=200, help="reads and writes per second of all clients")
parser.add_argument("--seed", type=int, default=1)
arguments = parser.parse_args()


def start(listen, join):
    command = [arguments.hopwise, "serve", "--nodes", str(arguments.nodes), "--threads", "1", "--listen", listen, "--quiet"]
    command += ["--join", ",".join(join)] if join else []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    ready = process.stdout.readline()
    if not ready.startswith("ready at "):
        process.kill()
        sys.exit(f"{' '.join(command)}: {ready or 'no answer'}")
    return process, ready.removeprefix("ready at ").split(": ")[0]


def resident_kib(process):
    with open(f"/proc/{process.pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


processes = []
clients = None
choose = random.Random(arguments.seed)
try:
    for _ in range(arguments.processes):
        processes.append(start("127.0.0.1:0", [address for _, address in processes]))
    time.sleep(WARM_UP_S)
    addresses = [address for _, address in processes]
    out = csv.writer(sys.stdout)
    out.writerow(["minute", "processes", "rss_kib", "kills"])
    with tempfile.TemporaryDirectory() as folder:
        command = [arguments.hopwise, "run", "ycsb-a", "--target", ",".join(addresses), "--rate", str(arguments.rate),
                   "--duration", f"{arguments.minutes}m", "--set", "store.lifetime=4h", "--out", folder, "--quiet"]
        clients = subprocess.Popen(command, stdout=sys.stderr)
        begin, kills, down = time.monotonic(), 0, None
        tick = begin + SAMPLE_S
        while clients.poll() is None:
            time.sleep(max(0, tick - time.monotonic()))
            tick += SAMPLE_S
            if down is not None:
                processes[down] = start(addresses[down], addresses[:down] + addresses[down + 1:])
                down = None
            if time.monotonic() - begin >= 60 * (kills + 1) and kills + 1 < arguments.minutes:
                down = choose.randrange(arguments.processes)
                processes[down][0].send_signal(signal.SIGKILL)
                processes[down][0].wait()
                kills += 1
                tick = time.monotonic() + PAUSE_S
                continue
            memory = [resident_kib(process) for process, _ in processes]
            out.writerow([f"{(time.monotonic() - begin) / 60:.2f}", len(memory), sum(memory), kills])
            sys.stdout.flush()
        with open(os.path.join(folder, "outcome.json")) as file:
            outcome = json.load(file)
finally:
    for process in [clients, *(process for process, _ in processes)]:
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()

lookups, store = outcome["lookups"], outcome["store"]
summary = {"kills": kills} | {key: lookups[key] for key in ("issued", "correct", "incorrect", "failed")}
summary |= {key: store[key] for key in ("reads", "writes", "failures", "durability")}
print(json.dumps(summary, indent=1), file=sys.stderr)
sys.exit(1 if clients.returncode or lookups["incorrect"] or store["durability"]["lost"] else 0)
