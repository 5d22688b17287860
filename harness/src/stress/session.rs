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

    /// Searches for the knee. Returns it, if there is one: a load, or a number of nodes.
    fn search(&mut self) -> Result<Option<f64>, EngineError> {
        let mut search = match self.plan.first() {
            Some(first) => Search::new(self.plan.course(first)),
            None => match self.calibrated()? {
                Some(search) => search,
                None => return Ok(None),
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
        Ok(search.held())
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
            (None, Err(error)) if self.findings.steps.is_empty() => Err(error),
            // The host cannot have so many, but it could have fewer.
            (None, Err(EngineError::Request(why))) => Ok(End::Not(why, Verdict::BrokeForCertain)),
            (None, Err(EngineError::Broken(why))) => Ok(End::Not(why, Verdict::Broke)),
        }
    }

    /// Holds the knee and goes beyond it. If it does not hold, the same with less.
    fn hold(&mut self, knee: f64) -> Result<(), EngineError> {
        let mut tried = knee;
        for nth in 0..HOLDS_MAX {
            // The first hold comes before costs, if there is time for one of them only.
            let after = if nth > 0 { self.plan.costs_length() } else { Duration::ZERO };
            if self.is_over() || self.time_left() < self.plan.held_length() + after {
                break;
            }
            let load = self.plan.load(tried);
            let folder = self.next_folder("hold");
            let scenario = self.plan.held(load).map_err(EngineError::Request)?;
            self.world.say(&text::holding(planned(load).1, nth > 0));
            let (ran, watched) = match self.watched(&scenario)? {
                End::Ran(ran, watched) | End::Over(Some(ran), watched) => (ran, watched),
                End::Over(None, _) => break,
                End::Not(why, _) => {
                    self.findings.hold_note = Some(why);
                    tried *= LESS;
                    continue;
                }
            };
            match self.take_held(&folder, planned(load), &scenario, *ran, &watched)? {
                Some(false) => tried *= LESS,
                Some(true) | None => break,
            }
        }
        Ok(())
    }

    /// Takes the result of a hold. Returns whether the level held; `None` if nothing was measured.
    fn take_held(
        &mut self,
        folder: &str,
        (nodes, per_s): (u32, f64),
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
            nodes,
            churn_per_s,
            recovery_s: schedule.recovery_s(&ran.series, self.level),
            completed: ran.outcome.lookups.completed,
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
            let (ran, watched) = match self.watched(&scenario)? {
                End::Ran(ran, watched) => (ran, watched),
                End::Not(..) | End::Over(..) => continue,
            };
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
            && knee.broke_per_s.is_some()
            && !findings.interrupted
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

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::super::plan::Options;
    use super::super::service::tests::row;
    use super::*;
    use crate::measure::outcome::example;
    use crate::measure::provenance::Build;
    use crate::scenario::{Load as Offered, Measure};
    use crate::systems::Registry;

    /// A system that completes so many operations per second and sheds the others.
    struct Fake<'a> {
        capacity_per_s: f64,
        /// Memory per node.
        node_bytes: u64,
        /// In which run the user wants no more.
        interrupts_at: u32,
        user: &'a AtomicU32,
        runs: Cell<u32>,
        kept: RefCell<Vec<String>>,
        said: RefCell<String>,
    }

    impl<'a> Fake<'a> {
        fn new(user: &'a AtomicU32) -> Fake<'a> {
            Fake {
                capacity_per_s: 5000.0,
                node_bytes: 1000,
                interrupts_at: u32::MAX,
                user,
                runs: Cell::new(0),
                kept: RefCell::default(),
                said: RefCell::default(),
            }
        }
    }

    impl World for Fake<'_> {
        fn run(&self, scenario: &Scenario, stop: &AtomicU32) -> Result<Ran, EngineError> {
            self.runs.set(self.runs.get() + 1);
            if self.runs.get() == self.interrupts_at {
                self.user.store(1, Ordering::Relaxed);
                while stop.load(Ordering::Relaxed) == 0 {
                    std::thread::sleep(Duration::from_millis(1));
                }
            }
            let Measure::Lasting(measured) = scenario.phases.measure else {
                return Err(EngineError::Broken("every run has a length".to_owned()));
            };
            let rate = match scenario.workload.load {
                Offered::PerSecond(rate) => rate.per_s(self.capacity_per_s * 1.2),
                _ => self.capacity_per_s.min(1e4),
            };
            let due = |per_s: f64, length_s: f64| {
                let due = (per_s * length_s).round() as u64;
                (due, due.saturating_sub((self.capacity_per_s * length_s) as u64))
            };
            let changes = scenario.workload.profile.as_deref().unwrap_or_default();
            let series = (0..measured.as_millis() / 500).map(|nth| {
                let at = Duration::from_millis(nth as u64 * 500);
                let last = changes.iter().rev().find(|change| change.at <= at);
                let per_s = last.map_or(rate, |change| change.lookups_per_s.per_s(1.0));
                let (due, shed) = due(per_s, 0.5);
                row(1.5 + at.as_secs_f64(), 0.5, due, shed, 2)
            });
            let mut outcome = example::outcome();
            let (due, shed) = due(rate, measured.as_secs_f64());
            let lookups = &mut outcome.lookups;
            (lookups.issued, lookups.shed, lookups.completed) = (due, shed, due - shed);
            (lookups.incorrect, lookups.failed, lookups.orphaned) = (0, 0, 0);
            lookups.correct = lookups.completed;
            lookups.latency_us.p99 = 2000.0;
            lookups.capacity_per_s =
                scenario.workload.needs_capacity().then_some(self.capacity_per_s * 1.2);
            outcome.engine.peak_rss_bytes = Some(self.node_bytes * u64::from(scenario.nodes));
            Ok(Ran { outcome, series: series.collect(), measured })
        }

        fn keep(&self, folder: &str, _: &Scenario, _: &Ran) -> Result<(), EngineError> {
            self.kept.borrow_mut().push(folder.to_owned());
            Ok(())
        }

        fn packets_per_s(&self) -> Option<f64> {
            Some(10_000.0)
        }

        fn say(&self, text: &str) {
            self.said.borrow_mut().push_str(text);
        }
    }

    fn options() -> Options {
        Options {
            workload: None,
            values: Vec::new(),
            level: "p99<50ms,success>99.9%".parse().expect("a level"),
            ramp: super::super::Ramp::Load,
            from: None,
            to: None,
            step: Duration::from_secs(2),
            hold: Duration::from_secs(4),
            max_memory: None,
            max_time: Duration::from_secs(3600),
        }
    }

    /// Stresses a fake system. Returns what was found.
    fn stress(fake: &Fake<'_>, options: &Options, memory: u64) -> Findings {
        let registry = Registry::built_in();
        let plan = Plan::new(&registry, options, None).expect("it can run");
        let findings = Findings {
            ramp: if options.ramp == super::super::Ramp::Nodes { "nodes" } else { "load" }.into(),
            ..Findings::new(Build::here(), "now".to_owned(), &options.level)
        };
        let limits = (memory, options.max_time);
        let mut session = Session::new(fake, &plan, &options.level, limits, fake.user, findings);
        session.run().expect("no run fails");
        session.findings
    }

    #[test]
    fn the_knee_is_found_and_held() {
        let user = AtomicU32::new(0);
        let fake = Fake::new(&user);
        let found = stress(&fake, &options(), u64::MAX);
        let knee = found.knee.expect("there is one");
        assert!(knee.per_s <= 5010.0 && knee.per_s > 4780.0, "{knee:?}");
        assert_eq!(found.closed_loop_per_s, Some(6000.0));
        assert_eq!(found.capacity_per_packet, Some(knee.per_s / 10_000.0));
        let held = found.held.as_ref().expect("it holds");
        assert_eq!(
            (held.per_s, held.churn_per_s, held.recovery_s),
            (knee.per_s, Some(2.0), Some(0.0))
        );
        assert_eq!(held.stages.len(), 4);
        assert!(held.stage("beyond", 5.0).is_some_and(|it| it.service.shed > 0.7));
        assert!(held.stage("hold", 1.0).is_some_and(|it| it.broken.is_empty()));
        assert!(found.steps.len() < 16, "{}", found.steps.len());
        assert!(found.costs.lookup_us.is_some() && found.costs.node_us_per_s.is_some());
        assert_eq!(fake.kept.borrow().len(), found.steps.len() + 1 + 4);
        let text = text::all(&found);
        assert!(text.contains("capacity") && text.contains("2 ×") && text.contains("recovery"));
        let longest = text.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{text}");
        // What was said on the way is the first part of the report.
        let said = fake.said.borrow();
        let steps = said.lines().filter(|line| !line.contains("holding"));
        assert!(steps.zip(text.lines()).all(|(said, line)| said == line), "{said}");
    }

    #[test]
    fn what_is_known_when_the_user_wants_no_more_is_kept() {
        for at in 1..12 {
            let user = AtomicU32::new(0);
            let fake = Fake { interrupts_at: at, ..Fake::new(&user) };
            let found = stress(&fake, &options(), u64::MAX);
            assert!(found.interrupted);
            assert_eq!(found.steps.len() as u32, fake.runs.get().min(at) - 1, "run {at}");
            assert_eq!(found.knee.is_some(), at > 1);
            assert!(text::all(&found).contains("interrupted"));
        }
    }

    #[test]
    fn more_memory_than_allowed_is_never_tried() {
        let user = AtomicU32::new(0);
        // Far more than this process has: the watch looks at the real memory.
        let fake = Fake { capacity_per_s: 1e9, node_bytes: 1 << 30, ..Fake::new(&user) };
        let options = Options { ramp: super::super::Ramp::Nodes, ..options() };
        let found = stress(&fake, &options, 5000 << 30);
        let knee = found.knee.expect("there is one");
        assert!(knee.nodes <= 5000 && knee.nodes > 4700, "{knee:?}");
        let bottleneck = found.bottleneck.expect("there is one");
        assert_eq!(bottleneck.name(), "memory");
        assert!(found.steps.iter().filter(|step| step.nodes > 5000).all(|it| it.figures.is_none()));
    }

    #[test]
    fn a_system_that_holds_nothing_has_no_capacity() {
        let user = AtomicU32::new(0);
        let fake = Fake { capacity_per_s: 0.0, ..Fake::new(&user) };
        let found = stress(&fake, &Options { from: Some(100.0), ..options() }, u64::MAX);
        assert_eq!((found.knee, found.held.is_some()), (None, false));
        assert!(found.search_note.as_ref().is_some_and(|why| why.contains("lowest")));
        assert!(text::all(&found).contains("not known"));
    }

    #[test]
    fn a_search_without_time_ends_early() {
        let user = AtomicU32::new(0);
        let fake = Fake::new(&user);
        let registry = Registry::built_in();
        let options = options();
        let plan = Plan::new(&registry, &options, None).expect("it can run");
        let findings = Findings::new(Build::here(), "now".to_owned(), &options.level);
        let little = (u64::MAX, plan.reserve());
        let mut session = Session::new(&fake, &plan, &options.level, little, &user, findings);
        session.run().expect("no run fails");
        let found = session.findings;
        assert!(found.search_note.is_some_and(|why| why.contains("time")));
        assert!(found.steps.len() <= 1);
    }
}
