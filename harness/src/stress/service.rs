//! What callers got in some time: how much, how fast, and how much was refused.
//!
//! **Invariant:** shares and rates are of what was due in that time, whenever it ended.

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

use crate::measure::histogram::{self, Latencies};
use crate::measure::outcome::Outcome;
use crate::measure::series::SeriesRow;

/// The service in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Service {
    /// The length of the time, in seconds.
    pub(crate) length_s: f64,
    /// Operations due.
    pub(crate) due: u64,
    /// The same per second.
    pub(crate) offered_per_s: f64,
    /// Right answers per second.
    pub(crate) goodput_per_s: f64,
    /// Right answers, as a share of all that was due and whose origin stayed; `None` if that is nothing.
    pub(crate) success: Option<f64>,
    /// Refused operations, as a share of all due.
    pub(crate) shed: f64,
    /// Operations without an answer, as a share of all due.
    pub(crate) failed: f64,
    /// Wrong answers.
    pub(crate) incorrect: u64,
    /// From the intended start to the answer, of the completed ones; `None` if there are none.
    pub(crate) latency_us: Option<Percentiles>,
}

/// Percentiles of latencies in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
    pub(crate) max: f64,
}

/// How operations ended.
#[derive(Clone, Copy, Default)]
struct Counts {
    issued: u64,
    completed: u64,
    incorrect: u64,
    failed: u64,
    shed: u64,
    orphaned: u64,
}

impl Counts {
    fn service(self, length_s: f64, latency_us: Option<Percentiles>) -> Service {
        let of = |part: u64, whole: u64| part as f64 / whole.max(1) as f64;
        let per_s = |count: u64| if length_s > 0.0 { count as f64 / length_s } else { 0.0 };
        let Counts { issued, completed, incorrect, failed, shed, orphaned } = self;
        let correct = completed.saturating_sub(incorrect);
        let stayed = issued.saturating_sub(orphaned);
        Service {
            length_s,
            due: issued,
            offered_per_s: per_s(issued),
            goodput_per_s: per_s(correct),
            success: (stayed > 0).then(|| of(correct, stayed)),
            shed: of(shed, issued),
            failed: of(failed, issued),
            incorrect,
            latency_us,
        }
    }
}

impl Service {
    /// The service of the measured phase of a run, which lasted `length_s`.
    pub(crate) fn of_run(outcome: &Outcome, length_s: f64) -> Service {
        let all = &outcome.lookups;
        let latency = &all.latency_us;
        let percentiles = Percentiles {
            p50: latency.p50,
            p90: latency.p90,
            p99: latency.p99,
            p99_9: latency.p99_9,
            max: latency.max,
        };
        let counts = Counts {
            issued: all.issued,
            completed: all.completed,
            incorrect: all.incorrect,
            failed: all.failed,
            shed: all.shed,
            orphaned: all.orphaned,
        };
        counts.service(length_s, (all.completed > 0).then_some(percentiles))
    }

    /// The service of some intervals of a run.
    pub(crate) fn of_rows(rows: &[SeriesRow]) -> Service {
        let mut counts = Counts::default();
        let mut latencies = histogram::histogram(3);
        for row in rows {
            counts.issued += row.issued;
            counts.completed += row.completed;
            counts.incorrect += row.incorrect;
            counts.failed += row.failed;
            counts.shed += row.shed;
            counts.orphaned += row.orphaned;
            if let Some(more) = Latencies::of_packed(&row.latencies).unpacked() {
                latencies.add(more).expect("all latencies have the same bounds");
            }
        }
        let length_s = rows.iter().map(|row| row.length_s).sum();
        counts.service(length_s, (!latencies.is_empty()).then(|| Percentiles::of(&latencies)))
    }
}

impl Percentiles {
    fn of(ns: &Histogram<u64>) -> Percentiles {
        let at = |quantile| ns.value_at_quantile(quantile) as f64 / 1e3;
        Percentiles { p50: at(0.5), p90: at(0.9), p99: at(0.99), p99_9: at(0.999), max: at(1.0) }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// An interval of `length_s` that ends at `t_s`: how many were due, how many of these were refused, and
    /// the latency of the others.
    pub(crate) fn row(t_s: f64, length_s: f64, due: u64, shed: u64, latency_ms: u64) -> SeriesRow {
        let mut latencies = Latencies::default();
        (shed..due).for_each(|_| latencies.record(latency_ms * 1_000_000));
        SeriesRow {
            t_s,
            length_s,
            phase: "measure",
            live_nodes: 8,
            issued: due,
            completed: due - shed,
            incorrect: 0,
            failed: 0,
            shed,
            orphaned: 0,
            latency_p50_us: 0.0,
            latency_p99_us: 0.0,
            latencies: latencies.packed(),
            messages: 0,
            maintenance_bytes: 0,
            tables: None,
        }
    }

    #[test]
    fn rows_add_up() {
        let rows = [row(1.0, 1.0, 100, 0, 2), row(1.5, 0.5, 50, 30, 40)];
        let all = Service::of_rows(&rows);
        assert_eq!((all.due, all.offered_per_s, all.goodput_per_s), (150, 100.0, 80.0));
        assert_eq!((all.success, all.shed), (Some(0.8), 0.2));
        let latency = all.latency_us.expect("some were answered");
        assert!((latency.p50 / 2000.0 - 1.0).abs() < 0.01, "{latency:?}");
        assert!((latency.p99 / 40_000.0 - 1.0).abs() < 0.01, "{latency:?}");
        let nothing = Service::of_rows(&[]);
        assert_eq!((nothing.success, nothing.latency_us, nothing.goodput_per_s), (None, None, 0.0));
    }

    #[test]
    fn operations_of_departed_origins_do_not_count_against_success() {
        let mut row = row(1.0, 1.0, 10, 0, 1);
        (row.completed, row.orphaned, row.incorrect) = (8, 2, 2);
        assert_eq!(Service::of_rows(&[row]).success, Some(0.75));
    }
}
