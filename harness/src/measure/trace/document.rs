//! The traces of a run as a JSON document.
//!
//! **Invariant:** says which run the traces are of, so they can be made again.

use serde::{Deserialize, Serialize};

use super::LookupTrace;
use crate::measure::outcome::Outcome;
use crate::measure::provenance::{Build, Machine};

/// The version of the document.
const SCHEMA_VERSION: u32 = 1;

/// Traces with their provenance.
#[derive(Clone, PartialEq, Serialize, Deserialize, Debug)]
pub struct Traces {
    /// The version of the document.
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
    /// The document of `traces`, which were taken in the run of `outcome`.
    #[must_use]
    pub fn new(outcome: &Outcome, traces: Vec<LookupTrace>) -> Traces {
        Traces {
            schema_version: SCHEMA_VERSION,
            scenario: outcome.scenario.clone(),
            seed: outcome.seed,
            started_at: outcome.started_at.clone(),
            wall_s: outcome.wall_s,
            machine: outcome.machine.clone(),
            build: outcome.build.clone(),
            traces,
        }
    }

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
