//! What is wrong with a scenario, as one message for whoever wrote it.
//!
//! **Invariant:** the message names the key, the value and what is accepted instead.

use core::fmt;
use std::io;

use super::library;

/// Why a request is not a scenario. Exit status 2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioError {
    /// `file.toml:12`, where that is known.
    place: Option<String>,
    message: String,
}

impl ScenarioError {
    pub(super) fn new(place: Option<String>, message: String) -> ScenarioError {
        ScenarioError { place, message }
    }

    /// A file that cannot be read.
    pub(super) fn unreadable(path: &str, why: &io::Error) -> ScenarioError {
        let message = format!("cannot be read ({why}): write a TOML file, or one of {}", names());
        ScenarioError::new(Some(path.to_owned()), message)
    }

    /// Neither a named scenario nor a file.
    pub(super) fn unknown_name(name: &str) -> ScenarioError {
        let message = format!(
            "there is no scenario {name:?}, the nearest is {:?}: write one of {}, or a file that \
             ends in .toml",
            library::nearest(name),
            names(),
        );
        ScenarioError::new(None, message)
    }
}

/// `file.toml:12: ring.base = 3 is not accepted: write a power of two from 2 to 256`.
impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl core::error::Error for ScenarioError {}

fn names() -> String {
    library::SCENARIOS.map(|scenario| scenario.name).join(", ")
}
