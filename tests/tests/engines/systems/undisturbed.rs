//! Queries without churn or loss.

use hopwise_harness::measure::Measured;

use super::run::{ALL, CENTRAL, ITEMS, PEACE, RING, assert_sums, simulate, success};

/// Asserts that a system has answered all queries it can answer: the ring those with exact names,
/// others all.
pub(crate) fn assert_answered(measured: &Measured, system: &str, nodes: u32) {
    assert_sums(measured, system);
    let (metrics, items) = (&measured.metrics, &measured.metrics.items);
    let (exact, fuzzy) = (success(items.exact), success(items.fuzzy));
    let least = if system.contains("flood") { 0.99 } else { 0.999 };
    assert!(exact >= least, "{system}: {exact} of exact queries");
    assert_eq!(items.transfers_failed, 0, "{system}: all holders are present");
    if system == RING {
        // Part of a name has another hash. Its owner may happen to keep a match: each name is at
        // three nodes, and few names match.
        assert!(fuzzy < 4.0 * 3.0 / f64::from(nodes), "{system}: {fuzzy} of fuzzy queries");
        assert!(metrics.incorrect <= items.found_none, "{system}: only misses are incorrect");
    } else {
        assert!(fuzzy >= 0.99, "{system}: {fuzzy} of fuzzy queries");
        assert_eq!(metrics.incorrect, 0, "{system}: no answer is wrong without churn");
    }
}

#[test]
fn questions_are_answered() {
    for system in ALL {
        assert_answered(&simulate(&[system, ITEMS, PEACE]), system, 200);
    }
}

#[test]
fn nodes_that_joined_answer_too() {
    for system in ALL {
        let measured = simulate(&[system, ITEMS, PEACE, "start = \"joined\""]);
        assert!(!measured.bring_up.is_zero(), "{system}: joining takes time");
        assert_answered(&measured, system, 200);
    }
}

/// The server keeps an entry for every copy, and receives every query and every renewal.
#[test]
fn all_state_is_on_the_server() {
    for nodes in [100_u64, 400] {
        let size = format!(
            "nodes = {nodes}
             threads = 1
             items = {{ population = {nodes}, replicas = 3.0, refresh = \"2s\" }}
             workload = {{ lookups_per_s = {nodes}.0 }}
             phases = {{ warmup = \"6s\", measure = \"20s\" }}
             network = {{ latency = {{ model = \"constant\", one_way = \"10ms\" }} }}"
        );
        let measured = simulate(&[CENTRAL, &size]);
        let copies = 3 * nodes;
        // Each peer knows the server and no other node.
        assert_eq!(measured.state.entries_max, copies);
        let mean = (copies + (nodes - 1)) as f64 / nodes as f64;
        assert!((measured.state.entries_mean / mean - 1.0).abs() < 1e-9, "{mean}");
        let received = measured.metrics.issued + copies * 10;
        let ratio = measured.load.messages_max as f64 / received as f64;
        assert!((0.95..1.1).contains(&ratio), "{nodes}: {ratio} of {received} messages");
    }
}
