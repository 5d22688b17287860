//! Where a saved result comes from: what all documents say in the same words.

use serde::Deserialize;

use crate::measure::provenance::{Build, Machine};

/// When, where and by which program a result was made.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Origin {
    /// RFC 3339, UTC.
    pub(crate) started_at: String,
    pub(crate) wall_s: f64,
    pub(crate) machine: Machine,
    pub(crate) build: Build,
}
