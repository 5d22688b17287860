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

mod judge;
mod pilot;
mod shared;

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use hopwise_kernel::message::Class;
use hopwise_kernel::reactor::{
    BindError, Clock, Counters, Layout, Shard, Sockets, available_cores, pin_to,
};
use hopwise_kernel::ring::fingers::Shape;
use hopwise_kernel::ring::{LookupMode, RingConfig, RingNode};
use hopwise_kernel::rpc::TimeoutPolicy;
use hopwise_kernel::{Id, Peer, Rng, Time};

use self::judge::Judge;
use self::pilot::{Log, UdpPilot};
use self::shared::Shared;
use crate::Scenario;
use crate::engine::{Engine, EngineError, Measured};
use crate::metrics::{Interval, Metrics, SeriesRow, Traffic};
use crate::network::Link;
use crate::outcome::{Membership, State};
use crate::progress::{Progress, Snapshot};
use crate::scenario::{
    self, Amount, ChurnModel, FaultKind, Measure, Sockets as SocketsKey, Start, Timeout,
};

/// Requests in flight per shard.
const REQUESTS: usize = 16_384;
/// The control thread looks around this often.
const LOOK: Duration = Duration::from_millis(20);
/// A bring-up through the protocol that takes longer has failed.
const BRING_UP_MAX: Duration = Duration::from_secs(120);
/// Room in a shard for nodes beyond those planned, because churn is uneven.
const SPARE_PLACES: usize = 64;

/// The UDP engine.
#[derive(Clone, Copy, Debug, Default)]
pub struct UdpEngine;

impl Engine for UdpEngine {
    fn run(
        &self,
        scenario: &Scenario,
        interrupts: &AtomicU32,
        progress: &Progress,
    ) -> Result<Measured, EngineError> {
        let clock = Clock::start();
        let mut plan = Plan::new(scenario)?;
        let mut rng = Rng::new(scenario.seed, 0);
        let (ring, shares) = plan.initial_ring(scenario, &mut rng);
        let shared = Arc::new(Shared::new(plan.threads, ring.clone()));
        let ring = Arc::new(ring);
        let cores = available_cores();
        let config = ring_config(scenario, plan.most_nodes);
        let link = Link::new(&scenario.network);

        let mut handles = Vec::new();
        for (index, (sockets, share)) in
            std::mem::take(&mut plan.sockets).into_iter().zip(shares).enumerate()
        {
            let (scenario, shared, ring) = (scenario.clone(), shared.clone(), ring.clone());
            let core = cores[index % cores.len()];
            let capacity = plan.capacity;
            let to_join = share_of(scenario.nodes as usize, plan.threads, index) - share.len();
            let run = move || -> std::io::Result<(Log, Counters, bool)> {
                let pinned = !scenario.udp.pin || pin_to(core);
                let rng = Rng::new(scenario.seed, 16 * index as u64 + 5);
                let datagram = scenario.udp.datagram as usize;
                let mut shard: Shard<RingNode> =
                    Shard::new(sockets, capacity, REQUESTS, datagram, clock, rng)?;
                if !link.is_perfect() {
                    let mut rng = Rng::new(scenario.seed, 16 * index as u64 + 6);
                    shard.emulate(move || link.transit(&mut rng));
                }
                let mut pilot = UdpPilot::new(&scenario, config, index, shared, capacity, to_join);
                pilot.start_linked(&mut shard, &ring, &share);
                shard.run(&mut pilot)?;
                let log = pilot.into_log(&shard);
                Ok((log, *shard.counters(), pinned))
            };
            let handle = thread::Builder::new()
                .name(format!("shard-{index}"))
                .spawn(run)
                .map_err(|error| EngineError::Broken(format!("cannot start a thread: {error}")))?;
            handles.push(handle);
        }
        let control = Control { scenario, shared: &shared, clock, interrupts, progress };
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
        watched.map(|watched| assemble(watched, &shared, ends))
    }
}

/// How many of `all` the part `index` of `parts` has, if they are dealt out one by one.
fn share_of(all: usize, parts: usize, index: usize) -> usize {
    (all + parts - 1 - index) / parts
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
    fn new(scenario: &Scenario) -> Result<Plan, EngineError> {
        let threads = scenario.thread_count().max(1);
        let nodes = scenario.nodes as usize;
        let joins: usize = scenario
            .faults
            .iter()
            .filter(|fault| fault.kind == FaultKind::Join)
            .map(|fault| match fault.amount {
                Amount::Fraction(share) => (nodes as f64 * share).ceil() as usize,
                Amount::Count(count) => count as usize,
            })
            .sum();
        let uneven = if scenario.churn.model == ChurnModel::Off { 0 } else { SPARE_PLACES };
        let most_nodes = nodes + joins;
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
    fn initial_ring(&self, scenario: &Scenario, rng: &mut Rng) -> (Vec<Peer>, Vec<Vec<Peer>>) {
        let members = match scenario.start {
            Start::Linked => scenario.nodes,
            // A ring begins with r + 1 nodes that know each other.
            Start::Joined => scenario.nodes.min(scenario.ring.successors + 1),
        } as usize;
        let mut shares = Vec::new();
        for (shard, sockets) in self.sockets.iter().enumerate() {
            let count = share_of(members, self.threads, shard) as u32;
            let peer = |place| Peer { id: Id::random(rng), address: sockets.address_of(place) };
            shares.push((0..count).map(peer).collect::<Vec<Peer>>());
        }
        let mut ring: Vec<Peer> = shares.concat();
        ring.sort_unstable_by_key(|peer| peer.id);
        (ring, shares)
    }
}

fn ring_config(scenario: &Scenario, nodes: usize) -> RingConfig {
    let ring = &scenario.ring;
    RingConfig {
        shape: Shape::for_ring(ring.base.trailing_zeros(), nodes, ring.successors as usize),
        successors: ring.successors as u8,
        lookup: match ring.lookup {
            scenario::LookupMode::Recursive => LookupMode::Recursive,
            scenario::LookupMode::Iterative => LookupMode::Iterative,
        },
        stabilize: ring.stabilize,
        fix_fingers: ring.fix_fingers,
        remember_failures: ring.remember_failures,
        timeout: match scenario.network.timeout {
            Timeout::Adaptive => TimeoutPolicy::Adaptive,
            Timeout::Fixed(timeout) => TimeoutPolicy::Fixed(timeout),
        },
        deadline: scenario.workload.deadline,
    }
}

/// The control thread's view of a run.
struct Control<'a> {
    scenario: &'a Scenario,
    shared: &'a Shared,
    clock: Clock,
    interrupts: &'a AtomicU32,
    progress: &'a Progress,
}

/// What the control thread has seen.
struct Watched {
    judge: Judge,
    series: Vec<SeriesRow>,
    bring_up: Duration,
    measured: Duration,
    node_s: f64,
    interrupted: bool,
}

type ShardHandle = thread::JoinHandle<std::io::Result<(Log, Counters, bool)>>;

impl Control<'_> {
    fn watch(&self, handles: &[ShardHandle]) -> Result<Watched, EngineError> {
        let mut judge = Judge::new();
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
        let (measured, node_s) = (end.since(from), node_ns / 1e9);
        Ok(Watched { judge, series, bring_up, measured, node_s, interrupted })
    }

    /// Waits a little, judges, and shows where things stand.
    fn look(
        &self,
        judge: &mut Judge,
        series: &mut Series,
        phase: &'static str,
        handles: &[ShardHandle],
    ) -> Result<Time, EngineError> {
        thread::sleep(LOOK);
        let now = self.clock.now();
        judge.work(self.shared, now);
        series.collect(self.shared, now, phase, self.progress);
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
    fn collect(&mut self, shared: &Shared, now: Time, phase: &'static str, progress: &Progress) {
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
        let maintenance = maintenance_of(&fresh).bytes();
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

fn assemble(watched: Watched, shared: &Shared, ends: Vec<(Log, Counters, bool)>) -> Measured {
    let Watched { mut judge, series, bring_up, measured, node_s, interrupted } = watched;
    judge.finish(shared);
    let mut metrics = Metrics::new();
    let (mut counters, mut total) = (Counters::default(), Counters::default());
    let mut membership = Membership { joins: 0, leaves: 0, crashes: 0, live_mean: 0.0 };
    let (mut entries, mut entries_max, mut nodes, mut bytes, mut unjudged) = (0, 0, 0, 0, 0);
    let mut warnings = Vec::new();
    let threads = ends.len();
    for (index, (log, all, pinned)) in ends.into_iter().enumerate() {
        metrics.merge(&log.metrics);
        counters.merge(&log.counters);
        total.merge(&all);
        membership.joins += log.joins;
        membership.leaves += log.leaves;
        membership.crashes += log.crashes;
        entries += log.entries_sum;
        entries_max = entries_max.max(log.entries_max);
        nodes += log.nodes;
        bytes += log.bytes;
        unjudged += log.unjudged;
        if !pinned {
            warnings.push(format!("shard {index} may not be pinned to its core"));
        }
    }
    metrics.correct = judge.correct;
    metrics.incorrect = judge.incorrect;
    metrics.messages = counters.messages[Class::Lookup as usize];
    membership.live_mean = node_s / measured.as_secs_f64().max(f64::MIN_POSITIVE);
    let mut drops: Vec<_> = total.drops().filter(|&(_, count)| count > 0).collect();
    if unjudged > 0 {
        drops.push(("unjudged", unjudged));
    }
    Measured {
        traffic: traffic_of(&counters, |_| true),
        maintenance: maintenance_of(&counters),
        measured,
        node_s,
        state: State {
            entries_mean: entries as f64 / nodes.max(1) as f64,
            entries_max,
            bytes_per_node: bytes / nodes.max(1),
        },
        membership,
        events: counters.received,
        datagrams: counters.datagrams,
        drops,
        threads,
        bring_up,
        interrupted,
        series,
        warnings,
        metrics,
    }
}

fn maintenance_of(counters: &Counters) -> Traffic {
    traffic_of(counters, Class::is_maintenance)
}

fn traffic_of(counters: &Counters, wanted: impl Fn(Class) -> bool) -> Traffic {
    let mut traffic = Traffic::new();
    for class in Class::ALL.into_iter().filter(|&class| wanted(class)) {
        let at = class as usize;
        if counters.messages[at] > 0 {
            traffic.record(class.name(), counters.messages[at], counters.bytes[at]);
        }
    }
    traffic
}
