#!/usr/bin/env python3
"""Keys per host in a ring, by the theory of consistent hashing: see harness/src/measure/key_load.rs.

    results/load_theory.py [HOSTS [KEYS]] > load-theory.csv      # 10,000 hosts and 1,000,000 keys
"""
import sys


def quantiles(hosts, nodes, keys, shares):
    """The least numbers of keys that a host exceeds with probability 1 - share at most, for rising shares."""
    rest = (hosts - 1) * nodes
    chance = 1.0
    for i in range(nodes):
        chance *= (rest + i) / (keys + rest + i)
    count, at_most, found = 0, chance, []
    for share in shares:
        while at_most < share and count < keys:
            chance *= (keys - count) * (nodes + count) / ((count + 1) * (keys - count - 1 + rest))
            count, at_most = count + 1, at_most + chance
        found.append(count)
    return found


def main(hosts=10_000, keys=1_000_000):
    shares = [0.01, 0.5, 0.99, 0.05 ** (1 / hosts), 0.5 ** (1 / hosts), 0.95 ** (1 / hosts)]
    print(f"# Keys per host by theory: results/load_theory.py {hosts} {keys}")
    print("ring.virtual_nodes,theory_p1,theory_p50,theory_p99,theory_max_5,theory_max_50,theory_max_95")
    for nodes in (1, 2, 5, 10, 20):
        p1, p50, p99, *maxima = quantiles(hosts, nodes, keys, shares)
        print(nodes, p1, p50, p99, *(f"{most * hosts / keys:.2f}" for most in maxima), sep=",")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
