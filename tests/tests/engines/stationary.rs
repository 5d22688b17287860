//! Hosts with sessions and downtimes start in the state of the long run.
//!
//! **Invariant:** bounds follow from renewal theory: with availability a, the number of live hosts has
//! mean n a and variance n a (1 - a) at any time.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::live::Progress;
use hopwise_harness::systems::Registry;

const NODES: f64 = 600.0;
/// Of sessions of 60 s and downtimes of 30 s.
const AVAILABILITY: f64 = 2.0 / 3.0;

/// The number of live nodes, each second.
fn live(values: &str) -> Vec<f64> {
    let toml = format!(
        "engine = \"sim\"
         nodes = 600
         check = false
         ring = {{ successors = 8, stabilize = \"2s\", fix_fingers = \"4s\" }}
         network = {{ latency = {{ model = \"constant\", one_way = \"20ms\" }} }}
         workload = {{ lookups_per_s = 10.0 }}
         phases = {{ warmup = \"1s\", measure = \"150s\" }}
         {values}"
    );
    let scenario = Registry::built_in().from_toml(&toml, "test", &[]).expect("it is valid");
    let progress = Progress::new(true, Duration::ZERO);
    let measured =
        Registry::built_in().run(&scenario, &AtomicU32::new(0), &progress).expect("it runs");
    measured.series.iter().map(|row| row.live_nodes as f64).collect()
}

fn churn(lengths: &str, more: &str) -> String {
    format!(
        "[churn]
         model = \"sessions\"
         session = {{ {lengths}, mean = \"60s\" }}
         downtime = {{ {lengths}, mean = \"30s\" }}
         {more}"
    )
}

/// Sessions do not end before the warm-up, or bring-up would never see all nodes at once.
#[test]
fn bring_up_ends_however_short_sessions_are() {
    for (engine, start) in [("udp", "linked"), ("sim", "joined")] {
        let toml = format!(
            "engine = \"{engine}\"
             nodes = 64
             threads = 1
             start = \"{start}\"
             ring.successors = 8
             churn = {{ model = \"sessions\", start = \"all-up\", session = {{ mean = \"300ms\" }}, downtime = {{ mean = \"3s\" }} }}
             workload.lookups_per_s = 100
             phases = {{ warmup = \"100ms\", measure = \"300ms\" }}"
        );
        let scenario = Registry::built_in().from_toml(&toml, "test", &[]).expect("it is valid");
        let progress = Progress::new(true, Duration::ZERO);
        let measured = Registry::built_in().run(&scenario, &AtomicU32::new(0), &progress);
        let measured = measured.expect("bring-up ends");
        assert!(
            measured.membership.leaves + measured.membership.crashes > 5,
            "{engine}: churn began"
        );
    }
}

#[test]
fn the_live_number_neither_falls_nor_rises_from_the_start_on() {
    let deviation = (NODES * AVAILABILITY * (1.0 - AVAILABILITY)).sqrt();
    for lengths in [
        "distribution = \"exponential\"",
        "distribution = \"weibull\", shape = 0.5",
        "distribution = \"pareto\", shape = 2.5",
    ] {
        for rejoin in ["new-id", "same-id"] {
            let live = live(&churn(lengths, &format!("rejoin = \"{rejoin}\"")));
            for (second, &live) in live.iter().enumerate() {
                let off = (live - NODES * AVAILABILITY) / deviation;
                assert!(off.abs() < 5.0, "{lengths}, {rejoin}, second {second}: {live}");
            }
        }
    }
}

#[test]
fn all_hosts_start_up_if_the_scenario_says_so() {
    let live = live(&churn("distribution = \"exponential\"", "start = \"all-up\""));
    assert!(live[0] > 0.95 * NODES, "{}", live[0]);
    let late = live[90..].iter().sum::<f64>() / live[90..].len() as f64;
    assert!((late / NODES - AVAILABILITY).abs() < 0.07, "{late}");
}

#[test]
fn without_downtimes_all_nodes_start_up() {
    let churn =
        "churn = { model = \"sessions\", session = { mean = \"60s\" }, downtime = \"none\" }";
    assert!(live(churn).iter().all(|&live| live > 0.95 * NODES));
}

/// Over UDP, the live number of the first seconds.
#[test]
fn real_nodes_start_in_the_state_of_the_long_run() {
    for (system, start) in [("ring", "linked"), ("ring", "joined"), ("central", "linked")] {
        let toml = format!(
            "engine = \"udp\"
             system = \"{system}\"
             start = \"{start}\"
             nodes = 120
             threads = 2
             ring = {{ successors = 8 }}
             workload = {{ lookups_per_s = 20.0 }}
             phases = {{ warmup = \"0s\", measure = \"3s\" }}
             {}",
            churn("distribution = \"exponential\"", "")
        );
        let scenario = Registry::built_in().from_toml(&toml, "test", &[]).expect("it is valid");
        let progress = Progress::new(true, Duration::ZERO);
        let measured =
            Registry::built_in().run(&scenario, &AtomicU32::new(0), &progress).expect("it runs");
        let mean = measured.node_s / measured.measured.as_secs_f64();
        assert!(
            (50.0..110.0).contains(&mean),
            "{system}, {start}: {mean} of 120 hosts, not about 80"
        );
    }
}
