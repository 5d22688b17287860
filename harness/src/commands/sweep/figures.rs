//! The main figures of a run, and their means over repeats with 95 % confidence.
//!
//! **Invariant:** a figure that a run does not have is missing, never 0.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::measure::outcome::{Items, Keys, Outcome};

/// A figure of a run.
pub(super) struct Figure {
    /// Its name in files; the unit comes last.
    pub(super) name: &'static str,
    /// Reads it from an outcome; `None` if the run does not have it.
    pub(super) of: fn(&Outcome) -> Option<f64>,
}

/// All figures, in the order of their columns.
pub(super) const FIGURES: [Figure; 17] = [
    figure("completed_share", |o| share(o.lookups.completed, o.lookups.counted())),
    figure("correct_share", |o| share(o.lookups.correct, o.lookups.completed)),
    figure("hops_mean", |o| of_completed(o, o.lookups.hops.mean)),
    figure("latency_p50_us", |o| of_completed(o, o.lookups.latency_us.p50)),
    figure("latency_p99_us", |o| of_completed(o, o.lookups.latency_us.p99)),
    figure("timeouts_mean", |o| (o.lookups.issued > 0).then_some(o.lookups.timeouts.mean)),
    figure("maintenance_bytes_per_node_s", |o| Some(o.maintenance.bytes_per_node_s)),
    figure("lookups_per_s", |o| Some(o.lookups.per_s)),
    figure("entries_mean", |o| Some(o.state.entries_mean)),
    figure("exact_obtained_share", |o| of_items(o, |it| share(it.exact.obtained, it.exact.issued))),
    figure("fuzzy_obtained_share", |o| of_items(o, |it| share(it.fuzzy.obtained, it.fuzzy.issued))),
    figure("transfer_p50_us", |o| {
        of_items(o, |it| (it.transfers.completed > 0).then_some(it.transfers.latency_us.p50))
    }),
    figure("events_per_s", |o| Some(o.engine.events_per_s)),
    figure("keys_p1", |o| of_keys(o, |keys| keys.p1 as f64)),
    figure("keys_p50", |o| of_keys(o, |keys| keys.p50 as f64)),
    figure("keys_p99", |o| of_keys(o, |keys| keys.p99 as f64)),
    figure("keys_max_per_mean", |o| of_keys(o, |keys| keys.max_per_mean)),
];

/// The figures of a run, in the order of [`FIGURES`].
pub(super) type Values = [Option<f64>; FIGURES.len()];

/// Reads all figures of a run.
pub(super) fn values(outcome: &Outcome) -> Values {
    FIGURES.map(|figure| (figure.of)(outcome))
}

/// The estimate of a figure from the repeats that have it.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub(super) struct Estimate {
    /// The number of values; at least 1.
    pub(super) count: usize,
    /// Their mean.
    pub(super) mean: f64,
    /// Half the width of the 95 % confidence interval of the mean, from Student's t. It assumes
    /// that the figure is normally distributed over seeds. `None` for a single value.
    pub(super) half_width_95: Option<f64>,
}

impl Estimate {
    /// Estimates from `values`; `None` if there are none.
    pub(super) fn of(values: &[f64]) -> Option<Estimate> {
        let count = values.len();
        if count == 0 {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count as f64;
        let half_width_95 = (count > 1).then(|| {
            let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
            let freedom = (count - 1) as f64;
            student_t_97_5(freedom) * (squares / freedom / count as f64).sqrt()
        });
        Some(Estimate { count, mean, half_width_95 })
    }
}

/// The 97.5th percentile of Student's t.
fn student_t_97_5(freedom: f64) -> f64 {
    let t = StudentsT::new(0.0, 1.0, freedom).expect("the degrees of freedom are positive");
    t.inverse_cdf(0.975)
}

const fn figure(name: &'static str, of: fn(&Outcome) -> Option<f64>) -> Figure {
    Figure { name, of }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn of_items(outcome: &Outcome, figure: fn(&Items) -> Option<f64>) -> Option<f64> {
    outcome.items.as_ref().and_then(figure)
}

fn of_keys(outcome: &Outcome, figure: fn(&Keys) -> f64) -> Option<f64> {
    outcome.load.as_ref().and_then(|load| load.keys.as_ref()).map(figure)
}

fn of_completed(outcome: &Outcome, value: f64) -> Option<f64> {
    (outcome.lookups.completed > 0).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::{Load, example};

    #[test]
    fn percentiles_match_published_tables() {
        // NIST/SEMATECH e-Handbook of Statistical Methods, 1.3.6.7.2.
        for (freedom, expected) in [
            (1.0, 12.706),
            (2.0, 4.303),
            (4.0, 2.776),
            (9.0, 2.262),
            (29.0, 2.045),
            (100.0, 1.984),
            (1e6, 1.960),
        ] {
            let found = student_t_97_5(freedom);
            assert!((found - expected).abs() < 5e-4, "{freedom}: {found}");
        }
    }

    #[test]
    fn estimates_match_a_worked_example() {
        // Mean 10, standard deviation √2.5, t(4) = 2.776445: 2.776445 · √(2.5 / 5) = 1.963243.
        let estimate = Estimate::of(&[8.0, 9.0, 10.0, 11.0, 12.0]).expect("there are values");
        assert_eq!((estimate.count, estimate.mean), (5, 10.0));
        let half_width = estimate.half_width_95.expect("there are several");
        assert!((half_width - 1.963_243).abs() < 1e-5, "{half_width}");

        let same = Estimate::of(&[3.0; 4]).expect("there are values");
        assert_eq!((same.mean, same.half_width_95), (3.0, Some(0.0)));
        let one = Estimate { count: 1, mean: 7.0, half_width_95: None };
        assert_eq!(Estimate::of(&[7.0]), Some(one));
        assert_eq!(Estimate::of(&[]), None);
    }

    #[test]
    fn a_run_without_answers_has_no_figures_of_answers() {
        let mut outcome = example::outcome();
        outcome.items = Some(example::items());
        let keys = Some(Keys::new(vec![1, 2, 6]));
        outcome.load = Some(Load { messages_max: 7, keys });
        assert_eq!(values(&outcome)[13..], [1.0, 2.0, 6.0, 2.0].map(Some));
        assert!(values(&outcome).iter().all(Option::is_some));
        assert_eq!(values(&outcome)[1], Some(0.9999));
        outcome.items = None;
        assert_eq!(values(&outcome)[9..12], [None; 3]);
        outcome.lookups.completed = 0;
        assert_eq!(values(&outcome)[..5], [Some(0.0), None, None, None, None]);
    }
}
