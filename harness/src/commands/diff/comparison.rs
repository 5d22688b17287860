//! What differs between two sides, figure by figure, and whether that is more than chance.
//!
//! | runs | verdict |
//! |---|---|
//! | simulated, same scenarios and seeds | figures that depend on nothing else are equal, or have moved. Whether they are worse on average is tested as below if there are enough seeds; with few, what a few lookups decide is no regression |
//! | several on both sides | a test of ranks; the chance of any error in the whole comparison is 5 % |
//! | one on a side | cannot be told |
//!
//! **Invariant:** a regression is a figure that is worse beyond chance and beyond its tolerance.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Serialize;

use super::side::{Group, Side};
use super::statistics::{interval, least_p, median, rank_test, ratio, refuted};
use crate::commands::assertion;
use crate::measure::outcome::{Better, Figure, Unit, figures};
use crate::measure::quantity::Quantity;

/// The chance of any wrong verdict in a comparison.
const LEVEL: f64 = 0.05;
/// The tolerance of figures that have none of their own.
const TOLERANCE: f64 = 0.02;

/// By how much figures may be worse.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tolerances(pub Vec<Tolerance>);

/// By how much a figure, or any figure, may be worse: `5%`, or `latency.p99=10%`.
#[derive(Clone, PartialEq, Debug)]
pub struct Tolerance {
    figure: Option<String>,
    share: f64,
}

impl FromStr for Tolerance {
    type Err = String;

    fn from_str(text: &str) -> Result<Tolerance, String> {
        let (figure, share) = match text.split_once('=') {
            Some((figure, share)) => (Some(figure.trim()), share),
            None => (None, text),
        };
        if let Some(name) = figure
            && figures::unit_of(name).is_none()
        {
            return Err(assertion::unknown(name));
        }
        let share = Quantity::parse(share, Unit::Ratio)?.value;
        Ok(Tolerance { figure: figure.map(str::to_owned), share })
    }
}

impl Tolerances {
    /// That of the figure with this name: the last one given for it, else the last one for any.
    fn of(&self, name: &str) -> f64 {
        let last = |figure: Option<&str>| {
            self.0.iter().rev().find(|it| it.figure.as_deref() == figure).map(|it| it.share)
        };
        last(Some(name)).or_else(|| last(None)).unwrap_or(TOLERANCE)
    }
}

/// A comparison of two sides.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Comparison {
    /// The groups that both sides have.
    pub(super) pairs: Vec<Pair>,
    /// The groups that only one side has: the side, and the name of the group.
    pub(super) unmatched: Vec<(char, String)>,
}

/// A group that both sides have.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Pair {
    /// The name of the scenario, with the values that vary on its side.
    pub(super) name: String,
    /// The numbers of runs.
    pub(super) runs: [usize; 2],
    /// The values of the scenario that differ between the sides: key, A, B.
    pub(super) scenario: Vec<[String; 3]>,
    /// Whether figures that depend on scenario and seed alone are compared run by run.
    pub(super) is_exact: bool,
    /// Whether the traces of all runs are the same, if they are compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) same_trace: Option<bool>,
    pub(super) figures: Vec<Row>,
}

/// A figure on both sides.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Row {
    pub(super) name: String,
    #[serde(skip)]
    pub(super) unit: Unit,
    #[serde(skip)]
    pub(super) better: Better,
    #[serde(skip)]
    is_tail: bool,
    /// The medians.
    pub(super) medians: [f64; 2],
    /// B's divided by A's; `None` if only A's is 0.
    pub(super) ratio: Option<f64>,
    /// Of the ratio, 95 %.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interval: Option<[f64; 2]>,
    /// Of the test of ranks, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p: Option<f64>,
    pub(super) verdict: Verdict,
    pub(super) tolerance: f64,
    /// Whether it would differ in the same direction with other seeds, as far as can be said.
    pub(super) is_lasting: bool,
    pub(super) is_regression: bool,
}

/// What is known of a figure.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// It is equal, run by run.
    Equal,
    /// It has moved, without noise.
    Moved,
    /// It differs by more than chance.
    Differs,
    /// It differs by no more than chance.
    WithinNoise,
    /// There are too few runs to say.
    TooFewRuns,
}

impl Row {
    /// Whether B is better (`Some(true)`) or worse; `None` if neither is known.
    pub(super) fn is_better(&self) -> Option<bool> {
        let [a, b] = self.medians;
        match self.better {
            _ if !self.is_lasting || a == b => None,
            Better::Lower => Some(b < a),
            Better::Higher => Some(b > a),
            Better::Neither => None,
        }
    }
}

impl Comparison {
    /// Compares `b` with `a`; if `exact`, only what has no noise.
    ///
    /// # Errors
    ///
    /// If they have no scenario in common.
    pub(super) fn new(
        a: &Side,
        b: &Side,
        tolerances: &Tolerances,
        exact: bool,
    ) -> Result<Comparison, String> {
        let mut pairs = Vec::new();
        let mut unmatched = Vec::new();
        let name = |side: &Side, group: &Group| {
            let varied = side.varied();
            let values = varied.iter().map(|key| {
                let value = group.scenario.get(*key).map_or("unset", String::as_str);
                format!("{key}={value}")
            });
            let values: Vec<String> = values.collect();
            let name = group.name();
            // Folders of different scenarios differ in nearly everything.
            if values.is_empty() || values.len() > 4 {
                name
            } else {
                format!("{name} {}", values.join(", "))
            }
        };
        for group in &a.groups {
            match partner(group, a, b) {
                Some(other) => {
                    pairs.push(Pair::new(name(a, group), [group, other], tolerances, exact))
                }
                None => unmatched.push(('A', name(a, group))),
            }
        }
        let only_b = b.groups.iter().filter(|group| partner(group, b, a).is_none());
        unmatched.extend(only_b.map(|group| ('B', name(b, group))));
        if pairs.is_empty() {
            return Err(format!(
                "{} and {} have no scenario in common: nothing can be compared",
                a.name, b.name
            ));
        }
        let mut comparison = Comparison { pairs, unmatched };
        comparison.judge();
        Ok(comparison)
    }

    /// Judges all tested figures together, and finds regressions.
    fn judge(&mut self) {
        let rows = || self.pairs.iter().flat_map(|pair| &pair.figures);
        let p_values: Vec<f64> = rows().filter_map(|row| row.p).collect();
        let mut verdicts = refuted(&p_values, LEVEL).into_iter();
        for pair in &mut self.pairs {
            let [n, m] = pair.runs;
            for row in &mut pair.figures {
                let too_few = least_p(n, m) > LEVEL / p_values.len() as f64;
                let is_refuted = row.p.is_some() && verdicts.next() == Some(true);
                let differs = row.medians[0] != row.medians[1];
                row.verdict = match row.verdict {
                    known @ (Verdict::Moved | Verdict::Equal) => known,
                    _ if is_refuted => Verdict::Differs,
                    Verdict::WithinNoise if row.p.is_some() && too_few && differs => {
                        Verdict::TooFewRuns
                    }
                    other => other,
                };
                row.is_lasting = match (row.verdict, row.p) {
                    (Verdict::Moved, Some(_)) if !too_few => is_refuted,
                    (Verdict::Moved, _) => !row.is_tail,
                    (verdict, _) => verdict == Verdict::Differs,
                };
                let beyond = row.ratio.is_none_or(|ratio| (ratio - 1.0).abs() > row.tolerance);
                row.is_regression = beyond && row.is_better() == Some(false);
            }
        }
    }

    /// The figures that are worse beyond chance and tolerance.
    pub(super) fn regressions(&self) -> impl Iterator<Item = (&Pair, &Row)> {
        let rows =
            self.pairs.iter().flat_map(|pair| pair.figures.iter().map(move |row| (pair, row)));
        rows.filter(|(_, row)| row.is_regression)
    }

    /// The groups of which a figure without noise, or the trace, has moved.
    pub(super) fn moved(&self) -> impl Iterator<Item = &Pair> {
        self.pairs.iter().filter(|pair| {
            let has_moved = pair.figures.iter().any(|row| row.verdict == Verdict::Moved);
            has_moved || pair.same_trace == Some(false)
        })
    }

    /// The least number of runs on each side with which a difference could be found.
    pub(super) fn runs_needed(&self) -> usize {
        let tested = self.pairs.iter().flat_map(|pair| &pair.figures);
        let tested = tested.filter(|row| row.p.is_some() || row.verdict == Verdict::TooFewRuns);
        let level = LEVEL / tested.count().max(1) as f64;
        (2..).find(|&n| least_p(n, n) <= level).unwrap_or(2)
    }
}

impl Pair {
    fn new(name: String, [a, b]: [&Group; 2], tolerances: &Tolerances, only_exact: bool) -> Pair {
        let same_seeds = a.seeds() == b.seeds();
        let is_exact = a.is_simulated() && b.is_simulated() && same_seeds;
        let value = |group: &Group, key: &str| {
            group.scenario.get(key).cloned().unwrap_or_else(|| "unset".to_owned())
        };
        let scenario = a.differing(b).into_iter();
        let scenario = scenario.map(|key| [key.to_owned(), value(a, key), value(b, key)]);
        let digests = |group: &Group| -> Vec<Option<String>> {
            group.runs.iter().map(|run| run.engine.trace_digest.clone()).collect()
        };
        let (mine, theirs) = (figures_of(a), figures_of(b));
        let both = mine.iter().filter_map(|(name, (figure, values))| {
            let (_, others) = theirs.get(name)?;
            let is_exact = is_exact && figure.is_exact;
            if only_exact && !is_exact {
                return None;
            }
            Some(row(figure, values, others, is_exact, tolerances.of(name)))
        });
        Pair {
            name,
            runs: [a.runs.len(), b.runs.len()],
            scenario: scenario.collect(),
            is_exact,
            same_trace: is_exact.then(|| digests(a) == digests(b)),
            figures: both.collect(),
        }
    }
}

/// The group of `others` that `group` is compared with: that of the same scenario; if there is none, the only
/// one of the same name without such a partner, or the only one at all.
fn partner<'a>(group: &Group, own: &Side, others: &'a Side) -> Option<&'a Group> {
    let same = |side: &'a Side, group: &Group| -> Option<&'a Group> {
        side.groups.iter().find(|it| it.scenario == group.scenario)
    };
    if let Some(same) = same(others, group) {
        return Some(same);
    }
    if let ([_], [other]) = (&*own.groups, &*others.groups) {
        return Some(other);
    }
    let is_free = |it: &&Group, side: &Side| {
        it.name() == group.name() && side.groups.iter().all(|other| other.scenario != it.scenario)
    };
    let mut mine = own.groups.iter().filter(|it| is_free(it, others));
    let mut theirs = others.groups.iter().filter(|it| is_free(it, own));
    match (mine.next(), mine.next(), theirs.next(), theirs.next()) {
        (Some(_), None, Some(other), None) => Some(other),
        _ => None,
    }
}

/// The figures of a group by name, each with the values of all runs that have it.
fn figures_of(group: &Group) -> BTreeMap<String, (Figure, Vec<f64>)> {
    let mut all: BTreeMap<String, (Figure, Vec<f64>)> = BTreeMap::new();
    for figure in group.runs.iter().flat_map(|run| run.figures().collect::<Vec<_>>()) {
        let value = figure.value;
        let name = figure.name.to_string();
        all.entry(name).or_insert_with(|| (figure, Vec::new())).1.push(value);
    }
    all
}

fn row(figure: &Figure, a: &[f64], b: &[f64], is_exact: bool, tolerance: f64) -> Row {
    let medians = [median(a), median(b)];
    let is_judged = figure.better != Better::Neither && a.len() > 1 && b.len() > 1;
    let (verdict, p) = if is_exact && a == b {
        (Verdict::Equal, None)
    } else if is_exact {
        (Verdict::Moved, is_judged.then(|| rank_test(a, b)))
    } else if a.len() > 1 && b.len() > 1 {
        (Verdict::WithinNoise, is_judged.then(|| rank_test(a, b)))
    } else if a == b {
        (Verdict::Equal, None)
    } else {
        (Verdict::TooFewRuns, None)
    };
    Row {
        name: figure.name.to_string(),
        unit: figure.unit,
        better: figure.better,
        is_tail: figure.is_tail,
        medians,
        ratio: Some(ratio(medians[0], medians[1])).filter(|ratio| ratio.is_finite()),
        interval: interval(a, b).filter(|_| verdict != Verdict::Equal),
        p,
        verdict,
        tolerance,
        is_lasting: false,
        is_regression: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::{Outcome, example};

    /// Runs whose latency is that of `scale`, with some noise.
    fn runs(count: u64, scale: f64, is_simulated: bool) -> Side {
        let run = |seed: u64| {
            let mut run: Outcome = example::outcome();
            run.seed = seed;
            run.lookups.latency_us.p50 *= scale * (1.0 + 0.001 * seed as f64);
            run.engine.trace_digest = is_simulated.then(|| format!("{scale}"));
            run
        };
        Side::of("x".to_owned(), (1..=count).map(run).collect())
    }

    fn compare(a: &Side, b: &Side, tolerance: &str) -> Comparison {
        let tolerances = Tolerances(vec![tolerance.parse().expect(tolerance)]);
        Comparison::new(a, b, &tolerances, false).expect("they have a scenario in common")
    }

    fn names(comparison: &Comparison) -> Vec<&str> {
        comparison.regressions().map(|(_, row)| row.name.as_str()).collect()
    }

    fn verdict(comparison: &Comparison) -> Verdict {
        let rows = &comparison.pairs[0].figures;
        rows.iter().find(|row| row.name == "latency.p50").expect("it has latencies").verdict
    }

    #[test]
    fn a_slowdown_of_repeated_runs_is_found() {
        let (old, new) = (runs(8, 1.0, false), runs(8, 1.05, false));
        assert_eq!(names(&compare(&old, &new, "2%")), ["latency.p50"]);
        assert_eq!(names(&compare(&old, &new, "10%")), [""; 0]);
        assert_eq!(names(&compare(&old, &new, "latency.p50=10%")), [""; 0]);
        assert_eq!(names(&compare(&new, &old, "2%")), [""; 0], "it is faster");
        assert_eq!(verdict(&compare(&old, &old, "2%")), Verdict::WithinNoise);
    }

    #[test]
    fn few_runs_cannot_tell() {
        for count in [1, 3] {
            let (old, new) = (runs(count, 1.0, false), runs(count, 1.5, false));
            let comparison = compare(&old, &new, "2%");
            assert_eq!((verdict(&comparison), names(&comparison).len()), (Verdict::TooFewRuns, 0));
            assert!(comparison.runs_needed() > count as usize);
        }
    }

    #[test]
    fn the_simulator_has_no_noise() {
        let (old, new) = (runs(1, 1.0, true), runs(1, 1.05, true));
        let comparison = compare(&old, &new, "2%");
        assert_eq!(
            (verdict(&comparison), names(&comparison)),
            (Verdict::Moved, vec!["latency.p50"])
        );
        assert_eq!(comparison.moved().count(), 1);
        let same = compare(&old, &old, "2%");
        assert_eq!((verdict(&same), same.moved().count()), (Verdict::Equal, 0));
    }

    #[test]
    fn what_a_few_lookups_decide_is_no_regression_of_one_seed() {
        let old = runs(1, 1.0, true);
        let mut new = old.clone();
        new.groups[0].runs[0].lookups.latency_us.max *= 2.0;
        let comparison = compare(&old, &new, "2%");
        assert_eq!((names(&comparison).len(), comparison.moved().count()), (0, 1));
        let (old, mut new) = (runs(8, 1.0, true), runs(8, 1.0, true));
        new.groups[0].runs.iter_mut().for_each(|run| run.lookups.latency_us.max *= 2.0);
        assert_eq!(names(&compare(&old, &new, "2%")), ["latency.max"]);
    }

    #[test]
    fn from_nothing_to_something_is_beyond_any_tolerance() {
        let mut new = runs(1, 1.0, true);
        let mut old = new.clone();
        old.groups[0].runs[0].lookups.incorrect = 0;
        new.groups[0].runs[0].lookups.incorrect = 1;
        assert_eq!(names(&compare(&old, &new, "50%")), ["lookups.incorrect_ratio"]);
    }

    #[test]
    fn wrong_tolerances_say_what_is_right() {
        for (wrong, right) in [("fast", "99.9%"), ("latency=5%", "latency.p"), ("-5%", "99.9%")] {
            let error = wrong.parse::<Tolerance>().expect_err(wrong);
            assert!(error.contains(right), "{error}");
        }
    }
}
