//! What is wrong with a scenario, as one message for the user.
//!
//! **Invariant:** the message names the key, the value and what is accepted instead.

use core::fmt;
use std::io;

use super::Schema;
use super::shortened::{comparable, shortened, shown};

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
    pub(super) fn unreadable(schema: &Schema, path: &str, why: &io::Error) -> ScenarioError {
        let names = names(schema);
        let message = format!("cannot be read ({why}): write a TOML file, or one of {names}");
        ScenarioError::new(Some(shown(path)), message)
    }

    /// Neither a named scenario nor a file.
    pub(super) fn unknown_name(schema: &Schema, name: &str) -> ScenarioError {
        let written = comparable(name);
        let likeness = |other: &str| strsim::jaro_winkler(&written, other);
        let nearest = schema
            .named()
            .map(|named| named.name)
            .max_by(|a, b| likeness(a).total_cmp(&likeness(b)))
            .unwrap_or_default();
        let message = format!(
            "there is no scenario {:?}, the nearest is {nearest:?}: write one of {}, or a file that \
             ends in .toml",
            shortened(name),
            names(schema),
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

fn names(schema: &Schema) -> String {
    schema.named().map(|scenario| scenario.name).collect::<Vec<_>>().join(", ")
}
