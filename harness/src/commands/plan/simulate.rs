//! Simulations of points, as large as fits the time.
//!
//! **Invariant:** a simulation and the estimate beside it have the same number of nodes.

use core::time::Duration;
use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use super::TOLERANCE;
use super::compared::Compared;
use super::request::{Planned, Request};
use crate::commands::Environment;
use crate::commands::run::{self, Ended, Memory};
use crate::measure::outcome::Outcome;
use crate::measure::{EngineError, Observers};
use crate::plan::{Candidate, Correction, Estimate, Grid};
use crate::report::files;
use crate::scenario::duration;

/// The fewest nodes of a simulation.
const NODES_MIN: u64 = 500;
/// Lookups that a percentile needs: a hundred beyond the 99th.
const LOOKUPS: f64 = 10_000.0;
/// The shortest measured phase.
const MEASURE_MIN_S: f64 = 30.0;
/// Events for each message that is sent: timers, and replies to requests that have ended.
const EVENTS_PER_MESSAGE: f64 = 1.3;
/// Events per second that a simulation is expected to handle, before one has shown it. Low, so that the time
/// is kept.
const EVENTS_PER_S: f64 = 600_000.0;
/// The share of failed lookups is compared if at least so many failed.
const FAILURES: u64 = 20;

/// Simulates points of one plan.
pub(super) struct Simulator<'a> {
    env: &'a Environment,
    request: &'a Request,
    planned: &'a Planned,
    folder: &'a Path,
    quiet: bool,
    events_per_s: Cell<f64>,
}

/// A point that was simulated.
#[derive(Debug)]
pub(super) struct Simulated {
    pub(super) candidate: Candidate,
    /// The nodes of the simulation.
    pub(super) nodes: u64,
    /// The measured phase in seconds.
    pub(super) measured_s: f64,
    /// What the model says for so many nodes.
    pub(super) model: Estimate,
    pub(super) outcome: Outcome,
}

impl<'a> Simulator<'a> {
    pub(super) fn new(
        env: &'a Environment,
        request: &'a Request,
        planned: &'a Planned,
        folder: &'a Path,
        quiet: bool,
    ) -> Simulator<'a> {
        Simulator { env, request, planned, folder, quiet, events_per_s: Cell::new(EVENTS_PER_S) }
    }

    /// Simulates `candidate` for about `for_s` seconds of real time. `None` if nothing fits into them, or if the
    /// user ended it.
    ///
    /// # Errors
    ///
    /// If it cannot run.
    pub(super) fn simulate(
        &self,
        grid: &Grid,
        candidate: &Candidate,
        for_s: f64,
        interrupts: &AtomicU32,
    ) -> Result<Option<Simulated>, String> {
        let settle_s = grid.settle_s(candidate);
        let Some((nodes, measured_s)) = self.fitting(candidate, settle_s, for_s) else {
            return Ok(None);
        };
        let (mut name, mut overrides) = (String::from("plan"), self.planned.overrides.clone());
        for (axis, value) in grid.axes.iter().zip(&candidate.values) {
            let plain = value.to_string().replace(' ', "");
            name.push_str(&format!("-{}{plain}", axis.name));
            overrides.push((axis.key.clone(), value.to_string()));
        }
        let time = |s: f64| duration::text(Duration::from_secs_f64(s.ceil()));
        let further = [
            ("nodes", nodes.to_string()),
            ("phases.warmup", time(settle_s)),
            ("phases.measure", time(measured_s)),
        ];
        overrides.extend(further.map(|(key, value)| (key.to_owned(), value)));
        let scenario = self.env.registry.from_toml("", &name, &overrides);
        let scenario = scenario.map_err(|error| error.to_string())?;
        let ended = run::execute(
            self.env,
            &scenario,
            interrupts,
            self.quiet,
            Memory::InTurn,
            Observers::default(),
        );
        let Ended { outcome, measured } = match ended {
            Ok(ended) => ended,
            Err(EngineError::Request(why) | EngineError::Broken(why)) => return Err(why),
        };
        if outcome.interrupted || interrupts.load(Ordering::Relaxed) > 0 {
            return Ok(None);
        }
        let folder = self.folder.join("runs").join(&name);
        files::write_all(&folder, &outcome, &scenario.to_toml(), &measured.series)
            .map_err(|error| error.to_string())?;
        let simulated_s = settle_s + measured_s;
        let events = nodes as f64
            * simulated_s
            * candidate.estimate.messages_per_node_s
            * EVENTS_PER_MESSAGE;
        self.events_per_s.set(events / outcome.wall_s.max(0.1));
        let at_size = self.planned.conditions.with_nodes(nodes);
        let small = Grid::new(self.planned.model, &at_size, grid.axes.clone())?;
        let model =
            small.candidate(candidate.place.clone()).map_or(Estimate::default(), |it| it.estimate);
        let candidate = candidate.clone();
        Ok(Some(Simulated { candidate, nodes, measured_s, model, outcome }))
    }

    /// The nodes and the measured phase of a simulation that fits into `for_s`.
    fn fitting(&self, candidate: &Candidate, settle_s: f64, for_s: f64) -> Option<(u64, f64)> {
        let all = self.request.nodes;
        let events = self.events_per_s.get() * for_s;
        let per_node_s = candidate.estimate.messages_per_node_s * EVENTS_PER_MESSAGE;
        let mut nodes = all.min(u64::from(u32::MAX >> 8));
        loop {
            let of_lookups_s = LOOKUPS / (self.request.lookups_per_node_s * nodes as f64);
            // All periodic work once, as nodes that start together also do it in step.
            let measured_s = of_lookups_s.max(MEASURE_MIN_S).max(settle_s);
            if nodes as f64 * (settle_s + measured_s) * per_node_s <= events {
                return Some((nodes, measured_s));
            }
            if nodes <= NODES_MIN {
                return None;
            }
            nodes = (nodes * 4 / 5).max(NODES_MIN);
        }
    }
}

impl Simulated {
    /// The figures of the model beside those of the simulation.
    pub(super) fn compared(&self) -> Vec<Compared> {
        let (lookups, model) = (&self.outcome.lookups, &self.model);
        let state = &self.outcome.state;
        let mut compared = vec![
            Compared::new("hops", "hops", model.hops, lookups.hops.mean),
            Compared::new(
                "latency_mean_s",
                "mean latency",
                model.latency_mean_s,
                lookups.latency_us.mean / 1e6,
            ),
            Compared::new(
                "latency_p99_s",
                "p99 latency",
                model.latency_p99_s,
                lookups.latency_us.p99 / 1e6,
            ),
            Compared::new("timeouts", "timeouts", model.timeouts, lookups.timeouts.mean),
            Compared::new(
                "bytes_per_node_s",
                "maintenance",
                model.bytes_per_node_s,
                self.outcome.maintenance.bytes_per_node_s,
            ),
            Compared::new(
                "memory_bytes",
                "memory",
                model.memory_bytes,
                state.bytes_per_node as f64,
            ),
        ];
        let failures = lookups.failed + lookups.incorrect;
        if failures >= FAILURES {
            let share = failures as f64 / lookups.counted().max(1) as f64;
            compared.push(Compared::new("failed", "failed", model.failed, share));
        }
        compared
    }

    /// The share of lookups without a correct answer.
    pub(super) fn failed(&self) -> (u64, u64) {
        let lookups = &self.outcome.lookups;
        (lookups.failed + lookups.incorrect, lookups.counted())
    }

    /// The factors by which the model is off, where that is more than the tolerance.
    pub(super) fn correction(&self) -> Correction {
        let compared = self.compared();
        let factor = |key: &str| {
            let found = compared.iter().find(|it| it.key == key);
            found
                .filter(|it| it.error.abs() > TOLERANCE && it.model > 0.0)
                .map_or(1.0, |it| it.simulated / it.model)
        };
        Correction {
            hops: factor("hops"),
            timeouts: factor("timeouts"),
            latency_mean: factor("latency_mean_s"),
            latency_p99: factor("latency_p99_s"),
            failed: factor("failed"),
            bytes: factor("bytes_per_node_s"),
            memory: factor("memory_bytes"),
        }
    }
}
