//! What a run must reach, as the command line says it: `--assert 'latency.p99<50ms'`.
//!
//! **Invariant:** a figure that a run does not have fulfils nothing.

use std::str::FromStr;

use clap::Args;

use crate::measure::bound::Bound;
use crate::measure::outcome::{Expectation, Figure, Outcome, figures};
use crate::measure::quantity::Quantity;

/// The assertions of a command line.
#[derive(Args, Clone, PartialEq, Debug, Default)]
pub struct Assertions {
    /// What a figure must be, such as 'lookups.correct_ratio>=99.9%' or 'latency.p99<50ms'; status 3 if
    /// it is not. A wrong name lists the figures that there are
    #[arg(long = "assert", value_name = "FIGURE<VALUE")]
    all: Vec<Assertion>,
}

/// What a figure must be.
#[derive(Clone, PartialEq, Debug)]
pub struct Assertion {
    /// The assertion as it was written.
    text: String,
    figure: String,
    bound: Bound,
}

impl FromStr for Assertion {
    type Err = String;

    fn from_str(text: &str) -> Result<Assertion, String> {
        let (name, bound) = Bound::split(text).ok_or_else(|| {
            "write FIGURE<VALUE, or with <=, >, >= or =, such as 'latency.p99<50ms'".to_owned()
        })?;
        let unit = figures::unit_of(name).ok_or_else(|| unknown(name))?;
        let bound = Bound::parse(bound, unit)?;
        Ok(Assertion { text: text.to_owned(), figure: name.to_owned(), bound })
    }
}

/// The message about a name that no figure has.
pub(crate) fn unknown(name: &str) -> String {
    let all: Vec<&str> = figures::names().collect();
    let likeness = |other: &&&str| (strsim::jaro_winkler(name, other) * 1e6) as u64;
    let nearest = all.iter().max_by_key(likeness).copied().unwrap_or_default();
    format!(
        "there is no figure {name:?}; the nearest is {nearest}. All: {}, maintenance.bytes.KIND",
        all.join(", ")
    )
}

impl Assertions {
    /// The arguments that say the same, each after a space.
    pub(crate) fn arguments(&self) -> String {
        self.all.iter().map(|assertion| format!(" --assert '{}'", assertion.text)).collect()
    }

    /// Judges a run, and adds the verdicts to its expectations.
    pub(crate) fn judge(&self, outcome: &mut Outcome) {
        let figures: Vec<Figure> = outcome.figures().collect();
        outcome.expectations.extend(self.judge_figures(&figures));
    }

    /// Judges these figures.
    pub(crate) fn judge_figures(&self, figures: &[Figure]) -> Vec<Expectation> {
        self.all.iter().map(|assertion| assertion.judge(figures)).collect()
    }

    /// What a kept run with this outcome does not fulfil.
    pub(crate) fn unmet(&self, outcome: &Outcome) -> impl Iterator<Item = Expectation> {
        let figures: Vec<Figure> = outcome.figures().collect();
        self.all.iter().map(move |it| it.judge(&figures)).filter(|verdict| !verdict.held)
    }
}

impl Assertion {
    fn judge(&self, figures: &[Figure]) -> Expectation {
        let Assertion { figure: name, bound, .. } = self;
        let value = figures.iter().find(|it| it.name == *name).map(|it| it.value);
        let got = value.map_or_else(
            || Expectation::NOTHING_MEASURED.to_owned(),
            |value| Quantity { value, unit: bound.quantity.unit }.to_string(),
        );
        let (wanted, held) = (bound.to_string(), value.is_some_and(|value| bound.holds(value)));
        Expectation { name: name.clone(), wanted, got, held }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::example;

    fn judged(text: &str) -> (String, bool) {
        let all = vec![text.parse().expect(text)];
        let mut outcome = example::outcome();
        outcome.expectations.clear();
        Assertions { all }.judge(&mut outcome);
        (outcome.expectations[0].to_string(), outcome.held())
    }

    #[test]
    fn figures_are_judged_by_their_bounds() {
        assert!(judged("lookups.correct_ratio >= 99.9%").1);
        assert!(judged("hops.mean<100").1);
        let (text, held) = judged("lookups.correct_ratio=1");
        let expected = "lookups.correct_ratio: 100 % was expected, but got 99.99 %";
        assert_eq!((text.as_str(), held), (expected, false));
        let (text, held) = judged("store.lost=0");
        let expected = "store.lost: 0 was expected, but nothing was measured";
        assert_eq!((text.as_str(), held), (expected, false));
    }

    #[test]
    fn wrong_ones_say_what_is_right() {
        for (wrong, right) in [
            ("latency.p99", "write FIGURE<VALUE"),
            ("latency.p98<1s", "the nearest is latency.p9"),
            ("latency.p99<fast", "50ms"),
            ("hops.mean<", "a number"),
            ("<3", "there is no figure"),
        ] {
            let error = wrong.parse::<Assertion>().expect_err(wrong);
            assert!(error.contains(right), "{wrong}: {error}");
        }
    }
}
