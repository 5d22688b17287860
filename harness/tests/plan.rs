//! The model of the ring beside a simulation of it.
//!
//! **Invariant:** both have the same scenario, so nothing but the model can be wrong.

use std::sync::atomic::AtomicU32;

use hopwise_harness::live::Progress;
use hopwise_harness::measure::outcome::{Lookups, Maintenance};
use hopwise_harness::plan::{Conditions, Estimate, Grid};
use hopwise_harness::scenario::Subject;
use hopwise_harness::systems::Registry;

/// 2,000 nodes that stay for ten minutes, with all periods short enough to settle within two minutes.
const SCENARIO: &str = r#"
    engine = "sim"
    check = false
    nodes = 2000
    threads = 1
    ring = { base = 4, successors = 8, stabilize = "5s", fix_fingers = "4s" }
    network.latency = { model = "king" }
    churn = { model = "sessions", session = { distribution = "exponential", mean = "10min" }, downtime = "none", graceful = 0.0 }
    workload.lookup_interval = "5s"
    phases = { warmup = "90s", measure = "90s" }
"#;

/// The estimate for the values of `text`, at its own number of nodes or another one.
fn estimate(text: &str, nodes: Option<u64>) -> Estimate {
    let registry = Registry::built_in();
    let scenario = registry.from_toml(text, "plan", &[]).expect("it is valid");
    let model = registry.find("ring", Subject::Keys).and_then(|ring| ring.model());
    let conditions = Conditions { nodes: nodes.unwrap_or(scenario.nodes.into()), scenario };
    let grid = Grid::new(model.expect("the ring has one"), &conditions, Vec::new());
    grid.expect("it can be planned").candidate(Vec::new()).expect("there is one point").estimate
}

#[track_caller]
fn check(name: &str, model: f64, simulated: f64, tolerance: f64) {
    let error = model / simulated - 1.0;
    assert!(error.abs() < tolerance, "{name}: model {model}, simulated {simulated}");
}

#[test]
fn the_model_is_near_a_simulation() {
    let registry = Registry::built_in();
    let scenario = registry.from_toml(SCENARIO, "plan", &[]).expect("it is valid");
    let progress = Progress::new(true, core::time::Duration::ZERO);
    let ran = registry.run(&scenario, &AtomicU32::new(0), &progress).expect("it runs");
    let lookups = Lookups::new(&ran.metrics, ran.measured);
    let maintenance = Maintenance::new(&ran.maintenance, ran.node_s);
    let model = estimate(SCENARIO, None);
    check("hops", model.hops, lookups.hops.mean, 0.08);
    check("mean latency", model.latency_mean_s, lookups.latency_us.mean / 1e6, 0.12);
    check("p99", model.latency_p99_s, lookups.latency_us.p99 / 1e6, 0.25);
    check("bytes", model.bytes_per_node_s, maintenance.bytes_per_node_s, 0.15);
    check("memory", model.memory_bytes, ran.state.bytes_per_node as f64, 0.01);
    check("entries", model.entries, ran.state.entries_mean, 0.05);
}

#[test]
fn longer_sessions_and_shorter_periods_are_better_and_faster() {
    let with = |from: &str, to: &str| estimate(&SCENARIO.replace(from, to), None);
    let (short, usual, long) = (with("10min", "5min"), with("", ""), with("10min", "1h"));
    assert!(short.timeouts > usual.timeouts && usual.timeouts > long.timeouts);
    assert!(short.failed > usual.failed && usual.failed > long.failed);
    assert!(short.bytes_per_node_s > usual.bytes_per_node_s);
    assert!(short.data_loss_per_year >= usual.data_loss_per_year);
    let (fast, slow) = (with("\"4s\"", "\"2s\""), with("\"4s\"", "\"30s\""));
    assert!(fast.bytes_per_node_s > usual.bytes_per_node_s && fast.timeouts < usual.timeouts);
    assert!(slow.bytes_per_node_s < usual.bytes_per_node_s && slow.hops > usual.hops);
    let lazy = with("stabilize = \"5s\"", "stabilize = \"1min\"");
    assert!(lazy.isolations_per_year > usual.isolations_per_year);
}

#[test]
fn it_plans_from_a_hundred_nodes_to_a_billion() {
    let sizes = [100, 10_000, 1_000_000, 100_000_000, 1_000_000_000];
    let estimates = sizes.map(|nodes| estimate(SCENARIO, Some(nodes)));
    assert!(
        estimates.map(|it| it.hops).is_sorted() && estimates.map(|it| it.memory_bytes).is_sorted()
    );
    let finite = |it: &Estimate| {
        [it.hops, it.timeouts, it.latency_mean_s, it.latency_p99_s, it.failed, it.bytes_per_node_s]
            .iter()
            .all(|figure| figure.is_finite() && *figure >= 0.0)
    };
    assert!(estimates.iter().all(finite), "{estimates:?}");
}
