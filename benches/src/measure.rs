//! How benches measure: one configuration for all, and times per unit of work.
//!
//! **Invariant:** preparing inputs is never timed.

use std::time::Duration;

use criterion::Criterion;
use criterion::measurement::{Measurement, WallTime};

/// Fewest units timed at once, so that reading the clock costs nothing that shows.
const MIN_UNITS: u64 = 1 << 14;

/// Runs `bench` as `cargo bench` asks for on the command line, with few and short samples.
pub fn run(bench: impl FnOnce(&mut Criterion)) {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    bench(&mut criterion);
    criterion.final_summary();
}

/// What `units` units of work take, for [`criterion::Bencher::iter_custom`].
///
/// `work` does at least as many units as it is told, and returns how many it did.
///
/// # Panics
///
/// If `work` does fewer.
pub fn time_units(units: u64, work: impl FnOnce(u64) -> u64) -> Duration {
    scale(units, |asked| time(|| work(asked)))
}

/// The same by whole rounds of `per_round` units, of which only what each `round` returns counts.
pub fn time_rounds(units: u64, per_round: u64, mut round: impl FnMut() -> Duration) -> Duration {
    scale(units, |asked| {
        let rounds = asked.div_ceil(per_round);
        ((0..rounds).map(|_| round()).sum(), rounds * per_round)
    })
}

/// The same by `work` that keeps its own time: it returns how long it took, and how many units.
///
/// # Panics
///
/// If `work` does fewer units than it is told.
pub fn scale(units: u64, work: impl FnOnce(u64) -> (Duration, u64)) -> Duration {
    let asked = units.max(MIN_UNITS);
    let (took, done) = work(asked);
    assert!(done >= asked, "asked for {asked} units, done {done}");
    took.mul_f64(units as f64 / done as f64)
}

/// How long `work` takes, with its result.
pub fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = WallTime.start();
    let result = work();
    (WallTime.end(start), result)
}
