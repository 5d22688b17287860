//! A saved campaign: a run per seed.

use serde::Deserialize;

use super::origin::Origin;
use crate::measure::outcome::Check;

/// A campaign.
#[derive(Debug, Deserialize)]
pub(crate) struct Campaign {
    pub(crate) scenario: toml::Table,
    #[serde(flatten)]
    pub(crate) origin: Origin,
    pub(crate) simulated_s: f64,
    pub(crate) interrupted: bool,
    /// The first seed and the one after the last.
    pub(crate) seeds: [u64; 2],
    pub(crate) ran: u64,
    pub(crate) check: Check,
    pub(crate) failing: Vec<Failing>,
}

/// A seed whose run failed.
#[derive(Debug, Deserialize)]
pub(crate) struct Failing {
    pub(crate) seed: u64,
    pub(crate) status: i32,
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) replay: Option<String>,
    #[serde(default)]
    pub(crate) shrunk: Option<Shrunk>,
}

/// A smaller scenario that fails in the same way.
#[derive(Debug, Deserialize)]
pub(crate) struct Shrunk {
    pub(crate) nodes: u32,
    pub(crate) faults: u64,
    #[serde(default)]
    pub(crate) measure_s: Option<f64>,
    #[serde(default)]
    pub(crate) lookups: Option<u64>,
    pub(crate) replay: String,
}
