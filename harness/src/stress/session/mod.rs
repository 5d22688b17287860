//! The course of a stress: the search for the knee, the hold, and the costs.
//!
//! **Invariant:** ends in time; what is known when it ends early is kept.

mod conclusion;
mod costs;
mod hold;
mod knee;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::findings::Findings;
use super::plan::{Load, Plan};
use super::search::Verdict;
use super::step::Ran;
use super::watch::{Limits, Stop, Watched, watch};
use super::{Level, text};
use crate::Scenario;
use crate::base::wall_clock::WallClock;
use crate::measure::EngineError;
use crate::measure::outcome::Outcome;
use crate::report::units::bytes;

/// What a stress needs of the world.
pub(crate) trait World {
    /// Runs a scenario to its end, or until `stop` is no longer 0.
    ///
    /// # Errors
    ///
    /// Why it could not run.
    fn run(&self, scenario: &Scenario, stop: &AtomicU32) -> Result<Ran, EngineError>;

    /// Keeps the result of a run in a folder of this name.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    fn keep(&self, folder: &str, scenario: &Scenario, ran: &Ran) -> Result<(), EngineError>;

    /// Plain packets per second; `None` if that says nothing.
    fn packets_per_s(&self) -> Option<f64>;

    /// Shows a text to the user, while the stress goes on.
    fn say(&self, text: &str);
}
/// A stress in progress.
pub(crate) struct Session<'a> {
    pub(crate) world: &'a dyn World,
    pub(crate) plan: &'a Plan<'a>,
    pub(crate) level: &'a Level,
    pub(crate) memory_max_bytes: u64,
    pub(crate) time_max: Duration,
    /// Counts the user's requests to end.
    pub(crate) user: &'a AtomicU32,
    pub(crate) findings: Findings,
    /// The outcome of the run that held the knee.
    pub(crate) held: Option<Outcome>,
    packets: Vec<f64>,
    clock: WallClock,
    /// The longest step so far.
    longest: Duration,
    lacks_memory: bool,
    runs: u32,
}

/// How a run under watch ended.
enum End {
    Ran(Box<Ran>, Watched<()>),
    /// It was ended early, or could not run.
    Not(String, Verdict),
    /// There is no time for more, or the user wants no more. What was measured until then.
    Over(Option<Box<Ran>>, Watched<()>),
}

impl<'a> Session<'a> {
    /// A stress that has not begun.
    pub(crate) fn new(
        world: &'a dyn World,
        plan: &'a Plan<'a>,
        level: &'a Level,
        (memory_max_bytes, time_max): (u64, Duration),
        user: &'a AtomicU32,
        findings: Findings,
    ) -> Session<'a> {
        Session {
            world,
            plan,
            level,
            memory_max_bytes,
            time_max,
            user,
            findings,
            held: None,
            packets: Vec::new(),
            clock: WallClock::start(),
            longest: plan.step_length(),
            lacks_memory: false,
            runs: 0,
        }
    }

    /// Does all of it. The findings are then complete, or those until the first error.
    ///
    /// # Errors
    ///
    /// If a run is not possible, or broke.
    pub(crate) fn run(&mut self) -> Result<(), EngineError> {
        let ended = self.run_parts();
        self.findings.interrupted = self.user.load(Ordering::Relaxed) > 0;
        self.conclude();
        ended
    }

    fn run_parts(&mut self) -> Result<(), EngineError> {
        self.world.say(&text::head(&self.findings));
        if let Some(knee) = self.search()? {
            self.hold(knee)?;
            self.find_costs()?;
        }
        Ok(())
    }

    fn is_interrupted(&self) -> bool {
        self.user.load(Ordering::Relaxed) > 0
    }

    fn is_over(&self) -> bool {
        self.is_interrupted() || self.time_left().is_zero()
    }

    fn time_left(&self) -> Duration {
        self.time_max.saturating_sub(self.clock.elapsed())
    }
    fn next_folder(&mut self, what: &str) -> String {
        self.runs += 1;
        format!("{:02}-{what}", self.runs)
    }

    /// Why so many nodes need too much memory, as far as earlier steps tell.
    fn too_large(&self, nodes: u32) -> Option<String> {
        let needed = self.node_bytes(nodes)? * f64::from(nodes);
        (needed > self.memory_max_bytes as f64).then(|| {
            let (needed, max) = (bytes(needed), bytes(self.memory_max_bytes as f64));
            format!("up to {needed} of memory, but {max} are allowed")
        })
    }

    /// The most nodes that memory suffices for, as far as earlier steps tell.
    fn most_nodes(&self) -> f64 {
        match self.node_bytes(u32::MAX) {
            Some(bytes) if bytes > 0.0 => (self.memory_max_bytes as f64 / bytes).floor(),
            _ => f64::INFINITY,
        }
    }

    /// The memory per node of the largest step with fewer nodes than these. What does not grow with the nodes
    /// weighs least in it.
    fn node_bytes(&self, nodes: u32) -> Option<f64> {
        let known = self.findings.steps.iter().filter(|step| step.nodes < nodes);
        let known = known.filter_map(|step| {
            let memory = step.figures.as_ref()?.memory_bytes? as f64;
            Some((step.nodes, memory / f64::from(step.nodes)))
        });
        Some(known.max_by_key(|&(nodes, _)| nodes)?.1)
    }

    /// Runs a scenario under watch.
    fn watched(&mut self, scenario: &Scenario) -> Result<End, EngineError> {
        let limits = Limits { memory_bytes: self.memory_max_bytes, time: self.time_left() };
        let watched = watch(self.user, limits, |stop| self.world.run(scenario, stop));
        let Watched { result, readings, stopped } = watched;
        let watch = Watched { result: (), readings, stopped };
        match (stopped, result) {
            (Some(Stop::User | Stop::Time), ran) => Ok(End::Over(ran.ok().map(Box::new), watch)),
            (Some(Stop::Memory(memory)), _) => {
                self.lacks_memory = true;
                let (memory, max) = (bytes(memory as f64), bytes(self.memory_max_bytes as f64));
                let why = format!("ended: {memory} of memory, but {max} are allowed");
                Ok(End::Not(why, Verdict::BrokeForCertain))
            }
            (None, Ok(ran)) => Ok(End::Ran(Box::new(ran), watch)),
            (None, Err(error)) if self.findings.steps.is_empty() => Err(error),
            // The host cannot have so many, but it could have fewer.
            (None, Err(EngineError::Request(why))) => Ok(End::Not(why, Verdict::BrokeForCertain)),
            (None, Err(EngineError::Broken(why))) => Ok(End::Not(why, Verdict::Broke)),
        }
    }
}

/// The nodes and the load by plan; 0 if a closed loop is to find it.
fn planned(load: Load) -> (u32, f64) {
    (load.nodes, load.rate.fixed_per_s().unwrap_or(0.0))
}
