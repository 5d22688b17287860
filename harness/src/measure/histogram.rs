//! Histograms of latencies.
//!
//! **Invariant:** histograms of the same precision have the same bounds, so they can be added.

use std::time::Duration;

use hdrhistogram::Histogram;

use crate::base::nanoseconds::as_ns;

/// The largest value. Longer latencies are recorded as this.
pub const LATENCY_MAX: Duration = Duration::from_secs(60);

/// A histogram of nanoseconds up to [`LATENCY_MAX`], with `digits` significant digits.
pub(crate) fn histogram(digits: u8) -> Histogram<u64> {
    Histogram::new_with_bounds(1, as_ns(LATENCY_MAX), digits).expect("the bounds are valid")
}
