//! A saved comparison of systems.

use serde::Deserialize;

use super::origin::Origin;

/// The same load on several systems.
#[derive(Debug, Deserialize)]
pub(crate) struct Comparison {
    #[serde(flatten)]
    pub(crate) origin: Origin,
    #[serde(default)]
    pub(crate) interrupted: bool,
    pub(crate) rows: Vec<CompareRow>,
    pub(crate) verdicts: Vec<String>,
}

/// One system at one size.
#[derive(Debug, Deserialize)]
pub(crate) struct CompareRow {
    pub(crate) system: String,
    pub(crate) nodes: u32,
    pub(crate) state: Spread,
    pub(crate) bytes: Spread,
    pub(crate) busiest_messages: u64,
    pub(crate) messages_per_query: f64,
    pub(crate) latency_p50_us: f64,
    pub(crate) latency_p99_us: f64,
    pub(crate) success: Option<f64>,
    pub(crate) fuzzy_success: Option<f64>,
    #[serde(default)]
    pub(crate) upkeep_bytes_per_node_s: f64,
    pub(crate) success_busiest_crashed: Option<f64>,
    pub(crate) success_third_crashed: Option<f64>,
}

/// A figure over all nodes.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Spread {
    pub(crate) mean: f64,
    pub(crate) max: f64,
}
