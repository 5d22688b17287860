//! Scenarios of the three systems, and functions that run them.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::live::Progress;
use hopwise_harness::measure::tally::Asked;
use hopwise_harness::measure::{EngineError, Measured};
use hopwise_harness::scenario::Engine;
use hopwise_harness::systems::Registry;

pub(crate) const CENTRAL: &str = "system = \"central\"\n";
pub(crate) const FLOOD: &str = "system = \"flood\"\n";
pub(crate) const EXPANDING: &str = "system = \"flood\"\nflood.strategy = \"expanding-ring\"\n";
pub(crate) const WALK: &str = "system = \"flood\"\nflood.strategy = \"random-walk\"\n";
pub(crate) const RING: &str = "system = \"ring\"\ncheck = false\nring.successors = 8\n";
/// Every system, every strategy.
pub(crate) const ALL: [&str; 5] = [CENTRAL, FLOOD, EXPANDING, WALK, RING];

/// Items that are published often, and room for all searches. A peer remembers searches in buckets,
/// some of which fill up long before others.
pub(crate) const ITEMS: &str = "
    items.population = 120
    items.refresh = \"2s\"
    flood.ttl = 10
    flood.ping = \"2s\"
    flood.remember_room = 16384
    ring.stabilize = \"500ms\"
";

/// Queries without churn or loss. The warm-up is long enough for all items to be published.
pub(crate) const PEACE: &str = "
    nodes = 200
    threads = 1
    workload = { lookups_per_s = 400.0 }
    phases = { warmup = \"6s\", lookups = 3000 }
    network = { latency = { model = \"uniform\", min = \"10ms\", max = \"60ms\" } }
";

/// A ring that also keeps references under the words of names.
pub(crate) const WORDS: &str =
    "system = \"ring\"\ncheck = false\nring.successors = 8\nitems.publish = \"words\"\n";

/// Runs the scenario that consists of these parts.
pub(crate) fn run(engine: Engine, parts: &[&str]) -> Measured {
    try_run(engine, parts).expect("the scenario runs")
}

pub(crate) fn simulate(parts: &[&str]) -> Measured {
    run(Engine::Sim, &[&["engine = \"sim\"\n"], parts].concat())
}

pub(crate) fn run_udp(parts: &[&str]) -> Measured {
    run(Engine::Udp, &[&["engine = \"udp\"\n"], parts].concat())
}

pub(crate) fn try_run(engine: Engine, parts: &[&str]) -> Result<Measured, EngineError> {
    let scenario = Registry::built_in().from_toml(&parts.join("\n"), "test", &[]);
    let scenario = scenario.expect("the scenario is valid");
    assert_eq!(scenario.engine, engine);
    let (interrupts, progress) = (AtomicU32::new(0), Progress::new(true, Duration::ZERO));
    Registry::built_in().run(&scenario, &interrupts, &progress)
}

/// Everything in an outcome except the run's real time and number of threads.
pub(crate) fn result(measured: &Measured) -> String {
    let mut simulation = measured.simulation.clone().expect("a simulation");
    simulation.real = Duration::ZERO;
    let Measured { metrics, traffic, maintenance, measured: lasted, node_s, .. } = measured;
    let Measured { state, load, membership, drops, bring_up, series, .. } = measured;
    format!(
        "{metrics:?} {traffic:?} {maintenance:?} {lasted:?} {node_s:?} {state:?} {load:?} \
         {membership:?} {drops:?} {bring_up:?} {series:?} {simulation:?}"
    )
}

/// Asserts the laws of every run: each query has ended once, and the counters agree.
pub(crate) fn assert_sums(measured: &Measured, case: &str) {
    let metrics = &measured.metrics;
    let items = &metrics.items;
    assert!(metrics.issued > 0, "{case}: nothing was asked");
    let counted = metrics.completed + metrics.failed;
    let ended = counted + metrics.shed + metrics.orphaned;
    assert_eq!(ended, metrics.issued, "{case}: all have ended");
    assert_eq!(metrics.correct + metrics.incorrect, metrics.completed, "{case}: all are judged");
    assert_eq!(items.exact.issued + items.fuzzy.issued, counted, "{case}");
    assert_eq!(items.exact.correct + items.fuzzy.correct, metrics.correct, "{case}");
    assert_eq!(items.exact.obtained + items.fuzzy.obtained, items.transfers, "{case}");
    let found = metrics.completed - items.found_none;
    assert_eq!(items.transfers + items.transfers_failed, found, "{case}: found items are fetched");
}

/// The fraction of queries that obtained the item.
pub(crate) fn success(asked: Asked) -> f64 {
    asked.obtained as f64 / asked.issued as f64
}

/// Messages sent per query.
pub(crate) fn messages_per_query(measured: &Measured) -> f64 {
    measured.metrics.messages as f64 / measured.metrics.issued as f64
}
