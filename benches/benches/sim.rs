//! Simulated events per second: rings at work, with maintenance and lookups.
//!
//! **Invariant:** building the nodes is not timed, and every lookup is answered correctly.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use hopwise_benches::measure;
use hopwise_harness::live::Progress;
use hopwise_harness::systems::Registry;

fn main() {
    measure::run(sim);
}

/// Time of one event, for several numbers of nodes and threads.
fn sim(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sim_event");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    for (nodes, threads, simulated_s) in [(10_000, 1, 5), (100_000, 1, 2), (100_000, 2, 2)] {
        let id = BenchmarkId::new(format!("{threads}_threads"), nodes);
        group.bench_function(id, |bencher| {
            bencher.iter_custom(|events| ring_at_work(nodes, threads, simulated_s, events));
        });
    }
    group.finish();
}

/// Returns the time for `events` events in a ring with repair every second.
fn ring_at_work(nodes: u32, threads: u32, simulated_s: u64, events: u64) -> Duration {
    let toml = format!(
        "engine = \"sim\"
         nodes = {nodes}
         threads = {threads}
         check = false
         ring = {{ successors = 8 }}
         network = {{ latency = {{ model = \"constant\", one_way = \"50ms\" }} }}
         workload = {{ lookups_per_s = 1000.0 }}
         phases = {{ warmup = \"2s\", measure = \"{simulated_s}s\" }}"
    );
    let registry = Registry::built_in();
    let scenario = registry.from_toml(&toml, "bench", &[]).expect("the scenario is valid");
    let progress = Progress::new(true, Duration::ZERO);
    let measured =
        registry.run(&scenario, &AtomicU32::new(0), &progress).expect("the scenario runs");
    let metrics = &measured.metrics;
    assert_eq!(metrics.correct, metrics.issued, "an exact ring answers correctly");
    let simulation = measured.simulation.expect("it is a simulation");
    simulation.real.mul_f64(events as f64 / simulation.events as f64)
}
