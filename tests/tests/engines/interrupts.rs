//! Runs that the user interrupts, in each engine: they end soon, whatever their nodes do.
//!
//! **Invariant:** limits on real time are many times what a busy machine needs, and far below what
//! these runs would take without an interrupt.

use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use hopwise_harness::base::wall_clock::WallClock;
use hopwise_harness::live::Progress;
use hopwise_harness::measure::Measured;
use hopwise_harness::scenario::Scenario;
use hopwise_harness::systems::Registry;
use hopwise_harness::systems::ring::Ring;

/// Runs a scenario that `change` changes, interrupts it a moment later, and returns the result and the
/// time from the interrupt to the end.
fn interrupt(toml: &str, change: impl FnOnce(&mut Scenario)) -> (Measured, Duration) {
    let mut scenario = Registry::built_in().from_toml(toml, "test", &[]).expect("it is valid");
    change(&mut scenario);
    let interrupts = AtomicU32::new(0);
    let progress = Progress::new(true, Duration::ZERO);
    thread::scope(|scope| {
        let user = scope.spawn(|| {
            thread::sleep(Duration::from_millis(700));
            interrupts.store(1, Ordering::Relaxed);
            WallClock::start()
        });
        let measured = Registry::built_in().run(&scenario, &interrupts, &progress);
        let clock = user.join().expect("no panic");
        (measured.expect("the scenario runs"), clock.elapsed())
    })
}

fn assert_all_ended(measured: &Measured) {
    let metrics = &measured.metrics;
    assert!(measured.interrupted);
    assert_eq!(
        metrics.issued,
        metrics.completed + metrics.failed + metrics.shed + metrics.orphaned,
        "{metrics:?}"
    );
}

/// With hardly any message that arrives, nodes do not join.
#[test]
fn nothing_is_measured_if_bring_up_did_not_end() {
    for engine in ["udp", "sim"] {
        let (measured, _) = interrupt(
            &format!(
                "engine = \"{engine}\"
                 nodes = 200
                 start = \"joined\"
                 network.loss = 0.99
                 phases = {{ warmup = \"0s\", measure = \"1h\" }}"
            ),
            |_| {},
        );
        assert!(measured.interrupted && measured.bring_up > Duration::ZERO, "{engine}");
        assert_eq!((measured.metrics.issued, measured.measured), (0, Duration::ZERO), "{engine}");
    }
}

/// Messages take half a minute, so no lookup ends before its deadline of a minute.
#[test]
fn lookups_that_hang_do_not_delay_the_end() {
    let toml = "
        engine = \"udp\"
        nodes = 32
        threads = 2
        network = { latency = { model = \"constant\", one_way = \"30s\" }, timeout = \"50s\" }
        ring = { successors = 4 }
        workload = { lookups_per_s = 200.0, deadline = \"1m\" }
        phases = { warmup = \"0s\", measure = \"1h\" }
    ";
    let (measured, took) = interrupt(toml, |_| {});
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_all_ended(&measured);
    assert!(measured.metrics.orphaned > 0, "{:?}", measured.metrics);
}

/// With timers of a nanosecond, a window of the simulator has millions of events. A scenario cannot say
/// that, but a large one has as many.
#[test]
fn a_window_without_end_is_broken_off() {
    for threads in [1, 2] {
        let toml = format!(
            "engine = \"sim\"
             nodes = 300
             check = false
             threads = {threads}
             network = {{ latency = {{ model = \"constant\", one_way = \"50ms\" }} }}
             workload = {{ lookups_per_s = 200.0 }}
             phases = {{ warmup = \"0s\", measure = \"1h\" }}"
        );
        let (measured, took) = interrupt(&toml, |scenario| {
            scenario.section_mut::<Ring>().stabilize = Some(Duration::from_nanos(1));
        });
        assert!(took < Duration::from_secs(15), "{took:?}");
        assert_all_ended(&measured);
        assert!(measured.measured < Duration::from_secs(3600), "{:?}", measured.measured);
    }
}

/// A closed loop of lookups that wait at slow nodes for a minute each.
#[test]
fn a_simulated_drain_is_short() {
    let toml = "
        engine = \"sim\"
        nodes = 400
        check = false
        ring = { stabilize = \"2ms\", fix_fingers = \"1ms\" }
        network = { latency = { model = \"constant\", one_way = \"20s\" }, timeout = \"50s\" }
        workload = { in_flight = 5000, deadline = \"1m\" }
        phases = { warmup = \"0s\", measure = \"1h\" }
    ";
    let (measured, took) = interrupt(toml, |_| {});
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_all_ended(&measured);
}
