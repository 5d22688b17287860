//! Hosts that run several nodes of a ring: in both engines, with and without values.

use hopwise_harness::measure::Measured;

use crate::store::{self, parse, store_of};
use crate::systems;

fn run(parts: &[&str]) -> Measured {
    store::run(&parse(parts))
}

/// Everything in an outcome except the run's real time and number of threads.
fn result(measured: &Measured) -> String {
    let store = measured.values.as_ref().map(|_| store_of(measured));
    format!("{} {:?} {store:?}", systems::run::result(measured), measured.health)
}

const SIMULATED: &str = "
    engine = \"sim\"
    workload.lookups_per_s = 200.0
    phases = { warmup = \"1s\", measure = \"4s\" }
";

#[test]
fn any_number_of_threads_gives_the_same_result() {
    for extra in [
        "nodes = 150\nring.virtual_nodes = 5\ncheck = false\nring.stabilize = \"500ms\"
         network = { latency = { model = \"exponential\", mean = \"20ms\" }, loss = 0.02 }
         churn = { model = \"poisson\", joins_per_s = 9.0, departures_per_s = 9.0 }
         fault = [{ kind = \"crash\", target = \"busiest\", count = 1 }]",
        "nodes = 140\nring.virtual_nodes = 3\ncheck = false
         network = { latency = { model = \"uniform\", min = \"1ms\", max = \"20ms\" },
                     node_rate = 200.0, node_queue = 64 }
         churn = { model = \"sessions\", session = { distribution = \"exponential\", mean = \"20s\" },
                   downtime = { distribution = \"exponential\", mean = \"5s\" }, rejoin = \"same-id\" }",
        "nodes = 130\nring.virtual_nodes = 4\ncheck = false\nstore.population = 300
         network.latency = { model = \"euclidean\", side = \"40ms\", base = \"2ms\" }
         churn = { model = \"poisson\", joins_per_s = 3.0, departures_per_s = 3.0 }",
    ] {
        let on = |threads: u32| run(&[&format!("threads = {threads}"), SIMULATED, extra]);
        let one = on(1);
        assert!(one.metrics.completed > 100, "{extra}");
        let one = result(&one);
        assert!(one == result(&on(3)), "three threads differ from one: {extra}");
        let other = result(&run(&["seed = 2", SIMULATED, extra]));
        assert!(one != other, "another seed gives another result");
    }
}

/// What is counted per node is that of a host.
#[test]
fn hosts_are_counted_not_their_nodes() {
    let keys = "workload.keys = { distribution = \"zipf\", exponent = 0.8, population = 5000 }
                fault = [{ at = \"2s\", kind = \"crash\", fraction = 0.25 }]
                ring.successors = 12";
    let with = |nodes: u32| {
        run(&["nodes = 40", SIMULATED, keys, &format!("ring.virtual_nodes = {nodes}")])
    };
    let (one, five) = (with(1), with(5));
    for measured in [&one, &five] {
        assert_eq!(measured.metrics.completed, measured.metrics.issued);
        assert_eq!(measured.membership.crashes, 10);
        let live = measured.membership.live_mean;
        assert!((live - 35.0).abs() < 0.01, "40, then 30: {live}");
        let keys = measured.load.keys.as_ref().expect("there is a population");
        assert!((keys.keys_mean - 5000.0 / 30.0).abs() < 1e-9, "{keys:?}");
        assert!(keys.p1 <= keys.p50 && keys.p50 <= keys.p99 && keys.p99 <= keys.max);
        assert_eq!(
            measured.simulation.as_ref().and_then(|it| it.check.as_ref()).map(|it| it.violations),
            Some(0)
        );
    }
    let bytes = |measured: &Measured| measured.state.bytes_per_node as f64;
    let ratio = bytes(&five) / bytes(&one);
    assert!((4.5..6.5).contains(&ratio), "memory: {ratio}");
    let sent = |measured: &Measured| measured.maintenance.messages() as f64 / measured.node_s;
    let ratio = sent(&five) / sent(&one);
    assert!((4.0..6.5).contains(&ratio), "maintenance: {ratio}");
    let spread = |measured: &Measured| {
        let keys = measured.load.keys.clone().expect("there is a population");
        keys.max_per_mean
    };
    assert!(spread(&five) < spread(&one), "{} {}", spread(&five), spread(&one));
}

/// Every node of every host joins through the protocol, and the invariant holds after every event.
#[test]
fn hosts_join_with_all_their_nodes() {
    let measured = run(&["
        engine = \"sim\"
        nodes = 30
        start = \"joined\"
        ring = { virtual_nodes = 6, successors = 8, stabilize = \"200ms\" }
        workload.lookups_per_s = 200.0
        network.timeout = \"1s\"
        phases = { warmup = \"5s\", measure = \"4s\" }
    "]);
    assert_eq!(measured.metrics.completed, measured.metrics.issued);
    assert_eq!(measured.metrics.correct, measured.metrics.completed);
    let check = measured.simulation.and_then(|it| it.check).expect("it is checked");
    assert_eq!(check.violations, 0, "{check:?}");
    assert!((measured.membership.live_mean - 30.0).abs() < 1e-9);
}

/// One host after the other crashes, each with many nodes. With two copies on different hosts nothing is
/// lost; with one, every crash loses something.
#[test]
fn copies_lie_on_different_hosts() {
    let crashes = |replicas: u32| {
        store_of(&run(&[
            "engine = \"sim\"
             nodes = 12
             ring.virtual_nodes = 12
             ring.successors = 24
             store = { population = 600, repair = \"2s\", reads = 0.9 }
             workload.lookups_per_s = 100.0
             phases = { warmup = \"1s\", measure = \"32s\" }
             network.latency = { model = \"constant\", one_way = \"5ms\" }
             fault = [{ at = \"0s\", kind = \"crash\", count = 1 },
                      { at = \"10s\", kind = \"crash\", count = 1 },
                      { at = \"20s\", kind = \"crash\", count = 1 }]",
            &format!("ring.replicas = {replicas}"),
        ]))
    };
    let two = crashes(2);
    assert_eq!((two.durability.keys, two.durability.lost), (600, 0), "{two:?}");
    assert_eq!(two.anomalies(), 0, "{two:?}");
    assert_eq!(two.durability.excused_expected, 0.0, "never two hosts at a time");
    let one = crashes(1);
    assert!(one.durability.lost > 50 && one.durability.excused == one.durability.lost, "{one:?}");
    // The three crashes take a twelfth, an eleventh and a tenth of all keys; some are written again.
    let expected = 600.0 * (1.0 / 12.0 + 1.0 / 11.0 + 1.0 / 10.0);
    assert!((one.durability.excused_expected / expected - 1.0).abs() < 1e-6, "{one:?}");
}

#[test]
fn hosts_with_several_nodes_run_over_udp() {
    let small = "
        nodes = 40
        threads = 2
        ring.virtual_nodes = 4
        workload.lookups_per_s = 200.0
        phases = { warmup = \"500ms\", measure = \"3s\" }
    ";
    for extra in [
        "workload.keys = { distribution = \"zipf\", exponent = 0.8, population = 5000 }",
        "udp.sockets = \"per-node\"",
        "start = \"joined\"\nring.stabilize = \"200ms\"",
    ] {
        let measured = run(&[small, extra]);
        assert!(measured.metrics.completed > 0, "{extra}");
        assert_eq!(measured.metrics.correct, measured.metrics.completed, "{extra}");
        assert!((measured.membership.live_mean - 40.0).abs() < 1e-6, "{extra}");
        let has_keys = extra.contains("zipf");
        let keys = measured.load.keys.as_ref().map(|keys| keys.keys_mean);
        assert_eq!(keys, has_keys.then_some(125.0), "{extra}");
    }
    let crash = "
        nodes = 40
        threads = 2
        ring = { virtual_nodes = 4, successors = 16 }
        store.population = 400
        workload.lookups_per_s = 500.0
        phases = { warmup = \"500ms\", measure = \"8s\" }
        fault = [{ at = \"1s\", kind = \"crash\", count = 2 }]
    ";
    let measured = run(&[crash]);
    assert_eq!(measured.membership.crashes, 2);
    let store = store_of(&measured);
    assert_eq!(
        (store.anomalies(), store.durability.lost),
        (0, 0),
        "three copies, two hosts: {store:?}"
    );
    let contents = &measured.values.as_ref().expect("it stores values").0;
    assert_eq!(contents.hosts.len(), 38, "each host once");
    let items: u64 = contents.hosts.iter().map(|host| host.items).sum();
    assert!(items >= 3 * 400, "three copies of each: {items}");
}
