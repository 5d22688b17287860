//! Timing for all benches: one configuration, and times per unit of work.
//!
//! **Invariant:** preparing inputs is never timed.

use std::time::Duration;

use criterion::Criterion;
use criterion::measurement::{Measurement, WallTime};

/// Fewest units per measurement, so that the cost of reading the clock is negligible.
const MIN_UNITS: u64 = 1 << 14;

/// Runs `bench` with the command-line options of `cargo bench`, and with few, short samples.
pub fn run(bench: impl FnOnce(&mut Criterion)) {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    bench(&mut criterion);
    criterion.final_summary();
}

/// Times `units` units of work, for [`criterion::Bencher::iter_custom`].
///
/// `work` takes the number of units, does at least as many, and returns how many it did.
///
/// # Panics
///
/// If `work` does fewer.
pub fn time_units(units: u64, work: impl FnOnce(u64) -> u64) -> Duration {
    scale(units, |asked| time(|| work(asked)))
}

/// Times `units` units of work in whole rounds of `per_round` units. Each `round` returns its time.
pub fn time_rounds(units: u64, per_round: u64, mut round: impl FnMut() -> Duration) -> Duration {
    scale(units, |asked| {
        let rounds = asked.div_ceil(per_round);
        ((0..rounds).map(|_| round()).sum(), rounds * per_round)
    })
}

/// Times `units` units of work. `work` returns its own time and the number of units it did.
///
/// # Panics
///
/// If `work` does fewer units than its argument.
pub fn scale(units: u64, work: impl FnOnce(u64) -> (Duration, u64)) -> Duration {
    let asked = units.max(MIN_UNITS);
    let (took, done) = work(asked);
    assert!(done >= asked, "{done} of {asked} units done");
    took.mul_f64(units as f64 / done as f64)
}

/// Runs `work` and returns its time and its result.
pub fn time<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let start = WallTime.start();
    let result = work();
    (WallTime.end(start), result)
}
