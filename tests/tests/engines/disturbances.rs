//! Disturbances of every kind strike, and the ring becomes exact again.
//!
//! **Invariant:** figures of the simulator are exact; over UDP, only what holds on any machine is asserted.

use std::time::Duration;

use hopwise_harness::commands::Environment;
use hopwise_harness::commands::assertion::Assertions;
use hopwise_harness::commands::campaign::campaign;
use hopwise_harness::commands::options::{Exit, RunOptions};
use hopwise_harness::measure::Measured;
use hopwise_harness::measure::series::SeriesRow;
use hopwise_harness::systems::Registry;

use crate::running::run_seed;

/// What each kind takes besides its time.
const KINDS: [(&str, &str); 10] = [
    ("partition", "fraction = 0.4"),
    ("partition", "groups = [0.4, 0.3]"),
    ("clog", "fraction = 0.2"),
    ("loss", "fraction = 0.3"),
    ("delay", "fraction = 0.5, by = \"300ms\""),
    ("duplicate", "fraction = 0.5"),
    ("reorder", "fraction = 0.5"),
    ("corrupt", "fraction = 0.05"),
    ("pause", "fraction = 0.3"),
    ("clock", "fraction = 1.0"),
];

/// A ring that is disturbed for a while, and then has a minute to become exact.
const SIMULATED: &str = "
    engine = \"sim\"
    nodes = 64
    ring.successors = 8
    network.latency = { model = \"uniform\", min = \"10ms\", max = \"90ms\" }
    workload.lookups_per_s = 20
    phases = { warmup = \"1s\", measure = \"100s\" }
";

fn disturbed(kind: &str, rest: &str, until: &str) -> String {
    format!("fault = [{{ kind = {kind:?}, at = \"5s\", until = {until:?}, {rest} }}]\n")
}

fn strikes(measured: &Measured, kind: &str) -> u64 {
    measured.disturbances.iter().filter(|it| it.0 == kind).map(|it| it.1).sum()
}

#[test]
fn the_ring_is_exact_after_every_kind() {
    for (kind, rest) in KINDS {
        for seed in 1..=3 {
            let fault = disturbed(kind, rest, "35s");
            let measured = run_seed(&format!("{SIMULATED}check = true\n{fault}"), seed);
            assert!(strikes(&measured, kind) > 0, "{kind}, seed {seed}");
            let check = measured.simulation.and_then(|it| it.check).expect("it was checked");
            assert_eq!((check.violations, check.first), (0, None), "{kind}, seed {seed}");
        }
    }
}

#[test]
fn threads_change_nothing() {
    for (kind, rest) in KINDS {
        let digests = [1, 2].map(|threads| {
            let fault = disturbed(kind, rest, "15s");
            let toml = SIMULATED.replace("100s", "25s");
            let toml = format!("{toml}check = false\nthreads = {threads}\n{fault}");
            let simulation = run_seed(&toml, 5).simulation.expect("a simulation");
            (simulation.trace_digest, simulation.events)
        });
        assert_eq!(digests[0], digests[1], "{kind}");
    }
}

/// While all nodes are paused nothing happens. Then every lookup is answered that was asked meanwhile.
#[test]
fn what_waits_for_a_paused_node_is_done_later() {
    let fault = disturbed("pause", "fraction = 1.0", "8s");
    let quiet = SIMULATED.replace("100s", "20s");
    let paused = run_seed(&format!("{quiet}{fault}"), 1);
    let metrics = &paused.metrics;
    assert_eq!((metrics.failed, metrics.issued), (0, metrics.correct + metrics.incorrect));
    let longest = Duration::from_nanos(metrics.latency().max());
    assert!((2.9..4.0).contains(&longest.as_secs_f64()), "{longest:?}");
    let seconds = paused.series.iter().filter(|row| row.phase == "measure");
    let idle = seconds.filter(|row| row.messages == 0).count();
    assert!(idle >= 2, "{idle} seconds without a message");
}

/// The twin over UDP: in a second within the pause nothing moves, and what was asked is answered later.
#[test]
fn over_udp_paused_nodes_go_on_with_all_that_waited() {
    let fault = disturbed("pause", "fraction = 1.0", "4s").replace("5s", "1500ms");
    let toml = "nodes = 40
                workload = { lookups_per_s = 100, deadline = \"20s\" }
                phases = { warmup = \"1s\", measure = \"7s\" }\n";
    let paused = run_seed(&format!("{toml}{fault}"), 1);
    let metrics = &paused.metrics;
    assert!(metrics.issued > 400 && metrics.failed * 50 < metrics.issued, "{}", metrics.failed);
    let longest = Duration::from_nanos(metrics.latency().max());
    assert!(longest > Duration::from_millis(2400), "{longest:?}");
    let is_whole = |row: &&SeriesRow| row.phase == "measure" && row.length_s > 0.9;
    let messages = paused.series.iter().filter(is_whole).map(|row| row.messages);
    let (least, most) = (messages.clone().min(), messages.max());
    assert!(least.map(|least| 20 * least) < most, "{least:?} and {most:?} messages in a second");
}

#[test]
fn kinds_strike_over_udp_too() {
    for (kind, rest) in KINDS {
        let fault = disturbed(kind, rest, "4s").replace("5s", "1s");
        let toml = "nodes = 40
                    workload.lookups_per_s = 200
                    phases = { warmup = \"1s\", measure = \"6s\" }\n";
        let measured = run_seed(&format!("{toml}{fault}"), 1);
        assert!(strikes(&measured, kind) > 0, "{kind}");
        let metrics = &measured.metrics;
        let correct = metrics.correct as f64 / metrics.issued as f64;
        assert!(correct > 0.2, "{kind}: {correct}");
    }
}

/// Nodes that are far from each other are cut off for so long that each one knows only near nodes. The answers of the
/// others then take many times as long as all those that it has measured. Before, they came too late to count.
#[test]
fn islands_of_near_nodes_become_one_ring() {
    let latency = "network.latency = { model = \"euclidean\", side = \"150ms\", base = \"5ms\" }";
    let uniform = SIMULATED.lines().find(|it| it.contains("latency")).expect("it has delays");
    let fault = disturbed("partition", "beyond = \"25ms\"", "115s");
    let toml = format!(
        "{}check = true\n{fault}",
        SIMULATED.replace(uniform, latency).replace("100s", "240s")
    );
    for seed in 1..=6 {
        let measured = run_seed(&toml, seed);
        assert!(strikes(&measured, "partition") > 0, "seed {seed}");
        let check = measured.simulation.and_then(|it| it.check).expect("it was checked");
        assert_eq!((check.violations, check.first, check.exact), (0, None, 1), "seed {seed}");
    }
}

/// The faults that their seeds drew are stored: today the seeds draw others.
#[test]
fn swarms_that_failed_before_pass() {
    let swarms =
        [(9, include_str!("seeds/swarm-9.toml")), (179, include_str!("seeds/swarm-179.toml"))];
    for (seed, swarm) in swarms {
        let check = run_seed(swarm, seed).simulation.and_then(|it| it.check);
        assert_eq!(check.expect("it was checked").first, None, "seed {seed}");
    }
}

#[test]
fn a_campaign_in_which_a_kind_never_strikes_fails() {
    let verdict = |fraction: &str| {
        let fault = disturbed("loss", &format!("fraction = {fraction}"), "15s");
        let toml = format!("{}{fault}", SIMULATED.replace("100s", "20s"));
        let scenario = Registry::built_in().from_toml(&toml, "test", &[]).expect("it is valid");
        let out = std::env::temp_dir().join(format!("hopwise-idle-{}", std::process::id()));
        let options = RunOptions { quiet: true, out: Some(out.clone()), ..RunOptions::default() };
        let seeds = "1..3".parse().expect("two seeds");
        let exit =
            campaign(&Environment::hopwise(), &scenario, &seeds, &Assertions::default(), &options);
        let text = std::fs::read_to_string(out.join("campaign.json")).expect("it was written");
        std::fs::remove_dir_all(&out).expect("it is there");
        let json: serde_json::Value = serde_json::from_str(&text).expect("it is JSON");
        (exit, json["faults"]["loss"] == 0)
    };
    assert_eq!(verdict("0.1"), (Exit::Success, false));
    assert_eq!(verdict("0.0"), (Exit::Unmet, true));
}
