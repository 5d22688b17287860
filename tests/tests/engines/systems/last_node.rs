//! Networks that shrink to one node, and grow again.

use hopwise_harness::measure::Measured;

use super::run::{CENTRAL, FLOOD, run_udp, simulate};

const LOAD: &str = "
    workload = { lookups_per_s = 50.0, deadline = \"1s\" }
";
const SMALL_RING: &str = "system = \"ring\"\nring = { successors = 1, stabilize = \"500ms\" }\n";
const PHASES: &str = "phases = { warmup = \"1s\", measure = \"8s\" }\n";
/// One of two is left, then there are three.
const SHRINKS_AND_GROWS: &str = "
    fault = [{ at = \"1s\", kind = \"leave\", count = 1 },
             { at = \"3s\", kind = \"join\", count = 2 },
             { at = \"5s\", kind = \"leave\", fraction = 0.67 }]
";

fn assert_all_right(measured: &Measured, case: &str) {
    let metrics = &measured.metrics;
    assert!(metrics.completed > 0, "{case}: nothing was asked");
    assert_eq!((metrics.failed, metrics.incorrect), (0, 0), "{case}");
    assert_eq!(metrics.completed + metrics.orphaned, metrics.issued, "{case}");
}

#[test]
fn a_simulated_ring_of_one_answers_and_takes_in_others() {
    for start in ["linked", "joined"] {
        let start = format!("start = \"{start}\"\n");
        for mode in ["recursive", "iterative"] {
            let mode = format!("ring.lookup = \"{mode}\"\nring.successors = 1\ncheck = true\n");
            let alone = simulate(&["nodes = 1\n", &start, &mode, LOAD, PHASES]);
            assert_all_right(&alone, "alone");

            let shrinks =
                simulate(&["nodes = 2\n", &start, &mode, LOAD, PHASES, SHRINKS_AND_GROWS]);
            assert_all_right(&shrinks, "shrinks and grows");
            assert_eq!((shrinks.membership.leaves, shrinks.membership.joins), (3, 2));
            let check = shrinks.simulation.and_then(|simulation| simulation.check);
            assert_eq!(check.map(|check| (check.violations, check.beyond_promise)), Some((0, 0)));
        }
    }
}

/// The lookups that go to the crashed node before it is declared dead may fail.
#[test]
fn a_simulated_ring_recovers_from_the_crash_of_one_of_two() {
    let fault = "fault = [{ at = \"1s\", kind = \"crash\", count = 1 }]";
    let phases = "phases = { warmup = \"1s\", measure = \"40s\" }\n";
    let measured = simulate(&["nodes = 2\n", SMALL_RING, LOAD, phases, fault]);
    let late = measured.series.iter().filter(|row| row.t_s > 30.0);
    let (mut completed, mut issued) = (0, 0);
    for row in late {
        (completed, issued) = (completed + row.completed - row.incorrect, issued + row.issued);
    }
    assert!(issued > 0 && completed == issued, "{completed} of {issued}");
}

#[test]
fn a_fault_over_udp_leaves_one_of_two_nodes() {
    let in_short = "
        phases = { warmup = \"500ms\", measure = \"4s\" }
        fault = [{ at = \"500ms\", kind = \"leave\", count = 1 },
                 { at = \"1s\", kind = \"join\", count = 2 },
                 { at = \"3s\", kind = \"leave\", fraction = 0.34 }]";
    // One thread, however many there could be: each keeps a node.
    let measured = run_udp(&["nodes = 2\n", SMALL_RING, LOAD, in_short]);
    assert_eq!((measured.membership.leaves, measured.membership.joins), (2, 2));
    assert_eq!(measured.metrics.incorrect, 0);
    let share = measured.metrics.completed as f64 / measured.metrics.issued as f64;
    assert!(share > 0.9, "{share}");
}

/// A peer asks others only, so one alone finds nothing; but it takes in others.
#[test]
fn flooding_goes_on_after_one_peer_was_left() {
    let fault = "fault = [{ at = \"1s\", kind = \"leave\", count = 1 },
                          { at = \"3s\", kind = \"join\", count = 1 }]";
    let measured = simulate(&["nodes = 2\n", FLOOD, LOAD, PHASES, fault]);
    assert_eq!((measured.membership.leaves, measured.membership.joins), (1, 1));
    let last = measured.series.iter().rfind(|row| row.issued > 0).expect("it was asked");
    assert!(last.completed > 0 && last.failed == 0, "{last:?}");
    let alone = simulate(&["nodes = 1\n", FLOOD, LOAD, PHASES]);
    assert_eq!((alone.metrics.completed, alone.metrics.failed), (0, alone.metrics.issued));
}

#[test]
fn a_server_and_one_peer_go_on() {
    let fault = "fault = [{ at = \"1s\", kind = \"leave\", count = 1 },
                          { at = \"3s\", kind = \"join\", count = 1 }]";
    let measured = simulate(&["nodes = 3\n", CENTRAL, LOAD, PHASES, fault]);
    assert_eq!((measured.membership.leaves, measured.membership.joins), (1, 1));
    assert_eq!(measured.metrics.failed, 0);
    let stored = simulate(&[
        "nodes = 1\nitems = { population = 20, publish_within = \"100ms\", fuzzy = 0.0 }\n",
        SMALL_RING,
        LOAD,
        PHASES,
    ]);
    assert_all_right(&stored, "a store alone");
}
