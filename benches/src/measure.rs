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
    let asked = units.max(MIN_UNITS);
    let (took, done) = time(|| work(asked));
    assert!(done >= asked, "asked for {asked} units, done {done}");
    took.mul_f64(units as f64 / done as f64)
}

/// How long `work` takes, with its result.
pub fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = WallTime.start();
    let result = work();
    (WallTime.end(start), result)
}
