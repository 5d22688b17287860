//! Means, percentiles and encoded histograms.
//!
//! **Invariant:** no figure is NaN or infinite.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

use crate::measure::histogram::LATENCY_MAX;

/// The ratio, or 0 if `count` is 0: JSON has no value for 0/0.
pub(super) fn per(sum: f64, count: f64) -> f64 {
    if count > 0.0 { sum / count } else { 0.0 }
}

/// The mean, where `counts[i]` is how often the value `i` occurred.
pub(super) fn mean(counts: &[u64]) -> f64 {
    let sum: u64 = (0..).zip(counts).map(|(value, count)| value * count).sum();
    per(sum as f64, counts.iter().sum::<u64>() as f64)
}

/// The percentile by nearest rank, where `counts[i]` is how often the value `i` occurred.
pub(super) fn nearest_rank(counts: &[u64], percent: u64) -> u64 {
    let rank = (counts.iter().sum::<u64>() * percent).div_ceil(100);
    let sums = counts.iter().scan(0, |sum, count| {
        *sum += count;
        Some(*sum)
    });
    (0..).zip(sums).find(|&(_, sum)| sum >= rank.max(1)).map_or(0, |(value, _)| value)
}

/// The percentile by nearest rank of `sorted` values; `None` if there are none.
pub(super) fn nearest_rank_of<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// A duration in microseconds.
pub(super) fn in_us(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e3
}

/// A quantile of a histogram of nanoseconds, in microseconds.
pub(super) fn quantile_us(ns: &Histogram<u64>, quantile: f64) -> f64 {
    ns.value_at_quantile(quantile) as f64 / 1e3
}

/// Converts a histogram of nanoseconds to whole microseconds. Values below 1 µs count as 1 µs.
pub(super) fn in_microseconds(ns: &Histogram<u64>) -> Histogram<u64> {
    let max = LATENCY_MAX.as_micros() as u64;
    let mut us = Histogram::new_with_bounds(1, max, 3).expect("the bounds are valid");
    for step in ns.iter_recorded() {
        let value = ns.median_equivalent(step.value_iterated_to());
        let rounded = (value + 500) / 1000;
        us.saturating_record_n(rounded.max(1), step.count_at_value());
    }
    us
}

/// Encodes a histogram: V2 format, deflated, in base64.
pub(super) fn encode(histogram: &Histogram<u64>) -> String {
    let mut bytes = Vec::new();
    let written = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
    written.expect("writing to memory does not fail");
    BASE64.encode(bytes)
}

/// Decodes what [`encode`] wrote.
pub(super) fn decode(text: &str) -> Result<Histogram<u64>, String> {
    let bytes = BASE64.decode(text).map_err(|e| e.to_string())?;
    Deserializer::new().deserialize(&mut bytes.as_slice()).map_err(|e| e.to_string())
}
