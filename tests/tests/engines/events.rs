//! The log of events, from which the figures of a run are computed once more, by other code.
//!
//! `results/recompute.py` does the same with numpy, for the saved outcome of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::Scenario;
use hopwise_harness::live::Progress;
use hopwise_harness::measure::event_log::EventLog;
use hopwise_harness::measure::metrics::COUNTS;
use hopwise_harness::measure::{Measured, Observers};
use hopwise_harness::network::{Disturbance, Disturbances};
use hopwise_harness::systems::Registry;
use hopwise_harness::systems::ring::Ring;
use hopwise_kernel::Id;

/// The nodes of a host that are members, and from when to when all of them were.
type Host<'a> = (BTreeSet<&'a str>, Vec<(u64, u64)>);
/// The rows of a log, each with its cells by column.
type Rows = Vec<BTreeMap<String, String>>;

fn scenario(name: &str, values: &[(&str, &str)]) -> Scenario {
    let values: Vec<_> =
        values.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Registry::built_in().load(name, &values).expect("the scenario is valid")
}

/// Runs a scenario with a log of so many rows.
fn run_logged(scenario: &Scenario, rows_max: u64) -> (Measured, Rows) {
    let name = format!("hopwise-events-{}-{:p}.csv", std::process::id(), scenario);
    let path: PathBuf = std::env::temp_dir().join(name);
    let log = EventLog::create(&path, rows_max).expect("the file can be created");
    let progress = Progress::new(true, Duration::ZERO);
    let observers = Observers { log: Some(log), tracer: None };
    let measured = Registry::built_in()
        .run_observed(scenario, &AtomicU32::new(0), &progress, observers)
        .expect("the scenario runs");
    let mut reader = csv::Reader::from_path(&path).expect("the log is there");
    let rows = reader.deserialize().map(|row| row.expect("a row")).collect();
    std::fs::remove_file(path).expect("the file is ours");
    (measured, rows)
}

fn number(row: &BTreeMap<String, String>, column: &str) -> u64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column} of {row:?}"))
}

/// Computes the figures from the events and compares them. Judges every answer by looking at all nodes,
/// if answers are owners of keys.
fn assert_recomputed(measured: &Measured, rows: &Rows, scenario: &Scenario, what: &str) {
    let answers_are_owners = scenario.items.is_none() && scenario.store.is_none();
    let of = |event: &'static str| rows.iter().filter(move |row| row["event"] == event);
    let phase = |name: &str| {
        let start = of("phase").find(|row| row["detail"] == name).expect("each run has it");
        number(start, "time_ns")
    };
    let (from, to) = (phase("measure"), phase("drain"));
    let lookups: Vec<_> = of("lookup").collect();
    let count =
        |verdict: &str| lookups.iter().filter(|row| row["detail"] == verdict).count() as u64;
    let refused: u64 = of("refused").map(|row| number(row, "count")).sum();
    let metrics = &measured.metrics;
    let answered: Vec<_> =
        lookups.iter().filter(|row| row["detail"].ends_with("correct")).collect();
    assert_eq!(lookups.len() as u64 + refused, metrics.issued, "{what}");
    assert_eq!(answered.len() as u64, metrics.completed, "{what}");
    assert_eq!(count("correct"), metrics.correct, "{what}");
    assert_eq!(count("incorrect"), metrics.incorrect, "{what}");
    assert_eq!(count("failed"), metrics.failed, "{what}");
    assert_eq!(count("shed") + refused, metrics.shed, "{what}");
    assert_eq!(count("orphaned"), metrics.orphaned, "{what}");

    let mut hops = [0_u64; COUNTS];
    answered.iter().for_each(|row| hops[(number(row, "hops") as usize).min(COUNTS - 1)] += 1);
    assert_eq!(&hops, metrics.hops(), "{what}");
    let mut timeouts = [0_u64; COUNTS];
    let ended = lookups.iter().filter(|row| !["shed", "orphaned"].contains(&&*row["detail"]));
    ended.for_each(|row| timeouts[(number(row, "timeouts") as usize).min(COUNTS - 1)] += 1);
    assert_eq!(&timeouts, metrics.timeouts(), "{what}");
    if measured.simulation.is_some() {
        let messages: u64 = lookups.iter().map(|row| number(row, "messages")).sum();
        assert_eq!(messages, metrics.messages, "{what}");
    }
    let mut latencies = metrics.latency().clone();
    latencies.reset();
    for row in &answered {
        let (intended, issued) = (number(row, "intended_ns"), number(row, "issued_ns"));
        assert!(from <= intended && intended < to && intended <= issued, "{what}: {row:?}");
        latencies.saturating_record(number(row, "time_ns") - intended);
    }
    assert!(latencies == *metrics.latency(), "{what}: latencies differ");

    // Which nodes and hosts were there, and when. A host is a member while all its nodes are.
    let per_host = scenario.section::<Ring>().virtual_nodes as usize;
    let mut lives: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    let mut hosts: BTreeMap<&str, Host<'_>> = BTreeMap::new();
    let mut host_of: BTreeMap<&str, &str> = BTreeMap::new();
    let (mut joins, mut leaves, mut crashes) = (0, 0, 0);
    for row in rows {
        let (time, node) = (row["time_ns"].parse().expect("a time"), row["node"].as_str());
        let is_counted = u64::from(from <= time && time < to);
        match row["event"].as_str() {
            event @ ("joined" | "present") => {
                lives.entry(node).or_default().push((time, u64::MAX));
                host_of.insert(node, &row["detail"]);
                let (nodes, lives) = hosts.entry(&row["detail"]).or_default();
                assert!(nodes.insert(node), "{what}: it joined before");
                if nodes.len() == per_host {
                    lives.push((time, u64::MAX));
                    joins += if event == "joined" { is_counted } else { 0 };
                }
            }
            event @ ("left" | "crashed") => {
                lives.get_mut(node).expect("it joined").last_mut().expect("it joined").1 = time;
                let (nodes, lives) = hosts.get_mut(host_of[node]).expect("it joined");
                if nodes.len() == per_host {
                    lives.last_mut().expect("it joined").1 = time;
                    *(if event == "left" { &mut leaves } else { &mut crashes }) += is_counted;
                }
                assert!(nodes.remove(node), "{what}: it was there");
            }
            _ => {}
        }
    }
    let lived = hosts
        .values()
        .flat_map(|(_, lives)| lives)
        .map(|&(joined, left)| left.clamp(from, to) as i128 - joined.clamp(from, to) as i128);
    let node_s = lived.sum::<i128>() as f64 / 1e9;
    assert!((node_s - measured.node_s).abs() < 1e-6, "{what}: {node_s}, {}", measured.node_s);
    let membership = &measured.membership;
    let found = [membership.joins, membership.leaves, membership.crashes];
    assert_eq!([joins, leaves, crashes], found, "{what}");
    if answers_are_owners {
        let partitions = Disturbances::new(scenario);
        let is_right = |row: &BTreeMap<String, String>| {
            let (issued, answered) = (number(row, "issued_ns"), number(row, "time_ns"));
            let of_named = |it: &Disturbance| group_of(it, &row["answer"]);
            owned(&lives, row, issued..=answered, |_| true)
                || partitions.partitions().any(|it| {
                    let (begin, end) = (from + as_ns(it.at), from + as_ns(it.until));
                    let divided = issued.max(begin)..=answered.min(end);
                    owned(&lives, row, divided, |node| group_of(it, node) == of_named(it))
                })
        };
        let wrong = answered.iter().filter(|row| !is_right(row)).count() as u64;
        assert_eq!(wrong, metrics.incorrect, "{what}: judged by looking at all nodes");
    }
}

/// Whether the node that was named owned the key at some instant of `span`, among the nodes that `counts`.
fn owned(
    lives: &BTreeMap<&str, Vec<(u64, u64)>>,
    row: &BTreeMap<String, String>,
    span: RangeInclusive<u64>,
    counts: impl Fn(&str) -> bool,
) -> bool {
    if span.is_empty() {
        return false;
    }
    // The owner changes only when a node joins or leaves.
    let changes = lives.values().flatten().flat_map(|&(joined, left)| [joined, left]);
    let mut instants: Vec<u64> = changes.filter(|at| span.contains(at)).collect();
    instants.push(*span.start());
    let (key, named) = (row["key"].as_str(), row["answer"].as_str());
    instants.into_iter().any(|at| {
        let is_live = |lives: &[(u64, u64)]| lives.iter().any(|&(from, to)| from <= at && at < to);
        // Identifiers have the same number of digits, so their order is that of their texts.
        let mut after = lives.range(key..).chain(lives.range(..key));
        let owner = after.find(|(node, lives)| counts(node) && is_live(lives));
        owner.is_some_and(|(&owner, _)| owner == named)
    })
}

/// The group of the node with this identifier.
fn group_of(partition: &Disturbance, id: &str) -> usize {
    let prefix = u64::from_str_radix(&id[..16], 16).expect("it is hexadecimal");
    partition.group(Id::from_parts(prefix, Id::ZERO.tail()))
}

fn as_ns(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("a run is shorter")
}

#[test]
fn figures_of_every_scenario_follow_from_its_events() {
    for named in hopwise_harness::scenario::BUILT_IN {
        let (warmup, measure) = match named.name {
            "saturate" => ("50ms", "50ms"),
            name if name.starts_with("ycsb") => ("50ms", "50ms"),
            "dht-comparison" => ("1s", "60s"),
            _ => ("1s", "4s"),
        };
        let mut values = vec![
            ("engine", "sim"),
            ("check", "false"),
            ("nodes", "120"),
            ("threads", "2"),
            ("phases.warmup", warmup),
            ("phases.measure", measure),
        ];
        // Only nodes of limited speed have a capacity.
        if named.name.starts_with("overload") {
            values.push(("network.node_rate", "200"));
        }
        let mut scenario = scenario(named.name, &values);
        // Of a scenario that is much load, a little is enough.
        if let hopwise_harness::scenario::Load::InFlight(count) = &mut scenario.workload.load {
            *count = (*count).min(64);
        }
        let (measured, rows) = run_logged(&scenario, u64::MAX);
        assert!(measured.metrics.completed > 0, "{}", named.name);
        assert_recomputed(&measured, &rows, &scenario, named.name);
    }
}

#[test]
fn figures_over_udp_follow_from_events() {
    for (name, values) in [
        ("churn-heavy", [("nodes", "150"), ("phases.measure", "3s")].as_slice()),
        ("napster", &[("nodes", "60"), ("phases.measure", "2s")]),
    ] {
        let values: Vec<_> = values
            .iter()
            .copied()
            .chain([("engine", "udp"), ("threads", "2"), ("phases.warmup", "1s")])
            .collect();
        let scenario = scenario(name, &values);
        let (measured, rows) = run_logged(&scenario, u64::MAX);
        assert!(measured.metrics.completed > 0, "{name}");
        assert_recomputed(&measured, &rows, &scenario, name);
    }
}

/// Churn of hosts with several nodes each, in both engines: new and old identifiers, joins that are broken
/// off, crashes of many and of the busiest.
#[test]
fn figures_of_hosts_with_virtual_nodes_follow_from_events() {
    let more: [&[(&str, &str)]; 3] = [
        &[("engine", "sim"), ("churn.rejoin", "same-id")],
        &[
            ("engine", "sim"),
            ("churn", "{ model = \"poisson\", joins_per_s = 3.0, departures_per_s = 3.0 }"),
            (
                "fault",
                "[{ kind = \"crash\", count = 1, target = \"busiest\" }, \
                       { at = \"1s\", kind = \"leave\", count = 3 }, \
                       { at = \"2s\", kind = \"crash\", fraction = 0.2 }, \
                       { at = \"3s\", kind = \"return\", fraction = 1.0 }]",
            ),
        ],
        &[("engine", "udp")],
    ];
    for (index, more) in more.into_iter().enumerate() {
        let few = [("nodes", "50"), ("ring.virtual_nodes", "4"), ("threads", "2")];
        let short = [("phases.warmup", "1s"), ("phases.measure", "4s"), ("check", "false")];
        let sessions = [("churn.session.mean", "15s"), ("workload.lookups_per_s", "200")];
        let short = short.iter().chain(&sessions);
        let values: Vec<_> = few.iter().chain(short).chain(more).copied().collect();
        let scenario = scenario("churn-heavy", &values);
        let (measured, rows) = run_logged(&scenario, u64::MAX);
        assert!(measured.metrics.completed > 0 && measured.membership.joins > 0, "{index}");
        assert_recomputed(&measured, &rows, &scenario, &format!("virtual nodes, {index}"));
        // All nodes of a host depart at one instant.
        let mut departed: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut host_of: BTreeMap<&str, &str> = BTreeMap::new();
        let mut ids: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in &rows {
            match row["event"].as_str() {
                "present" | "joined" => {
                    host_of.insert(&row["node"], &row["detail"]);
                    ids.entry(&row["detail"]).or_default().insert(&row["node"]);
                }
                "left" | "crashed" => {
                    *departed.entry((host_of[&*row["node"]], &row["time_ns"])).or_default() += 1;
                }
                _ => {}
            }
        }
        assert!(!departed.is_empty());
        assert!(departed.values().all(|&nodes| nodes == 4), "{index}: {departed:?}");
        let are_blocks = ids.values().all(|ids| ids.len() % 4 == 0);
        assert!(are_blocks || index > 0, "all identifiers of a host return together: {ids:?}");
    }
}

#[test]
fn a_log_changes_nothing_and_is_bounded() {
    let scenario = scenario(
        "churn-heavy",
        &[("engine", "sim"), ("nodes", "100"), ("threads", "1"), ("phases.measure", "3s")],
    );
    let digest = |measured: &Measured| {
        measured.simulation.as_ref().map(|simulation| simulation.trace_digest)
    };
    let progress = Progress::new(true, Duration::ZERO);
    let registry = Registry::built_in();
    let unlogged = registry.run(&scenario, &AtomicU32::new(0), &progress).expect("it runs");
    let (logged, all) = run_logged(&scenario, u64::MAX);
    let (_, first) = run_logged(&scenario, 200);
    assert_eq!(digest(&logged), digest(&unlogged));
    let count = |rows: &Rows| {
        let end = rows.last().expect("a log has an end");
        assert_eq!(end["event"], "end");
        (rows.len() as u64 - 1, number(end, "count"))
    };
    assert_eq!(count(&all).1, 0, "nothing is missing");
    assert_eq!(count(&first), (200, count(&all).0 - 200), "it says how many are missing");
}
