//! Queries under steady churn.

use super::run::{CENTRAL, FLOOD, ITEMS, RING, assert_sums, simulate, success};

const LOAD: &str = "
    nodes = 100
    threads = 1
    workload = { lookups_per_s = 100.0, deadline = \"4s\" }
    network = { latency = { model = \"uniform\", min = \"10ms\", max = \"60ms\" } }
    phases = { warmup = \"4s\", measure = \"6s\" }
";

/// The mean session is 30 s. Some holders of items are away at any time.
const MODELS: [&str; 2] = [
    "model = \"sessions\", session = { distribution = \"exponential\", mean = \"30s\" },
     downtime = { distribution = \"exponential\", mean = \"2s\" }",
    "model = \"poisson\", joins_per_s = 3.0, departures_per_s = 3.0",
];

#[test]
fn questions_are_answered_under_churn() {
    for system in [CENTRAL, FLOOD, RING] {
        for model in MODELS {
            for graceful in [0.0, 0.5, 1.0] {
                let churn = format!("churn = {{ {}, graceful = {graceful} }}", one_line(model));
                let measured = simulate(&[system, ITEMS, LOAD, &churn]);
                let case = format!("{system}{churn}");
                assert_sums(&measured, &case);
                let membership = &measured.membership;
                let gone = membership.leaves + membership.crashes;
                assert!(gone > 5 && membership.joins > 5, "{case}: {membership:?}");
                assert_eq!(membership.leaves == 0, graceful == 0.0, "{case}: {membership:?}");
                assert_eq!(membership.crashes == 0, graceful == 1.0, "{case}: {membership:?}");
                let success = success(measured.metrics.items.exact);
                println!("{case}: {success}");
                assert!(success > 0.85, "{case}: {success}");
            }
        }
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
