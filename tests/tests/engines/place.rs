//! Arrival: through which bootstraps nodes join, where they take their places, and how long each step takes.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::live::Progress;
use hopwise_harness::measure::event_log::EventLog;
use hopwise_harness::measure::outcome::{JoinUs, StepTimes};
use hopwise_harness::measure::{Measured, Observers};
use hopwise_harness::systems::Registry;
use hopwise_harness::workload::values::key_of;
use hopwise_kernel::Id;

/// The longest initial timeout of a bootstrap, in microseconds.
const SILENCE_US: f64 = 250_000.0;

fn run(toml: &str) -> Measured {
    run_logged(toml, None)
}

fn run_logged(toml: &str, log: Option<EventLog>) -> Measured {
    let scenario =
        Registry::built_in().from_toml(toml, "test", &[]).expect("the scenario is valid");
    let progress = Progress::new(true, Duration::ZERO);
    let observers = Observers { log, tracer: None };
    Registry::built_in()
        .run_observed(&scenario, &AtomicU32::new(0), &progress, observers)
        .expect("the scenario runs")
}

/// The part of the circle, as identifiers are written, of all members at the end of a run without
/// departures.
fn positions(toml: &str) -> Vec<f64> {
    let name = format!("hopwise-place-{}-{:p}.csv", std::process::id(), toml);
    let path: PathBuf = std::env::temp_dir().join(name);
    run_logged(toml, Some(EventLog::create(&path, 1 << 20).expect("the file can be created")));
    let mut reader = csv::Reader::from_path(&path).expect("the log is there");
    let rows: Vec<BTreeMap<String, String>> =
        reader.deserialize().map(|row| row.expect("a row")).collect();
    std::fs::remove_file(path).expect("the file is ours");
    let joined = rows.iter().filter(|row| ["present", "joined"].contains(&&*row["event"]));
    let position = |row: &BTreeMap<String, String>| {
        let digits = u64::from_str_radix(&row["node"][..16], 16).expect("an identifier");
        digits as f64 / 2_f64.powi(64)
    };
    let mut positions: Vec<f64> = joined.map(position).collect();
    positions.sort_by(f64::total_cmp);
    positions
}

fn longest_over_mean(positions: &[f64]) -> f64 {
    let next = positions.iter().skip(1).chain(&positions[..1]);
    let arcs = positions.iter().zip(next).map(|(from, to)| (to - from).rem_euclid(1.0));
    arcs.fold(0.0, f64::max) * positions.len() as f64
}

fn steps(measured: &Measured) -> JoinUs {
    measured.membership.join_us.expect("nodes joined")
}

fn step(step: Option<StepTimes>) -> StepTimes {
    step.expect("there is this step")
}

const GROWING: &str = "
    engine = \"sim\"
    check = false
    nodes = 300
    start = \"joined\"
    network = { latency = { model = \"constant\", one_way = \"5ms\" } }
    workload = { lookups_per_s = 1.0 }
    phases = { warmup = \"1s\", measure = \"1s\" }
";

/// Nine nodes are there at the start; up to a quarter of the present number join at a time, and do not see each
/// other. At random, the longest of 300 arcs is ln 300 = 5.7 times the mean on average.
#[test]
fn nodes_that_join_halve_the_longest_arcs() {
    let ring = |place: &str| format!("{GROWING} ring = {{ successors = 8, place = \"{place}\" }}");
    let random = positions(&ring("random"));
    let halved = positions(&ring("split-largest"));
    assert_eq!((random.len(), halved.len()), (300, 300));
    let (random, halved) = (longest_over_mean(&random), longest_over_mean(&halved));
    assert!(random > 4.0, "{random} times the mean");
    assert!(halved < 3.3, "{halved} times the mean, {random} at random");
}

#[test]
fn members_at_the_start_have_chosen_their_places() {
    let ring = |place: &str| {
        format!(
            "engine = \"sim\"
             nodes = 2000
             check = false
             ring = {{ place = \"{place}\" }}
             workload = {{ lookups_per_s = 1.0 }}
             phases = {{ warmup = \"100ms\", measure = \"100ms\" }}"
        )
    };
    let random = longest_over_mean(&positions(&ring("random")));
    let halved = longest_over_mean(&positions(&ring("split-largest")));
    assert!(random > 4.5, "{random} times the mean");
    assert!(halved < 2.5, "{halved} times the mean");
}

/// The most keys that one node owns, over the mean. At random, it is several times as many. First 120 nodes that
/// are there at the start, then 40 that 80 others join.
#[test]
fn nodes_that_join_halve_the_items_of_the_fullest() {
    const KEYS: u32 = 6_000;
    let part = |id: Id| id.prefix() as f64 / 2_f64.powi(64);
    let keys: Vec<f64> = (0..KEYS).map(|key| part(key_of(key))).collect();
    let fullest = |place: &str, linked: u32, join: u32| {
        let positions = positions(&format!(
            "engine = \"sim\"
             check = false
             nodes = {linked}
             ring = {{ successors = 8, place = \"{place}\", replicas = 1 }}
             store = {{ population = {KEYS}, value_bytes = 16, node_items = {KEYS} }}
             network = {{ latency = {{ model = \"constant\", one_way = \"5ms\" }} }}
             workload = {{ lookups_per_s = 50.0 }}
             phases = {{ warmup = \"1s\", measure = \"15s\" }}
             fault = [{{ at = \"1s\", kind = \"join\", count = {join}, over = \"10s\" }}]"
        ));
        assert_eq!(positions.len(), 120);
        let mut owned = vec![0_u32; positions.len()];
        for key in &keys {
            let owner = positions.partition_point(|position| position < key);
            owned[owner % positions.len()] += 1;
        }
        let most = owned.iter().copied().max().unwrap_or(0);
        f64::from(most) * positions.len() as f64 / f64::from(KEYS)
    };
    let (random, linked) = (fullest("random", 119, 1), fullest("split-fullest", 119, 1));
    assert!(linked < 3.2 && random > 4.0, "linked: {linked} times the mean, {random} at random");
    let joined = fullest("split-fullest", 40, 80);
    assert!(joined < 3.5, "joined: {joined} times the mean, {random} at random");
}

#[test]
fn any_number_of_threads_gives_the_same_places() {
    for (place, store) in [("split-largest", ""), ("split-fullest", "store = { population = 500 }")]
    {
        let digest = |threads: u32| {
            let measured = run(&format!(
                "engine = \"sim\"
                 check = false
                 nodes = 80
                 threads = {threads}
                 ring = {{ successors = 8, place = \"{place}\" }}
                 {store}
                 network = {{ latency = {{ model = \"uniform\", min = \"1ms\", max = \"40ms\" }},
                              loss = 0.03 }}
                 churn = {{ model = \"poisson\", joins_per_s = 4.0, departures_per_s = 4.0,
                            bootstraps = 5 }}
                 workload = {{ lookups_per_s = 50.0 }}
                 phases = {{ warmup = \"1s\", measure = \"8s\" }}"
            ));
            assert!(step(steps(&measured).place).count > 4, "{place}");
            let digest = measured.simulation.as_ref().expect("a simulation").trace_digest;
            (digest, measured.membership)
        };
        let one = digest(1);
        assert_eq!(one, digest(2), "{place}");
        assert_eq!(one, digest(3), "{place}");
    }
}

/// Each step takes the messages that it takes: 20 ms for one there and back.
#[test]
fn each_step_of_a_join_is_measured() {
    let toml = |place: &str| {
        format!(
            "engine = \"sim\"
             check = false
             nodes = 60
             ring = {{ successors = 8, place = \"{place}\" }}
             store = {{ population = 300 }}
             network = {{ latency = {{ model = \"constant\", one_way = \"10ms\" }} }}
             churn = {{ model = \"poisson\", joins_per_s = 3.0, departures_per_s = 3.0, graceful = 1.0 }}
             workload = {{ lookups_per_s = 20.0 }}
             phases = {{ warmup = \"5s\", measure = \"20s\" }}"
        )
    };
    let measured = run(&toml("split-largest"));
    let JoinUs { contact, place, routing, items } = steps(&measured);
    let (contact, place, routing, items) = (step(contact), step(place), step(routing), step(items));
    let joins = measured.membership.joins;
    assert!(joins > 40, "{joins} joins");
    assert_eq!([contact.count, place.count, routing.count], [joins; 3]);
    assert!(items.count.abs_diff(joins) < 8, "{items:?}");
    let ms = |us: f64| us / 1e3;
    assert!((19.9..=20.1).contains(&ms(contact.p50)), "there and back: {contact:?}");
    assert!((20.0..150.0).contains(&ms(place.p50)), "lookups, all at once: {place:?}");
    assert!((80.0..300.0).contains(&ms(routing.p50)), "{routing:?}");
    assert!((20.0..300.0).contains(&ms(items.p50)), "{items:?}");
    for times in [contact, place, routing, items] {
        let StepTimes { p50, p90, p99, max, mean, .. } = times;
        assert!(p50 <= p90 && p90 <= p99 && p99 <= max && mean <= max, "{times:?}");
    }
    let random = steps(&run(&toml("random")));
    assert_eq!(random.place, None, "places are not chosen");
    let still =
        run("engine = \"sim\"\n nodes = 20\n phases = { warmup = \"1s\", measure = \"1s\" }");
    assert_eq!(still.membership.join_us, None, "no node joined");
}

/// The first two nodes are dead before any node joins through them or the third one.
#[test]
fn each_dead_bootstrap_costs_a_timeout() {
    let trace = std::env::temp_dir().join(format!("hopwise-place-{}.txt", std::process::id()));
    let members = (0..20).map(|node| format!("0 m{node} up\n"));
    let gone = ["1 m0 down\n", "1 m1 down\n"].map(str::to_owned);
    let new = (0..20).map(|node| format!("{} n{node} up\n", 5 + node));
    std::fs::write(&trace, members.chain(gone).chain(new).collect::<String>()).expect("written");
    let joins = |bootstraps: u32| {
        run(&format!(
            "engine = \"sim\"
             check = false
             nodes = 20
             ring = {{ successors = 8 }}
             network = {{ latency = {{ model = \"constant\", one_way = \"1ms\" }} }}
             churn = {{ model = \"trace\", file = \"{}\", graceful = 0.0, bootstraps = {bootstraps} }}
             workload = {{ lookups_per_s = 5.0 }}
             phases = {{ warmup = \"1s\", measure = \"30s\" }}",
            trace.display()
        ))
        .membership
    };
    let (some_alive, none_alive) = (joins(3), joins(2));
    std::fs::remove_file(trace).expect("the file is ours");
    assert_eq!(some_alive.joins, 20);
    let contact = step(some_alive.join_us.expect("nodes joined").contact);
    assert_eq!(contact.count, 20);
    let most = 2.0 * SILENCE_US + 2_000.0;
    assert!((most * 0.998..most * 1.002).contains(&contact.max), "two timeouts: {contact:?}");
    // None, one or two of them are tried before the third, each number as often.
    assert!((0.5..1.5).contains(&(contact.mean / SILENCE_US)), "one on average: {contact:?}");
    assert_eq!((none_alive.joins, none_alive.join_us), (0, None), "nodes try for ever");
}

#[test]
fn nodes_choose_their_places_over_udp() {
    let measured = run("
        nodes = 60
        threads = 2
        start = \"joined\"
        ring = { successors = 8, place = \"split-fullest\" }
        store = { population = 300 }
        churn = { model = \"poisson\", joins_per_s = 8.0, departures_per_s = 8.0, graceful = 1.0 }
        workload = { lookups_per_s = 100.0 }
        phases = { warmup = \"500ms\", measure = \"3s\" }
    ");
    let steps = steps(&measured);
    let joins = measured.membership.joins;
    assert!(joins > 2, "{joins} joins");
    for times in [steps.contact, steps.place, steps.routing] {
        assert_eq!(step(times).count, joins);
    }
    let (_, verdicts) = measured.values.as_ref().expect("nodes store values");
    assert_eq!((verdicts.lost, verdicts.phantom), (0, 0));
}

#[test]
fn items_cannot_be_halved_where_there_are_none() {
    let refused = |toml: &str| {
        let read = Registry::built_in().from_toml(toml, "test", &[]);
        read.expect_err("it is refused").to_string()
    };
    for subject in ["", "items = { population = 40 }\n"] {
        let message = refused(&format!("{subject}ring = {{ place = \"split-fullest\" }}"));
        assert!(message.contains("split-largest") && message.contains("[store]"), "{message}");
    }
    let message = refused("ring = { place = \"split-largest\", place_samples = 65 }");
    assert!(message.contains("from 1 to 64"), "{message}");
    let message = refused("churn = { bootstraps = 1025 }");
    assert!(message.contains("from 0 to 1024"), "{message}");
}
