//! The expectations of a scenario, judged by what was measured.
//!
//! **Invariant:** a share of no lookups is never a number.

use crate::measure::outcome::{Expectation, Lookups, Store};
use crate::scenario::Expect;

/// Judges the expectations that are set.
pub(super) fn judge(expect: &Expect, lookups: &Lookups, store: Option<&Store>) -> Vec<Expectation> {
    let counted = lookups.counted();
    let completed = share(lookups.completed, counted);
    let correct = share(lookups.correct, lookups.completed);
    let failed = share(lookups.failed, counted);
    let judged = [
        expect.completed.map(|bound| at_least("completed", bound, completed)),
        expect.correct.map(|bound| at_least("correct", bound, correct)),
        expect.failed.map(|bound| at_most("failed", bound, failed)),
        expect.anomalies.map(|bound| anomalies(bound, store)),
    ];
    judged.into_iter().flatten().collect()
}

fn anomalies(bound: u64, store: Option<&Store>) -> Expectation {
    let found = store.map(Store::anomalies);
    Expectation {
        name: "anomalies".to_owned(),
        wanted: format!("at most {bound}"),
        got: found.map_or_else(|| Expectation::NOTHING_MEASURED.to_owned(), |it| it.to_string()),
        held: found.is_some_and(|it| it <= bound),
    }
}

fn share(part: u64, of: u64) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

fn at_least(name: &str, bound: f64, share: Option<f64>) -> Expectation {
    let held = share.is_some_and(|share| share >= bound);
    expectation(name, format!("at least {bound}"), share, held)
}

fn at_most(name: &str, bound: f64, share: Option<f64>) -> Expectation {
    let held = share.is_some_and(|share| share <= bound);
    expectation(name, format!("at most {bound}"), share, held)
}

fn expectation(name: &str, wanted: String, share: Option<f64>, held: bool) -> Expectation {
    let nothing = || Expectation::NOTHING_MEASURED.to_owned();
    let got = share.map_or_else(nothing, |share| format!("{share:.6}"));
    Expectation { name: name.to_owned(), wanted, got, held }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::example;

    fn lookups(completed: u64, correct: u64, failed: u64) -> Lookups {
        let issued = completed + failed;
        let base = example::outcome().lookups;
        Lookups { issued, completed, correct, failed, shed: 0, orphaned: 0, ..base }
    }

    fn judged(lookups: &Lookups) -> Vec<(String, bool)> {
        let expect =
            Expect { completed: Some(0.9), correct: Some(0.5), failed: Some(0.1), anomalies: None };
        let judged = judge(&expect, lookups, None).into_iter();
        judged.map(|expectation| (expectation.to_string(), expectation.held)).collect()
    }

    #[test]
    fn shares_are_judged_by_their_bounds() {
        let lookups = lookups(8, 6, 2);
        let expected = [
            ("expect.completed: at least 0.9 was expected, but got 0.800000", false),
            ("expect.correct: at least 0.5 was expected, but got 0.750000", true),
            ("expect.failed: at most 0.1 was expected, but got 0.200000", false),
        ];
        assert_eq!(judged(&lookups), expected.map(|(text, held)| (text.to_owned(), held)));
    }

    #[test]
    fn of_no_lookups_nothing_was_measured() {
        for (text, held) in judged(&lookups(0, 0, 0)) {
            assert!(!held && text.ends_with("was expected, but nothing was measured"), "{text}");
        }
    }
}
