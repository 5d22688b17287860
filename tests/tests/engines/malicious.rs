//! Malicious nodes: how many lookups are answered right in spite of them.
//!
//! **Invariant:** figures of the simulator are exact; over UDP, only what holds on any machine is asserted.

use hopwise_harness::measure::Measured;
use hopwise_harness::measure::metrics::Metrics;

use crate::running::run_seed;

/// 300 nodes, of which each lies with the probability `fraction`.
fn scenario(fraction: f64, lie: &str, rest: &str) -> String {
    format!(
        "engine = \"sim\"
         nodes = 300
         network.latency = {{ model = \"uniform\", min = \"10ms\", max = \"90ms\" }}
         workload.lookups_per_s = 40
         phases = {{ warmup = \"1s\", measure = \"30s\" }}
         fault = [{{ kind = \"malicious\", until = \"30s\", fraction = {fraction}, lie = {lie:?} }}]
         {rest}"
    )
}

fn right(measured: &Measured) -> f64 {
    let Metrics { issued, correct, incorrect, failed, .. } = measured.metrics;
    assert_eq!(issued, correct + incorrect + failed, "every lookup ends");
    correct as f64 / issued as f64
}

fn lies(measured: &Measured) -> u64 {
    measured.disturbances.iter().map(|it| it.1).sum()
}

/// The shares that the literature lets one expect. Keys whose owners lie cannot all be looked up.
#[test]
fn redundant_routing_finds_most_owners() {
    for lookup in ["recursive", "iterative"] {
        for (fraction, least) in [(0.05, 0.95), (0.1, 0.85), (0.2, 0.6)] {
            for lie in ["mix", "claim"] {
                let [without, with] = [1, 8].map(|first_hops| {
                    let ring =
                        format!("ring = {{ lookup = {lookup:?}, first_hops = {first_hops} }}");
                    let runs = [1, 2, 3].map(|seed| {
                        let measured = run_seed(&scenario(fraction, lie, &ring), seed);
                        assert!(lies(&measured) > 100);
                        right(&measured)
                    });
                    runs.iter().sum::<f64>() / runs.len() as f64
                });
                let case = format!("{lookup}, {lie}, {fraction}: {without} without, {with} with");
                assert!(with >= least && with > without + 0.01, "{case}");
            }
        }
    }
}

/// The defence holds however many lookups are in doubt at a time, and after any number of them.
#[test]
fn many_doubts_at_a_time_end() {
    let busy = scenario(0.1, "claim", "ring.first_hops = 4\n").replace("= 300", "= 30");
    let busy = busy.replace("lookups_per_s = 40", "lookups_per_s = 2000");
    let busy = busy.replace("[ring]", "").replace("30s", "20s");
    let measured = run_seed(&format!("{busy}ring.successors = 4\n"), 2);
    let calm = busy.replace("lookups_per_s = 2000", "lookups_per_s = 20");
    let calm = run_seed(&format!("{calm}ring.successors = 4\n"), 2);
    let [busy, calm] = [right(&measured), right(&calm)];
    assert!(busy > 0.8 && calm > 0.8 && (busy - calm).abs() < 0.1, "{busy} and {calm}");
}

#[test]
fn where_nobody_lies_all_answers_are_right() {
    for lookup in ["recursive", "iterative"] {
        let ring = format!("ring = {{ lookup = {lookup:?}, first_hops = 4 }}");
        assert_eq!(right(&run_seed(&scenario(0.0, "mix", &ring), 1)), 1.0, "{lookup}");
    }
}

/// Under a made-up identifier a node can claim any key, unless identifiers belong to addresses.
#[test]
fn bound_identifiers_cannot_be_forged() {
    let [free, bound] = ["random", "address"].map(|ids| {
        let ring = format!("ring = {{ ids = {ids:?}, first_hops = 8 }}");
        run_seed(&scenario(0.1, "forge", &ring), 1)
    });
    assert!(right(&free) < 0.5 && right(&bound) > 0.8, "{} and {}", right(&free), right(&bound));
    assert_eq!(bound.metrics.incorrect, 0);
}

#[test]
fn threads_change_nothing() {
    let digests = [1, 2].map(|threads| {
        let rest = format!("ring.first_hops = 4\nthreads = {threads}\n");
        let simulation =
            run_seed(&scenario(0.1, "mix", &rest), 5).simulation.expect("a simulation");
        (simulation.trace_digest, simulation.events)
    });
    assert_eq!(digests[0], digests[1]);
}

/// Also under churn, with nodes that join and return: each has the identifier of its address.
#[test]
fn a_ring_of_bound_identifiers_works_in_both_engines() {
    for engine in ["sim", "udp"] {
        let toml = format!(
            "engine = {engine:?}
             nodes = 40
             ring = {{ ids = \"address\", successors = 8 }}
             workload.lookups_per_s = 100
             churn = {{ model = \"poisson\", joins_per_s = 0.5, departures_per_s = 0.5 }}
             phases = {{ warmup = \"1s\", measure = \"6s\" }}"
        );
        let measured = run_seed(&toml, 1);
        let right = measured.metrics.correct as f64 / measured.metrics.issued as f64;
        assert!(right > 0.8, "{engine}: {right}");
        assert!(measured.membership.joins > 0, "{engine}");
    }
}

#[test]
fn nodes_lie_over_udp_too() {
    let toml = scenario(0.3, "claim", "ring.successors = 8\n").replace("\"sim\"", "\"udp\"");
    let measured = run_seed(&toml.replace("= 300", "= 60").replace("30s", "5s"), 1);
    assert!(lies(&measured) > 0);
    let Metrics { correct, incorrect, .. } = measured.metrics;
    assert!(correct > 0 && incorrect > 0, "{correct} and {incorrect}");
}
