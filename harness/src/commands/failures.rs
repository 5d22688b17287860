//! The failed runs of a sweep or a comparison.
//!
//! **Invariant:** a message that many runs share is told once.

use std::collections::BTreeMap;

use super::Environment;
use super::options::Exit;
use crate::measure::EngineError;

/// Failed runs by message.
#[derive(Debug, Default)]
pub(super) struct Failures {
    /// The number of runs after the first.
    more: BTreeMap<String, usize>,
    is_request_wrong: bool,
}

impl Failures {
    /// Tells why these runs, by label, failed.
    pub(super) fn told<'e>(
        env: &Environment,
        runs: impl IntoIterator<Item = (&'e str, &'e EngineError)>,
    ) -> Failures {
        let mut failures = Failures::default();
        runs.into_iter().for_each(|(label, error)| failures.add(env, label, error));
        failures.tell_rest(env);
        failures
    }

    /// Adds the failed run `label`. Tells the message if it is new.
    pub(super) fn add(&mut self, env: &Environment, label: &str, error: &EngineError) {
        self.is_request_wrong |= matches!(error, EngineError::Request(_));
        let message = error.to_string();
        match self.more.get_mut(&message) {
            Some(more) => *more += 1,
            None => {
                env.tell(format_args!("{label}: {message}"));
                self.more.insert(message, 0);
            }
        }
    }

    /// The number of failed runs.
    pub(super) fn count(&self) -> usize {
        self.more.len() + self.more.values().sum::<usize>()
    }

    /// Tells how many more runs failed in the same ways.
    pub(super) fn tell_rest(&self, env: &Environment) {
        match self.count() - self.more.len() {
            0 => {}
            1 => env.tell("1 more run failed in the same way"),
            more => env.tell(format_args!("{more} more runs failed in the same way")),
        }
    }

    /// The exit status: that of the worst run.
    pub(super) fn verdict(&self) -> Exit {
        match self.more.is_empty() {
            true => Exit::Success,
            false if self.is_request_wrong => Exit::BadRequest,
            false => Exit::Failure,
        }
    }
}
