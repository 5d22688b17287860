//! Made-up outcomes for tests of code that reads outcomes.
//!
//! **Invariant:** compiled for tests only.

use std::time::{Duration, SystemTime};

use hopwise_kernel::items::Match;
use hopwise_kernel::store::StoreCounts;

use super::*;
use crate::measure::metrics::{Metrics, Traffic};
use crate::measure::stored::{Contents, NodeLoad, ValueVerdicts};
use crate::measure::tally::Tally;
use crate::measure::value_tally::ValueTally;

/// A plausible run of 4,096 nodes.
pub(crate) fn outcome() -> Outcome {
    let scenario = "name = 'default'\nsystem = 'ring'\nengine = 'udp'\nnodes = 4096\n\
                    [workload]\nlookups_per_s = 1000.0\n";
    let traffic = traffic();
    let drops = [("malformed", 12), ("shed", 3)];
    Outcome {
        schema_version: SCHEMA_VERSION,
        scenario: scenario.parse().unwrap(),
        adapted: Vec::new(),
        files: BTreeMap::new(),
        seed: 1,
        machine: Machine {
            cpu: "AMD EPYC 7B13".into(),
            cores: 2,
            memory_bytes: 8 << 30,
            kernel: "6.1.0".into(),
        },
        build: Build {
            program: "hopwise".into(),
            version: "0.1.0".into(),
            commit: "d2250302f2b1c5e0a9c3b1f7f0e6d4c2b1a09f8e".into(),
            rustc: "rustc 1.95.0 (abcdef012 2026-04-14)".into(),
            profile: "release".into(),
        },
        started_at: rfc3339(SystemTime::UNIX_EPOCH + Duration::from_secs(1_790_000_000)),
        wall_s: 16.25,
        simulated_s: None,
        interrupted: false,
        has_server: false,
        regime: Regime::Suspicion,
        check: None,
        lookups: Lookups::new(&metrics(), Duration::from_secs(10)),
        items: None,
        store: None,
        target: None,
        maintenance: Maintenance::new(&traffic, 40_960.0),
        state: State {
            entries_mean: 27.3,
            entries_max: 29,
            bytes_per_node: 1_496,
            bytes_max: 1_496,
        },
        load: Some(Load { messages_max: 68_213, keys: None }),
        membership: Membership {
            joins: 41,
            leaves: 19,
            crashes: 22,
            join_us: None,
            live_mean: 4_095.7,
        },
        health: Some(health()),
        engine: Engine {
            events: 5_123_456,
            events_per_s: 315_289.6,
            messages_per_s: 298_000.4,
            datagrams: 812_345,
            drops: drops.map(|(reason, n)| (reason.to_owned(), n)).into(),
            disturbances: BTreeMap::new(),
            peak_rss_bytes: Some(23 << 20),
            threads: 2,
            trace_digest: None,
        },
        expectations: vec![
            expectation("lookups.correct", "≥ 99.9 %", "99.99 %", true),
            expectation("lookups.failed", "≤ 0.1 %", "0.01 %", true),
        ],
    }
}

pub(crate) fn expectation(name: &str, wanted: &str, got: &str, held: bool) -> Expectation {
    Expectation { name: name.into(), wanted: wanted.into(), got: got.into(), held }
}

/// A ring under light churn, looked at ten times.
pub(crate) fn health() -> Health {
    let flaws = |mean, max| MeanMax { mean, max };
    let claimed = |mean, worst| MeanWorst { mean, worst };
    Health {
        goodput: Goodput { offered_per_s: 1_000.1, correct_per_s: 999.9 },
        tables: Some(Tables {
            samples: 10,
            nodes: 4_100,
            first_successors: Flaws { wrong: flaws(0.0009, 0.002), dead: flaws(0.0004, 0.001) },
            successors: Flaws { wrong: flaws(0.008, 0.011), dead: flaws(0.0005, 0.001) },
            fingers: Flaws { wrong: flaws(0.03, 0.04), dead: flaws(0.005, 0.006) },
            rings: Some(Rings { max: 1, last: 1 }),
            ownership: Some(Ownership {
                none: claimed(0.0006, 0.0013),
                one: claimed(0.999, 0.998),
                two: claimed(0.0004, 0.0007),
                more: claimed(0.0, 0.0),
            }),
        }),
        deaths: Some(Deaths {
            false_deaths: 2,
            false_deaths_per_million_node_s: 48.8,
            refuted: 1,
            unrefuted: 0,
            refutation_us: Times { p50: 3e5, p99: 3e5, max: 3e5 },
            detected: 41,
            undetected: 3,
            detection_us: Times { p50: 6.1e5, p99: 1.4e6, max: 1.5e6 },
        }),
        spurious_retransmissions: 7,
        cpu_us_per_lookup: Some(182.5),
    }
}

/// The section of a run with items: queries of both kinds, and transfers.
pub(crate) fn items() -> Items {
    let mut tally = Tally::default();
    for n in 0..10_001_u64 {
        let how = Match::ALL[(n % 4) as usize];
        tally.record_issued(how);
        if n % 100 > 0 {
            tally.record_correct(how);
            tally.record_obtained(how);
            tally.record_transfer(Duration::from_micros(90 + n % 30), 1024);
        } else if n % 200 == 0 {
            tally.record_found_none();
        } else {
            tally.record_transfer_failed();
        }
    }
    let mut sent = Traffic::new();
    sent.record("publish", 41_000, 41_000 * 90);
    Items::new(&tally, &sent, 40_960.0)
}

/// The section of a run that stores values: reads and writes, some of which went wrong.
pub(crate) fn store() -> Store {
    let tally = ValueTally {
        reads: 5_001,
        writes: 5_000,
        found: 4_000,
        absent: 1_000,
        acknowledged: 4_990,
        unknown: 10,
        unreachable: 1,
        ..ValueTally::default()
    };
    let verdicts = ValueVerdicts {
        stale: 1,
        excused: 2,
        keys: 4_096,
        lost_for_good: 3,
        excused_for_good: 2,
        expected: 1.5,
        ..ValueVerdicts::default()
    };
    let counts = StoreCounts { repairs: 40_960, repair_bytes: 4_096_000, ..StoreCounts::default() };
    let load = |items| NodeLoad { items, bytes: 100 * items, requests: 2 * items };
    let hosts = (0..=6).map(load).collect();
    let contents = Contents { counts, hosts, versions: Vec::new() };
    Store::new(&tally, &contents, &verdicts, 10_001_000, 40_960.0)
}

/// 10,001 lookups: 10,000 completed, one of them wrongly, and one failed.
fn metrics() -> Metrics {
    let mut metrics = Metrics::new();
    // Binomial over 12 fingers: what an exact ring of 2^12 nodes gives.
    let weights: [u64; 13] = [2, 29, 161, 537, 1208, 1934, 2257, 1934, 1208, 537, 161, 29, 3];
    let mut n = 0;
    for (hops, weight) in (0..).zip(weights) {
        for _ in 0..weight {
            let latency = Duration::from_nanos(18_000 * u64::from(hops + 1) + 37 * (n % 997));
            metrics.record_issued(Duration::from_micros(n % 40));
            metrics.record_completed(latency, hops);
            metrics.record_timeouts(u32::from(n % 100 == 0));
            metrics.record_messages(u64::from(2 * hops + 1));
            metrics.record_judged(n != 5_000);
            n += 1;
        }
    }
    metrics.record_issued(Duration::from_micros(80));
    metrics.record_failed();
    metrics.record_timeouts(3);
    metrics.record_messages(9);
    metrics
}

fn traffic() -> Traffic {
    let mut traffic = Traffic::new();
    let kinds = ["stabilize", "neighbours", "notify", "fix-fingers", "finger", "ping", "join"];
    for (i, kind) in (1..).zip(kinds) {
        traffic.record(kind, 41_000 / i, 41_000 * 90 / i);
    }
    traffic
}
