//! Small scenarios over real UDP, with all answers checked.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::Scenario;
use hopwise_harness::live::Progress;
use hopwise_harness::measure::{EngineError, Measured};
use hopwise_harness::scenario::Engine;
use hopwise_harness::systems::Registry;

fn run(toml: &str) -> Result<Measured, EngineError> {
    run_scenario(&Registry::built_in().from_toml(toml, "test", &[]).expect("the scenario is valid"))
}

fn run_scenario(scenario: &Scenario) -> Result<Measured, EngineError> {
    assert_eq!(scenario.engine, Engine::Udp);
    let (interrupts, progress) = (AtomicU32::new(0), Progress::new(true, Duration::ZERO));
    Registry::built_in().run(scenario, &interrupts, &progress)
}

fn dropped(measured: &Measured, reason: &str) -> u64 {
    let named = measured.drops.iter().find(|&&(name, _)| name == reason);
    named.map_or(0, |&(_, count)| count)
}

const SMALL: &str = "
    nodes = 64
    threads = 2
    workload = { lookups_per_s = 500.0 }
    phases = { warmup = \"200ms\", lookups = 300 }
";

#[test]
fn a_steady_ring_answers_every_lookup_correctly() {
    for extra in [
        "",
        "ring = { lookup = \"iterative\" }",
        "udp = { sockets = \"per-node\" }",
        "network = { timeout = \"500ms\" }",
    ] {
        let measured = run(&format!("{SMALL}\n{extra}")).expect("the scenario runs");
        let metrics = &measured.metrics;
        assert!(metrics.issued >= 300, "{extra}: {} issued", metrics.issued);
        assert_eq!(metrics.completed, metrics.issued, "{extra}");
        assert_eq!(metrics.correct, metrics.completed, "{extra}");
        assert_eq!((metrics.failed, metrics.shed), (0, 0), "{extra}");
        assert!(measured.maintenance.messages() > 0, "{extra}: nodes check their neighbours");
    }
}

#[test]
fn nodes_that_joined_through_the_protocol_form_one_ring() {
    let toml =
        SMALL.replace("200ms", "3s") + "start = \"joined\"\nring = { stabilize = \"200ms\" }";
    let toml = toml.replacen("nodes", "seed = 3\n    nodes", 1);
    let measured = run(&toml).expect("the scenario runs");
    assert_eq!(measured.metrics.completed, measured.metrics.issued);
    assert_eq!(measured.metrics.correct, measured.metrics.completed);
}

#[test]
fn crashes_are_survived() {
    let fault = "\n[[fault]]\nat = \"0s\"\nkind = \"crash\"\nfraction = 0.25\n";
    let toml = "nodes = 64\nthreads = 2\nworkload = { lookups_per_s = 200.0 }\n\
                phases = { warmup = \"200ms\", measure = \"2s\" }\n";
    let measured = run(&format!("{toml}{fault}")).expect("the scenario runs");
    assert_eq!(measured.membership.crashes, 16);
    let metrics = &measured.metrics;
    assert_eq!(metrics.completed + metrics.failed + metrics.orphaned, metrics.issued);
    assert!(metrics.correct * 10 >= metrics.issued * 5);
}

#[test]
fn lookups_right_after_a_crash_of_a_fifth_are_all_answered() {
    // Long enough for every node to have measured a round trip.
    let overrides = [("phases.warmup".to_owned(), "2s".to_owned())];
    let scenario =
        Registry::built_in().load("crash-fifth", &overrides).expect("the scenario is valid");
    let measured = run_scenario(&scenario).expect("the scenario runs");
    let metrics = &measured.metrics;
    let quantile_ms = |q| metrics.latency().value_at_quantile(q) as f64 / 1e6;
    println!(
        "p50 {:.2} ms, p99 {:.2} ms, {} of {} correct",
        quantile_ms(0.5),
        quantile_ms(0.99),
        metrics.correct,
        metrics.issued
    );
    assert_eq!(measured.membership.crashes, 40);
    assert_eq!((metrics.issued, metrics.completed, metrics.failed), (25, 25, 0));
    assert_eq!(metrics.correct + metrics.incorrect, 25, "all are judged");
}

#[test]
fn lookups_cross_a_slow_network_that_loses_messages() {
    // Without repair, contacts that are taken for dead never return. With 4 successors 5 of 1,000
    // simulated runs have a failed lookup, with 8 none of 3,000. A node answers for its predecessor if
    // that seems to be silent, which rarely is a mistake, but not never on a busy machine.
    for (stabilize, least_correct) in [("off", 0.99), ("1s", 0.95)] {
        for sockets in ["per-core", "per-node"] {
            let measured = run(&format!(
                "{SMALL}
                network = {{ latency = {{ model = \"constant\", one_way = \"5ms\" }}, loss = 0.02 }}
                ring = {{ stabilize = \"{stabilize}\", successors = 8 }}
                udp = {{ sockets = \"{sockets}\" }}"
            ))
            .expect("the scenario runs");
            let metrics = &measured.metrics;
            assert_eq!(metrics.completed, metrics.issued);
            assert!(metrics.correct as f64 >= least_correct * metrics.completed as f64);
            if stabilize == "off" {
                assert!(metrics.incorrect <= metrics.under_suspicion, "no other answer is wrong");
            }

            let hops: u64 = (0..).zip(metrics.hops()).map(|(hops, count)| hops * count).sum();
            let mean_hops = hops as f64 / metrics.completed as f64;
            let mean_ms = metrics.latency().mean() / 1e6;
            assert!(mean_hops > 1.0, "{mean_hops}");
            assert!(mean_ms >= 5.0 * mean_hops, "{mean_ms} ms for {mean_hops} hops");

            let lost = dropped(&measured, "lost") as f64 / measured.traffic.messages() as f64;
            assert!((0.01..0.04).contains(&lost), "{lost} of all messages");
            assert_eq!(dropped(&measured, "delay_overflow"), 0);
        }
    }
}

#[test]
fn lookups_are_answered_though_messages_overtake_each_other() {
    let measured = run(&format!(
        "{SMALL}
        [network]
        latency = {{ model = \"uniform\", min = \"0s\", max = \"2ms\" }}
        reordering = 0.2"
    ))
    .expect("the scenario runs");
    let metrics = &measured.metrics;
    assert_eq!(metrics.completed, metrics.issued);
    assert!(metrics.correct as f64 >= 0.95 * metrics.completed as f64);
}

#[test]
fn simulator_only_scenarios_are_refused_over_udp() {
    for (network, expected) in [
        ("latency = { model = \"king\" }", "network.latency.model = \"king\""),
        ("duplication = 0.5", "network.duplication = 0.5"),
    ] {
        match run(&format!("{SMALL}\n[network]\n{network}")) {
            Err(EngineError::Request(message)) => assert!(message.contains(expected), "{message}"),
            other => panic!("expected a request error, got {other:?}"),
        }
    }
}

#[test]
fn a_network_that_loses_everything_answers_nothing() {
    let toml = SMALL.replace("lookups = 300", "lookups = 20")
        + "network = { loss = 1.0 }\n[ring]\nsuccessors = 1\n";
    let toml = toml.replace("lookups_per_s = 500.0", "lookups_per_s = 500.0, deadline = \"200ms\"");
    let measured = run(&toml).expect("the scenario runs");
    assert!(dropped(&measured, "lost") > 0);
    assert!(measured.metrics.hops()[1..].iter().all(|&count| count == 0), "no message arrives");
    assert!(measured.metrics.failed > 0);
}

#[test]
fn a_port_that_is_taken_is_a_clear_request_error() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().expect("a bound socket has an address").port();
    let toml = format!("{SMALL}\nudp = {{ bind = \"127.0.0.1:{port}\" }}")
        .replace("threads = 2", "threads = 1");
    match run(&toml) {
        Err(EngineError::Request(message)) => {
            assert!(
                message.contains("udp.bind") && message.contains(&port.to_string()),
                "{message}"
            );
        }
        other => panic!("expected a request error, got {other:?}"),
    }
}
