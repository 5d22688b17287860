//! The control thread: phases, judging, progress.
//!
//! **Invariant:** the control thread never touches a node.

use std::iter;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use hopwise_kernel::Time;
use hopwise_kernel::reactor::Clock;

use super::shard_end::{Conduct, ShardHandle};
use super::shared::Shared;
use super::tables::Tables;
use crate::Scenario;
use crate::base::cpu_time::cpu_time;
use crate::engine::interruption::Interruption;
use crate::engine::totals::{Course, Sums};
use crate::live::{Progress, Snapshot};
use crate::measure::event_log::EventLog;
use crate::measure::metrics::Metrics;
use crate::measure::{EngineError, Measured};
use crate::network::Network;
use crate::plug::{ProtocolOf, System};
use crate::scenario::Measure;
use crate::workload::Workload;
use crate::workload::judge::Judge;

/// The interval of the control thread.
pub(super) const TURN: Duration = Duration::from_millis(20);
/// Age at which records are judged: several times longer than a shard holds them back.
const SETTLED: Duration = Duration::from_millis(300);
/// The longest bring-up through the protocol.
const BRING_UP_MAX: Duration = Duration::from_secs(120);

/// The control thread's view of a run.
pub(super) struct Control<'a, S: System> {
    pub(super) scenario: &'a Scenario,
    pub(super) shared: &'a Shared<S::Workload>,
    pub(super) clock: Clock,
    pub(super) interruption: Interruption<'a>,
    pub(super) progress: &'a Progress,
    pub(super) network: &'a Network,
    pub(super) workload: S::Workload,
}

/// The judge and the course of a run.
pub(super) struct Watched<W: Workload> {
    judge: Judge<W>,
    course: Course,
}

impl<S: System> Control<'_, S> {
    /// A judge that knows no members yet.
    fn judge(&self) -> Judge<S::Workload> {
        let truth = self.workload.truth(iter::empty(), Time::ZERO);
        let mut judge = Judge::new(truth, self.scenario.workload.deadline);
        if S::IS_RING {
            judge.judge_deaths(iter::empty(), Time::ZERO);
        }
        judge
    }

    /// Follows the run through its phases to its end.
    pub(super) fn watch(
        &self,
        handles: &[ShardHandle],
        log: Option<EventLog>,
    ) -> Result<Watched<S::Workload>, EngineError> {
        let mut judge = self.judge();
        if let Some(log) = log {
            judge.log_to(log);
        }
        let mut display = Display::default();
        let wanted = self.scenario.nodes_at_start() as usize;
        while self.shared.live() < wanted {
            let now = self.turn(&mut judge, &mut display, "bring-up", handles)?;
            if now.since(Time::ZERO) > BRING_UP_MAX {
                return Err(EngineError::Broken(format!(
                    "bring-up: after {} s only {} of {wanted} nodes are members",
                    BRING_UP_MAX.as_secs(),
                    self.shared.live(),
                )));
            }
            if self.interruption.is_requested() {
                break;
            }
        }
        let bring_up = self.clock.now().since(Time::ZERO);
        let capacity_per_s = self.calibrate(&mut judge, &mut display, handles)?;
        if self.interruption.is_requested() {
            return Ok(self.unmeasured(judge, display, bring_up, handles));
        }
        let from = self.clock.now() + self.scenario.phases.warmup;
        let planned_end = match self.scenario.phases.measure {
            Measure::Lasting(length) => from + length,
            Measure::Lookups(_) => Time::from_ns(Time::NEVER.as_ns() - 1),
        };
        self.network.disturbances().begin_phase(from);
        judge.begin_phase(from);
        self.shared.measure_to.store(planned_end.as_ns(), Ordering::Release);
        self.shared.measure_from.store(from.as_ns(), Ordering::Release);

        let mut interrupted = false;
        let mut cpu_from = None;
        let end = loop {
            let now = self.clock.now();
            let phase = if now < from { "warmup" } else { "measure" };
            let now = self.turn(&mut judge, &mut display, phase, handles)?;
            if now > from {
                cpu_from.get_or_insert_with(cpu_time);
            }
            interrupted |= self.interruption.is_requested();
            if interrupted || now >= planned_end || self.all_issued_ended() {
                break now.min(planned_end);
            }
        };
        let cpu = cpu_from.map(|from| cpu_time().saturating_sub(from));
        self.shared.measure_to.store(end.as_ns(), Ordering::Release);
        // A shard that is late issues what was due in the phase after its end.
        while !self.have_issued_all() {
            self.turn(&mut judge, &mut display, "drain", handles)?;
            interrupted |= self.interruption.is_requested();
        }
        let deadline = self.clock.now() + self.scenario.workload.deadline + TURN * 5;
        while self.outstanding() > 0 && self.clock.now() < deadline && !self.interruption.is_over()
        {
            self.turn(&mut judge, &mut display, "drain", handles)?;
            interrupted |= self.interruption.is_requested();
        }
        self.shared.is_interrupted.store(interrupted, Ordering::Relaxed);
        let (samples, tables) = display.tables.into_samples();
        let course = Course {
            end: self.clock.now(),
            samples,
            measured_wall: end.since(from),
            bring_up,
            capacity_per_s,
            measured: end.since(from),
            interrupted,
            threads: handles.len(),
            tables,
            cpu,
        };
        Ok(Watched { judge, course })
    }

    /// The course of a run that was interrupted before its warm-up.
    fn unmeasured(
        &self,
        judge: Judge<S::Workload>,
        display: Display,
        bring_up: Duration,
        handles: &[ShardHandle],
    ) -> Watched<S::Workload> {
        self.shared.is_interrupted.store(true, Ordering::Relaxed);
        let (samples, tables) = display.tables.into_samples();
        let course = Course {
            end: self.clock.now(),
            samples,
            measured_wall: Duration::ZERO,
            bring_up,
            capacity_per_s: None,
            measured: Duration::ZERO,
            interrupted: true,
            threads: handles.len(),
            tables,
            cpu: None,
        };
        Watched { judge, course }
    }

    /// Waits for one [`TURN`], judges records and shows progress.
    pub(super) fn turn(
        &self,
        judge: &mut Judge<S::Workload>,
        display: &mut Display,
        phase: &'static str,
        handles: &[ShardHandle],
    ) -> Result<Time, EngineError> {
        thread::sleep(TURN);
        let now = self.clock.now();
        take_records(self.shared, judge);
        judge.settle(now - SETTLED);
        display.turn(self.shared, now, phase, self.progress);
        if let Some(feed) = self.progress.feed() {
            feed.turn(now, phase);
        }
        if handles.iter().any(thread::JoinHandle::is_finished) {
            return Err(EngineError::Broken("a shard stopped too early".into()));
        }
        Ok(now)
    }

    fn outstanding(&self) -> usize {
        let shards = self.shared.shards.iter();
        shards.map(|shard| shard.outstanding.load(Ordering::Relaxed)).sum()
    }

    fn have_issued_all(&self) -> bool {
        self.shared.shards.iter().all(|shard| shard.has_issued_all.load(Ordering::Acquire))
    }

    fn all_issued_ended(&self) -> bool {
        let Measure::Lookups(wanted) = self.scenario.phases.measure else { return false };
        let shards = self.shared.shards.iter();
        let issued: u64 = shards.map(|shard| shard.issued.load(Ordering::Relaxed)).sum();
        issued >= wanted && self.outstanding() == 0
    }
}

/// What is shown and looked at while the run goes on.
#[derive(Default)]
pub(super) struct Display {
    last: Option<Time>,
    /// Bytes of maintenance up to then.
    maintenance_shown: u64,
    tables: Tables,
}

impl Display {
    /// Takes the copies of tables that are ready, and shows the progress once a second.
    fn turn<W: Workload>(
        &mut self,
        shared: &Shared<W>,
        now: Time,
        phase: &'static str,
        progress: &Progress,
    ) {
        self.tables.collect(shared);
        let length = now.since(self.last.unwrap_or(Time::ZERO));
        if length < Duration::from_secs(1) {
            return;
        }
        self.last = Some(now);
        let mut recent = Metrics::new();
        shared.shards.iter().filter_map(|shard| shard.recent.lock().take()).for_each(|part| {
            recent.merge(&part);
        });
        let shards = shared.shards.iter();
        let maintenance = shards.map(|it| it.maintenance_bytes.load(Ordering::Relaxed)).sum();
        progress.update(&Snapshot::of_interval(
            phase,
            now.since(Time::ZERO),
            shared.live(),
            &recent,
            maintenance - self.maintenance_shown,
            length,
        ));
        self.maintenance_shown = maintenance;
    }
}

/// Merges the results of all shards.
pub(super) fn assemble<S: System>(
    watched: Watched<S::Workload>,
    shared: &Shared<S::Workload>,
    workload: &S::Workload,
    ends: Vec<(Sums, Conduct)>,
) -> Measured {
    let Watched { mut judge, course } = watched;
    take_records(shared, &mut judge);
    judge.settle(Time::NEVER);
    let mut sums = Sums::new();
    let mut unjudged = 0;
    let mut warnings = Vec::new();
    for (index, (part, conduct)) in ends.into_iter().enumerate() {
        sums.merge(&part);
        unjudged += conduct.unjudged;
        if !conduct.pinned {
            warnings.push(format!("shard {index} could not be pinned to its core"));
        }
    }
    sums.estimate_costs::<ProtocolOf<S>>();
    let mut measured = sums.measured::<S>(&mut judge, workload, course);
    measured.warnings = warnings;
    if unjudged > 0 {
        measured.drops.push(("unjudged", unjudged));
    }
    measured
}

fn take_records<W: Workload>(shared: &Shared<W>, judge: &mut Judge<W>) {
    while let Some(batch) = shared.records.pop() {
        batch.into_iter().for_each(|record| judge.take(record));
    }
}
