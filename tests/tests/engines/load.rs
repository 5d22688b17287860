//! Loads that change, that follow the capacity, and that are too much; lookups whose origin departs.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::Scenario;
use hopwise_harness::live::Progress;
use hopwise_harness::measure::Measured;
use hopwise_harness::measure::series::SeriesRow;
use hopwise_harness::scenario::{Load, Rate};
use hopwise_harness::systems::Registry;

fn scenario(toml: &str) -> Scenario {
    Registry::built_in().from_toml(toml, "test", &[]).expect("the scenario is valid")
}

fn run(scenario: &Scenario) -> Measured {
    let progress = Progress::new(true, Duration::ZERO);
    Registry::built_in().run(scenario, &AtomicU32::new(0), &progress).expect("the scenario runs")
}

fn assert_sums(measured: &Measured) {
    let metrics = &measured.metrics;
    let ended = metrics.completed + metrics.failed + metrics.shed + metrics.orphaned;
    assert_eq!(ended, metrics.issued, "each lookup has ended once");
    let timeouts: u64 = metrics.timeouts().iter().sum();
    assert_eq!(timeouts, metrics.completed + metrics.failed);
    let sum = |count: fn(&SeriesRow) -> u64| measured.series.iter().map(count).sum::<u64>();
    let rows = [sum(|row| row.issued), sum(|row| row.shed), sum(|row| row.orphaned)];
    assert!(rows[0] >= metrics.issued && rows[1] >= metrics.shed);
    // The last, partial second of the drain has no row.
    assert!(rows[2] * 10 >= metrics.orphaned * 9, "{} of {}", rows[2], metrics.orphaned);
}

/// The counts of lookups that started in the measured phase, and everything that events decide.
fn summary(measured: &Measured) -> (Option<u64>, [u64; 6]) {
    let metrics = &measured.metrics;
    let counts = [
        metrics.issued,
        metrics.completed,
        metrics.correct,
        metrics.failed,
        metrics.shed,
        metrics.orphaned,
    ];
    (measured.simulation.as_ref().map(|simulation| simulation.trace_digest), counts)
}

#[test]
fn lookups_of_departed_origins_are_orphaned_not_failed() {
    // A lookup takes about half a second and a node stays for ten: one in twenty is orphaned.
    let measured = run(&scenario(
        "engine = \"sim\"
         nodes = 100
         ring = { successors = 8, stabilize = \"500ms\" }
         network.latency = { model = \"constant\", one_way = \"100ms\" }
         churn = { model = \"poisson\", joins_per_s = 10.0, departures_per_s = 10.0 }
         workload.lookups_per_s = 200
         phases = { warmup = \"1s\", measure = \"10s\" }",
    ));
    assert_sums(&measured);
    let metrics = &measured.metrics;
    let share = metrics.orphaned as f64 / metrics.issued as f64;
    assert!((0.01..0.2).contains(&share), "{share} orphaned");
}

#[test]
fn what_a_full_node_refuses_is_shed_in_the_simulator_too() {
    // A shard has room for 65,536 requests and some for each node.
    let measured = run(&scenario(
        "engine = \"sim\"
         nodes = 32
         threads = 1
         network.latency = { model = \"constant\", one_way = \"100ms\" }
         workload.in_flight = 200000
         phases = { warmup = \"0s\", measure = \"1s\" }",
    ));
    assert_sums(&measured);
    assert!(measured.metrics.shed > 1000, "{} shed", measured.metrics.shed);
    assert_eq!(measured.metrics.orphaned, 0);
}

#[test]
fn a_profile_gives_the_same_run_on_any_number_of_threads() {
    let runs = [1, 2, 3].map(|threads| {
        run(&scenario(&format!(
            "engine = \"sim\"
             check = false
             threads = {threads}
             nodes = 100
             network.latency = {{ model = \"constant\", one_way = \"5ms\" }}
             workload.lookups_per_s = 100
             workload.profile = [
                 {{ at = \"2s\", lookups_per_s = 1000 }},
                 {{ at = \"4s\", lookups_per_s = 0 }},
                 {{ at = \"6s\", lookups_per_s = 200, over = \"2s\" }},
             ]
             phases = {{ warmup = \"1s\", measure = \"8s\" }}"
        )))
    });
    assert!(runs.iter().all(|other| summary(other) == summary(&runs[0])));
    let issued: Vec<u64> = runs[0].series.iter().map(|row| row.issued).collect();
    let expected = [100.0, 100.0, 100.0, 1000.0, 1000.0, 0.0, 0.0, 50.0, 150.0];
    for (&issued, mean) in issued.iter().zip(expected) {
        assert!((issued as f64 - mean).abs() <= 5.0 * f64::sqrt(mean), "{issued} for {mean}");
    }
}

/// Scenarios with a multiple need a limit of the nodes in the simulator. Here latency limits the
/// closed loop as well.
#[test]
fn a_multiple_is_of_what_a_closed_loop_reached_in_the_simulator() {
    let runs = [1, 2].map(|threads| {
        let mut scenario = scenario(&format!(
            "engine = \"sim\"
             check = false
             threads = {threads}
             nodes = 100
             ring.successors = 8
             network.latency = {{ model = \"constant\", one_way = \"100ms\" }}
             phases = {{ warmup = \"1s\", measure = \"4s\" }}"
        ));
        scenario.workload.load = Load::PerSecond(Rate::OfCapacity(0.5));
        run(&scenario)
    });
    assert_eq!(summary(&runs[0]), summary(&runs[1]));
    let measured = &runs[0];
    let capacity = measured.capacity_per_s.expect("it was found");
    // 2,048 lookups in flight take the mean latency each.
    let expected = 2048.0 / (measured.metrics.latency().mean() / 1e9);
    assert!((capacity / expected - 1.0).abs() < 0.05, "{capacity} instead of {expected}");
    let rate = measured.metrics.issued as f64 / 4.0;
    assert!((rate / (capacity * 0.5) - 1.0).abs() < 0.03, "{rate} of {capacity}");
    let phases: Vec<&str> = measured.series.iter().map(|row| row.phase).collect();
    assert_eq!(phases[..5], ["calibrate"; 5]);
    assert!(phases.contains(&"warmup") && phases.contains(&"measure"));
    assert_sums(measured);
}

#[test]
fn a_multiple_is_of_what_a_closed_loop_reached_over_udp() {
    let measured = run(&scenario(
        "nodes = 64
         threads = 2
         workload.lookups_per_s = \"0.05x\"
         workload.profile = [{ at = \"1s\", lookups_per_s = \"0.1x\" }]
         phases = { warmup = \"500ms\", measure = \"2s\" }",
    ));
    assert_sums(&measured);
    let capacity = measured.capacity_per_s.expect("it was found");
    let rate = measured.metrics.issued as f64 / 2.0;
    assert!((rate / (capacity * 0.075) - 1.0).abs() < 0.1, "{rate} of {capacity}");
    assert_eq!(measured.metrics.incorrect, 0);
    assert_eq!(run(&scenario("nodes = 8\nphases.lookups = 5")).capacity_per_s, None);
}
