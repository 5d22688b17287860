//! Stores of values: every scenario in the simulator, the same on any number of threads, and over UDP.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use hopwise_harness::Scenario;
use hopwise_harness::live::Progress;
use hopwise_harness::measure::Measured;
use hopwise_harness::measure::outcome::Store;
use hopwise_harness::systems::Registry;

/// Few nodes, for a few seconds, over links that are not too fast for a closed loop.
const SMALL: &[(&str, &str)] = &[
    ("nodes", "60"),
    ("store.population", "500"),
    ("network.latency", "{ model = \"constant\", one_way = \"2ms\" }"),
];
const YCSB: [&str; 6] = ["ycsb-a", "ycsb-b", "ycsb-c", "ycsb-d", "ycsb-e", "ycsb-f"];
/// Values of which one node more or less matters to none.
const STEADY: &str = "
    engine = \"sim\"
    nodes = 40
    store.population = 200
    workload.lookups_per_s = 200.0
    phases = { warmup = \"1s\", measure = \"4s\" }
";

fn load(name: &str, values: &[(&str, &str)]) -> Scenario {
    let values: Vec<_> =
        values.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    Registry::built_in().load(name, &values).expect("the scenario is valid")
}

pub(crate) fn parse(parts: &[&str]) -> Scenario {
    Registry::built_in().from_toml(&parts.join("\n"), "test", &[]).expect("the scenario is valid")
}

pub(crate) fn run(scenario: &Scenario) -> Measured {
    let progress = Progress::new(true, Duration::ZERO);
    Registry::built_in().run(scenario, &AtomicU32::new(0), &progress).expect("the scenario runs")
}

fn simulate(name: &str, more: &[(&str, &str)]) -> Measured {
    let values: Vec<_> = SMALL.iter().chain(&[("engine", "sim")]).chain(more).copied().collect();
    run(&load(name, &values))
}

pub(crate) fn store_of(measured: &Measured) -> Store {
    let (contents, verdicts) = measured.values.as_ref().expect("it stores values");
    let (bytes, node_s) = (measured.lookup_bytes, measured.node_s);
    Store::new(&measured.metrics.items.values, contents, verdicts, bytes, node_s)
}

/// The laws of every run: each operation has ended once, and the counts agree.
fn assert_sums(measured: &Measured, case: &str) -> Store {
    let (metrics, store) = (&measured.metrics, store_of(measured));
    assert!(metrics.completed > 0, "{case}: nothing was answered");
    let counted = metrics.completed + metrics.failed;
    let ended = counted + metrics.shed + metrics.orphaned;
    assert_eq!(ended, metrics.issued, "{case}: all have ended");
    assert_eq!(metrics.correct + metrics.incorrect, metrics.completed, "{case}: all are judged");
    let operations = store.operations;
    let asked = operations.reads + operations.writes + operations.modifications;
    assert_eq!(asked, counted, "{case}");
    let (failures, writes) = (store.failures, store.writes);
    let failed = failures.unreachable + failures.overloaded + failures.full + failures.refused;
    assert_eq!(failed + writes.unknown, metrics.failed, "{case}");
    // Each modification that got as far as its write has found something or nothing before.
    let written = writes.acknowledged + writes.condition_failed;
    let not_provided = measured.metrics.items.values.not_provided;
    assert!(store.reads.not_provided <= not_provided, "{case}: a reason for each: {store:?}");
    let answered = store.reads.found + store.reads.absent + not_provided + written;
    assert!(answered >= metrics.completed, "{case}: {store:?}");
    assert!(answered <= metrics.completed + operations.modifications, "{case}: {store:?}");
    store
}

#[test]
fn every_workload_of_ycsb_is_free_of_anomalies() {
    for name in YCSB {
        let measured = simulate(name, &[("phases.lookups", "4000"), ("workload.in_flight", "64")]);
        let store = assert_sums(&measured, name);
        assert_eq!(store.anomalies(), 0, "{name}: {store:?}");
        assert_eq!(measured.metrics.failed, 0, "{name}: {store:?}");
        let operations = store.operations;
        assert_eq!(operations.writes == 0, matches!(name, "ycsb-c" | "ycsb-f"), "{operations:?}");
        assert_eq!(operations.modifications > 0, name == "ycsb-f", "{operations:?}");
        let grows = matches!(name, "ycsb-d" | "ycsb-e");
        assert_eq!(store.durability.keys > 500, grows, "{name}: {store:?}");
    }
}

/// The writes of a modification fail if another one came in between, and only then.
#[test]
fn modifications_of_one_key_overtake_each_other() {
    let few = [("phases.lookups", "2000"), ("workload.in_flight", "64"), ("store.population", "1")];
    let store = assert_sums(&simulate("ycsb-f", &few), "one key");
    assert!(store.writes.condition_failed > 100, "{:?}", store.writes);
    assert!(store.writes.acknowledged > 10, "{:?}", store.writes);
    assert_eq!(store.anomalies(), 0, "{store:?}");
}

#[test]
fn nodes_that_come_and_go_lose_nothing() {
    let more = [("network.latency", "{ model = \"none\" }"), ("phases.measure", "15s")];
    let measured = simulate("store-churn", &more);
    assert!(measured.membership.crashes > 0 && measured.membership.leaves > 0);
    let store = assert_sums(&measured, "churn");
    assert_eq!(store.anomalies(), 0, "{store:?}");
    assert!(store.upkeep.repairs_per_node_s > 0.0, "{store:?}");
}

#[test]
fn a_tenth_of_the_nodes_crash_at_one_instant() {
    let measured = simulate("store-crash", &[("phases.measure", "12s")]);
    assert_eq!(measured.membership.crashes, 6);
    let store = assert_sums(&measured, "crash");
    assert_eq!(store.anomalies(), 0, "{store:?}");
    // C(6, 3) / C(60, 3) of the keys.
    let expected = 500.0 * (6.0 * 5.0 * 4.0) / (60.0 * 59.0 * 58.0);
    let found = store.durability.excused_expected;
    assert!((found / expected - 1.0).abs() < 1e-6, "{found} instead of {expected}");
}

/// Each hands its items on, also those that another one has given it that left just before.
#[test]
fn half_of_the_nodes_leave_one_after_the_other() {
    let most = "
        engine = \"sim\"
        nodes = 200
        store = { population = 2000, node_items = 512, operations = \"get\" }
        workload.lookups_per_s = 500.0
        phases = { warmup = \"1s\", measure = \"20s\" }
        network.latency = { model = \"constant\", one_way = \"2ms\" }
        fault = [{ at = \"1s\", kind = \"leave\", fraction = 0.5, over = \"10s\" }]";
    for replicas in 1..=3 {
        let replicas = format!("ring.replicas = {replicas}");
        let measured = run(&parse(&[most, &replicas]));
        let store = assert_sums(&measured, &replicas);
        assert_eq!(measured.membership.leaves, 100);
        assert_eq!((store.durability.keys, store.durability.lost), (2000, 0), "{replicas}");
        assert_eq!((store.anomalies(), store.reads.excused), (0, 0), "{replicas}: {store:?}");
    }
}

/// Twenty new nodes between two old ones, whose successor lists have four entries.
#[test]
fn a_hundred_nodes_join_five_at_one_instant() {
    let crowd = "
        engine = \"sim\"
        nodes = 5
        ring = { successors = 4, replicas = 3 }
        store = { population = 500, node_items = 4096, operations = \"mix\" }
        workload.lookups_per_s = 300.0
        phases = { warmup = \"1s\", measure = \"20s\" }
        network.latency = { model = \"constant\", one_way = \"5ms\" }
        fault = [{ at = \"1s\", kind = \"join\", count = 100 }]";
    for seed in 1..=3 {
        let seed = format!("seed = {seed}");
        let measured = run(&parse(&[&seed, crowd]));
        let store = assert_sums(&measured, &seed);
        assert_eq!(measured.membership.joins, 100);
        assert_eq!((store.anomalies(), store.durability.lost), (0, 0), "{seed}: {store:?}");
    }
}

/// What the truth is for: without copies, a crash loses what the node held, and the reads say so.
#[test]
fn losses_are_found_and_excused() {
    let alone = "ring.replicas = 1\nfault = [{ at = \"1s\", kind = \"crash\", fraction = 0.25 }]";
    let store = assert_sums(&run(&parse(&[STEADY, alone])), "alone");
    let durability = store.durability;
    assert!(durability.lost > 5 && durability.excused == durability.lost, "{durability:?}");
    // A quarter of the keys, at the crash; some are written again.
    let expected = durability.excused_expected;
    assert!((expected - 50.0).abs() < 5.0 && durability.lost as f64 <= 1.6 * expected);
    assert!(store.reads.excused > 0 && store.reads.lost == 0, "{:?}", store.reads);
}

#[test]
fn values_expire() {
    let short = "store.lifetime = \"1s\"\nstore.reads = 1.0";
    let store = assert_sums(&run(&parse(&[STEADY, short])), "expiry");
    assert!(store.reads.found == 0 && store.reads.absent > 500, "{:?}", store.reads);
    assert_eq!((store.anomalies(), store.durability.keys), (0, 0), "{store:?}");
}

#[test]
fn a_full_node_refuses_and_nothing_else_suffers() {
    let full = "store.preload = false\nstore.node_items = 8";
    let store = assert_sums(&run(&parse(&[STEADY, full])), "full");
    assert!(store.failures.full > 0, "{:?}", store.failures);
    assert!(store.items.max <= 8, "{:?}", store.items);
    assert_eq!(store.anomalies(), 0, "{store:?}");
}

/// The values stay with the nodes that wrote them.
const BY_REFERENCE: &str = "store.kind = \"reference\"";

#[test]
fn values_by_reference_are_all_found_while_their_writers_are_there() {
    let gets = "store.operations = \"get\"";
    let store = |parts: &[&str]| assert_sums(&run(&parse(parts)), "by reference");
    let (direct, reference) = (store(&[STEADY, gets]), store(&[STEADY, gets, BY_REFERENCE]));
    for store in [&direct, &reference] {
        assert_eq!((store.found_share(), store.anomalies()), (Some(1.0), 0), "{store:?}");
    }
    // Three copies of each value, or three references of 36 bytes and the value.
    assert!((direct.bytes.mean - 200.0 * 300.0 / 40.0).abs() < 1e-9, "{:?}", direct.bytes);
    let mean = 200.0 * (3.0 * 36.0 + 100.0) / 40.0;
    assert!((reference.bytes.mean - mean).abs() < 1e-9, "{:?}", reference.bytes);
    assert!(reference.bytes_per_operation > direct.bytes_per_operation, "one more round trip");
    // With writes, also of what other nodes wrote before.
    let mixed = store(&[STEADY, BY_REFERENCE]);
    assert_eq!((mixed.anomalies(), mixed.reads.not_provided), (0, 0), "{mixed:?}");
    assert!(mixed.writes.acknowledged > 300, "{:?}", mixed.writes);
    for name in ["ycsb-d", "ycsb-f"] {
        let more =
            [("store.kind", "reference"), ("phases.lookups", "4000"), ("workload.in_flight", "64")];
        let store = assert_sums(&simulate(name, &more), name);
        assert_eq!((store.anomalies(), store.reads.not_provided), (0, 0), "{name}: {store:?}");
    }
}

/// The values of a quarter of the nodes are gone. No reference is lost, and nothing counts as lost.
#[test]
fn values_by_reference_are_gone_with_their_writers() {
    for kind in ["leave", "crash"] {
        let gone = format!(
            "store.operations = \"get\"
             workload.profile = [{{ at = \"0s\", lookups_per_s = 0 }}, {{ at = \"15s\", lookups_per_s = 200 }}]
             phases.measure = \"25s\"
             fault = [{{ at = \"0s\", kind = {kind:?}, fraction = 0.25 }}]"
        );
        let of = |more: &str| {
            let steady = STEADY.replace("phases = { warmup = \"1s\", measure = \"4s\" }", "");
            assert_sums(&run(&parse(&[&steady, &gone, more])), kind)
        };
        let (direct, reference) = (of(""), of(BY_REFERENCE));
        let found = reference.found_share().expect("there are reads");
        assert!((found - 0.75).abs() < 0.12, "{kind}: {found} of the values");
        let missing = reference.operations.reads - reference.reads.found;
        let excused = reference.reads.excused;
        assert_eq!(reference.reads.not_provided + excused, missing, "{kind}: {reference:?}");
        assert_eq!(reference.anomalies(), 0, "{kind}: {reference:?}");
        assert!(direct.found_share().expect("there are reads") > 0.95, "{kind}: {direct:?}");
        assert_eq!((direct.anomalies(), direct.reads.not_provided), (0, 0), "{kind}: {direct:?}");
    }
}

#[test]
fn references_survive_churn() {
    let more = [
        ("network.latency", "{ model = \"none\" }"),
        ("phases.measure", "15s"),
        ("store.kind", "reference"),
    ];
    let measured = simulate("store-churn", &more);
    let store = assert_sums(&measured, "churn");
    assert_eq!(store.anomalies(), 0, "{store:?}");
    assert!(store.reads.not_provided > 0 && store.upkeep.repairs_per_node_s > 0.0, "{store:?}");
}

/// Everything in an outcome except the run's real time and number of threads.
fn result(measured: &Measured) -> String {
    let mut simulation = measured.simulation.clone().expect("a simulation");
    simulation.real = Duration::ZERO;
    let Measured { metrics, membership, state, series, .. } = measured;
    let store = store_of(measured);
    format!("{metrics:?} {membership:?} {state:?} {series:?} {simulation:?} {store:?}")
}

#[test]
fn any_number_of_threads_gives_the_same_result() {
    let churn = "
        check = false
        ring.stabilize = \"500ms\"
        network.latency = { model = \"uniform\", min = \"2ms\", max = \"20ms\" }
        churn = { model = \"poisson\", joins_per_s = 2.0, departures_per_s = 2.0 }
    ";
    for (operations, kind) in [
        ("mix", "direct"),
        ("ycsb-d", "direct"),
        ("ycsb-f", "direct"),
        ("mix", "reference"),
        ("ycsb-f", "reference"),
    ] {
        let operations = format!("store.operations = {operations:?}\nstore.kind = {kind:?}");
        let on = |threads: u32, seed: u32| {
            let threads = format!("threads = {threads}\nseed = {seed}");
            result(&run(&parse(&[&threads, STEADY, &operations, churn])))
        };
        let one = on(1, 1);
        assert!(one == on(2, 1), "two threads differ from one: {operations}");
        assert!(one == on(1, 1), "the same run differs: {operations}");
        assert!(one != on(1, 2), "another seed gives another result: {operations}");
    }
}

#[test]
fn a_store_over_udp_loses_nothing() {
    for (name, kind) in
        [("ycsb-a", "direct"), ("ycsb-d", "direct"), ("ycsb-f", "direct"), ("ycsb-a", "reference")]
    {
        let values = [
            ("store.kind", kind),
            ("nodes", "100"),
            ("threads", "2"),
            ("store.population", "1000"),
            ("phases.lookups", "20000"),
            ("workload.in_flight", "64"),
        ];
        let store = assert_sums(&run(&load(name, &values)), name);
        assert_eq!(store.anomalies(), 0, "{name}: {store:?}");
        assert!(store.requests.max as f64 >= store.requests.mean, "{name}: {store:?}");
    }
}
