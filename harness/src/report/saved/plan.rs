//! A saved plan.

use serde::Deserialize;

use super::origin::Origin;

/// Which parameters to run a system with.
#[derive(Debug, Deserialize)]
pub(crate) struct Plan {
    #[serde(flatten)]
    pub(crate) origin: Origin,
    pub(crate) interrupted: bool,
    pub(crate) system: String,
    pub(crate) nodes: u64,
    /// The values of the scenario that were given.
    pub(crate) given: Vec<(String, String)>,
    pub(crate) demands: Demands,
    pub(crate) candidates: Vec<PlanPoint>,
    pub(crate) chosen: Option<PlanPoint>,
    pub(crate) steps: Vec<Change>,
    pub(crate) simulations: Vec<Simulation>,
}

/// What must hold.
#[derive(Debug, Deserialize)]
pub(crate) struct Demands {
    pub(crate) bytes_per_node_s: Option<f64>,
    pub(crate) p99_s: Option<f64>,
}

/// A point with its parameters.
#[derive(Debug, Deserialize)]
pub(crate) struct PlanPoint {
    pub(crate) parameters: Vec<(String, toml::Value)>,
    pub(crate) figures: Estimate,
    pub(crate) is_on_hull: bool,
    pub(crate) meets_demands: bool,
}

/// The figures of a point.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Estimate {
    pub(crate) hops: f64,
    pub(crate) latency_mean_s: f64,
    pub(crate) latency_p99_s: f64,
    pub(crate) failed: f64,
    pub(crate) bytes_per_node_s: f64,
    pub(crate) memory_bytes: f64,
}

/// What one step in a parameter does.
#[derive(Debug, Deserialize)]
pub(crate) struct Change {
    pub(crate) key: String,
    pub(crate) value: toml::Value,
    pub(crate) figures: Estimate,
    pub(crate) meets_demands: bool,
}

/// A simulation beside the model.
#[derive(Debug, Deserialize)]
pub(crate) struct Simulation {
    pub(crate) parameters: Vec<(String, toml::Value)>,
    pub(crate) nodes: u64,
    pub(crate) figures: Vec<Compared>,
}

/// A figure of the model beside that of a simulation.
#[derive(Debug, Deserialize)]
pub(crate) struct Compared {
    pub(crate) figure: String,
    pub(crate) model: f64,
    pub(crate) simulated: f64,
    pub(crate) error: f64,
}
