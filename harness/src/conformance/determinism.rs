//! Repetition: the same seed, the same outcome. And without churn, right answers.
//!
//! **Invariant:** runs in the simulator, where outcomes are exact.

use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::network::{FUZZY, scenario};
use crate::Scenario;
use crate::engine::sim::SimEngine;
use crate::live::Progress;
use crate::measure::{Measured, Observers};
use crate::plug::{Runner, System};

const COMMON: &str = "
engine = \"sim\"
network = { latency = { model = \"constant\", one_way = \"20ms\" } }
workload = { lookups_per_s = 40.0 }
phases = { warmup = \"2s\", measure = \"6s\" }
";
const CHURN: &str = "churn = { model = \"poisson\", joins_per_s = 1.0, departures_per_s = 1.0 }\n";

/// Returns what was seen, or which two runs differ.
pub(super) fn check<S: System>() -> Result<String, String> {
    // Only exact names must be found: a hash table need not answer fuzzy queries.
    let calm = run::<S>("", 0.0)?;
    let metrics = &calm.metrics;
    if metrics.completed == 0 || metrics.correct < metrics.completed {
        return Err(format!(
            "without churn, {} of {} questions were answered, {} of them rightly",
            metrics.completed, metrics.issued, metrics.correct,
        ));
    }
    let joined = run::<S>("start = \"joined\"\n", FUZZY)?;
    let first = run::<S>(&format!("{CHURN}threads = 1\n"), FUZZY)?;
    for more in ["threads = 1\n", "threads = 2\n", "threads = 3\n", "threads = 1\nwire = true\n"] {
        let other = run::<S>(&format!("{CHURN}{more}"), FUZZY)?;
        if summary(&first) != summary(&other) {
            let (first, other) = (summary(&first), summary(&other));
            return Err(format!("with {more:?} a run gives {other:?} instead of {first:?}"));
        }
    }
    Ok(format!(
        "{} of {} questions answered without churn, all rightly; {} nodes joined one by one; 5 runs \
         under churn alike",
        metrics.completed, metrics.issued, joined.membership.live_mean,
    ))
}

fn run<S: System>(more: &str, fuzzy: f64) -> Result<Measured, String> {
    let scenario: Scenario = scenario::<S>(&format!("{COMMON}{more}"), fuzzy)?;
    let progress = Progress::new(true, Duration::ZERO);
    SimEngine
        .run_system::<S>(&scenario, &AtomicU32::new(0), &progress, Observers::default())
        .map_err(|error| error.to_string())
}

/// What must be the same: the digest of all events, and what became of questions.
fn summary(measured: &Measured) -> (Option<u64>, [u64; 7], Vec<u64>) {
    let metrics = &measured.metrics;
    let counts = [
        metrics.issued,
        metrics.completed,
        metrics.correct,
        metrics.failed,
        metrics.shed,
        metrics.orphaned,
        metrics.messages,
    ];
    let digest = measured.simulation.as_ref().map(|simulation| simulation.trace_digest);
    (digest, counts, metrics.hops().to_vec())
}
