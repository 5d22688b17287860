//! Tests of the report on outcomes that are made up.
//!
//! **Invariant:** every line of the report is compared as a whole at least once.

use super::page::COLUMNS;
use super::*;
use crate::measure::outcome::{
    Deaths, Flaws, Health, JoinUs, Keys, Load, MeanWorst, Ownership, Rings, Tables, example,
};

fn assert_has(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "no line {line:?} in\n{text}");
}

fn assert_fits(text: &str) {
    assert!(text.lines().count() <= 45, "{} lines\n{text}", text.lines().count());
    assert_is_narrow(text);
}

fn assert_is_narrow(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= COLUMNS, "{line}");
        assert!(!line.ends_with(' '), "{line:?}");
    }
}

fn health_of(outcome: &mut Outcome) -> &mut Health {
    outcome.health.as_mut().expect("an example")
}

#[test]
fn says_what_matters() {
    let text = text(&example::outcome());
    for line in [
        "default: ring over udp, 4,096 nodes, seed 1, 2 threads",
        "commit d2250302f2b1, rustc 1.95.0, release",
        "                     issued    completed      correct    incorrect       failed",
        "                     10,001       10,000        9,999            1            1",
        "                                 99.99 %      99.99 %       0.01 %       0.01 %",
        "hops          mean 6.00  p1 2  p50 6  p99 10  max 12",
        "         0–1  ▍ 0.31 %",
        "         6–7  ████████████████████████████████████████████████ 41.91 %",
        "node          27.3 peers known, at most 29; 1.46 KiB of memory",
        "membership    41 joined, 19 left, 22 crashed; 4,096 live on average",
        "              2 false deaths, 48.8 per million node-seconds, 1 refuted",
        "              23.0 MiB peak memory, 183 µs of CPU per lookup",
        "dropped       12 malformed, 3 shed",
        "expectations  2 of 2 held",
        "        held  lookups.correct ≥ 99.9 %: 99.99 %",
    ] {
        assert_has(&text, line);
    }
    assert!(text.contains("other kinds") && !text.contains("INTERRUPTED"));
    assert_fits(&text);
}

#[test]
fn tells_what_joining_takes_only_if_nodes_joined() {
    let mut outcome = example::outcome();
    assert!(!text(&outcome).contains("joins took"));
    let times = |p50, p99| Some(StepTimes { count: 41, mean: p50, p50, p90: p99, p99, max: p99 });
    let (contact, routing) = (times(200.0, 250_000.0), times(460.0, 2.5e6));
    outcome.membership.join_us = Some(JoinUs { contact, routing, ..JoinUs::default() });
    let text = text(&outcome);
    assert_has(&text, "joins took    contact p50 200 µs p99 250 ms, routing p50 460 µs p99 2.50 s");
    assert_fits(&text);
}

#[test]
fn tells_of_items_where_there_are_any() {
    let load = Some(Load { messages_max: 1234, keys: None });
    let items = Some(example::items());
    let mut outcome = Outcome { items, load, ..example::outcome() };
    let text = super::text(&outcome);
    let regime = "              2 false deaths, 48.8 per million node-seconds, 1 refuted";
    assert_has(&text, regime);
    outcome.has_server = true;
    assert!(!super::text(&outcome).contains(regime), "its peers have no tables of peers");
    for line in [
        "exact         2,501 queries, 95.96 % correct, 95.96 % obtained",
        "fuzzy         7,500 queries, 100.00 % correct, 100.00 % obtained",
        "no match      51; words: 2,500 queries, 100.00 % obtained",
        "publishing    90.1 B and 1.00 messages per node per second",
        "transfers     9,900 completed, 9.67 MiB in all; 50 failed",
        "              p50 105 µs  p99 119 µs  max 119 µs",
        "node          27.3 entries, at most 29; 1.46 KiB of memory",
        "busiest node  received 1,234 messages",
    ] {
        assert_has(&text, line);
    }
    assert_fits(&text);
}

#[test]
fn says_what_went_wrong_first() {
    let mut outcome = example::outcome();
    outcome.interrupted = true;
    outcome.expectations.push(example::expectation("hops.max", "≤ 9", "12", false));
    let text = text(&outcome);
    assert_has(&text, "default: ring over udp, 4,096 nodes, seed 1, 2 threads   INTERRUPTED");
    assert_has(&text, "expectations  2 of 3 held");
    let (broken, held) = (text.find("NOT HELD  hops.max ≤ 9: 12"), text.find("  held  "));
    assert!(broken.is_some() && broken < held);

    let nothing = crate::measure::outcome::Expectation::NOTHING_MEASURED;
    outcome.expectations = vec![example::expectation("correct", "at least 0.9", nothing, false)];
    let line = "NOT MEASURED  correct at least 0.9: nothing was measured";
    assert_has(&super::text(&outcome), line);
}

#[test]
fn tells_how_well_a_ring_is() {
    let mut outcome = example::outcome();
    let flawed = text(&outcome);
    for line in [
        "              2 false deaths, 48.8 per million node-seconds, 1 refuted",
        "ring          one ring; keys claimed by none 0.06 %, by several 0.04 %",
        "wrong entries first successors 0.09 %, lists 0.80 %, fingers 3.00 %",
        "dead entries  first successors 0.04 %, lists 0.05 %, fingers 0.50 %",
        "detection     crashes after p50 610 ms  p99 1.40 s  max 1.50 s, 3 undetected;",
        "              7 spurious retransmissions",
    ] {
        assert_has(&flawed, line);
    }
    assert!(!flawed.contains("goodput"), "nearly all of the load: {flawed}");
    let health = health_of(&mut outcome);
    (health.deaths, health.spurious_retransmissions) = (Some(Deaths::default()), 0);
    health.goodput.correct_per_s = 321.0;
    let tables = health.tables.as_mut().expect("an example");
    (tables.rings, tables.ownership) = (Some(Rings { max: 7, last: 2 }), None);
    let torn = text(&outcome);
    assert_has(&torn, "goodput       321 correct per s of 1,000 offered");
    assert_has(&torn, "ring          2 rings at the end, at most 7");
    health_of(&mut outcome).goodput.correct_per_s = 999.9;
    assert_has(&torn, "              live nodes may have been declared dead");
    assert!(!torn.contains("detection"), "{torn}");
    let health = health_of(&mut outcome);
    let tables = health.tables.as_mut().expect("an example");
    let one = MeanWorst { mean: 1.0, worst: 1.0 };
    let ownership = Some(Ownership { one, ..Ownership::default() });
    let (rings, none) = (Some(Rings { max: 1, last: 1 }), Flaws::default());
    let exact = Tables { rings, ownership, ..tables.clone() };
    *tables = Tables { first_successors: none, successors: none, fingers: none, ..exact };
    assert_has(&torn, "         6–7  ████████████████████████████████████████████████ 41.91 %");
    let line = "ring          one ring; each key claimed by one member; all tables exact\n";
    let exact = text(&outcome);
    assert!(exact.contains(line), "{exact}");
    assert_has(&exact, "           0  ▏ 0.02 %");
    assert_has(&exact, "           6  ████████████████████████████████████████████████ 22.57 %");
    assert_fits(&exact);
}

#[test]
fn tells_of_values_where_nodes_store_any() {
    let outcome = Outcome { store: Some(example::store()), ..example::outcome() };
    let text = text(&outcome);
    for line in [
        "reads         4,000 found, 1,000 absent; 1 stale, 0 lost, 0 phantom, 2 excused",
        "writes        4,990 acknowledged, 0 overtaken, 10 unknown, 0 conflicts",
        "refused       1 unreachable",
        "at the end    3 of 4,096 values lost, 2 of them excused (1.50 expected)",
        "repair        1.00 copies, 100 B, and 0 B of digests per node per second",
        "items         mean 3.00  p50 3  p99 6  max 6, 2.00 × the mean",
        "requests      mean 6.00  p50 6  p99 12  max 12, 2.00 × the mean",
        "node          27.3 entries, at most 29; 1.46 KiB of memory",
    ] {
        assert_has(&text, line);
    }
    assert_fits(&text);
}

#[test]
fn cuts_nothing_whatever_came() {
    let mut outcome = example::outcome();
    outcome.machine.cpu = "Processor With A Very Long Marketing Name ".repeat(4);
    outcome.lookups.latency_us.max = 59_999.0;
    outcome.simulated_s = Some(86_400.0);
    let check = Check { beyond_promise: 9_000, episodes: 9_000, ..Check::default() };
    outcome.check = Some(Check { violations: 9_000, longest_s: 86_399.9, ..check });
    let keys = Some(Keys {
        keys_mean: 1e6,
        p1: 1 << 40,
        p50: 1 << 45,
        p99: 1 << 50,
        max: u64::MAX,
        max_per_mean: u64::MAX as f64 / 1e6,
    });
    outcome.load = Some(Load { messages_max: u64::MAX, keys });
    let most = Asked { issued: 1 << 50, correct: 1 << 50, obtained: 1 << 49 };
    let mut items = Items { exact: most, fuzzy: most, ..example::items() };
    items.transfers.completed = 1 << 50;
    items.transfers.bytes = 1 << 60;
    outcome.items = Some(items);
    outcome.lookups.issued = 10_000_000_000;
    outcome.lookups.shed = 77;
    outcome.lookups.hops = Hops::new(&[1; 256]);
    outcome.engine.trace_digest = Some("0123456789abcdef0123".into());
    for reason in ["unknown-kind", "truncated", "foreign-version"] {
        outcome.engine.drops.insert(reason.into(), 1 << 40);
    }
    let more = example::expectation("state.entries_max", "≤ 24", "29", false);
    outcome.expectations.extend(std::iter::repeat_n(more, 9));
    let text = text(&outcome);
    assert_is_narrow(&text);
    assert!(
        text.contains("\ninvariant     9,000 violations, 9,000 breaks repaired, longest "),
        "{text}"
    );
    assert!(text.contains("\n        0–85  █"), "{text}");
    assert!(!text.contains('…'), "{text}");
}

#[test]
fn a_simulation_tells_of_its_own_time() {
    let mut outcome = example::outcome();
    (outcome.simulated_s, outcome.wall_s) = (Some(60.0), 7.5);
    outcome.engine.trace_digest = Some("9f0f7276039b2c55".into());
    health_of(&mut outcome).cpu_us_per_lookup = None;
    let text = text(&outcome);
    for line in [
        "engine        60.0 s simulated in 7.50 s: 8.00 times as fast as real time",
        "              315,290 events/s, 298,000 messages/s",
        "              23.0 MiB peak memory, trace digest 9f0f7276039b2c55",
    ] {
        assert_has(&text, line);
    }
    assert!(!text.contains("datagrams") && !text.contains("issue lag"), "{text}");
    assert_fits(&text);
}

#[test]
fn lookups_that_count_in_no_share_have_rows_of_their_own() {
    let mut outcome = example::outcome();
    let text = super::text(&outcome);
    for name in ["shed  ", "orphaned", "capacity"] {
        assert!(!text.contains(&format!("\n{name}")), "{text}");
    }
    outcome.lookups.issued += 90_000;
    (outcome.lookups.shed, outcome.lookups.orphaned) = (88_000, 2_000);
    outcome.lookups.capacity_per_s = Some(98_765.4);
    let text = super::text(&outcome);
    for line in [
        "                    100,001       10,000        9,999            1            1",
        "                                 99.99 %      99.99 %       0.01 %       0.01 %",
        "capacity      98,765 lookups per s, of a closed loop before the warm-up",
        "shed          88,000 refused at their origin: 88.00 % of issued",
        "orphaned      2,000 whose origin left or crashed first: 2.00 % of issued",
    ] {
        assert_has(&text, line);
    }
    assert_is_narrow(&text);
}

#[test]
fn an_empty_run_has_a_report_too() {
    let mut outcome = example::outcome();
    outcome.lookups =
        Lookups::new(&crate::measure::metrics::Metrics::new(), std::time::Duration::from_secs(1));
    outcome.scenario.clear();
    outcome.engine.drops.clear();
    outcome.expectations.clear();
    let text = text(&outcome);
    assert!(text.starts_with("?: ? over ?, 0 nodes"), "{text}");
    assert_has(&text, "lookups       none was issued in the measured phase");
    assert_has(&text, "dropped       nothing");
    assert_fits(&text);
}

#[test]
fn another_program_is_named() {
    let mut outcome = example::outcome();
    outcome.build.program = "own".into();
    outcome.build.version = "2.5.0".into();
    assert_has(&text(&outcome), "own 2.5.0, hopwise commit d2250302f2b1, rustc 1.95.0, release");
}

#[test]
fn adapted_values_are_listed() {
    let mut outcome = example::outcome();
    let [key, from, to, reason] =
        ["ring.successors", "16", "9", "it takes less"].map(str::to_owned);
    outcome.adapted = vec![Adaptation { key, from, to, reason }];
    assert_has(&text(&outcome), "adapted       ring.successors = 9 instead of 16");
    let again = Outcome::from_json(&outcome.to_json()).expect("as written");
    assert_eq!(again.adapted, outcome.adapted);
}
