//! The time series of a run: one row per second.
//!
//! **Invariant:** plain data; a row is made once, at the end of its interval.

use std::time::Duration;

use hopwise_kernel::Time;

use super::health::Sample;
use super::metrics::Metrics;

/// One row of a run's time series. There is one a second.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesRow {
    /// End of the interval, in seconds since the start of the run.
    pub t_s: f64,
    /// The phase it belongs to.
    pub phase: &'static str,
    /// Live nodes at its end.
    pub live_nodes: usize,
    /// Lookups issued in it.
    pub issued: u64,
    /// Lookups answered in it.
    pub completed: u64,
    /// Answers of the measured phase received in it that did not name the true owner.
    pub incorrect: u64,
    /// Lookups that failed in it.
    pub failed: u64,
    /// Lookups that were refused at their origin in it.
    pub shed: u64,
    /// Lookups that ended in it because their origin had left or crashed.
    pub orphaned: u64,
    /// Median latency of lookups answered in it, in microseconds; 0 if there were none.
    pub latency_p50_us: f64,
    /// 99th percentile of the same.
    pub latency_p99_us: f64,
    /// Messages of all kinds per second.
    pub messages_per_s: f64,
    /// Bytes of maintenance per second.
    pub maintenance_bytes_per_s: f64,
    /// The tables of a ring's members at its end, if they were looked at.
    pub tables: Option<Sample>,
}

/// The interval of a [`SeriesRow`].
#[derive(Clone, Copy, Debug)]
pub struct Interval {
    /// Its end, from the start of the run.
    pub end: Duration,
    /// Its length; not zero.
    pub length: Duration,
    /// The phase it belongs to.
    pub phase: &'static str,
    /// Live nodes at its end.
    pub live_nodes: usize,
}

impl SeriesRow {
    /// Counts incorrect answers, which are judged only after the row is made, in the rows of the
    /// times they were received at. `rows` are in order of time. Answers after the last row are not
    /// counted.
    pub fn enter_incorrect(rows: &mut [SeriesRow], answered: &[Time]) {
        for at in answered {
            let at_s = at.since(Time::ZERO).as_secs_f64();
            let row = rows.partition_point(|row| row.t_s < at_s);
            if let Some(row) = rows.get_mut(row) {
                row.incorrect += 1;
            }
        }
    }

    /// The row of `interval`, in which `lookups` counts the lookups, `messages` messages of all
    /// kinds were sent, and `maintenance_bytes` bytes were sent for maintenance.
    #[must_use]
    pub fn new(
        interval: Interval,
        lookups: &Metrics,
        messages: u64,
        maintenance_bytes: u64,
    ) -> SeriesRow {
        let latency_us = |quantile| lookups.latency().value_at_quantile(quantile) as f64 / 1e3;
        let length_s = interval.length.as_secs_f64();
        SeriesRow {
            t_s: interval.end.as_secs_f64(),
            phase: interval.phase,
            live_nodes: interval.live_nodes,
            issued: lookups.issued,
            completed: lookups.completed,
            incorrect: lookups.incorrect,
            failed: lookups.failed,
            shed: lookups.shed,
            orphaned: lookups.orphaned,
            latency_p50_us: latency_us(0.5),
            latency_p99_us: latency_us(0.99),
            messages_per_s: messages as f64 / length_s,
            maintenance_bytes_per_s: maintenance_bytes as f64 / length_s,
            tables: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_row_gives_rates() {
        let mut metrics = Metrics::new();
        metrics.record_issued(Duration::ZERO);
        metrics.record_completed(Duration::from_micros(250), 3, 0, 8);
        let (end, length) = (Duration::from_secs(3), Duration::from_millis(500));
        let interval = Interval { end, length, phase: "measure", live_nodes: 64 };
        let row = SeriesRow::new(interval, &metrics, 1000, 4000);
        assert_eq!((row.messages_per_s, row.maintenance_bytes_per_s), (2000.0, 8000.0));
        assert!((row.latency_p50_us - 250.0).abs() < 0.5);
    }
}
