//! A saved comparison of the ways to store values.

use serde::Deserialize;

use super::origin::Origin;

/// The same values, stored in several ways.
#[derive(Debug, Deserialize)]
pub(crate) struct StorageComparison {
    #[serde(flatten)]
    pub(crate) origin: Origin,
    #[serde(default)]
    pub(crate) interrupted: bool,
    pub(crate) rows: Vec<StorageRow>,
    pub(crate) verdicts: Vec<String>,
}

/// One way with values of one size.
#[derive(Debug, Deserialize)]
pub(crate) struct StorageRow {
    pub(crate) way: String,
    pub(crate) value_bytes: u32,
    pub(crate) put: Option<Operation>,
    pub(crate) get: Option<Gets>,
    pub(crate) stored_bytes_mean: Option<f64>,
    pub(crate) left: Vec<Departed>,
    pub(crate) crashed: Vec<Departed>,
}

/// The cost of an operation.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Operation {
    pub(crate) bytes: f64,
    pub(crate) latency_p50_us: f64,
}

/// Gets and what they found.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Gets {
    pub(crate) operation: Operation,
    pub(crate) found: f64,
    pub(crate) repair_bytes_per_node_s: f64,
}

/// Gets after so many percent of the nodes have departed.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Departed {
    pub(crate) percent: u32,
    pub(crate) gets: Gets,
}
