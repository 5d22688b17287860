//! All series, in the order in which they are taken.
//!
//! Readings have the names of the outcome's JSON; `process.*` are those of the process.
//!
//! **Invariant:** declarations only.

use super::{Better, Figure, Figures, Kind, Quotient, Series, Source};

/// Finds a series by its name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Series> {
    ALL.iter().find(|series| series.name == name)
}

/// All series. A simulator event is a message or a timeout that a node handles.
pub const ALL: &[Series] = &[
    Series {
        name: "floors",
        about: "What the machine charges for a random cache line and for a plain packet",
        source: Source::Floors,
        rounds: 3,
        figures: Figures::Named(&[RANDOM_LINE, PACKETS]),
    },
    bench(
        "next_hop",
        "The choice of the next hop, its table in cache",
        "",
        Figures::Each(GATED_NS),
    ),
    bench(
        "static_ring",
        "Hops over 10^6 routing tables against random cache lines of the same memory",
        "/1000000$",
        Figures::Named(&[HOP_PER_LINE, HOP_INTERLEAVED, LINE_IN_FLIGHT, HOP_ALONE]),
    ),
    bench("udp", "Plain packets, and messages between two reactors", "", Figures::Each(NS)),
    bench("node", "Messages handled by one node alone", "", Figures::Each(NS)),
    bench("flood", "A flooded search at one peer alone", "", Figures::Each(NS)),
    Series {
        name: "instructions",
        about: "Instructions per operation of the paths that a message takes",
        source: Source::Instructions,
        rounds: 1,
        figures: Figures::Each(Kind { unit: "instructions", gate: true, exact: true, ..NS }),
    },
    // Without warm-up, so that every lookup and all CPU time belong to the measured phase.
    run(
        "saturate",
        "1,000 nodes over UDP, as many lookups as the machine can do",
        3,
        "saturate --nodes 1000 --duration 4s --set phases.warmup=0s",
        &[GATED_LOOKUPS, CPU_PER_LOOKUP, MESSAGES, GATED_BYTES_PER_NODE, CORRECT],
    ),
    run(
        "saturate-4096",
        "4,096 nodes over UDP, as many lookups as the machine can do",
        3,
        "saturate --duration 4s",
        &[LOOKUPS, MESSAGES, CORRECT],
    ),
    run(
        "saturate-per-node",
        "1,000 nodes with a socket each",
        3,
        "saturate --nodes 1000 --duration 4s --set udp.sockets=per-node --set \
         workload.in_flight=512",
        &[LOOKUPS, MESSAGES, CORRECT],
    ),
    run(
        "bring-up-linked",
        "10,000 nodes that begin with exact tables",
        1,
        "steady --nodes 10000 --duration 2s",
        &[WALL, PEAK_MEMORY, BYTES_PER_NODE, COMPLETED, CORRECT],
    ),
    run(
        "bring-up-joined",
        "10,000 nodes that join through the protocol",
        3,
        "steady --nodes 10000 --duration 2s --set start=joined --set phases.warmup=1s",
        &[WALL, PEAK_MEMORY, COMPLETED, CORRECT],
    ),
    run("steady", "4,096 nodes that all stay", 3, "steady", ANSWERS),
    run("churn-light", "4,096 nodes with sessions of an hour", 3, "churn-light", ANSWERS),
    run("churn-heavy", "4,096 nodes with sessions of a minute", 3, "churn-heavy", ANSWERS),
    run("crash-half", "Half of 4,096 nodes crash at one instant", 1, "crash-half", ANSWERS),
    run(
        "crash-fifth",
        "A fifth of 200 nodes crash, and 25 lookups follow",
        10,
        "crash-fifth",
        &[COMPLETED, CORRECT, P50, P99, PEAK_MEMORY],
    ),
    run("flash-crowd", "1,024 nodes become 4,096 within 5 s", 1, "flash-crowd", ANSWERS),
    run(
        "hops",
        "Path lengths in an exact ring of 4,096 nodes",
        1,
        "steady --set ring.successors=1 --rate 20000 --duration 3s",
        &[HOPS, COMPLETED, CORRECT],
    ),
    run(
        "sim-10000",
        "10^4 simulated nodes with maintenance and lookups, one thread",
        3,
        "steady --engine sim --nodes 10000 --threads 1 --set check=false --set ring.successors=8 \
         --set network.latency={model=\"constant\",one_way=\"50ms\"} --duration 20s",
        GATED_SIMULATION,
    ),
    run(
        "sim-1000000",
        "10^6 simulated nodes, one thread, a few simulated seconds of `million`",
        1,
        "million --threads 1 --duration 5s",
        GATED_SIMULATION,
    ),
    run(
        "sim-100000-1-thread",
        "10^5 simulated nodes, one thread",
        2,
        "steady --engine sim --nodes 100000 --threads 1 --set ring.successors=8 --set \
         network.latency={model=\"constant\",one_way=\"50ms\"} --duration 5s",
        SIMULATION,
    ),
    run(
        "sim-100000-2-threads",
        "10^5 simulated nodes, two threads",
        2,
        "steady --engine sim --nodes 100000 --threads 2 --set ring.successors=8 --set \
         network.latency={model=\"constant\",one_way=\"50ms\"} --duration 5s",
        SIMULATION,
    ),
    run(
        "million-1-thread",
        "A million simulated nodes for a minute, one thread",
        1,
        "million --threads 1",
        MILLION,
    ),
    run(
        "million-2-threads",
        "A million simulated nodes for a minute, two threads",
        1,
        "million --threads 2",
        MILLION,
    ),
    run(
        "flood-16384",
        "Flooded searches among 16,384 peers, constant delays",
        3,
        "compare --system flood --threads 1 --nodes 16384 --set items.population=16384 --set \
         flood.degree=6 --set flood.remember_room=512 --set \
         network.latency={model=\"constant\",one_way=\"20ms\"}",
        SIMULATION,
    ),
    run(
        "flood-100000",
        "Flooded searches among 100,000 peers, King delays",
        3,
        "compare --system flood --threads 1 --nodes 100000 --set items.population=100000 --set \
         flood.remember_room=64 --rate 4 --set phases.lookups=40",
        SIMULATION,
    ),
    Series {
        name: "compare",
        about: "The same items and queries given to each system",
        source: Source::Compare,
        rounds: 1,
        figures: Figures::Named(&[WALL]),
    },
];

const ANSWERS: &[Figure] = &[COMPLETED, CORRECT, P50, P99];
const SIMULATION: &[Figure] = &[EVENTS, CPU_PER_EVENT, BYTES_PER_NODE, PEAK_MEMORY];
const GATED_SIMULATION: &[Figure] =
    &[GATED_EVENTS, CPU_PER_EVENT, GATED_BYTES_PER_NODE, PEAK_MEMORY];
const MILLION: &[Figure] = &[EVENTS, CPU_PER_EVENT, WALL, BYTES_PER_NODE, PEAK_MEMORY, CORRECT];

const NS: Kind = Kind { unit: "ns", better: Better::Lower, gate: false, exact: false };
const GATED_NS: Kind = Kind { gate: true, ..NS };
const PER_S: Kind = Kind { unit: "1/s", better: Better::Higher, gate: false, exact: false };
const PERCENT: Kind = Kind { unit: "%", ..PER_S };

const RANDOM_LINE: Figure = Figure { name: "random line", of: one("random_line_ns"), kind: NS };
const PACKETS: Figure = Figure { name: "plain packets", of: one("packets_per_s"), kind: PER_S };

const HOP_PER_LINE: Figure = Figure {
    name: "hop against line, 16 at a time",
    of: Quotient {
        reading: "static_ring/hop_16_interleaved/1000000",
        per: Some("static_ring/line_16_in_flight/1000000"),
        factor: 1.0,
    },
    kind: Kind { unit: "×", ..GATED_NS },
};
const HOP_INTERLEAVED: Figure = Figure {
    name: "hop, 16 interleaved",
    of: one("static_ring/hop_16_interleaved/1000000"),
    kind: NS,
};
const LINE_IN_FLIGHT: Figure = Figure {
    name: "line, 16 in flight",
    of: one("static_ring/line_16_in_flight/1000000"),
    kind: NS,
};
const HOP_ALONE: Figure = Figure {
    name: "hop, one at a time",
    of: one("static_ring/hop_one_at_a_time/1000000"),
    kind: NS,
};

const LOOKUPS: Figure = Figure { name: "lookups", of: one("lookups.per_s"), kind: PER_S };
const GATED_LOOKUPS: Figure = Figure { kind: Kind { gate: true, ..PER_S }, ..LOOKUPS };
const MESSAGES: Figure = Figure { name: "messages", of: one("engine.messages_per_s"), kind: PER_S };
const CPU_PER_LOOKUP: Figure = Figure {
    name: "CPU time per lookup",
    of: Quotient { reading: "process.cpu_s", per: Some("lookups.completed"), factor: 1e6 },
    kind: Kind { unit: "µs", ..NS },
};
const COMPLETED: Figure = Figure {
    name: "completed lookups",
    of: Quotient { reading: "lookups.completed", per: Some("lookups.issued"), factor: 100.0 },
    kind: PERCENT,
};
const CORRECT: Figure = Figure {
    name: "correct answers",
    of: Quotient { reading: "lookups.correct", per: Some("lookups.completed"), factor: 100.0 },
    kind: PERCENT,
};
const P50: Figure = Figure {
    name: "latency, median",
    of: Quotient { reading: "lookups.latency_us.p50", per: None, factor: 1e-3 },
    kind: Kind { unit: "ms", ..NS },
};
const P99: Figure = Figure {
    name: "latency, 99 %",
    of: Quotient { reading: "lookups.latency_us.p99", per: None, factor: 1e-3 },
    kind: Kind { unit: "ms", ..NS },
};
const HOPS: Figure =
    Figure { name: "hops, mean", of: one("lookups.hops.mean"), kind: Kind { unit: "hops", ..NS } };

const EVENTS: Figure =
    Figure { name: "simulated events", of: one("engine.events_per_s"), kind: PER_S };
const GATED_EVENTS: Figure = Figure { kind: Kind { gate: true, ..PER_S }, ..EVENTS };
const CPU_PER_EVENT: Figure = Figure {
    name: "CPU time per event",
    of: Quotient { reading: "process.cpu_s", per: Some("engine.events"), factor: 1e9 },
    kind: NS,
};
const BYTES_PER_NODE: Figure = Figure {
    name: "memory per node",
    of: one("state.bytes_per_node"),
    kind: Kind { unit: "bytes", exact: true, ..NS },
};
const GATED_BYTES_PER_NODE: Figure =
    Figure { kind: Kind { gate: true, ..BYTES_PER_NODE.kind }, ..BYTES_PER_NODE };
const PEAK_MEMORY: Figure = Figure {
    name: "resident memory, peak",
    of: Quotient { reading: "engine.peak_rss_bytes", per: None, factor: 1.0 / (1 << 20) as f64 },
    kind: Kind { unit: "MiB", ..NS },
};
const WALL: Figure =
    Figure { name: "wall time", of: one("process.wall_s"), kind: Kind { unit: "s", ..NS } };

/// A series of scenario runs, `rounds` times with a single binary.
const fn run(
    name: &'static str,
    about: &'static str,
    rounds: u32,
    arguments: &'static str,
    figures: &'static [Figure],
) -> Series {
    Series { name, about, source: Source::Run(arguments), rounds, figures: Figures::Named(figures) }
}

/// A series of a criterion bench with the same name.
const fn bench(
    name: &'static str,
    about: &'static str,
    filter: &'static str,
    figures: Figures,
) -> Series {
    Series { name, about, source: Source::Bench { name, filter }, rounds: 3, figures }
}

const fn one(reading: &'static str) -> Quotient {
    Quotient { reading, per: None, factor: 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_names_are_unique() {
        for series in ALL {
            let same = ALL.iter().filter(|other| other.name == series.name);
            assert_eq!(same.count(), 1, "{}", series.name);
            assert!(find(series.name).is_some() && series.rounds > 0);
        }
        assert!(find("none").is_none());
    }

    #[test]
    fn the_standing_budgets_are_gates() {
        let gates: Vec<_> =
            ALL.iter().filter(|series| series.is_gate()).map(|series| series.name).collect();
        let budgets =
            ["next_hop", "static_ring", "instructions", "saturate", "sim-10000", "sim-1000000"];
        assert_eq!(gates, budgets);
    }

    #[test]
    fn arguments_are_words_without_blanks() {
        for series in ALL {
            if let Source::Run(arguments) = series.source {
                assert!(!arguments.contains("  ") && arguments.trim() == arguments, "{arguments}");
            }
        }
    }
}
