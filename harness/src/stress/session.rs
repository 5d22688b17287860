//! The course of a stress: the search for the knee, the hold, and the costs.
//!
//! **Invariant:** ends in time; what is known when it ends early is kept.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::bottleneck::Bottleneck;
use super::costs::Costs;
use super::findings::{Findings, Held, Knee};
use super::packets::median;
use super::plan::{Cost, FIRST, Load, Plan};
use super::search::{Search, Verdict};
use super::step::{Figures, Ran, Step};
use super::text;
use super::watch::{Limits, Stop, Watched, watch};
use crate::Scenario;
use crate::base::wall_clock::WallClock;
use crate::measure::EngineError;
use crate::measure::outcome::Outcome;
use crate::report::units::bytes;
use crate::scenario::{ChurnModel, Rate};

/// If the knee does not hold, this share of it is held instead, so many times.
const LESS: f64 = 0.9;
const HOLDS_MAX: u32 = 3;

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
    pub(crate) level: &'a super::Level,
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
        level: &'a super::Level,
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
        self.search()?;
        if self.findings.knee.is_some() && !self.is_over() {
            self.hold()?;
        }
        if self.findings.knee.is_some() {
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

    /// Searches for the knee.
    fn search(&mut self) -> Result<(), EngineError> {
        let mut search = match self.plan.first() {
            Some(first) => Search::new(self.plan.course(first)),
            None => match self.calibrated()? {
                Some(search) => search,
                None => return Ok(()),
            },
        };
        while let Some(tried) = search.next() {
            if self.time_left() < self.plan.reserve() + self.longest {
                self.findings.search_note = Some("time is short: the bracket is wide".to_owned());
                break;
            }
            let Some(verdict) = self.step(self.plan.load(tried))? else { break };
            search.record(verdict);
        }
        self.take_knee(&search);
        Ok(())
    }

    /// The first step, at a share of what a closed loop completes. Returns the search that goes on from there;
    /// `None` if there is none.
    fn calibrated(&mut self) -> Result<Option<Search>, EngineError> {
        let verdict = self.step(self.plan.load_near_capacity())?;
        let (Some(verdict), Some(capacity)) = (verdict, self.findings.closed_loop_per_s) else {
            return Ok(None);
        };
        let mut search = Search::new(self.plan.course(capacity * FIRST));
        search.record(verdict);
        Ok(Some(search))
    }

    fn take_knee(&mut self, search: &Search) {
        let (held, broke) = (search.held(), search.broke());
        let load = |tried: Option<f64>| tried.map(|tried| self.plan.load(tried));
        let per_s = |load: Load| load.rate.per_s(1.0);
        let above = load(broke);
        self.findings.knee = load(held).map(|knee| Knee {
            per_s: per_s(knee),
            nodes: knee.nodes,
            broke_per_s: above.map(per_s),
            broke_nodes: above.map(|it| it.nodes),
        });
        if self.is_interrupted() {
            self.findings.search_note = None;
        } else if search.next().is_none() {
            self.findings.search_note = match (held, broke) {
                (None, _) => Some("the level breaks at the lowest load already".to_owned()),
                (_, None) => {
                    Some("the level holds at the highest load that may be tried".to_owned())
                }
                _ => None,
            };
        }
    }

    /// One step. `None` if all is over.
    fn step(&mut self, load: Load) -> Result<Option<Verdict>, EngineError> {
        let folder = self.next_folder("step");
        let scenario = self.plan.step(load).map_err(EngineError::Request)?;
        if let Some(why) = self.too_large(load.nodes) {
            self.lacks_memory = true;
            return Ok(Some(self.note_step(Step::not_run(&folder, planned(load), why), true)));
        }
        self.packets.extend(self.world.packets_per_s());
        let before = self.clock.elapsed();
        let end = self.watched(&scenario)?;
        self.longest = self.longest.max(self.clock.elapsed() - before);
        let verdict = match end {
            End::Over(..) => return Ok(None),
            End::Not(why, verdict) => {
                let is_certain = verdict == Verdict::BrokeForCertain;
                self.note_step(Step::not_run(&folder, planned(load), why), is_certain)
            }
            End::Ran(ran, watched) => {
                self.world.keep(&folder, &scenario, &ran)?;
                let mut load = load;
                if let (Rate::OfCapacity(multiple), Some(capacity)) =
                    (load.rate, ran.outcome.lookups.capacity_per_s)
                {
                    self.findings.closed_loop_per_s = Some(capacity);
                    load.rate = Rate::PerSecond(multiple * capacity);
                }
                let figures = Figures::new(&ran, &watched.readings);
                self.note_step(Step::new(&folder, planned(load), figures, self.level), false)
            }
        };
        Ok(Some(verdict))
    }

    fn note_step(&mut self, step: Step, is_certain: bool) -> Verdict {
        let verdict = match (step.held, is_certain) {
            (true, _) => Verdict::Held,
            (false, false) => Verdict::Broke,
            (false, true) => Verdict::BrokeForCertain,
        };
        self.world.say(&text::step(&self.findings, &step));
        self.findings.steps.push(step);
        verdict
    }

    fn next_folder(&mut self, what: &str) -> String {
        self.runs += 1;
        format!("{:02}-{what}", self.runs)
    }

    /// Why so many nodes need too much memory, as far as earlier steps tell.
    fn too_large(&self, nodes: u32) -> Option<String> {
        let known = self.findings.steps.iter().filter(|step| step.nodes < nodes);
        let needed = known.filter_map(|step| {
            let memory = step.figures.as_ref()?.memory_bytes? as f64;
            Some((step.nodes, memory * f64::from(nodes) / f64::from(step.nodes)))
        });
        // What does not grow with the nodes weighs least in the step with most of them.
        let (_, needed) = needed.max_by_key(|&(nodes, _)| nodes)?;
        (needed > self.memory_max_bytes as f64).then(|| {
            let (needed, max) = (bytes(needed), bytes(self.memory_max_bytes as f64));
            format!("not tried: up to {needed} of memory, but {max} are allowed")
        })
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
            // The host cannot have so many, but it could have fewer.
            (None, Err(EngineError::Request(why))) if !self.findings.steps.is_empty() => {
                Ok(End::Not(why, Verdict::BrokeForCertain))
            }
            (None, Err(error)) => Err(error),
        }
    }

    /// Holds the knee and goes beyond it. If it does not hold, the same with less.
    fn hold(&mut self) -> Result<(), EngineError> {
        let Some(knee) = self.findings.knee else { return Ok(()) };
        let mut per_s = knee.per_s;
        for nth in 0..HOLDS_MAX {
            let costs = self.plan.costs_length();
            if self.time_left()
                < self.plan.held_length() + if nth > 0 { costs } else { Duration::ZERO }
            {
                break;
            }
            let load = Load { nodes: knee.nodes, rate: Rate::PerSecond(per_s) };
            let folder = self.next_folder("hold");
            let scenario = self.plan.held(load).map_err(EngineError::Request)?;
            self.world.say(&text::holding(per_s));
            let (ran, watched, is_over) = match self.watched(&scenario)? {
                End::Ran(ran, watched) => (ran, watched, false),
                End::Over(Some(ran), watched) => (ran, watched, true),
                End::Over(None, _) => break,
                End::Not(why, _) => {
                    self.findings.search_note = Some(why);
                    break;
                }
            };
            let Some(held) = self.take_held(&folder, per_s, &scenario, *ran, &watched)? else {
                break;
            };
            if held || is_over || self.is_over() {
                break;
            }
            per_s *= LESS;
        }
        Ok(())
    }

    /// Takes the result of a hold. Returns whether the level held; `None` if nothing was measured.
    fn take_held(
        &mut self,
        folder: &str,
        per_s: f64,
        scenario: &Scenario,
        ran: Ran,
        watched: &Watched<()>,
    ) -> Result<Option<bool>, EngineError> {
        let schedule = self.plan.schedule();
        let stages = schedule.stages(&ran.series, &watched.readings, self.level);
        let Some(hold) = stages.first() else { return Ok(None) };
        let has_held = hold.broken.is_empty();
        self.world.keep(folder, scenario, &ran)?;
        let churn = &scenario.churn;
        let churn_per_s = (churn.model == ChurnModel::Poisson).then_some(churn.joins_per_s);
        self.findings.held = Some(Held {
            folder: folder.to_owned(),
            per_s,
            churn_per_s,
            recovery_s: schedule.recovery_s(&ran.series, self.level),
            incorrect: ran.outcome.lookups.incorrect,
            anomalies: ran.outcome.store.as_ref().map(|store| store.anomalies()),
            stages,
        });
        self.held = Some(ran.outcome);
        Ok(Some(has_held))
    }

    /// Finds the CPU time of operations.
    fn find_costs(&mut self) -> Result<(), EngineError> {
        let Some(knee) = self.findings.knee else { return Ok(()) };
        let mut costs = Costs::default();
        for cost in [Cost::Idle, Cost::Lookups, Cost::Gets, Cost::Puts] {
            let Some(scenario) = self.plan.cost(cost, knee.nodes) else { continue };
            if self.too_large(scenario.nodes).is_some() {
                continue;
            }
            if self.is_over() || self.time_left() < self.plan.step_length() {
                break;
            }
            let name = match cost {
                Cost::Idle => "idle",
                Cost::Lookups => "lookups",
                Cost::Gets => "gets",
                Cost::Puts => "puts",
            };
            let folder = self.next_folder(name);
            let End::Ran(ran, watched) = self.watched(&scenario)? else { continue };
            self.world.keep(&folder, &scenario, &ran)?;
            let completed = ran.outcome.lookups.completed;
            let length_s = ran.measured.as_secs_f64();
            let Some(cpu_us) = Figures::new(&ran, &watched.readings).cpu_us(completed) else {
                continue;
            };
            let own = (completed > 0).then(|| cpu_us / completed as f64);
            match cost {
                Cost::Idle => {
                    let node_s = f64::from(scenario.nodes) * length_s;
                    costs.node_us_per_s = (node_s > 0.0).then(|| cpu_us / node_s);
                    costs.idle_nodes = Some(scenario.nodes);
                }
                Cost::Lookups => costs.lookup_us = own,
                Cost::Gets => costs.get_us = own,
                Cost::Puts => costs.put_us = own,
            }
        }
        self.findings.costs = costs;
        Ok(())
    }

    /// What follows from all that was measured.
    fn conclude(&mut self) {
        let findings = &mut self.findings;
        findings.wall_s = self.clock.elapsed().as_secs_f64();
        findings.packets_per_s = median(&mut self.packets);
        let Some(knee) = findings.knee else {
            let broke: Vec<&Step> = findings.steps.iter().filter(|step| !step.held).collect();
            findings.bottleneck = Bottleneck::of(&broke, self.lacks_memory, self.memory_max_bytes);
            return;
        };
        let per_packet = |packets: f64| knee.per_s / packets;
        findings.capacity_per_packet = findings.packets_per_s.map(per_packet);
        let is_above = |step: &&Step| Some(step.planned_per_s) == knee.broke_per_s && !step.held;
        let broke: Vec<&Step> = findings.steps.iter().filter(is_above).collect();
        let lacks_memory = self.lacks_memory && broke.iter().all(|step| step.figures.is_none());
        if !broke.is_empty() {
            findings.bottleneck = Bottleneck::of(&broke, lacks_memory, self.memory_max_bytes);
        }
        let at_knee = findings.steps.iter().rev().find(|step| step.held);
        let usage = at_knee.and_then(|step| step.figures.as_ref()?.usage.as_ref());
        let cores = findings.machine.cores;
        if let Some(usage) = usage
            && findings.target.is_none()
        {
            let busy = (usage.process_cores / cores.max(1) as f64).min(1.0);
            findings.servers = findings.costs.servers(cores, busy, knee.per_s);
        }
    }
}

/// The nodes and the load by plan; 0 if a closed loop is to find it.
fn planned(load: Load) -> (u32, f64) {
    (load.nodes, load.rate.fixed_per_s().unwrap_or(0.0))
}
