//! A saved sweep.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::origin::Origin;

/// The runs of all combinations of the values of some keys.
#[derive(Debug, Deserialize)]
pub(crate) struct Sweep {
    pub(crate) name: String,
    #[serde(flatten)]
    pub(crate) origin: Origin,
    pub(crate) interrupted: bool,
    pub(crate) repeat: u32,
    pub(crate) points: Vec<Point>,
    pub(crate) failures: Vec<Failure>,
}

/// One combination of values.
#[derive(Debug, Deserialize)]
pub(crate) struct Point {
    pub(crate) parameters: BTreeMap<String, toml::Value>,
    pub(crate) figures: BTreeMap<String, Option<Estimate>>,
    pub(crate) runs: Vec<SweepRun>,
}

/// The estimate of a figure.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Estimate {
    pub(crate) mean: f64,
    /// `None` if there is one run only.
    pub(crate) half_width_95: Option<f64>,
}

/// A run of a sweep.
#[derive(Debug, Deserialize)]
pub(crate) struct SweepRun {
    pub(crate) on_schedule: bool,
    pub(crate) held: bool,
}

/// A run that failed.
#[derive(Debug, Deserialize)]
pub(crate) struct Failure {
    pub(crate) run: String,
    pub(crate) message: String,
}
