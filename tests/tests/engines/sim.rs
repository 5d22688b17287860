//! The simulator, compared with itself on other numbers of threads and with the real network.

use std::hint;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use hopwise_harness::Scenario;
use hopwise_harness::live::Progress;
use hopwise_harness::measure::Measured;
use hopwise_harness::scenario::Engine;
use hopwise_harness::systems::Registry;

fn run(engine: Engine, toml: &str, threads: u32) -> Measured {
    let threads = ("threads".to_owned(), threads.to_string());
    let scenario =
        Registry::built_in().from_toml(toml, "test", &[threads]).expect("the scenario is valid");
    run_scenario(engine, &scenario)
}

/// Simulates a named scenario with these values on one thread.
fn run_named(name: &str, values: &[(&str, &str)]) -> Measured {
    let values = values.iter().chain(&[("threads", "1")]);
    let values: Vec<_> = values.map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
    run_scenario(
        Engine::Sim,
        &Registry::built_in().load(name, &values).expect("the scenario is valid"),
    )
}

fn run_scenario(engine: Engine, scenario: &Scenario) -> Measured {
    let progress = Progress::new(true, Duration::ZERO);
    assert_eq!(scenario.engine, engine);
    Registry::built_in().run(scenario, &AtomicU32::new(0), &progress).expect("the scenario runs")
}

/// Everything in an outcome except the run's real time and number of threads.
fn result(measured: &Measured) -> String {
    let mut simulation = measured.simulation.clone().expect("a simulation");
    simulation.real = Duration::ZERO;
    let Measured { metrics, traffic, maintenance, measured: lasted, node_s, .. } = measured;
    let Measured { state, load, membership, health, drops, bring_up, series, .. } = measured;
    format!(
        "{metrics:?} {traffic:?} {maintenance:?} {lasted:?} {node_s:?} {state:?} {load:?} \
         {membership:?} {health:?} {drops:?} {bring_up:?} {series:?} {simulation:?}"
    )
}

#[test]
fn any_number_of_threads_gives_the_same_result() {
    let churn = "
        engine = \"sim\"
        check = false
        nodes = 150
        ring = { successors = 8, stabilize = \"500ms\" }
        workload = { lookups_per_s = 200.0 }
        phases = { warmup = \"1s\", measure = \"3s\" }
    ";
    for extra in [
        "network = { latency = { model = \"exponential\", mean = \"20ms\" }, loss = 0.02 }
         churn = { model = \"poisson\", joins_per_s = 9.0, departures_per_s = 9.0 }",
        "network = { latency = { model = \"uniform\", min = \"1ms\", max = \"90ms\" }, loss = 0.01 }
         churn = { model = \"sessions\", session = { distribution = \"pareto\", mean = \"20s\",
                   shape = 1.5 }, downtime = \"none\" }
         fault = [{ at = \"1s\", kind = \"crash\", fraction = 0.2 }]",
        "start = \"joined\"
         network = { latency = { model = \"constant\", one_way = \"30ms\" } }",
        "network = { latency = { model = \"uniform\", min = \"1ms\", max = \"20ms\" },
                     node_rate = 40.0, node_queue = 16 }
         churn = { model = \"poisson\", joins_per_s = 9.0, departures_per_s = 9.0 }",
    ] {
        let toml = format!("{churn}\n{extra}");
        let one = result(&run(Engine::Sim, &toml, 1));
        for threads in [2, 3] {
            let several = result(&run(Engine::Sim, &toml, threads));
            assert!(one == several, "{threads} threads differ from one: {extra}");
        }
        let other = result(&run(Engine::Sim, &format!("seed = 2\n{toml}"), 1));
        assert!(one != other, "another seed gives another result");
    }
}

/// More threads than cores, while other programs use every core: each window would take as long as the
/// system lets them run, if threads waited for each other on their cores.
#[test]
fn more_threads_than_free_cores_end_as_well() {
    let toml = "
        system = \"flood\"
        engine = \"sim\"
        nodes = 600
        workload = { lookups_per_s = 20.0 }
        phases = { warmup = \"1s\", measure = \"20s\" }
    ";
    let one = result(&run(Engine::Sim, toml, 1));
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            });
        }
        let many = run(Engine::Sim, toml, cores as u32 + 6);
        is_over.store(true, Ordering::Relaxed);
        assert!(one == result(&many), "another result");
        let warning = format!("this process may use {cores}");
        assert!(many.warnings.iter().any(|it| it.contains(&warning)), "{:?}", many.warnings);
    });
}

/// In a closed loop, timers of requests share entries of the queue, differently in each shard.
#[test]
fn a_closed_loop_gives_the_same_result_on_any_number_of_threads() {
    let toml = "
        engine = \"sim\"
        check = false
        nodes = 150
        ring = { successors = 8 }
        network = { loss = 0.02 }
        workload = { in_flight = 20 }
        phases = { warmup = \"100ms\", measure = \"200ms\" }
    ";
    let one = run(Engine::Sim, toml, 1);
    assert!(one.metrics.timeouts()[1..].iter().sum::<u64>() > 100, "timers fire");
    let one = result(&one);
    for threads in [2, 3] {
        assert!(one == result(&run(Engine::Sim, toml, threads)), "{threads} threads differ");
    }
}

#[test]
fn messages_as_bytes_give_the_same_trace() {
    for lookup in ["recursive", "iterative"] {
        let digest = |wire: bool| {
            let toml = format!(
                "engine = \"sim\"
                 nodes = 100
                 wire = {wire}
                 ring = {{ successors = 8, stabilize = \"500ms\", lookup = \"{lookup}\" }}
                 churn = {{ model = \"poisson\", joins_per_s = 5.0, departures_per_s = 5.0 }}
                 workload = {{ lookups_per_s = 200.0 }}
                 phases = {{ warmup = \"1s\", measure = \"2s\" }}
                 [network]
                 latency = {{ model = \"constant\", one_way = \"20ms\" }}
                 loss = 0.02
                 duplication = 0.02"
            );
            result(&run(Engine::Sim, &toml, 1))
        };
        assert!(digest(true) == digest(false), "{lookup}");
    }
}

/// The published path length for this share is 4.69. It includes the message to the owner, which is
/// not a hop here. The standard error of 1,000 lookups is 0.06; the choice of crashed nodes adds as
/// much.
#[test]
fn lookups_in_frozen_tables_survive_the_crash_of_two_fifths() {
    let values = [("fault.0.fraction", "0.4"), ("phases.lookups", "1000")];
    let measured = run_named("failures", &values);
    let metrics = &measured.metrics;
    assert_eq!((metrics.issued, metrics.completed, metrics.failed), (1000, 1000, 0));
    let hops = mean_hops(&measured);
    assert!((hops - 4.69).abs() < 0.35, "{hops} hops");
    // Each hop costs p / (1 - p) timeouts.
    let timeouts = mean_of(metrics.timeouts());
    let expected = hops * 0.4 / 0.6;
    assert!((timeouts / expected - 1.0).abs() < 0.15, "{timeouts} timeouts, not {expected}");
}

#[test]
fn paths_take_half_the_logarithm_of_the_number_of_nodes() {
    let hops = mean_hops(&run_named("paths", &[("nodes", "1024")]));
    assert!((hops - (5.0 - 0.14 + 1.0)).abs() < 0.05, "{hops} hops");
}

#[test]
fn an_exact_ring_answers_every_lookup_correctly() {
    for extra in ["", "ring = { lookup = \"iterative\" }", "start = \"joined\""] {
        let toml = format!(
            "engine = \"sim\"
             nodes = 128
             network = {{ latency = {{ model = \"constant\", one_way = \"10ms\" }} }}
             phases = {{ warmup = \"20s\", lookups = 2000 }}
             {extra}"
        );
        let measured = run(Engine::Sim, &toml, 1);
        let metrics = &measured.metrics;
        assert_eq!(metrics.issued, 2000, "{extra}");
        assert_eq!((metrics.correct, metrics.failed), (2000, 0), "{extra}");
    }
}

/// The simulated delay is the real run's mean time per message.
#[test]
fn the_simulator_agrees_with_the_real_network() {
    let toml = "
        nodes = 256
        ring = { successors = 8 }
        workload = { lookups_per_s = 1000.0 }
        phases = { warmup = \"1s\", lookups = 3000 }
    ";
    let real = run(Engine::Udp, toml, 2);
    let hops = mean_hops(&real);
    let one_way_us = real.metrics.latency().value_at_quantile(0.5) as f64 / 1e3 / (hops + 1.0);
    let sim = format!(
        "engine = \"sim\"
         network = {{ latency = {{ model = \"constant\", one_way = \"{}us\" }} }}
         {toml}",
        one_way_us.round().max(20.0)
    );
    let simulated = run(Engine::Sim, &sim, 1);
    for measured in [&real, &simulated] {
        let metrics = &measured.metrics;
        assert_eq!((metrics.completed, metrics.correct), (metrics.issued, metrics.issued));
    }
    let off = |real: f64, simulated: f64| (simulated / real - 1.0).abs();
    // Hops have a standard deviation of 1, so the standard error of 3,000 lookups is 0.02.
    assert!((hops - mean_hops(&simulated)).abs() < 0.15, "{hops}, {}", mean_hops(&simulated));
    let (of_real, of_simulated) = (maintenance(&real), maintenance(&simulated));
    assert!(off(of_real, of_simulated) < 0.15, "{of_real} and {of_simulated} messages");
}

/// In a ring of two nodes, each forwards to the other: the busier one receives at least half of all
/// messages. Messages in flight when the phase begins or ends may be counted or not.
#[test]
fn the_busiest_node_gets_its_share_of_the_messages() {
    let toml = "
        nodes = 2
        ring = { successors = 1 }
        workload = { lookups_per_s = 2000.0 }
        phases = { warmup = \"1s\", measure = \"2s\" }
    ";
    let sim =
        "engine = \"sim\"\n network = { latency = { model = \"constant\", one_way = \"1ms\" } }";
    let busiest = [run(Engine::Udp, toml, 2), run(Engine::Sim, &format!("{sim}\n{toml}"), 1)];
    for (measured, engine) in busiest.into_iter().zip(["udp", "sim"]) {
        let (all, most) = (measured.traffic.messages() as f64, measured.load.messages_max as f64);
        assert!(all > 4000.0, "{engine}: {all} messages for 4,000 lookups");
        assert!((0.48..0.6).contains(&(most / all)), "{engine}: {most} of {all} messages");
    }
}

/// The busiest node counts even after it is gone, and after another node has taken its place.
/// Nearly all messages are maintenance, so nodes that join late receive fewer.
#[test]
fn the_load_of_nodes_that_are_gone_counts() {
    let busiest = |measure: &str, faults: &str| {
        let toml = format!(
            "engine = \"sim\"
             nodes = 64
             ring = {{ successors = 4 }}
             network = {{ latency = {{ model = \"constant\", one_way = \"1ms\" }} }}
             workload = {{ lookups_per_s = 1e-3 }}
             phases = {{ warmup = \"1s\", measure = \"{measure}\" }}
             fault = [{faults}]"
        );
        let measured = run(Engine::Sim, &toml, 1);
        (measured.load.messages_max as f64, measured.membership)
    };
    let (whole, _) = busiest("600s", "");
    let (gone, after) = busiest("601s", "{ at = \"599999ms\", kind = \"crash\", count = 63 }");
    assert_eq!((after.crashes, after.joins), (63, 0));
    assert!((0.99..1.01).contains(&(gone / whole)), "{gone} messages instead of {whole}");
    let leave = "{ at = \"600s\", kind = \"leave\", count = 58, over = \"3s\" }";
    let join = "{ at = \"604s\", kind = \"join\", count = 58, over = \"3s\" }";
    let (replaced, after) = busiest("640s", &format!("{leave}, {join}"));
    assert_eq!((after.leaves, after.joins), (58, 58));
    assert!(replaced / whole > 0.99, "{replaced} messages instead of {whole} at least");
}

/// A server that processes 200 messages per second is asked 1,000 times per second.
#[test]
fn a_node_with_a_rate_processes_no_more_and_never_idles_under_load() {
    let toml = "
        engine = \"sim\"
        system = \"central\"
        nodes = 50
        items = { population = 100, fetch = false }
        network = { latency = { model = \"constant\", one_way = \"10ms\" }, node_rate = 200.0 }
        workload = { in_flight = 1000, deadline = \"2s\" }
        phases = { warmup = \"5s\", measure = \"10s\" }
    ";
    let measured = run(Engine::Sim, toml, 1);
    assert_eq!(measured.load.messages_max, 2000, "200 per second for 10 s");
    let dropped = |name| measured.drops.iter().any(|&(reason, count)| reason == name && count > 0);
    assert!(dropped("queue_full") && dropped("waited_too_long"), "{:?}", measured.drops);
    let metrics = &measured.metrics;
    assert_eq!(metrics.incorrect, 0);
    assert!((1000..2100).contains(&metrics.completed), "{} completed", metrics.completed);
    let fast = run(Engine::Sim, &toml.replace("200.0", "1e6"), 1);
    assert_eq!(fast.metrics.completed, fast.metrics.issued);
}

/// Some owners of references are farther away than most nodes wait for. Their late answers count, so
/// the slowest query takes no longer than if nodes waited for as long as it takes.
#[test]
fn queries_to_far_nodes_take_no_longer_than_the_way_to_them() {
    let slowest = |timeout: &str| {
        let toml = format!(
            "engine = \"sim\"
             check = false
             nodes = 300
             items = {{ population = 600 }}
             network = {{ latency = {{ model = \"king\" }}, timeout = \"{timeout}\" }}
             workload = {{ lookups_per_s = 200.0 }}
             phases = {{ warmup = \"20s\", lookups = 4000 }}"
        );
        let measured = run(Engine::Sim, &toml, 1);
        let metrics = &measured.metrics;
        assert_eq!((metrics.issued, metrics.completed), (4000, 4000), "{timeout}");
        metrics.latency().max() as f64 / 1e9
    };
    let (adaptive, patient) = (slowest("adaptive"), slowest("10s"));
    assert!(adaptive < 1.2 * patient, "{adaptive} s instead of {patient} s");
}

/// One query at a time: its message to the server and the answer each take a service more.
#[test]
fn processing_a_message_takes_one_service() {
    let latency = |rate: &str| {
        let toml = format!(
            "engine = \"sim\"
             system = \"central\"
             nodes = 10
             items = {{ population = 10, fetch = false, publish_within = \"1s\" }}
             network = {{ latency = {{ model = \"constant\", one_way = \"10ms\" }} {rate} }}
             workload = {{ in_flight = 1 }}
             phases = {{ warmup = \"5s\", lookups = 200 }}"
        );
        let measured = run(Engine::Sim, &toml, 1);
        measured.metrics.latency().value_at_quantile(0.5) as f64 / 1e6
    };
    let (fast, slow) = (latency(""), latency(", node_rate = 100.0"));
    assert!((slow - fast - 20.0).abs() < 0.1, "{slow} ms, without a rate {fast} ms");
}

fn mean_hops(measured: &Measured) -> f64 {
    mean_of(measured.metrics.hops())
}

/// The mean of a distribution: `counts[value]` is how often `value` occurred.
fn mean_of(counts: &[u64]) -> f64 {
    let total: u64 = counts.iter().zip(0..).map(|(count, value)| count * value).sum();
    total as f64 / counts.iter().sum::<u64>() as f64
}

/// Maintenance messages per node per second.
fn maintenance(measured: &Measured) -> f64 {
    measured.maintenance.messages() as f64 / measured.node_s
}
