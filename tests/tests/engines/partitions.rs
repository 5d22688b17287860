//! The network is divided for a while: each side is a ring of its own, and then there is one ring again.
//!
//! **Invariant:** figures of the simulator are exact; over UDP, only what holds on any machine is asserted.

use std::thread;

use hopwise_harness::measure::Measured;
use hopwise_harness::measure::outcome::Rings;

use crate::running::run_seed;

/// The rings, at most at a time and at the end.
fn rings(measured: &Measured) -> Rings {
    let tables = measured.health.tables.as_ref().expect("a ring has tables");
    tables.rings.expect("all nodes were looked at")
}

/// A ring of 200 that is divided after 10 s, for 30 s.
fn divided(rest: &str) -> String {
    format!(
        "nodes = 200
         workload.lookups_per_s = 400
         phases = {{ warmup = \"5s\", measure = \"80s\" }}
         fault = [{{ kind = \"partition\", at = \"10s\", until = \"40s\", {rest} }}]"
    )
}

const SIMULATED: &str =
    "engine = \"sim\"\nnetwork.latency = { model = \"constant\", one_way = \"20ms\" }\n";
const CHURN: &str = "churn = { model = \"sessions\", downtime = \"none\", graceful = 0.5, \
                     session = { distribution = \"exponential\", mean = \"10min\" } }\n";

#[test]
fn sides_answer_for_themselves_and_merge() {
    for (seed, share) in [(1, "0.5"), (2, "0.2"), (3, "0.5")] {
        for churn in ["", CHURN] {
            let partition = divided(&format!("fraction = {share}"));
            let measured = run_seed(&format!("{SIMULATED}{churn}{partition}"), seed);
            assert_eq!(rings(&measured).last, 1, "seed {seed}, {share}, {churn}");
            assert!(rings(&measured).max >= 2, "seed {seed}, {share}: it was divided");
            let metrics = &measured.metrics;
            let correct = metrics.correct as f64 / metrics.issued as f64;
            assert!(correct > 0.97, "seed {seed}, {share}, {churn}: {correct}");
            assert_eq!(metrics.failed, 0, "seed {seed}, {share}, {churn}");
        }
    }
}

/// A third of the nodes receive no message of the other nodes, or no other node receives theirs.
#[test]
fn one_way_partitions_heal_too() {
    for direction in ["in", "out"] {
        let partition = divided(&format!("fraction = 0.3, direction = \"{direction}\""));
        let measured = run_seed(&format!("{SIMULATED}{partition}"), 1);
        assert_eq!(rings(&measured).last, 1, "{direction}");
        let lost = measured.drops.iter().find(|(reason, _)| *reason == "lost");
        assert!(lost.is_some_and(|(_, count)| *count > 1_000), "{direction}: {lost:?}");
    }
}

#[test]
fn groups_answer_for_themselves_and_merge() {
    for seed in [1, 2] {
        let partition = divided("groups = [0.34, 0.33, 0.33]");
        let measured = run_seed(&format!("{SIMULATED}{partition}"), seed);
        assert_eq!(rings(&measured).last, 1, "seed {seed}");
        assert!(rings(&measured).max >= 3, "seed {seed}: there were three rings");
        let metrics = &measured.metrics;
        let correct = metrics.correct as f64 / metrics.issued as f64;
        assert!(correct > 0.95, "seed {seed}: {correct}");
    }
}

/// In a square with sides of 100 ms, corners cannot reach each other, and the middle reaches all.
#[test]
fn far_nodes_cannot_reach_each_other_for_a_while() {
    let far = "engine = \"sim\"\nnetwork.latency = { model = \"euclidean\", side = \"100ms\" }\n";
    for threads in [1, 2] {
        let toml = format!("{far}threads = {threads}\n{}", divided("beyond = \"70ms\""));
        let measured = run_seed(&toml, 1);
        assert_eq!(rings(&measured).last, 1);
        let strikes = measured.disturbances.iter().find(|it| it.0 == "partition");
        assert!(strikes.is_some_and(|it| it.1 > 1000), "{strikes:?}");
        let metrics = &measured.metrics;
        let correct = metrics.correct as f64 / metrics.issued as f64;
        assert!(correct > 0.9, "{correct}");
        let whole = run_seed(&toml.replace("70ms", "10s"), 1);
        assert_eq!(whole.disturbances, [("partition", 0)], "no node is so far away");
        assert_eq!((whole.metrics.incorrect, whole.metrics.failed), (0, 0));
    }
}

#[test]
fn over_udp_there_is_one_ring_in_the_end() {
    let ends_whole = |rest: &str, count: u64| {
        let partition = divided(rest).replace("\"40s\"", "\"25s\"").replace("80s", "50s");
        let measured = run_seed(&partition, 1);
        assert_eq!(rings(&measured).last, 1, "{rest}");
        assert!(rings(&measured).max >= count, "{rest}: it was divided");
    };
    // Each takes as long as it takes on a clock.
    thread::scope(|scope| {
        scope.spawn(|| ends_whole("fraction = 0.5", 2));
        ends_whole("groups = [0.4, 0.3]", 3);
    });
}

#[test]
fn threads_do_not_change_who_is_apart() {
    let digests = [1, 2].map(|threads| {
        let toml = format!("{SIMULATED}threads = {threads}\n{}", divided("fraction = 0.5"));
        let toml = toml.replace("80s", "45s");
        let measured = run_seed(&toml, 4);
        (measured.metrics.correct, measured.metrics.incorrect)
    });
    assert_eq!(digests[0], digests[1]);
}
