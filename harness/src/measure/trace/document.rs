//! The traces of a run as a JSON document.
//!
//! **Invariant:** says which run the traces are of, so they can be made again.

use serde::{Deserialize, Serialize};

use super::LookupTrace;
use crate::measure::provenance::{Build, Machine};

/// The version of the document.
pub const SCHEMA_VERSION: u32 = 1;

/// Traces with their provenance.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Traces {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The scenario with all its values.
    pub scenario: toml::Table,
    /// The seed.
    pub seed: u64,
    /// When the run started: RFC 3339, UTC.
    pub started_at: String,
    /// Wall time of the run.
    pub wall_s: f64,
    /// The machine.
    pub machine: Machine,
    /// The program.
    pub build: Build,
    /// In the order of their numbers.
    pub traces: Vec<LookupTrace>,
}

impl Traces {
    /// The document as JSON.
    ///
    /// # Panics
    ///
    /// Never: all keys are texts and all numbers finite.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("all keys are texts and all numbers finite") + "\n"
    }
}
