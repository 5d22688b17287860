//! Summarizes each figure: its median and spread for both binaries, and the verdict.
//!
//! **Invariant:** medians exclude samples of a busy machine, unless load cannot change the figure.

use std::collections::BTreeSet;

use serde::Serialize;

use super::rounds::Round;
use super::sample::Side;
use super::{Better, Figures, Kind, Series};
use crate::statistics::Spread;

/// Limits for the verdicts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Limits {
    /// Greatest load by others during a valid sample, as a fraction of all CPU time.
    pub busy: f64,
    /// Greatest relative loss of a gate that holds.
    pub worse: f64,
}

/// The summary of a figure.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Name.
    pub figure: String,
    /// Unit.
    pub unit: &'static str,
    /// Whether it is a gate.
    pub gate: bool,
    /// Values of the old binary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<Spread>,
    /// Values of the new binary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<Spread>,
    /// Ratios new / old, round by round.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ratio: Option<Spread>,
    /// The verdict.
    pub verdict: Verdict,
}

/// The verdict on a figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The figure is not a gate, or there is no old binary.
    Shown,
    /// The gate holds: the interval of the ratio's median lies within the limit.
    Held,
    /// The new binary is worse by this fraction, and the whole interval lies beyond the limit.
    Worse(f64),
    /// The limit lies within the interval, or there are too few rounds for one.
    Undecided,
    /// The machine was busy. Contains the median load by others over the invalid rounds.
    Busy(f64),
    /// The figure is missing for one of the binaries.
    Missing,
}

/// Whether a round counts for all figures of its series.
#[must_use]
pub fn is_valid(series: &Series, round: &Round, limits: Limits) -> bool {
    is_exact(series) || round.busy_share() <= limits.busy
}

/// Whether all figures of the series are independent of load.
#[must_use]
pub fn is_exact(series: &Series) -> bool {
    match series.figures {
        Figures::Named(figures) => figures.iter().all(|figure| figure.kind.exact),
        Figures::Each(kind) => kind.exact,
    }
}

/// Summarizes all figures of `series` over these rounds.
#[must_use]
pub fn summarize(series: &Series, rounds: &[Round], limits: Limits) -> Vec<Summary> {
    let names: Vec<String> = match series.figures {
        Figures::Named(figures) => figures.iter().map(|figure| figure.name.to_owned()).collect(),
        Figures::Each(_) => {
            let samples = rounds.iter().flat_map(|round| &round.samples);
            let names: BTreeSet<_> = samples.flat_map(|sample| sample.values.keys()).collect();
            names.into_iter().cloned().collect()
        }
    };
    let figure = |name: String| series.kind_of(&name).map(|kind| line(name, kind, rounds, limits));
    names.into_iter().filter_map(figure).collect()
}

fn line(figure: String, kind: Kind, rounds: &[Round], limits: Limits) -> Summary {
    let Kind { unit, better, gate, exact } = kind;
    let mut summary =
        Summary { figure, unit, gate, old: None, new: None, ratio: None, verdict: Verdict::Shown };
    let (valid, invalid): (Vec<&Round>, Vec<&Round>) =
        rounds.iter().partition(|round| exact || round.busy_share() <= limits.busy);
    if valid.len() < invalid.len() || valid.is_empty() {
        let shares: Vec<f64> = invalid.iter().map(|round| round.busy_share()).collect();
        let share = Spread::of(&shares).map_or(0.0, |spread| spread.median);
        return Summary { verdict: Verdict::Busy(share), ..summary };
    }

    let value = |round: &Round, side| round.of(side)?.values.get(&summary.figure).copied();
    let spread =
        |side| Spread::of(&valid.iter().filter_map(|round| value(round, side)).collect::<Vec<_>>());
    let ratio = |round: &&Round| ratio(value(round, Side::Old)?, value(round, Side::New)?);
    let ratios = Spread::of(&valid.iter().filter_map(ratio).collect::<Vec<_>>());
    let (old, new) = (spread(Side::Old), spread(Side::New));
    let is_compared = rounds.iter().any(|round| round.of(Side::Old).is_some());
    (summary.old, summary.new, summary.ratio) = (old, new, ratios);
    summary.verdict = match (ratios, gate && is_compared) {
        (_, false) => Verdict::Shown,
        (None, true) => Verdict::Missing,
        (Some(ratios), true) if !exact && !ratios.is_enough() => Verdict::Undecided,
        (Some(ratios), true) => gate_verdict(ratios, better, limits.worse),
    };
    summary
}

fn gate_verdict(ratios: Spread, better: Better, limit: f64) -> Verdict {
    let [least, median, most] = match better {
        Better::Higher => [ratios.high, ratios.median, ratios.low].map(|ratio| 1.0 - ratio),
        Better::Lower => [ratios.low, ratios.median, ratios.high].map(|ratio| ratio - 1.0),
    };
    if most <= limit {
        Verdict::Held
    } else if least > limit {
        Verdict::Worse(median)
    } else {
        Verdict::Undecided
    }
}

/// The ratio new / old: 1 if both are zero, and `None` if only the old value is.
fn ratio(old: f64, new: f64) -> Option<f64> {
    if old == new { Some(1.0) } else { (old != 0.0).then(|| new / old) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::series::machine_load::MachineLoad;
    use crate::series::sample::Sample;
    use crate::series::{Source, list};

    const LIMITS: Limits = Limits { busy: 0.03, worse: 0.05 };

    /// A round under the load `busy` of others.
    fn round(figure: &str, old: f64, new: f64, busy: f64) -> Round {
        let sample = |side, value| Sample {
            side,
            seed: 1,
            exit: 0,
            wall_s: 1.0,
            cpu_s: 1.0,
            load: MachineLoad { steal: 0.0, others: busy },
            trace_digest: None,
            values: [(figure.to_owned(), value)].into(),
        };
        Round { samples: vec![sample(Side::New, new), sample(Side::Old, old)] }
    }

    fn summary_of(better: Better, exact: bool, rounds: &[Round]) -> Summary {
        let kind = Kind { unit: "x", better, gate: true, exact };
        let figures = Figures::Each(kind);
        let source = Source::Compare;
        let series = Series { name: "a", about: "", source, rounds: 1, figures };
        let mut summaries = summarize(&series, rounds, LIMITS);
        assert_eq!(summaries.len(), 1);
        summaries.remove(0)
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The machine gets twice as fast, but the binaries do not change.
        let rounds: Vec<Round> = (0..6)
            .map(|n| round("f", 100.0 + 20.0 * f64::from(n), 98.0 + 19.6 * f64::from(n), 0.0))
            .collect();
        let summary = summary_of(Better::Higher, false, &rounds);
        let ratio = summary.ratio.expect("both sides are there");
        assert!((0.98 - ratio.min).abs() < 1e-9 && (ratio.max - 0.98).abs() < 1e-9, "{ratio:?}");
        assert_eq!(summary.old.map(|old| old.median), Some(150.0));
        assert_eq!(summary.verdict, Verdict::Held);
        assert_eq!(summary_of(Better::Higher, false, &rounds[1..]).verdict, Verdict::Undecided);
    }

    #[test]
    fn a_gate_is_broken_in_its_own_direction() {
        let verdict = |better, new| {
            let rounds: Vec<Round> = (0..6).map(|_| round("f", 100.0, new, 0.0)).collect();
            summary_of(better, false, &rounds).verdict
        };
        let worse = verdict(Better::Higher, 90.0);
        assert!(matches!(worse, Verdict::Worse(by) if (by - 0.1).abs() < 1e-9), "{worse:?}");
        assert_eq!(verdict(Better::Lower, 90.0), Verdict::Held);
        assert!(matches!(verdict(Better::Lower, 110.0), Verdict::Worse(_)));
        assert_eq!(verdict(Better::Higher, 110.0), Verdict::Held);
        assert_eq!(verdict(Better::Lower, 104.9), Verdict::Held);
        assert!(matches!(verdict(Better::Lower, 105.1), Verdict::Worse(_)));
    }

    #[test]
    fn a_spread_across_the_limit_decides_nothing() {
        let rounds = |ratios: &[f64]| -> Vec<Round> {
            ratios.iter().map(|ratio| round("f", 100.0, 100.0 * ratio, 0.0)).collect()
        };
        for better in [Better::Higher, Better::Lower] {
            let verdict = |ratios: &[f64]| summary_of(better, false, &rounds(ratios)).verdict;
            assert_eq!(verdict(&[0.9, 0.9, 0.9, 1.1, 1.1, 1.1]), Verdict::Undecided);
            // One of ten samples is cut off at each end.
            let mut ratios = [1.0; 10];
            (ratios[0], ratios[9]) = (0.8, 1.2);
            assert_eq!(verdict(&ratios), Verdict::Held);
            (ratios[1], ratios[8]) = (0.8, 1.2);
            assert_eq!(verdict(&ratios), Verdict::Undecided);
        }
    }

    #[test]
    fn a_busy_machine_gives_no_figure() {
        let quiet = round("f", 100.0, 100.0, 0.03);
        let busy = round("f", 100.0, 50.0, 0.4);
        let summary =
            summary_of(Better::Higher, false, &[quiet.clone(), busy.clone(), quiet.clone()]);
        assert_eq!(summary.ratio.map(|ratio| (ratio.min, ratio.count)), Some((1.0, 2)));
        let rounds = [quiet, busy.clone(), busy];
        let summary = summary_of(Better::Higher, false, &rounds);
        assert_eq!(summary.verdict, Verdict::Busy(0.4));
        assert!(summary.old.is_none() && summary.new.is_none() && summary.ratio.is_none());
        let summary = summary_of(Better::Higher, true, &rounds);
        assert_eq!(summary.ratio.map(|ratio| ratio.count), Some(3), "load cannot change it");
    }

    #[test]
    fn a_figure_of_only_one_side_is_missing() {
        let mut rounds = [round("f", 1.0, 1.0, 0.0)];
        assert_eq!(summary_of(Better::Lower, true, &rounds).verdict, Verdict::Held);
        rounds[0].samples[1].values.clear();
        assert_eq!(summary_of(Better::Lower, false, &rounds).verdict, Verdict::Missing);
        rounds[0].samples.remove(1);
        assert_eq!(summary_of(Better::Lower, false, &rounds).verdict, Verdict::Shown);
        assert_eq!((ratio(0.0, 0.0), ratio(0.0, 1.0)), (Some(1.0), None));
    }

    #[test]
    fn only_instructions_need_no_quiet_machine() {
        let exact: Vec<_> =
            list::ALL.iter().filter(|series| is_exact(series)).map(|series| series.name).collect();
        assert_eq!(exact, ["instructions"]);
    }
}
