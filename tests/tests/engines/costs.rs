//! What lookups cost: their messages, timeouts and hops, against closed forms, against the counters of
//! all that was sent, and against a count that knows nothing of the harness.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::live::Progress;
use hopwise_harness::measure::Measured;
use hopwise_harness::systems::Registry;
use hopwise_kernel::node::TimeoutPolicy;
use hopwise_kernel::ring::RingConfig;
use hopwise_kernel::ring::fingers::Shape;
use hopwise_tests::LossyRing;
use statrs::distribution::{ChiSquared, ContinuousCDF as _, StudentsT};

fn run(toml: &str) -> Measured {
    let registry = Registry::built_in();
    let scenario = registry.from_toml(toml, "test", &[]).expect("the scenario is valid");
    let progress = Progress::new(true, Duration::ZERO);
    registry.run(&scenario, &AtomicU32::new(0), &progress).expect("the scenario runs")
}

/// The messages of lookups among all that were sent in the measured phase.
fn sent_for_lookups(measured: &Measured) -> u64 {
    let is_lookup = |kind: &str| kind == "lookup";
    measured.traffic.iter().filter(|it| is_lookup(it.kind)).map(|it| it.messages).sum()
}

/// If there are no other lookups than those of the phase, all messages of lookups are theirs.
#[test]
fn every_message_of_a_lookup_is_counted_once() {
    for (system, more) in [
        ("ring", ""),
        ("ring", "ring.lookup = \"iterative\""),
        ("ring", "ring.answer = \"predecessor\""),
        ("ring", "items.population = 200"),
        ("central", "items.population = 200"),
        ("flood", "items.population = 200"),
        ("flood", "items.population = 200\nflood.strategy = \"expanding-ring\""),
        ("flood", "items.population = 200\nflood.strategy = \"random-walk\""),
    ] {
        for loss in [0.0, 0.05] {
            let measured = run(&format!(
                "system = \"{system}\"
                 engine = \"sim\"
                 check = false
                 threads = 2
                 nodes = 100
                 network = {{ latency = {{ model = \"constant\", one_way = \"10ms\" }}, loss = {loss} }}
                 workload.lookups_per_s = 100
                 phases = {{ warmup = \"0s\", lookups = 500 }}
                 {more}"
            ));
            let metrics = &measured.metrics;
            assert_eq!(metrics.issued, 500);
            assert_eq!(metrics.messages, sent_for_lookups(&measured), "{system} {more} {loss}");
            assert!(metrics.messages > 500, "{system} {more} {loss}");
        }
    }
}

/// Without loss, each hop takes a transfer and its acknowledgement, and the owner answers.
#[test]
fn messages_follow_from_hops() {
    for threads in [1, 2] {
        let measured = run(&format!(
            "engine = \"sim\"
             check = false
             threads = {threads}
             nodes = 300
             ring = {{ successors = 4, stabilize = \"off\", fix_fingers = \"off\" }}
             network.latency = {{ model = \"constant\", one_way = \"20ms\" }}
             workload.lookups_per_s = 500
             phases = {{ warmup = \"1s\", measure = \"3s\" }}"
        ));
        let metrics = &measured.metrics;
        let hops: u64 = (0..).zip(metrics.hops()).map(|(hops, count)| hops * count).sum();
        let elsewhere = metrics.completed - metrics.hops()[0];
        assert_eq!((metrics.completed, metrics.timeouts()[0]), (metrics.issued, metrics.issued));
        assert_eq!(metrics.messages, 2 * hops + elsewhere);
    }
}

/// Over UDP, from the first to the last lookup of the phase.
#[test]
fn messages_follow_from_hops_over_udp() {
    let measured = run("nodes = 100
         threads = 2
         ring = { successors = 4, stabilize = \"off\", fix_fingers = \"off\" }
         network.latency = { model = \"constant\", one_way = \"30ms\" }
         workload.lookups_per_s = 1000
         phases = { warmup = \"1s\", measure = \"1s\" }");
    let metrics = &measured.metrics;
    let hops: u64 = (0..).zip(metrics.hops()).map(|(hops, count)| hops * count).sum();
    let elsewhere = metrics.completed - metrics.hops()[0];
    let expected = (2 * hops + elsewhere) as f64;
    // About a tenth of the lookups is in progress when the phase starts. A busy machine sends some
    // messages again.
    let ratio = metrics.messages as f64 / expected;
    assert!((0.97..1.1).contains(&ratio), "{} messages, {expected} expected", metrics.messages);
}

/// 24 static rings, with and without loss: two accounts of the same nodes.
#[test]
fn costs_agree_with_an_independent_count() {
    const LOOKUPS: usize = 400;
    let mut least = [1.0_f64; 3];
    let mut tests = 0;
    for (index, (nodes, base, successors)) in rings().into_iter().enumerate() {
        for loss in [0.0, 0.02, 0.1] {
            let seed = index as u64 + 1;
            let config = RingConfig {
                shape: Shape::for_ring(base.ilog2(), nodes as usize, successors.into()),
                successors,
                stabilize: None,
                fix_fingers: None,
                timeout: TimeoutPolicy::Fixed(Duration::from_millis(200)),
                deadline: Duration::from_secs(60),
                ..RingConfig::default()
            };
            let delay = Duration::from_millis(20);
            let mut model = LossyRing::new(nodes, config, delay, loss, seed);
            let expected: Vec<_> =
                (0..LOOKUPS).map(|_| model.look_up(Duration::from_secs(70))).collect();
            let measured = run(&format!(
                "engine = \"sim\"
                 check = false
                 threads = 1
                 seed = {seed}
                 nodes = {nodes}
                 ring = {{ base = {base}, successors = {successors}, stabilize = \"off\", fix_fingers = \"off\" }}
                 network = {{ latency = {{ model = \"constant\", one_way = \"20ms\" }}, loss = {loss}, timeout = \"200ms\" }}
                 workload = {{ lookups_per_s = 1, deadline = \"60s\" }}
                 phases = {{ warmup = \"0s\", lookups = {LOOKUPS} }}"
            ));
            let metrics = &measured.metrics;
            let what = format!("{nodes} nodes, base {base}, r = {successors}, loss {loss}");
            assert_eq!(metrics.completed, metrics.issued, "{what}");
            let counts = |of: &dyn Fn(usize) -> u64| {
                let mut counts = vec![0_u64; 256];
                (0..LOOKUPS).for_each(|at| counts[of(at).min(255) as usize] += 1);
                counts
            };
            let hops = counts(&|at| expected[at].hops.expect("it was answered").into());
            let timeouts = counts(&|at| expected[at].timeouts);
            let p = [
                same_distribution(&hops, metrics.hops()),
                same_distribution(&timeouts, metrics.timeouts()),
                // The messages of single lookups are not in the metrics, but their mean is.
                same_mean(
                    &expected.iter().map(|costs| costs.messages as f64).collect::<Vec<_>>(),
                    metrics.messages as f64 / metrics.completed as f64,
                ),
            ];
            least.iter_mut().zip(p).for_each(|(least, p)| *least = least.min(p));
            tests += 1;
            if loss == 0.0 {
                assert_eq!(metrics.timeouts()[0], metrics.completed, "{what}");
            }
        }
    }
    // At 1 % over all rings together (Bonferroni).
    let bound = 0.01 / f64::from(tests);
    assert!(least.iter().all(|&p| p > bound), "hops, timeouts, messages: {least:?}, {tests} rings");
}

fn rings() -> Vec<(u32, u32, u8)> {
    let mut rings = Vec::new();
    for nodes in [24, 60, 150, 400] {
        for base in [2, 8] {
            for successors in [2, 4, 8] {
                rings.push((nodes, base, successors));
            }
        }
    }
    rings
}

/// The probability of a difference at least as large between two samples of one distribution (χ² test
/// of homogeneity). Rare values count together.
fn same_distribution(a: &[u64], b: &[u64]) -> f64 {
    let mut cells: Vec<(f64, f64)> = Vec::new();
    let mut open = (0.0, 0.0);
    for (&a, &b) in a.iter().zip(b) {
        open = (open.0 + a as f64, open.1 + b as f64);
        if open.0 + open.1 >= 10.0 {
            cells.push(std::mem::take(&mut open));
        }
    }
    match cells.last_mut() {
        Some(last) => *last = (last.0 + open.0, last.1 + open.1),
        None => cells.push(open),
    }
    if cells.len() < 2 {
        return 1.0;
    }
    let (all_a, all_b) = cells.iter().fold((0.0, 0.0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
    let statistic: f64 = cells
        .iter()
        .map(|&(a, b)| {
            let of = |all: f64| (a + b) * all / (all_a + all_b);
            (a - of(all_a)).powi(2) / of(all_a) + (b - of(all_b)).powi(2) / of(all_b)
        })
        .sum();
    let freedom = (cells.len() - 1) as f64;
    1.0 - ChiSquared::new(freedom).expect("positive").cdf(statistic)
}

/// The probability that `mean`, of as many values as `sample` has, differs so much from its mean
/// (t-test; both samples are taken to have the same variance).
fn same_mean(sample: &[f64], mean: f64) -> f64 {
    let count = sample.len() as f64;
    let own = sample.iter().sum::<f64>() / count;
    let variance = sample.iter().map(|value| (value - own).powi(2)).sum::<f64>() / (count - 1.0);
    let t = (own - mean).abs() / (2.0 * variance / count).sqrt();
    2.0 * (1.0 - StudentsT::new(0.0, 1.0, count - 1.0).expect("positive").cdf(t))
}
