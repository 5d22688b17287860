//! A saved stress test.

use serde::Deserialize;

use super::origin::Origin;

/// What a server holds.
#[derive(Debug, Deserialize)]
pub(crate) struct Stress {
    #[serde(flatten)]
    pub(crate) origin: Origin,
    pub(crate) interrupted: bool,
    pub(crate) workload: String,
    /// The service level.
    pub(crate) level: String,
    /// What grew: `load` or `nodes`.
    pub(crate) ramp: String,
    pub(crate) steps: Vec<Step>,
    pub(crate) knee: Option<Knee>,
    pub(crate) held: Option<Held>,
    pub(crate) packets_per_s: Option<f64>,
    pub(crate) capacity_per_packet: Option<f64>,
    #[serde(default)]
    pub(crate) search_note: Option<String>,
    #[serde(default)]
    pub(crate) hold_note: Option<String>,
}

/// A load that was tried.
#[derive(Debug, Deserialize)]
pub(crate) struct Step {
    pub(crate) nodes: u32,
    pub(crate) planned_per_s: f64,
    pub(crate) held: bool,
    pub(crate) figures: Option<StepFigures>,
}

/// What a step measured.
#[derive(Debug, Deserialize)]
pub(crate) struct StepFigures {
    pub(crate) service: Service,
    pub(crate) cpu_us_per_operation: Option<f64>,
    pub(crate) usage: Option<Usage>,
}

/// What callers got.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Service {
    pub(crate) offered_per_s: f64,
    pub(crate) goodput_per_s: f64,
    pub(crate) success: Option<f64>,
    pub(crate) shed: f64,
    pub(crate) latency_us: Option<Percentiles>,
}

/// Percentiles of latencies in microseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Percentiles {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) p99_9: f64,
}

/// What was used of the machine.
#[derive(Debug, Deserialize)]
pub(crate) struct Usage {
    /// How busy each core was, from 0 to 1.
    pub(crate) cores: Vec<f64>,
    /// In cores.
    pub(crate) others_cores: f64,
}

/// The highest load at which the level held.
#[derive(Debug, Deserialize)]
pub(crate) struct Knee {
    pub(crate) per_s: f64,
    pub(crate) nodes: u32,
}

/// The run that held a load and went beyond it.
#[derive(Debug, Deserialize)]
pub(crate) struct Held {
    pub(crate) per_s: f64,
    pub(crate) nodes: u32,
    pub(crate) stages: Vec<Stage>,
    pub(crate) recovery_s: Option<f64>,
}

/// A part of that run.
#[derive(Debug, Deserialize)]
pub(crate) struct Stage {
    /// `hold`, `beyond` or `back`.
    pub(crate) name: String,
    /// The load, as a multiple of the knee.
    pub(crate) multiple: f64,
    pub(crate) service: Service,
    pub(crate) broken: Vec<String>,
}
