//! Tests of the whole document.
//!
//! **Invariant:** every path of the contract is checked here.

use std::time::Duration;

use super::*;
use crate::measure::metrics::{Metrics, Traffic};
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn json_and_back_is_the_same() {
    let mut outcome = example::outcome();
    assert_eq!(Outcome::from_json(&outcome.to_json()).unwrap(), outcome);
    outcome.simulated_s = Some(0.1 + 0.2);
    let keys = Some(Keys { keys_mean: 1.5, p1: 0, p50: 1, p99: 9, max: 12, max_per_mean: 8.0 });
    outcome.load = Some(Load { messages_max: 77, keys });
    outcome.items = Some(example::items());
    outcome.store = Some(example::store());
    outcome.engine.trace_digest = Some("00ff".into());
    let finding = Finding { at_s: 1.5, broken: "a rule".into(), replay: None };
    outcome.check = Some(Check { violations: 1, first: Some(finding), ..Check::default() });
    assert!(!outcome.held());
    let mut replay = |folder: &str| {
        outcome.name_folder(Path::new(folder));
        outcome.first_violation().and_then(|first| first.replay.clone()).expect("a command")
    };
    assert_eq!(replay("/there"), "hopwise run /there/scenario.toml");
    assert_eq!(replay("/it's there"), r"hopwise run '/it'\''s there/scenario.toml'");
    let anywhere = replay("there");
    let path = anywhere.strip_prefix("hopwise run ").expect("a command").trim_matches('\'');
    assert!(path.starts_with('/') && path.ends_with("/there/scenario.toml"), "{path}");
    assert_eq!(Outcome::from_json(&outcome.to_json()).unwrap(), outcome);
}

#[test]
fn has_the_paths_of_the_contract() {
    let json = example::outcome().to_json();
    assert!(json.starts_with("{\n  \"schema_version\": 1,\n"));
    let root: Value = serde_json::from_str(&json).unwrap();
    for path in "
        /scenario/name /machine/cpu /machine/cores /machine/memory_bytes /machine/kernel
        /build/commit /build/rustc /build/profile /started_at /wall_s /seed /regime
        /interrupted /lookups/issued /lookups/completed /lookups/correct /lookups/incorrect
        /lookups/failed /lookups/shed /lookups/orphaned /lookups/hops/mean /lookups/hops/p1 /lookups/hops/p50
        /lookups/hops/p99 /lookups/hops/max /lookups/hops/histogram/12
        /lookups/timeouts/mean /lookups/timeouts/p1 /lookups/timeouts/p50
        /lookups/timeouts/p99 /lookups/latency_us/mean /lookups/latency_us/p50
        /lookups/latency_us/p90 /lookups/latency_us/p99 /lookups/latency_us/p99_9
        /lookups/latency_us/max /lookups/latency_us/histogram /lookups/messages/mean
        /lookups/per_s /maintenance/bytes_per_node_s /maintenance/messages_per_node_s
        /maintenance/by_kind/notify/bytes_per_node_s /state/entries_mean /state/entries_max
        /state/bytes_per_node /state/bytes_max /load/messages_max /membership/joins /membership/leaves /membership/crashes
        /membership/live_mean /engine/events /engine/events_per_s /engine/messages_per_s
        /health/goodput/offered_per_s /health/goodput/correct_per_s /health/tables/samples
        /health/tables/nodes /health/tables/first_successors/wrong/mean
        /health/tables/successors/dead/max /health/tables/fingers/wrong/max
        /health/tables/rings/max /health/tables/rings/last /health/tables/ownership/none/mean
        /health/tables/ownership/one/worst /health/tables/ownership/two/mean
        /health/tables/ownership/more/worst /health/deaths/false_deaths
        /health/deaths/false_deaths_per_million_node_s /health/deaths/refuted
        /health/deaths/unrefuted /health/deaths/refutation_us/p50 /health/deaths/detected
        /health/deaths/undetected /health/deaths/detection_us/p99
        /health/spurious_retransmissions /health/cpu_us_per_lookup
        /engine/datagrams /engine/drops/shed /engine/peak_rss_bytes /engine/threads
    "
    .split_whitespace()
    {
        assert!(root.pointer(path).is_some_and(|value| !value.is_null()), "{path}");
    }
    for path in [
        "/lookups/capacity_per_s",
        "/items",
        "/load/keys_mean",
        "/load/max",
        "/simulated_s",
        "/engine/trace_digest",
    ] {
        assert!(root.pointer(path).is_none(), "{path}");
    }
}

#[test]
fn has_a_section_for_items_where_there_are_any() {
    let items = Some(example::items());
    let json = Outcome { items, ..example::outcome() }.to_json();
    let root: Value = serde_json::from_str(&json).unwrap();
    for (path, expected) in [
        ("/items/exact/issued", 2_501),
        ("/items/fuzzy/issued", 7_500),
        ("/items/exact/correct", 2_400),
        ("/items/exact/obtained", 2_400),
        ("/items/fuzzy/correct", 7_500),
        ("/items/fuzzy/obtained", 7_500),
        ("/items/found_none", 51),
        ("/items/transfers/completed", 9_900),
        ("/items/transfers/failed", 50),
        ("/items/transfers/bytes", 9_900 * 1024),
    ] {
        assert_eq!(root.pointer(path).and_then(Value::as_u64), Some(expected), "{path}");
    }
    for path in ["mean", "p50", "p99", "max"] {
        let latency = root.pointer(&format!("/items/transfers/latency_us/{path}"));
        let latency = latency.and_then(Value::as_f64);
        assert!(latency.is_some_and(|us| (90.0..121.0).contains(&us)), "{path}: {latency:?}");
    }
}

#[test]
fn refuses_what_it_cannot_read() {
    let other = example::outcome().to_json().replacen(": 1,", ": 9,", 1);
    let message = Outcome::from_json(&other).unwrap_err().to_string();
    assert_eq!(message, "schema_version = 9: this program reads outcomes of version 1");
    let message = Outcome::from_json("{}").unwrap_err().to_string();
    assert!(message.contains("missing field `schema_version`"), "{message}");
}

#[test]
fn memory_is_left_out_if_runs_shared_it_and_read_from_older_results() {
    let mut outcome = example::outcome();
    let older = outcome.to_json();
    assert!(older.contains(&format!("\"peak_rss_bytes\": {}", 23 << 20)));
    assert_eq!(Outcome::from_json(&older).unwrap(), outcome);
    outcome.engine.peak_rss_bytes = None;
    assert!(!outcome.to_json().contains("peak_rss_bytes"));
    assert_eq!(Outcome::from_json(&outcome.to_json()).unwrap(), outcome);
}

#[test]
fn results_without_orphans_can_still_be_read() {
    let mut outcome = example::outcome();
    let older = outcome.to_json().replace("    \"orphaned\": 0,\n", "");
    assert!(!older.contains("orphaned"));
    assert_eq!(Outcome::from_json(&older).unwrap(), outcome);
    outcome.lookups.capacity_per_s = Some(1e5);
    outcome.lookups.orphaned = 7;
    let root: Value = serde_json::from_str(&outcome.to_json()).unwrap();
    assert_eq!(root.pointer("/lookups/capacity_per_s"), Some(&Value::from(1e5)));
    assert_eq!(Outcome::from_json(&outcome.to_json()).unwrap(), outcome);
}

#[test]
fn latencies_keep_their_unit() {
    let outcome = example::outcome();
    let latency = &outcome.lookups.latency_us;
    let histogram = latency.decode_histogram().unwrap();
    assert_eq!(histogram.len(), outcome.lookups.completed);
    assert!((histogram.value_at_quantile(0.5) as f64 - latency.p50).abs() <= 1.0);
    assert!((histogram.max() as f64 - latency.max).abs() <= 1.0);
}

#[test]
fn an_outcome_without_health_can_be_read() {
    let mut outcome = example::outcome();
    outcome.health = None;
    assert!(!outcome.to_json().contains("health"));
    assert_eq!(Outcome::from_json(&outcome.to_json()).unwrap(), outcome);
}

#[test]
fn times_are_nearest_ranks() {
    let us = |us: &[u64]| Times::new(us.iter().map(|&us| Duration::from_micros(us)).collect());
    assert_eq!(us(&[]), Times::default());
    assert_eq!(us(&[7]), Times { p50: 7.0, p99: 7.0, max: 7.0 });
    assert_eq!(us(&[4, 1, 3, 2]), Times { p50: 2.0, p99: 4.0, max: 4.0 });
}

#[test]
fn nothing_counted_is_all_zeros() {
    let lookups = Lookups::new(&Metrics::new(), Duration::ZERO);
    assert_eq!((lookups.per_s, lookups.messages.mean, lookups.hops.mean), (0.0, 0.0, 0.0));
    assert_eq!((lookups.latency_us.max, lookups.hops.histogram.len()), (0.0, 0));
    assert_eq!(Maintenance::new(&Traffic::new(), 0.0).bytes_per_node_s, 0.0);
}

proptest! {
    #[test]
    fn counts_give_what_the_sorted_list_gives(
        mut values in prop::collection::vec(0..20u64, 1..200),
    ) {
        let mut counts = [0; 20];
        values.iter().for_each(|&value| counts[value as usize] += 1);
        values.sort_unstable();
        let rank = |percent: usize| values[(values.len() * percent).div_ceil(100) - 1];
        let hops = Hops::new(&counts);
        prop_assert_eq!((hops.p1, hops.p50, hops.p99), (rank(1), rank(50), rank(99)));
        prop_assert_eq!(hops.max, *values.last().unwrap());
        let mean = values.iter().sum::<u64>() as f64 / values.len() as f64;
        prop_assert!((hops.mean - mean).abs() < 1e-9);
    }
}
