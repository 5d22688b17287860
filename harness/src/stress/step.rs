//! A step of the search: a short run at one load, and how it went.
//!
//! **Invariant:** a step that did not run has no figures.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::level::Level;
use super::resources::{Reading, Usage, usage};
use super::service::Service;
use super::stages::start_of_phase;
use crate::measure::outcome::Outcome;
use crate::measure::series::SeriesRow;

/// A run that ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) outcome: Outcome,
    pub(crate) series: Vec<SeriesRow>,
    /// The length of the measured phase.
    pub(crate) measured: Duration,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Step {
    /// The folder of its result.
    pub(crate) folder: String,
    pub(crate) nodes: u32,
    /// The load by plan.
    pub(crate) planned_per_s: f64,
    /// Whether the level held.
    pub(crate) held: bool,
    /// What the service breaks of the level, or why it did not run.
    pub(crate) broken: Vec<String>,
    /// What was measured, if it ran.
    pub(crate) figures: Option<Figures>,
}

/// What a step measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) service: Service,
    /// How late the load generator issued operations.
    pub(crate) lag_p99_us: f64,
    /// CPU time of this process per completed operation.
    pub(crate) cpu_us_per_operation: Option<f64>,
    pub(crate) usage: Option<Usage>,
    /// Peak resident memory of this process.
    pub(crate) memory_bytes: Option<u64>,
    /// Stale, lost and phantom reads, and lost values, if there are values.
    pub(crate) anomalies: Option<u64>,
}

impl Figures {
    pub(crate) fn new(ran: &Ran, readings: &[Reading]) -> Figures {
        let outcome = &ran.outcome;
        let at = Duration::from_secs_f64;
        let from_s = start_of_phase(&ran.series);
        Figures {
            service: Service::of_run(outcome, ran.measured.as_secs_f64()),
            lag_p99_us: outcome.lookups.lag_us.p99,
            cpu_us_per_operation: outcome.health.as_ref().and_then(|it| it.cpu_us_per_lookup),
            usage: from_s.and_then(|from_s| usage(readings, at(from_s), at(from_s) + ran.measured)),
            memory_bytes: outcome.engine.peak_rss_bytes,
            anomalies: outcome.store.as_ref().map(|store| store.anomalies()),
        }
    }

    /// CPU time of this process in the measured phase, in microseconds.
    pub(crate) fn cpu_us(&self, completed: u64) -> Option<f64> {
        let exact = self.cpu_us_per_operation.map(|us| us * completed as f64);
        let read = || Some(self.usage.as_ref()?.process_cores * self.service.length_s * 1e6);
        exact.or_else(read)
    }
}

impl Step {
    /// A step that ran.
    pub(crate) fn new(folder: &str, load: (u32, f64), figures: Figures, level: &Level) -> Step {
        let broken = level.broken_by(&figures.service);
        Step {
            folder: folder.to_owned(),
            nodes: load.0,
            planned_per_s: load.1,
            held: broken.is_empty(),
            broken,
            figures: Some(figures),
        }
    }

    /// A step that did not run to its end.
    pub(crate) fn not_run(folder: &str, load: (u32, f64), why: String) -> Step {
        Step {
            folder: folder.to_owned(),
            nodes: load.0,
            planned_per_s: load.1,
            held: false,
            broken: vec![why],
            figures: None,
        }
    }
}
