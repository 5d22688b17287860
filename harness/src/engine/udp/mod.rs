//! The real network: nodes on loopback UDP, one thread per core.
//!
//! ```text
//!   control thread: bring-up, phases, judging, progress
//!        │ atomics            ▲ bounded queue of records
//!   ┌────┴─────┐ ┌────────────┴┐
//!   │ shard 0  │ │ shard 1 …   │   each: reactor + its share of load, churn and books
//!   └──────────┘ └─────────────┘
//! ```
//!
//! **Invariant:** the control thread never touches a node.

mod shard_driver;
mod shared;

use std::iter;
use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use hopwise_kernel::drive::Counters;
use hopwise_kernel::reactor::{BindError, Clock, Layout, Shard, Sockets, available_cores, pin_to};
use hopwise_kernel::{Id, Peer, Rng, Time};

use self::shard_driver::ShardDriver;
use self::shared::Shared;
use crate::Scenario;
use crate::churn::Share;
use crate::churn::trace::Trace;
use crate::director::{Director, Setup};
use crate::engine::planned_nodes::planned_nodes;
use crate::engine::totals::{Course, Sums, maintenance_bytes};
use crate::measure::metrics::{Interval, Metrics, SeriesRow};
use crate::measure::progress::{Progress, Snapshot};
use crate::measure::{EngineError, Measured};
use crate::network::{Network, Transit};
use crate::plug::{ProtocolOf, Runner, Setting, System};
use crate::scenario::{ChurnModel, Measure, Sockets as SocketsKey};
use crate::workload::Workload;
use crate::workload::judge::Judge;

/// Requests in flight per shard.
const REQUESTS: usize = 16_384;
/// The control thread looks around this often.
const LOOK: Duration = Duration::from_millis(20);
/// Several times longer than a shard keeps records to itself.
const SETTLED: Duration = Duration::from_millis(300);
/// A bring-up through the protocol that takes longer has failed.
const BRING_UP_MAX: Duration = Duration::from_secs(120);
/// Room in a shard for nodes beyond those planned, because churn is uneven.
const SPARE_PLACES: usize = 64;

/// The UDP engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct UdpEngine;

impl Runner for UdpEngine {
    fn run_system<S: System>(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
    ) -> Result<Measured, EngineError> {
        let network = Network::on_top(&scenario.network).map_err(EngineError::Request)?;
        let clock = Clock::start();
        // A thread without a node could do nothing of what falls to it.
        let threads = scenario.thread_count().clamp(1, scenario.nodes as usize);
        let trace = Trace::of(scenario, threads).map_err(EngineError::Request)?.map(Arc::new);
        let mut plan = Plan::new(scenario, threads, trace.as_deref())?;
        let mut rng = Rng::new(scenario.seed, 0);
        let (members, shares) = plan.initial_members(S::members_at_start(scenario), &mut rng);
        let most_nodes = plan.most_nodes;
        let without: &[u32] = if S::HAS_SERVER { &[0] } else { &[] };
        let workload = S::Workload::new(scenario, without).map_err(EngineError::Request)?;
        let setting = Setting {
            scenario,
            most_nodes,
            members: &members,
            first: shares[0][0],
            workload: &workload,
        };
        let system = S::new(&setting).map_err(EngineError::Request)?;
        let members = Arc::new(members);
        let shared = Arc::new(Shared::new(plan.threads));
        let cores = available_cores();

        let mut handles = Vec::new();
        for (index, (sockets, share)) in
            std::mem::take(&mut plan.sockets).into_iter().zip(shares).enumerate()
        {
            let (scenario, shared, members) = (scenario.clone(), shared.clone(), members.clone());
            let system = system.clone();
            let workload = workload.clone();
            let network = network.clone();
            let core = cores[index % cores.len()];
            let capacity = plan.capacity;
            let part = Share { index, of: plan.threads };
            let trace = trace.clone();
            let to_join = part.part(scenario.nodes as usize) - share.len();
            let run = move || -> std::io::Result<(Sums, Conduct)> {
                let pinned = !scenario.udp.pin || pin_to(core);
                let rng = Rng::new(scenario.seed, 16 * index as u64 + 5);
                let datagram = scenario.udp.datagram as usize;
                let mut shard: Shard<S::Node, S::Codec> =
                    Shard::new(sockets, capacity, REQUESTS, datagram, clock, rng)?;
                if !network.is_perfect() {
                    let mut rng = Rng::new(scenario.seed, 16 * index as u64 + 6);
                    // Who sends to whom is of no account, and nothing arrives twice.
                    shard.emulate(move || match network.transit(0, 0, &mut rng) {
                        Transit::Lost => None,
                        Transit::Once(delay) | Transit::Twice(delay, _) => Some(delay),
                    });
                }
                let setup = Setup {
                    places: capacity,
                    to_join,
                    seeds: members.clone(),
                    trace: trace.as_deref(),
                    workload,
                    has_server: S::HAS_SERVER,
                };
                let director = Director::new(&scenario, part, setup);
                let mut driver = ShardDriver::new(shared, index, system, director);
                driver.start_linked(&mut shard, &members, &share);
                shard.run(&mut driver)?;
                Ok((driver.sums(&shard), Conduct { pinned, unjudged: driver.unjudged() }))
            };
            let handle = thread::Builder::new()
                .name(format!("shard-{index}"))
                .spawn(run)
                .map_err(|error| EngineError::Broken(format!("cannot start a thread: {error}")))?;
            handles.push(handle);
        }
        let control =
            Control::<S> { scenario, shared: &shared, clock, interrupts, progress, workload };
        let watched = control.watch(&handles);
        shared.stop.store(true, Ordering::Relaxed);
        let mut ends = Vec::new();
        for handle in handles {
            let end = handle
                .join()
                .map_err(|_| EngineError::Broken("a shard's thread panicked".into()))?
                .map_err(|error| EngineError::Broken(format!("a shard stopped: {error}")))?;
            ends.push(end);
        }
        let mut measured = assemble::<S>(watched?, &shared, ends);
        measured.warnings.extend_from_slice(system.warnings());
        Ok(measured)
    }
}

/// Who goes where.
struct Plan {
    threads: usize,
    sockets: Vec<Sockets>,
    /// Places for nodes in each shard.
    capacity: usize,
    /// Most nodes there can be at a time, by plan.
    most_nodes: usize,
}

impl Plan {
    fn new(
        scenario: &Scenario,
        threads: usize,
        trace: Option<&Trace>,
    ) -> Result<Plan, EngineError> {
        let uneven = if scenario.churn.model == ChurnModel::Off { 0 } else { SPARE_PLACES };
        let most_nodes = planned_nodes(scenario, trace, threads);
        let capacity = most_nodes.div_ceil(threads) + uneven;
        let layout = match scenario.udp.sockets {
            SocketsKey::PerCore => Layout::PerCore,
            SocketsKey::PerNode => Layout::PerNode,
        };
        let per_shard = if layout == Layout::PerCore { 1 } else { capacity };
        let request = |error: BindError| EngineError::Request(error.to_string());
        Sockets::check_limit((per_shard * threads) as u64).map_err(request)?;
        let mut sockets = Vec::new();
        for index in 0..threads {
            let port = match scenario.udp.bind.port() {
                0 => 0,
                port => port + (index * per_shard) as u16,
            };
            let first = SocketAddrV4::new(*scenario.udp.bind.ip(), port);
            sockets.push(Sockets::bind(layout, first, capacity).map_err(request)?);
        }
        Ok(Plan { threads, sockets, capacity, most_nodes })
    }

    /// The members at the start, sorted by identifier; and each shard's own, by place.
    fn initial_members(&self, members: usize, rng: &mut Rng) -> (Vec<Peer>, Vec<Vec<Peer>>) {
        let mut shares = Vec::new();
        for (shard, sockets) in self.sockets.iter().enumerate() {
            let count = Share { index: shard, of: self.threads }.part(members) as u32;
            let peer = |place| Peer { id: Id::random(rng), address: sockets.address_of(place) };
            shares.push((0..count).map(peer).collect::<Vec<Peer>>());
        }
        let mut all: Vec<Peer> = shares.concat();
        all.sort_unstable_by_key(|peer| peer.id);
        (all, shares)
    }
}

/// The control thread's view of a run.
struct Control<'a, S: System> {
    scenario: &'a Scenario,
    shared: &'a Shared<S::Workload>,
    clock: Clock,
    interrupts: &'a AtomicU32,
    progress: &'a Progress,
    workload: S::Workload,
}

/// What the control thread has seen.
struct Watched<W: Workload> {
    judge: Judge<W>,
    course: Course,
}

/// What else a shard has to tell at the end.
#[derive(Debug)]
struct Conduct {
    /// Its thread is pinned as asked.
    pinned: bool,
    /// Records the judge was too slow for.
    unjudged: u64,
}

type ShardHandle = thread::JoinHandle<std::io::Result<(Sums, Conduct)>>;

impl<S: System> Control<'_, S> {
    /// A judge that knows of no member yet.
    fn judge(&self) -> Judge<S::Workload> {
        let truth = self.workload.truth(iter::empty(), Time::ZERO);
        Judge::new(truth, self.scenario.workload.deadline)
    }

    fn watch(&self, handles: &[ShardHandle]) -> Result<Watched<S::Workload>, EngineError> {
        let mut judge = self.judge();
        let mut series = Series::default();
        let wanted = self.scenario.nodes as usize;
        while self.shared.live() < wanted {
            let now = self.look(&mut judge, &mut series, "bring-up", handles)?;
            if now.since(Time::ZERO) > BRING_UP_MAX {
                return Err(EngineError::Broken(format!(
                    "bring-up: after {} s only {} of {wanted} nodes are members",
                    BRING_UP_MAX.as_secs(),
                    self.shared.live(),
                )));
            }
            if self.interrupts.load(Ordering::Relaxed) > 0 {
                break;
            }
        }
        let bring_up = self.clock.now().since(Time::ZERO);
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
        let end = loop {
            let now = self.clock.now();
            let phase = if now < from { "warmup" } else { "measure" };
            let now = self.look(&mut judge, &mut series, phase, handles)?;
            if now > last {
                let until = now.min(planned_end);
                node_ns += self.shared.live() as f64 * until.since(last).as_nanos() as f64;
                last = until.max(last);
            }
            interrupted |= self.interrupts.load(Ordering::Relaxed) > 0;
            if interrupted || now >= planned_end || self.all_issued_ended() {
                break now.min(planned_end);
            }
        };
        self.shared.measure_to.store(end.as_ns(), Ordering::Release);
        let patience = end + self.scenario.workload.deadline + LOOK * 5;
        while self.outstanding() > 0 && self.clock.now() < patience {
            self.look(&mut judge, &mut series, "drain", handles)?;
            interrupted |= self.interrupts.load(Ordering::Relaxed) > 0;
        }
        // Everybody sees the end of the phase before everybody stops.
        self.look(&mut judge, &mut series, "drain", handles)?;
        self.look(&mut judge, &mut series, "drain", handles)?;
        let series = series.rows;
        let (measured, node_s, threads) = (end.since(from), node_ns / 1e9, handles.len());
        let course = Course { series, bring_up, measured, node_s, interrupted, threads };
        Ok(Watched { judge, course })
    }

    /// Waits a little, judges, and shows where things stand.
    fn look(
        &self,
        judge: &mut Judge<S::Workload>,
        series: &mut Series,
        phase: &'static str,
        handles: &[ShardHandle],
    ) -> Result<Time, EngineError> {
        thread::sleep(LOOK);
        let now = self.clock.now();
        take_records(self.shared, judge);
        judge.settle(now - SETTLED);
        series.collect::<S>(self.shared, now, phase, self.progress);
        if handles.iter().any(thread::JoinHandle::is_finished) {
            return Err(EngineError::Broken("a shard stopped before its time".into()));
        }
        Ok(now)
    }

    fn outstanding(&self) -> usize {
        let boards = self.shared.shards.iter();
        boards.map(|board| board.outstanding.load(Ordering::Relaxed)).sum()
    }

    fn all_issued_ended(&self) -> bool {
        let Measure::Lookups(wanted) = self.scenario.phases.measure else { return false };
        let boards = self.shared.shards.iter();
        let issued: u64 = boards.map(|board| board.issued.load(Ordering::Relaxed)).sum();
        issued >= wanted && self.outstanding() == 0
    }
}

/// Rows per second, put together from what the shards show.
#[derive(Default)]
struct Series {
    rows: Vec<SeriesRow>,
    last: Option<Time>,
    gathered: Option<Metrics>,
    seen: Counters,
    current: Vec<Counters>,
    shown: usize,
}

impl Series {
    fn collect<S: System>(
        &mut self,
        shared: &Shared<S::Workload>,
        now: Time,
        phase: &'static str,
        progress: &Progress,
    ) {
        self.current.resize(shared.shards.len(), Counters::default());
        for (current, board) in self.current.iter_mut().zip(&shared.shards) {
            if let Some(fresh) = board.interval.lock().take() {
                let (metrics, counters) = *fresh;
                *current = counters;
                self.gathered.get_or_insert_with(Metrics::new).merge(&metrics);
                self.shown += 1;
            }
        }
        let length = now.since(self.last.unwrap_or(Time::ZERO));
        if self.shown < shared.shards.len() || length < Duration::from_millis(900) {
            return;
        }
        self.shown = 0;
        let Some(metrics) = self.gathered.take() else { return };
        let mut total = Counters::default();
        self.current.iter().for_each(|counters| total.merge(counters));
        let fresh = total.since(&self.seen);
        (self.seen, self.last) = (total, Some(now));
        let messages = fresh.messages.iter().sum();
        let live_nodes = shared.live();
        let maintenance = maintenance_bytes::<ProtocolOf<S>>(&fresh);
        let interval = Interval { end: now.since(Time::ZERO), length, phase, live_nodes };
        self.rows.push(SeriesRow::new(interval, &metrics, messages, maintenance));
        progress.update(&Snapshot {
            phase,
            live_nodes,
            lookups_per_s: metrics.completed as f64 / length.as_secs_f64(),
            p99: Duration::from_nanos(metrics.latency().value_at_quantile(0.99)),
            elapsed: now.since(Time::ZERO),
        });
    }
}

fn assemble<S: System>(
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
            warnings.push(format!("shard {index} may not be pinned to its core"));
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
