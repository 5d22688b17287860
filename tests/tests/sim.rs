//! The simulator against itself on other numbers of threads, and against the real network.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::Scenario;
use hopwise_harness::engine::sim::SimEngine;
use hopwise_harness::engine::udp::UdpEngine;
use hopwise_harness::engine::{Engine, Measured};
use hopwise_harness::progress::Progress;

fn run(engine: &impl Engine, toml: &str, threads: u32) -> Measured {
    let threads = ("threads".to_owned(), threads.to_string());
    let scenario = Scenario::from_toml(toml, "test", &[threads]).expect("the scenario is sound");
    let progress = Progress::new(true, Duration::ZERO);
    engine.run(&scenario, &AtomicU32::new(0), &progress).expect("the scenario runs")
}

/// All that an outcome is made from, without how fast it was and on how many threads.
fn result(measured: &Measured) -> String {
    let mut simulation = measured.simulation.clone().expect("a simulation");
    simulation.real = Duration::ZERO;
    let Measured { metrics, traffic, maintenance, measured: lasted, node_s, .. } = measured;
    let Measured { state, membership, drops, bring_up, series, .. } = measured;
    format!(
        "{metrics:?} {traffic:?} {maintenance:?} {lasted:?} {node_s:?} {state:?} {membership:?} \
         {drops:?} {bring_up:?} {series:?} {simulation:?}"
    )
}

#[test]
fn any_number_of_threads_gives_the_same_result() {
    let churn = "
        engine = \"sim\"
        check = false
        nodes = 150
        ring = { successors = 8, stabilize = \"500ms\" }
        workload = { lookups_per_s = 200.0 }
        phases = { warmup = \"1s\", measure = \"3s\" }
    ";
    for extra in [
        "network = { latency = { model = \"exponential\", mean = \"20ms\" }, loss = 0.02 }
         churn = { model = \"poisson\", joins_per_s = 9.0, departures_per_s = 9.0 }",
        "network = { latency = { model = \"uniform\", min = \"1ms\", max = \"90ms\" }, loss = 0.01 }
         churn = { model = \"sessions\", session = { distribution = \"pareto\", mean = \"20s\",
                   shape = 1.5 }, downtime = \"none\" }
         fault = [{ at = \"1s\", kind = \"crash\", fraction = 0.2 }]",
        "start = \"joined\"
         network = { latency = { model = \"constant\", one_way = \"30ms\" } }",
    ] {
        let toml = format!("{churn}\n{extra}");
        let one = result(&run(&SimEngine, &toml, 1));
        for threads in [2, 3] {
            let several = result(&run(&SimEngine, &toml, threads));
            assert!(one == several, "{threads} threads differ from one: {extra}");
        }
        let other = result(&run(&SimEngine, &format!("seed = 2\n{toml}"), 1));
        assert!(one != other, "another seed is another run");
    }
}

#[test]
fn an_exact_ring_answers_every_lookup_correctly() {
    for extra in ["", "ring = { lookup = \"iterative\" }", "start = \"joined\""] {
        let toml = format!(
            "engine = \"sim\"
             nodes = 128
             network = {{ latency = {{ model = \"constant\", one_way = \"10ms\" }} }}
             phases = {{ warmup = \"20s\", lookups = 2000 }}
             {extra}"
        );
        let measured = run(&SimEngine, &toml, 1);
        let metrics = &measured.metrics;
        assert_eq!(metrics.issued, 2000, "{extra}");
        assert_eq!((metrics.correct, metrics.failed), (2000, 0), "{extra}");
    }
}

/// Delay as on loopback: what a real run's lookups took per message on their way.
#[test]
fn the_simulator_agrees_with_the_real_network() {
    let toml = "
        nodes = 256
        ring = { successors = 8 }
        workload = { lookups_per_s = 1000.0 }
        phases = { warmup = \"1s\", lookups = 3000 }
    ";
    let real = run(&UdpEngine, toml, 2);
    let hops = mean_hops(&real);
    let one_way_us = real.metrics.latency().value_at_quantile(0.5) as f64 / 1e3 / (hops + 1.0);
    let sim = format!(
        "engine = \"sim\"
         network = {{ latency = {{ model = \"constant\", one_way = \"{}us\" }} }}
         {toml}",
        one_way_us.round().max(20.0)
    );
    let simulated = run(&SimEngine, &sim, 1);
    for measured in [&real, &simulated] {
        let metrics = &measured.metrics;
        assert_eq!((metrics.completed, metrics.correct), (metrics.issued, metrics.issued));
    }
    let off = |real: f64, simulated: f64| (simulated / real - 1.0).abs();
    // Standard error of the mean of 3,000 lookups whose hops have deviation 1: 0.02.
    assert!((hops - mean_hops(&simulated)).abs() < 0.15, "{hops}, {}", mean_hops(&simulated));
    let (of_real, of_simulated) = (maintenance(&real), maintenance(&simulated));
    assert!(off(of_real, of_simulated) < 0.15, "{of_real} and {of_simulated} messages");
}

fn mean_hops(measured: &Measured) -> f64 {
    let hops = measured.metrics.hops();
    let total: u64 = hops.iter().zip(0..).map(|(count, hops)| count * hops).sum();
    total as f64 / measured.metrics.completed as f64
}

/// Messages of maintenance per node per second.
fn maintenance(measured: &Measured) -> f64 {
    measured.maintenance.messages() as f64 / measured.node_s
}
