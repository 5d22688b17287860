//! How a run failed.
//!
//! **Invariant:** two runs fail in the same way only if their exit statuses are the same.

use std::any::Any;
use std::io;
use std::time::Duration;

use crate::commands::options::Exit;
use crate::commands::run::verdict;
use crate::measure::EngineError;
use crate::measure::outcome::Outcome;

/// A run that failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    /// The exit status of `hopwise run` with its scenario.
    pub(super) exit: Exit,
    /// What is said about it.
    pub(super) reason: String,
    /// When a promise was broken, in simulated time.
    pub(super) broken_at: Option<Duration>,
    way: Way,
}

/// The kind of a failure.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Way {
    /// The protocol broke a promise.
    Violation,
    /// An expectation was not met: its name, and whether there was anything to judge.
    Expectation(String, bool),
    /// The load generator was late.
    Late,
    /// The request was wrong.
    Request,
    /// The engine gave up: its message without numbers.
    Broken(String),
    /// Code panicked: the message without numbers.
    Panicked(String),
    /// Its files could not be written.
    Unwritten,
}

impl Failure {
    /// How the run with this outcome failed, if it did. A run that the user ended did not.
    pub(super) fn of_outcome(outcome: &Outcome) -> Option<Failure> {
        let exit = verdict(outcome);
        let way = match exit {
            Exit::Success | Exit::Interrupted => return None,
            Exit::LoadTooHigh => Way::Late,
            _ => way(outcome),
        };
        let at_s = outcome.first_violation().map(|first| first.at_s);
        let broken_at = at_s.and_then(|at_s| Duration::try_from_secs_f64(at_s).ok());
        let reason = outcome.unmet().collect::<Vec<_>>().join("; ");
        Some(Failure { exit, reason, broken_at, way })
    }

    /// The failure of a run that the engine did not bring to its end.
    pub(super) fn of_error(error: EngineError) -> Failure {
        let (exit, reason, way) = match error {
            EngineError::Request(why) => (Exit::BadRequest, why, Way::Request),
            EngineError::Broken(why) => {
                let way = Way::Broken(without_numbers(&why));
                (Exit::Failure, why, way)
            }
        };
        Failure { exit, reason, broken_at: None, way }
    }

    /// The failure of a run that panicked with this payload.
    pub(super) fn of_panic(payload: &(dyn Any + Send)) -> Failure {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        let reason = match text {
            Some(text) => format!("the run panicked: {text}"),
            None => EngineError::panicked().to_string(),
        };
        let way = Way::Panicked(without_numbers(&reason));
        Failure { exit: Exit::Failure, reason, broken_at: None, way }
    }

    /// The failure of a run whose files cannot be written.
    pub(super) fn unwritten(why: &io::Error) -> Failure {
        let (exit, reason) = (Exit::Failure, why.to_string());
        Failure { exit, reason, broken_at: None, way: Way::Unwritten }
    }

    /// Whether both runs failed in the same way.
    pub(super) fn is_like(&self, other: &Failure) -> bool {
        (self.exit, &self.way) == (other.exit, &other.way)
    }

    /// Whether a smaller scenario can fail in the same way: not if the host is the reason.
    pub(super) fn can_shrink(&self) -> bool {
        !matches!(self.way, Way::Request | Way::Unwritten | Way::Late)
    }

    /// Whether the run panicked.
    pub(super) fn is_panic(&self) -> bool {
        matches!(self.way, Way::Panicked(_))
    }
}

/// A violation before all expectations, and of these the first.
fn way(outcome: &Outcome) -> Way {
    let unmet = outcome.expectations.iter().find(|expectation| !expectation.held);
    match unmet {
        Some(unmet) if outcome.first_violation().is_none() => {
            Way::Expectation(unmet.name.clone(), unmet.was_measured())
        }
        _ => Way::Violation,
    }
}

/// The words of `text` without digits: numbers differ between runs that fail in the same way.
fn without_numbers(text: &str) -> String {
    let has_digit = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    text.split_whitespace().filter(|word| !has_digit(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::outcome::{Check, Expectation, Finding, example};

    fn unmet(name: &str, got: &str) -> Outcome {
        let expectation =
            Expectation { name: name.into(), wanted: "0".into(), got: got.into(), held: false };
        Outcome { check: None, expectations: vec![expectation], ..example::outcome() }
    }

    fn failure(outcome: &Outcome) -> Failure {
        Failure::of_outcome(outcome).expect("it failed")
    }

    #[test]
    fn an_expectation_is_not_another_and_a_violation_comes_first() {
        let failed = failure(&unmet("failed", "0.5"));
        assert!(failed.is_like(&failure(&unmet("failed", "0.1"))));
        assert!(!failed.is_like(&failure(&unmet("correct", "0.5"))));
        let nothing = unmet("failed", Expectation::NOTHING_MEASURED);
        assert!(!failed.is_like(&failure(&nothing)), "too few lookups are another failure");

        let first = Finding { at_s: 7.5, broken: "a rule".into(), replay: None };
        let check = Check { violations: 1, first: Some(first), ..Check::default() };
        let broken = failure(&Outcome { check: Some(check), ..unmet("failed", "0.5") });
        assert_eq!(broken.broken_at, Some(Duration::from_millis(7500)));
        assert!(!broken.is_like(&failed) && broken.is_like(&broken));

        let interrupted = Outcome { interrupted: true, ..unmet("failed", "0.5") };
        assert!(Failure::of_outcome(&interrupted).is_none());
    }

    #[test]
    fn numbers_do_not_tell_panics_apart_and_words_do() {
        let panic = |text: &str| Failure::of_panic(&text.to_owned());
        let out = panic("index out of bounds: the len is 3 but the index is 7");
        assert!(out.is_like(&panic("index out of bounds: the len is 64 but the index is 64")));
        assert!(!out.is_like(&panic("attempt to subtract with overflow")));
        let broken = Failure::of_error(EngineError::Broken(out.reason.clone()));
        assert!(!out.is_like(&broken) && out.is_panic() && !broken.is_panic());
        let refused = Failure::of_error(EngineError::Request("fewer nodes".into()));
        assert!(!refused.can_shrink() && out.can_shrink());
    }
}
