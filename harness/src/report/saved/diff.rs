//! A saved diff.

use serde::Deserialize;

/// The comparison of two sides.
#[derive(Debug, Deserialize)]
pub(crate) struct Diff {
    pub(crate) pairs: Vec<Pair>,
}

/// A group of runs that both sides have.
#[derive(Debug, Deserialize)]
pub(crate) struct Pair {
    pub(crate) name: String,
    /// The numbers of runs.
    pub(crate) runs: [usize; 2],
    /// The values of the scenario that differ: key, A, B.
    pub(crate) scenario: Vec<[String; 3]>,
    pub(crate) figures: Vec<DiffRow>,
}

/// A figure on both sides.
#[derive(Debug, Deserialize)]
pub(crate) struct DiffRow {
    pub(crate) name: String,
    pub(crate) medians: [f64; 2],
    /// B's divided by A's.
    pub(crate) ratio: Option<f64>,
    #[serde(default)]
    pub(crate) interval: Option<[f64; 2]>,
    pub(crate) verdict: String,
    pub(crate) is_regression: bool,
}
