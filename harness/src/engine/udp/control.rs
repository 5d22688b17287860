//! The control thread: phases, judging, progress.
//!
//! **Invariant:** the control thread never touches a node.

use std::iter;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use hopwise_kernel::Time;
use hopwise_kernel::drive::Counters;
use hopwise_kernel::reactor::Clock;

use super::shard_end::{Conduct, ShardHandle};
use super::shared::Shared;
use super::tables::Tables;
use crate::Scenario;
use crate::base::cpu_time::cpu_time;
use crate::engine::interruption::Interruption;
use crate::engine::totals::{Course, Sums, maintenance_bytes};
use crate::measure::metrics::Metrics;
use crate::measure::progress::{Progress, Snapshot};
use crate::measure::series::{Interval, SeriesRow};
use crate::measure::{EngineError, Measured};
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
    ) -> Result<Watched<S::Workload>, EngineError> {
        let mut judge = self.judge();
        let mut series = Series::default();
        let wanted = self.scenario.nodes_at_start() as usize;
        while self.shared.live() < wanted {
            let now = self.turn(&mut judge, &mut series, "bring-up", handles)?;
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
        let capacity_per_s = self.calibrate(&mut judge, &mut series, handles)?;
        let from = self.clock.now() + self.scenario.phases.warmup;
        let planned_end = match self.scenario.phases.measure {
            Measure::Lasting(length) => from + length,
            Measure::Lookups(_) => Time::from_ns(Time::NEVER.as_ns() - 1),
        };
        self.shared.measure_to.store(planned_end.as_ns(), Ordering::Release);
        self.shared.measure_from.store(from.as_ns(), Ordering::Release);

        let mut node_ns = 0.0;
        let mut last = from;
        let mut interrupted = false;
        let mut cpu_from = None;
        let end = loop {
            let now = self.clock.now();
            let phase = if now < from { "warmup" } else { "measure" };
            let now = self.turn(&mut judge, &mut series, phase, handles)?;
            if now > last {
                cpu_from.get_or_insert_with(cpu_time);
                let until = now.min(planned_end);
                node_ns += self.shared.live() as f64 * until.since(last).as_nanos() as f64;
                last = until.max(last);
            }
            interrupted |= self.interruption.is_requested();
            if interrupted || now >= planned_end || self.all_issued_ended() {
                break now.min(planned_end);
            }
        };
        let cpu = cpu_from.map(|from| cpu_time().saturating_sub(from));
        self.shared.measure_to.store(end.as_ns(), Ordering::Release);
        let deadline = end + self.scenario.workload.deadline + TURN * 5;
        while self.outstanding() > 0 && self.clock.now() < deadline && !self.interruption.is_over()
        {
            self.turn(&mut judge, &mut series, "drain", handles)?;
            interrupted |= self.interruption.is_requested();
        }
        // All shards see the end of the phase before they are stopped.
        self.turn(&mut judge, &mut series, "drain", handles)?;
        self.turn(&mut judge, &mut series, "drain", handles)?;
        self.shared.abandons.store(interrupted, Ordering::Relaxed);
        let course = Course {
            series: series.rows,
            bring_up,
            capacity_per_s,
            measured: end.since(from),
            node_s: node_ns / 1e9,
            interrupted,
            threads: handles.len(),
            tables: series.tables.into_course(),
            cpu,
        };
        Ok(Watched { judge, course })
    }

    /// Waits for one [`TURN`], judges records and shows progress.
    pub(super) fn turn(
        &self,
        judge: &mut Judge<S::Workload>,
        series: &mut Series,
        phase: &'static str,
        handles: &[ShardHandle],
    ) -> Result<Time, EngineError> {
        thread::sleep(TURN);
        let now = self.clock.now();
        take_records(self.shared, judge);
        judge.settle(now - SETTLED);
        series.collect::<S>(self.shared, now, phase, self.progress);
        if handles.iter().any(thread::JoinHandle::is_finished) {
            return Err(EngineError::Broken("a shard stopped too early".into()));
        }
        Ok(now)
    }

    fn outstanding(&self) -> usize {
        let shards = self.shared.shards.iter();
        shards.map(|shard| shard.outstanding.load(Ordering::Relaxed)).sum()
    }

    fn all_issued_ended(&self) -> bool {
        let Measure::Lookups(wanted) = self.scenario.phases.measure else { return false };
        let shards = self.shared.shards.iter();
        let issued: u64 = shards.map(|shard| shard.issued.load(Ordering::Relaxed)).sum();
        issued >= wanted && self.outstanding() == 0
    }
}

/// The rows of the time series, merged from the intervals of the shards.
#[derive(Default)]
pub(super) struct Series {
    rows: Vec<SeriesRow>,
    last: Option<Time>,
    merged: Option<Metrics>,
    seen: Counters,
    current: Vec<Counters>,
    intervals: usize,
    tables: Tables,
}

impl Series {
    fn collect<S: System>(
        &mut self,
        shared: &Shared<S::Workload>,
        now: Time,
        phase: &'static str,
        progress: &Progress,
    ) {
        self.tables.collect(shared);
        self.current.resize(shared.shards.len(), Counters::default());
        for (current, shard) in self.current.iter_mut().zip(&shared.shards) {
            if let Some(fresh) = shard.interval.lock().take() {
                let (metrics, counters) = *fresh;
                *current = counters;
                self.merged.get_or_insert_with(Metrics::new).merge(&metrics);
                self.intervals += 1;
            }
        }
        let length = now.since(self.last.unwrap_or(Time::ZERO));
        if self.intervals < shared.shards.len() || length < Duration::from_millis(900) {
            return;
        }
        self.intervals = 0;
        let Some(metrics) = self.merged.take() else { return };
        let mut total = Counters::default();
        self.current.iter().for_each(|counters| total.merge(counters));
        let fresh = total.since(&self.seen);
        (self.seen, self.last) = (total, Some(now));
        let messages = fresh.messages.iter().sum();
        let live_nodes = shared.live();
        let maintenance = maintenance_bytes::<ProtocolOf<S>>(&fresh);
        let interval = Interval { end: now.since(Time::ZERO), length, phase, live_nodes };
        let tables = self.tables.take_latest();
        let row = SeriesRow::new(interval, &metrics, messages, maintenance);
        self.rows.push(SeriesRow { tables, ..row });
        progress.update(&Snapshot {
            phase,
            live_nodes,
            lookups_per_s: metrics.completed as f64 / length.as_secs_f64(),
            p99: Duration::from_nanos(metrics.latency().value_at_quantile(0.99)),
            elapsed: now.since(Time::ZERO),
        });
    }
}

/// Merges the results of all shards.
pub(super) fn assemble<S: System>(
    watched: Watched<S::Workload>,
    shared: &Shared<S::Workload>,
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
    let mut measured = sums.measured::<S>(&judge, course);
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
