//! Small scenarios over real UDP, each judged against the truth.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::Scenario;
use hopwise_harness::engine::udp::UdpEngine;
use hopwise_harness::engine::{Engine, EngineError, Measured};
use hopwise_harness::progress::Progress;

fn run(toml: &str) -> Result<Measured, EngineError> {
    let scenario = Scenario::from_toml(toml, "test", &[]).expect("the scenario is sound");
    UdpEngine.run(&scenario, &AtomicU32::new(0), &Progress::new(true, Duration::ZERO))
}

const SMALL: &str = "
    nodes = 64
    threads = 2
    workload = { lookups_per_s = 500.0 }
    phases = { warmup = \"200ms\", lookups = 300 }
";

#[test]
fn a_steady_ring_answers_every_lookup_correctly() {
    for extra in ["", "ring = { lookup = \"iterative\" }", "udp = { sockets = \"per-node\" }"] {
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
    assert_eq!(measured.metrics.completed + measured.metrics.failed, measured.metrics.issued);
    assert!(measured.metrics.correct * 10 >= measured.metrics.issued * 5);
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
