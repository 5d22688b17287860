//! A process that is stopped for a while, at any moment of a run: nothing that was due is lost.

use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Workplace;

const RATE: f64 = 2000.0;
const MEASURED_S: f64 = 2.0;

/// Runs `scenario` over UDP, and stops the process for .9 s at this time after its start. Returns the
/// outcome.
fn run_frozen(here: &Workplace, scenario: &str, at: Option<Duration>) -> serde_json::Value {
    let arguments = format!(
        "run {scenario} --engine udp --nodes 64 --threads 2 --rate {RATE} --duration {MEASURED_S}s \
         --set phases.warmup=1s --quiet --json -"
    );
    let mut command = here.command(&arguments);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    if let Some(at) = at {
        thread::sleep(at);
        signal(&child, "-STOP");
        thread::sleep(Duration::from_millis(900));
        signal(&child, "-CONT");
    }
    let output = child.wait_with_output().expect("it ends");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|why| panic!("{why}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn signal(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill {signal}");
}

#[test]
fn all_lookups_of_the_phase_are_accounted_for() {
    let here = Workplace::new("freeze");
    // In the warm-up, over the start of the phase, within it, and over its end.
    for at_ms in [200, 700, 1600, 2700] {
        let outcome = run_frozen(&here, "steady", Some(Duration::from_millis(at_ms)));
        let of = |name: &str| outcome["lookups"][name].as_u64().expect("a count");
        let expected = RATE * MEASURED_S;
        let issued = of("issued");
        // Arrivals are random: five standard deviations.
        let off = (issued as f64 - expected).abs();
        assert!(off < 5.0 * expected.sqrt(), "stopped at {at_ms} ms: {issued} of {expected}");
        let ended = of("completed") + of("failed") + of("shed") + of("orphaned");
        assert_eq!(ended, issued, "stopped at {at_ms} ms");
        assert_eq!(of("incorrect"), 0, "stopped at {at_ms} ms: nobody joins or leaves");
    }
}
