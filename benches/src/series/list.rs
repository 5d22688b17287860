//! Every series that there is, in the order in which they are taken.
//!
//! Names of readings are those of an outcome's JSON, and `process.*` of the process that was run.
//!
//! **Invariant:** declarations only.

use super::{Better, Figure, Figures, Kind, Quotient, Series, Source};

/// The series of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Series> {
    ALL.iter().find(|series| series.name == name)
}

/// All of them.
pub const ALL: &[Series] = &[
    Series {
        name: "floors",
        about: "What the machine charges for a random cache line and for a plain packet",
        source: Source::Floors,
        rounds: 3,
        figures: Figures::Named(&[RANDOM_LINE, PACKETS]),
    },
    Series {
        name: "next_hop",
        about: "The choice of the next hop, its table in cache",
        source: Source::Bench { name: "next_hop", filter: "" },
        rounds: 3,
        figures: Figures::Each(GATED_NS),
    },
    Series {
        name: "static_ring",
        about: "Hops over 10^6 routing tables against random cache lines of the same memory",
        source: Source::Bench { name: "static_ring", filter: "/1000000$" },
        rounds: 3,
        figures: Figures::Named(&[HOP_PER_LINE, HOP_INTERLEAVED, LINE_IN_FLIGHT, HOP_ALONE]),
    },
    Series {
        name: "udp",
        about: "Plain packets, and messages between two reactors",
        source: Source::Bench { name: "udp", filter: "" },
        rounds: 3,
        figures: Figures::Each(NS),
    },
    Series {
        name: "node",
        about: "Messages handled by one node alone",
        source: Source::Bench { name: "node", filter: "" },
        rounds: 3,
        figures: Figures::Each(NS),
    },
    Series {
        name: "flood",
        about: "A flooded search at one peer alone",
        source: Source::Bench { name: "flood", filter: "" },
        rounds: 3,
        figures: Figures::Each(NS),
    },
    Series {
        name: "instructions",
        about: "Instructions per operation of the paths that a message takes",
        source: Source::Instructions,
        rounds: 1,
        figures: Figures::Each(Kind { unit: "instructions", gate: true, exact: true, ..NS }),
    },
    Series {
        name: "saturate",
        about: "1,000 nodes over UDP, as many lookups as the machine can do",
        // Without warm-up, so that every lookup and all CPU time belong to the measured phase.
        source: Source::Run("saturate --nodes 1000 --duration 4s --set phases.warmup=0s"),
        rounds: 3,
        figures: Figures::Named(&[
            GATED_LOOKUPS,
            CPU_PER_LOOKUP,
            MESSAGES,
            GATED_BYTES_PER_NODE,
            CORRECT,
        ]),
    },
    Series {
        name: "saturate-4096",
        about: "4,096 nodes over UDP, as many lookups as the machine can do",
        source: Source::Run("saturate --duration 4s"),
        rounds: 3,
        figures: Figures::Named(&[LOOKUPS, MESSAGES, CORRECT]),
    },
    Series {
        name: "saturate-per-node",
        about: "1,000 nodes with a socket each",
        source: Source::Run(
            "saturate --nodes 1000 --duration 4s --set udp.sockets=per-node \
             --set workload.in_flight=512",
        ),
        rounds: 3,
        figures: Figures::Named(&[LOOKUPS, MESSAGES, CORRECT]),
    },
    Series {
        name: "bring-up-linked",
        about: "10,000 nodes that begin with exact tables",
        source: Source::Run("steady --nodes 10000 --duration 2s"),
        rounds: 1,
        figures: Figures::Named(&[WALL, PEAK_MEMORY, BYTES_PER_NODE, COMPLETED, CORRECT]),
    },
    Series {
        name: "bring-up-joined",
        about: "10,000 nodes that join through the protocol",
        source: Source::Run(
            "steady --nodes 10000 --duration 2s --set start=joined --set phases.warmup=1s",
        ),
        rounds: 3,
        figures: Figures::Named(&[WALL, PEAK_MEMORY, COMPLETED, CORRECT]),
    },
    Series {
        name: "steady",
        about: "4,096 nodes that all stay",
        source: Source::Run("steady"),
        rounds: 3,
        figures: Figures::Named(ANSWERS),
    },
    Series {
        name: "churn-light",
        about: "4,096 nodes with sessions of an hour",
        source: Source::Run("churn-light"),
        rounds: 3,
        figures: Figures::Named(ANSWERS),
    },
    Series {
        name: "churn-heavy",
        about: "4,096 nodes with sessions of a minute",
        source: Source::Run("churn-heavy"),
        rounds: 3,
        figures: Figures::Named(ANSWERS),
    },
    Series {
        name: "crash-half",
        about: "Half of 4,096 nodes crash at one instant",
        source: Source::Run("crash-half"),
        rounds: 1,
        figures: Figures::Named(ANSWERS),
    },
    Series {
        name: "crash-fifth",
        about: "A fifth of 200 nodes crash, and 25 lookups follow",
        source: Source::Run("crash-fifth"),
        rounds: 10,
        figures: Figures::Named(&[COMPLETED, CORRECT, P50, P99, PEAK_MEMORY]),
    },
    Series {
        name: "flash-crowd",
        about: "1,024 nodes become 4,096 within 5 s",
        source: Source::Run("flash-crowd"),
        rounds: 1,
        figures: Figures::Named(ANSWERS),
    },
    Series {
        name: "hops",
        about: "Path lengths in an exact ring of 4,096 nodes",
        source: Source::Run("steady --set ring.successors=1 --rate 20000 --duration 3s"),
        rounds: 1,
        figures: Figures::Named(&[HOPS, COMPLETED, CORRECT]),
    },
    Series {
        name: "sim-10000",
        about: "10^4 simulated nodes with maintenance and lookups, one thread",
        source: Source::Run(
            "steady --engine sim --nodes 10000 --threads 1 --set check=false \
             --set ring.successors=8 \
             --set network.latency={model=\"constant\",one_way=\"50ms\"} --duration 20s",
        ),
        rounds: 3,
        figures: Figures::Named(GATED_SIMULATION),
    },
    Series {
        name: "sim-1000000",
        about: "10^6 simulated nodes, one thread, a few simulated seconds of `million`",
        source: Source::Run("million --threads 1 --duration 5s"),
        rounds: 1,
        figures: Figures::Named(GATED_SIMULATION),
    },
    Series {
        name: "sim-100000-1-thread",
        about: "10^5 simulated nodes, one thread",
        source: Source::Run(
            "steady --engine sim --nodes 100000 --threads 1 --set ring.successors=8 \
             --set network.latency={model=\"constant\",one_way=\"50ms\"} --duration 5s",
        ),
        rounds: 2,
        figures: Figures::Named(SIMULATION),
    },
    Series {
        name: "sim-100000-2-threads",
        about: "10^5 simulated nodes, two threads",
        source: Source::Run(
            "steady --engine sim --nodes 100000 --threads 2 --set ring.successors=8 \
             --set network.latency={model=\"constant\",one_way=\"50ms\"} --duration 5s",
        ),
        rounds: 2,
        figures: Figures::Named(SIMULATION),
    },
    Series {
        name: "million-1-thread",
        about: "A million simulated nodes for a minute, one thread",
        source: Source::Run("million --threads 1"),
        rounds: 1,
        figures: Figures::Named(MILLION),
    },
    Series {
        name: "million-2-threads",
        about: "A million simulated nodes for a minute, two threads",
        source: Source::Run("million --threads 2"),
        rounds: 1,
        figures: Figures::Named(MILLION),
    },
    Series {
        name: "flood-16384",
        about: "Flooded searches among 16,384 peers, constant delays",
        source: Source::Run(
            "compare --system flood --threads 1 --nodes 16384 --set items.population=16384 \
             --set flood.degree=6 --set flood.remember_room=512 \
             --set network.latency={model=\"constant\",one_way=\"20ms\"}",
        ),
        rounds: 3,
        figures: Figures::Named(SIMULATION),
    },
    Series {
        name: "flood-100000",
        about: "Flooded searches among 100,000 peers, King delays",
        source: Source::Run(
            "compare --system flood --threads 1 --nodes 100000 --set items.population=100000 \
             --set flood.remember_room=64 --rate 4 --set phases.lookups=40",
        ),
        rounds: 3,
        figures: Figures::Named(SIMULATION),
    },
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
    Figure { name: "simulated messages", of: one("engine.events_per_s"), kind: PER_S };
const GATED_EVENTS: Figure = Figure { kind: Kind { gate: true, ..PER_S }, ..EVENTS };
const CPU_PER_EVENT: Figure = Figure {
    name: "CPU time per message",
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

const fn one(reading: &'static str) -> Quotient {
    Quotient { reading, per: None, factor: 1.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_one_series() {
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
