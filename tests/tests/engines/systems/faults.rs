//! Crashes of nodes, and their return.

use hopwise_harness::measure::Measured;
use hopwise_harness::measure::series::SeriesRow;

use super::run::{CENTRAL, FLOOD, ITEMS, RING, WALK, assert_sums, run_udp, simulate, success};

/// Items with few holders, so that crashed holders are missed.
const LOAD: &str = "
    nodes = 100
    items.replicas = 2.0
    items.exponent = 0.0
    workload = { lookups_per_s = 100.0, deadline = \"2s\" }
";
const IN_TIME: &str = "
    threads = 1
    network.latency = { model = \"uniform\", min = \"10ms\", max = \"60ms\" }
    phases = { warmup = \"5s\", measure = \"14s\" }
";
const COPIES: u64 = 240;

/// Start of the measured phase of runs that start linked.
const START_S: f64 = 5.0;

/// The ratio of `count` to the queries issued, between two seconds of the measured phase.
fn share_of(measured: &Measured, from_s: f64, to_s: f64, count: fn(&SeriesRow) -> u64) -> f64 {
    let of = |count: fn(&SeriesRow) -> u64| -> u64 {
        let rows = measured.series.iter().filter(|row| {
            let end_s = row.t_s - START_S;
            end_s - 1.0 >= from_s && end_s <= to_s
        });
        rows.map(count).sum()
    };
    of(count) as f64 / of(|row| row.issued) as f64
}

fn right(row: &SeriesRow) -> u64 {
    row.completed - row.incorrect
}

const SERVER_CRASHES: &str = "{ at = \"4s\", kind = \"crash\", target = \"busiest\", count = 1 }";

#[test]
fn a_central_index_fails_without_its_server() {
    let fault = format!("fault = [{SERVER_CRASHES}]");
    let measured = simulate(&[CENTRAL, ITEMS, LOAD, IN_TIME, &fault]);
    assert_sums(&measured, "without a server");
    assert_eq!((measured.membership.crashes, measured.membership.joins), (1, 0));
    // A row counts the queries that were due in it, and those just before the crash get no answer.
    assert!(share_of(&measured, 0.0, 3.0, right) > 0.99, "before");
    assert_eq!(share_of(&measured, 5.0, 14.0, |row| row.completed), 0.0, "afterwards");
    assert!(share_of(&measured, 7.0, 14.0, |row| row.failed) > 0.9, "by their deadline");
    // Each peer still knows the server and no other node.
    assert_eq!(measured.state.entries_max, 1);
    let lasted = measured.simulation.expect("a simulation").simulated.as_secs_f64();
    assert!(lasted < 5.0 + 14.0 + 2.0 + 2.0, "{lasted} s: no query hangs");
}

#[test]
fn a_server_that_returns_is_told_everything_again() {
    let fault =
        format!("fault = [{SERVER_CRASHES}, {{ at = \"7s\", kind = \"return\", count = 1 }}]");
    let measured = simulate(&[CENTRAL, ITEMS, LOAD, IN_TIME, &fault]);
    assert_sums(&measured, "with a server again");
    assert_eq!((measured.membership.crashes, measured.membership.joins), (1, 1));
    assert_eq!(measured.state.entries_max, COPIES, "it knows all of it");
    // Queries that were due later are still waiting when it returns.
    assert_eq!(share_of(&measured, 4.0, 5.0, |row| row.completed), 0.0, "away");
    // Peers republish within a round and a half; some queries were in flight.
    assert!(share_of(&measured, 11.0, 14.0, right) > 0.99, "back");
}

/// A node that a fault has crashed returns by churn or by another fault, but not by both. A server
/// returns only by a fault.
#[test]
fn no_node_returns_twice() {
    let churn = "churn = { model = \"sessions\", rejoin = \"same-id\",
                 downtime = { distribution = \"exponential\", mean = \"2s\" } }";
    let third = "{ at = \"1s\", kind = \"crash\", fraction = 0.3333 },
                 { at = \"2s\", kind = \"return\", fraction = 1.0 }";
    for (system, fault) in
        [(FLOOD, third), (RING, third), (CENTRAL, third), (CENTRAL, SERVER_CRASHES)]
    {
        let fault = format!("fault = [{}]", fault.split_whitespace().collect::<Vec<_>>().join(" "));
        let churn = churn.split_whitespace().collect::<Vec<_>>().join(" ");
        let measured = simulate(&[system, ITEMS, LOAD, IN_TIME, &churn, &fault]);
        assert_sums(&measured, system);
        let mut live = measured.series.iter().map(|row| row.live_nodes);
        let (last, most) = (live.next_back(), live.max());
        assert_eq!(most, Some(100), "{system}{fault}");
        let least = if fault.contains("busiest") { 97 } else { 98 };
        assert!(last >= Some(least), "{system}{fault}: {last:?} live at the end");
    }
}

/// Both holders of an item have crashed with a probability of one in nine. A walker that reaches a
/// dead neighbor is lost, so walks fail more often until crashes are detected.
#[test]
fn most_questions_outlive_a_third_of_the_nodes() {
    for system in [FLOOD, WALK, RING] {
        let crash = "fault = [{ at = \"0s\", kind = \"crash\", fraction = 0.3333 }]";
        let measured = simulate(&[system, ITEMS, LOAD, IN_TIME, "items.fuzzy = 0.0", crash]);
        assert_sums(&measured, system);
        assert_eq!(measured.membership.crashes, 33);
        let repaired = share_of(&measured, 8.0, 14.0, right);
        assert!(repaired > 0.75, "{system}: {repaired} after repair");
        let obtained = success(measured.metrics.items.exact);
        let least = if system == WALK { 0.6 } else { 0.75 };
        assert!((least..0.95).contains(&obtained), "{system}: {obtained} obtained");
    }
}

/// The returned nodes, a third of all, hold the same items as before.
#[test]
fn a_returning_node_keeps_its_identity() {
    for system in [CENTRAL, FLOOD, RING] {
        let crash = "{ at = \"0s\", kind = \"crash\", fraction = 0.3333 }";
        let back = "{ at = \"2s\", kind = \"return\", fraction = 1.0 }";
        let fault = format!("fault = [{crash}, {back}]");
        let alone = LOAD.replace("replicas = 2.0", "replicas = 1.0\nitems.fuzzy = 0.0");
        let measured = simulate(&[system, ITEMS, &alone, IN_TIME, &fault]);
        assert_sums(&measured, system);
        assert_eq!((measured.membership.crashes, measured.membership.joins), (33, 33), "{system}");
        let back = share_of(&measured, 11.0, 14.0, right);
        assert!(back > 0.97, "{system}: {back}");
        if system == CENTRAL {
            assert_eq!(measured.state.entries_max, 120);
        }
    }
}

#[test]
fn a_server_goes_and_returns_over_udp() {
    let fault = "
        fault = [{ at = \"1500ms\", kind = \"crash\", target = \"busiest\", count = 1 },
                 { at = \"4500ms\", kind = \"return\", count = 1 }]
        phases = { warmup = \"2s\", measure = \"9s\" }
        threads = 2
        network.timeout = \"500ms\"
    ";
    let measured = run_udp(&[CENTRAL, ITEMS, LOAD, fault]);
    assert_sums(&measured, "over UDP");
    assert_eq!((measured.membership.crashes, measured.membership.joins), (1, 1));
    assert_eq!(measured.state.entries_max, COPIES, "it knows all of it again");
    let metrics = &measured.metrics;
    assert!(metrics.failed > 0, "some queries failed");
    assert!(metrics.correct as f64 > 0.5 * metrics.issued as f64, "{} right", metrics.correct);
}
