//! One shard's load generator, churn and bookkeeping.
//!
//! **Invariant:** latency counts from the intended start of a lookup, whenever it was really issued.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hopwise_kernel::reactor::{Counters, Pilot, Shard, Turn};
use hopwise_kernel::ring::{RingConfig, RingNode};
use hopwise_kernel::{Event, Id, Peer, Rng, Time};

use super::share_of;
use super::shared::{Board, Record, Shared};
use crate::Scenario;
use crate::churn::LengthSource;
use crate::metrics::Metrics;
use crate::scenario::{Amount, ChurnModel, Downtime, FaultKind, Load, Measure, Rejoin};
use crate::workload::{Arrivals, KeySource};

/// Records are handed to the judge in batches of this size, or after [`PERIOD`].
const BATCH: usize = 1024;
const PERIOD: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);
/// Lookups begun in one turn, so that a turn ends.
const LOOKUPS_PER_TURN: usize = 512;
/// Most joins in flight in one shard, as a share of its members.
const JOINS_PER_MEMBER: usize = 4;
const MIN_JOINS: usize = 8;

/// What a shard has to tell at the end.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) metrics: Metrics,
    /// Of the measured phase.
    pub(super) counters: Counters,
    pub(super) joins: u64,
    pub(super) leaves: u64,
    pub(super) crashes: u64,
    pub(super) entries_sum: u64,
    pub(super) entries_max: u64,
    pub(super) nodes: u64,
    pub(super) bytes: u64,
    /// Batches the judge was too slow for.
    pub(super) unjudged: u64,
}

pub(super) struct UdpPilot {
    shared: Arc<Shared>,
    shard: usize,
    shards: usize,
    scenario: Scenario,
    config: RingConfig,
    rng: Rng,
    keys: KeySource,
    members: Vec<u32>,
    /// Where in `members` a node stands.
    position: Vec<Option<u32>>,
    free: Vec<u32>,
    /// Nodes still to be brought up through the protocol.
    to_join: Vec<Option<Id>>,
    joining: usize,
    /// Nodes that have joined since the last turn.
    newcomers: Vec<(u32, Time)>,
    /// Nodes whose join failed and is to be tried again.
    retry: Vec<u32>,
    pending: Vec<Option<Pending>>,
    free_tokens: Vec<u32>,
    arrivals: Option<std::iter::Peekable<Arrivals>>,
    churn_joins: Option<std::iter::Peekable<Arrivals>>,
    churn_departures: Option<std::iter::Peekable<Arrivals>>,
    sessions: Option<LengthSource>,
    downtimes: Option<LengthSource>,
    /// Ends of sessions: a node, and how many nodes its place has had before it.
    ends: BinaryHeap<Reverse<(Time, u32, u32)>>,
    generations: Vec<u32>,
    /// Returns of nodes that are away.
    returns: BinaryHeap<Reverse<(Time, Option<Id>)>>,
    faults: Vec<(Time, FaultKind, usize)>,
    faults_planned: bool,
    records: Vec<Record>,
    flush_at: Time,
    second_at: Time,
    interval: Metrics,
    at_from: Option<Counters>,
    at_to: Option<Counters>,
    log: Log,
}

#[derive(Clone, Copy, Debug)]
struct Pending {
    key: Id,
    intended: Time,
    origin: u32,
    counted: bool,
}

impl UdpPilot {
    pub(super) fn new(
        scenario: &Scenario,
        config: RingConfig,
        shard: usize,
        shared: Arc<Shared>,
        capacity: usize,
        to_join: usize,
    ) -> UdpPilot {
        let rng = Rng::new(scenario.seed, 1 + 16 * shard as u64);
        let sessions = (scenario.churn.model == ChurnModel::Sessions)
            .then(|| LengthSource::new(scenario.churn.session));
        let downtimes = match scenario.churn.downtime {
            Downtime::Lasts(lengths) => Some(LengthSource::new(lengths)),
            Downtime::None => None,
        };
        UdpPilot {
            shard,
            shards: shared.shards.len(),
            scenario: scenario.clone(),
            config,
            rng,
            keys: KeySource::new(scenario.workload.keys),
            members: Vec::with_capacity(capacity),
            position: vec![None; capacity],
            free: (0..capacity as u32).rev().collect(),
            to_join: vec![None; to_join],
            joining: 0,
            newcomers: Vec::new(),
            retry: Vec::new(),
            pending: Vec::new(),
            free_tokens: Vec::new(),
            arrivals: None,
            churn_joins: None,
            churn_departures: None,
            sessions,
            downtimes,
            ends: BinaryHeap::new(),
            generations: vec![0; capacity],
            returns: BinaryHeap::new(),
            faults: Vec::new(),
            faults_planned: false,
            records: Vec::with_capacity(BATCH),
            flush_at: Time::ZERO,
            second_at: Time::ZERO,
            interval: Metrics::new(),
            at_from: None,
            at_to: None,
            log: Log {
                metrics: Metrics::new(),
                counters: Counters::default(),
                joins: 0,
                leaves: 0,
                crashes: 0,
                entries_sum: 0,
                entries_max: 0,
                nodes: 0,
                bytes: 0,
                unjudged: 0,
            },
            shared,
        }
    }

    /// Builds this shard's share of a ring whose tables are exact.
    pub(super) fn start_linked(
        &mut self,
        shard: &mut Shard<RingNode>,
        ring: &[Peer],
        own: &[Peer],
    ) {
        for &peer in own {
            let Some(place) = self.free.pop() else { return };
            let node = RingNode::new(peer, self.config, shard.rng());
            shard.insert(place, node);
            shard.with(place, |node, cx| node.start_linked(cx, ring));
            self.add_member(place, peer.id, shard.now());
        }
    }

    pub(super) fn into_log(mut self, shard: &Shard<RingNode>) -> Log {
        for &member in &self.members {
            let Some(node) = shard.node(member) else { continue };
            let entries = node.entries() as u64;
            self.log.entries_sum += entries;
            self.log.entries_max = self.log.entries_max.max(entries);
            self.log.bytes += node.memory_bytes() as u64;
            self.log.nodes += 1;
        }
        let end = self.at_to.unwrap_or(*shard.counters());
        self.log.counters = end.since(&self.at_from.unwrap_or(end));
        self.log
    }

    fn board(&self) -> &Board {
        &self.shared.shards[self.shard]
    }

    fn is_measured(&self, at: Time) -> bool {
        at >= self.shared.from() && at < self.shared.to()
    }

    fn add_member(&mut self, node: u32, id: Id, now: Time) {
        self.position[node as usize] = Some(self.members.len() as u32);
        self.members.push(node);
        self.board().live.fetch_add(1, Ordering::Relaxed);
        if let Some(sessions) = &self.sessions {
            let end = now + sessions.draw(&mut self.rng);
            self.ends.push(Reverse((end, node, self.generations[node as usize])));
        }
        self.record(Record::Joined { id, at: now });
    }

    fn random_member(&mut self) -> Option<u32> {
        let at = self.rng.below(self.members.len() as u64) as usize;
        self.members.get(at).copied()
    }

    /// Takes a member away.
    fn depart(&mut self, shard: &mut Shard<RingNode>, node: u32, graceful: bool) {
        let Some(at) = self.position[node as usize].take() else { return };
        self.members.swap_remove(at as usize);
        if let Some(&moved) = self.members.get(at as usize) {
            self.position[moved as usize] = Some(at);
        }
        self.board().live.fetch_sub(1, Ordering::Relaxed);
        let now = shard.now();
        if graceful {
            shard.with(node, |node, cx| node.leave(cx));
        }
        if self.is_measured(now) {
            *(if graceful { &mut self.log.leaves } else { &mut self.log.crashes }) += 1;
        }
        if let Some(gone) = shard.remove(node) {
            self.record(Record::Gone { id: hopwise_kernel::Node::peer(&gone).id, at: now });
            self.plan_return(hopwise_kernel::Node::peer(&gone).id, now);
        }
        self.generations[node as usize] += 1;
        self.free.push(node);
        // Lookups that began at this node will get no answer.
        for token in 0..self.pending.len() {
            if self.pending[token].is_some_and(|pending| pending.origin == node) {
                self.end_failed(token as u64, 0);
            }
        }
    }

    /// Sessions: who has gone comes back, as itself or as another.
    fn plan_return(&mut self, id: Id, now: Time) {
        if self.scenario.churn.model != ChurnModel::Sessions {
            return;
        }
        let away = self.downtimes.map_or(Duration::ZERO, |downtimes| downtimes.draw(&mut self.rng));
        let id = (self.scenario.churn.rejoin == Rejoin::SameId).then_some(id);
        self.returns.push(Reverse((now + away, id)));
    }

    fn begin_join(&mut self, shard: &mut Shard<RingNode>, id: Option<Id>) -> bool {
        let Some(place) = self.free.pop() else { return false };
        let id = id.unwrap_or_else(|| Id::random(&mut self.rng));
        let peer = Peer { id, address: shard.address_of(place) };
        let node = RingNode::new(peer, self.config, shard.rng());
        shard.insert(place, node);
        self.joining += 1;
        self.send_join(shard, place);
        true
    }

    fn send_join(&mut self, shard: &mut Shard<RingNode>, place: u32) {
        let near = self
            .random_member()
            .and_then(|member| shard.node(member))
            .map(hopwise_kernel::Node::peer);
        let seeds = &self.shared.seeds;
        let far = seeds[self.rng.below(seeds.len() as u64) as usize];
        shard.with(place, |node, cx| node.join(cx, near.unwrap_or(far)));
    }

    fn turn_joins(&mut self, shard: &mut Shard<RingNode>) {
        for place in std::mem::take(&mut self.retry) {
            self.send_join(shard, place);
        }
        let most = MIN_JOINS.max(self.members.len() / JOINS_PER_MEMBER);
        while self.joining < most && !self.free.is_empty() {
            let Some(id) = self.to_join.pop() else { break };
            if !self.begin_join(shard, id) {
                break;
            }
        }
    }

    fn turn_churn(&mut self, shard: &mut Shard<RingNode>, now: Time) {
        while next_due(&mut self.churn_joins, now).is_some() {
            self.to_join.push(None);
        }
        while next_due(&mut self.churn_departures, now).is_some() {
            self.depart_random(shard);
        }
        while let Some(&Reverse((end, node, generation))) = self.ends.peek()
            && end <= now
        {
            self.ends.pop();
            if self.generations[node as usize] == generation && self.members.len() > 1 {
                let graceful = self.rng.unit() < self.scenario.churn.graceful;
                self.depart(shard, node, graceful);
            }
        }
        while let Some(&Reverse((at, id))) = self.returns.peek()
            && at <= now
        {
            self.returns.pop();
            self.to_join.push(id);
        }
    }

    fn depart_random(&mut self, shard: &mut Shard<RingNode>) {
        if self.members.len() > 1
            && let Some(node) = self.random_member()
        {
            let graceful = self.rng.unit() < self.scenario.churn.graceful;
            self.depart(shard, node, graceful);
        }
    }

    fn plan_faults(&mut self, from: Time) {
        self.faults_planned = true;
        for fault in &self.scenario.faults {
            let all = match fault.amount {
                Amount::Fraction(share) => {
                    (f64::from(self.scenario.nodes) * share).round() as usize
                }
                Amount::Count(count) => count as usize,
            };
            let mine = share_of(all, self.shards, self.shard);
            match fault.over {
                over if !over.is_zero() => {
                    for index in 0..mine {
                        let at = from + fault.at + over.mul_f64(index as f64 / mine as f64);
                        self.faults.push((at, fault.kind, 1));
                    }
                }
                _ => self.faults.push((from + fault.at, fault.kind, mine)),
            }
        }
        self.faults.sort_by_key(|&(at, ..)| Reverse(at));
    }

    fn turn_faults(&mut self, shard: &mut Shard<RingNode>, now: Time) {
        while let Some(&(at, kind, count)) = self.faults.last()
            && at <= now
        {
            self.faults.pop();
            for _ in 0..count {
                match kind {
                    FaultKind::Join => self.to_join.push(None),
                    FaultKind::Crash | FaultKind::Leave if self.members.len() > 1 => {
                        if let Some(node) = self.random_member() {
                            self.depart(shard, node, kind == FaultKind::Leave);
                        }
                    }
                    FaultKind::Crash | FaultKind::Leave => {}
                }
            }
        }
    }

    fn turn_load(&mut self, shard: &mut Shard<RingNode>, now: Time) {
        // With fewer lookups in flight than shards, only the first shards issue any.
        let issuers = match self.scenario.workload.load {
            Load::InFlight(all) => self.shards.min(all as usize),
            Load::PerSecond(_) | Load::PerNode(_) => self.shards,
        };
        if self.shard >= issuers {
            return;
        }
        let quota = match self.scenario.phases.measure {
            Measure::Lookups(count) => share_of(count as usize, issuers, self.shard),
            Measure::Lasting(_) => usize::MAX,
        };
        if now >= self.shared.to() || self.board().issued.load(Ordering::Relaxed) as usize >= quota
        {
            return;
        }
        let mut begun = 0;
        if let Load::InFlight(all) = self.scenario.workload.load {
            let mine = share_of(all as usize, self.shards, self.shard);
            while begun < LOOKUPS_PER_TURN
                && self.pending.len() - self.free_tokens.len() < mine
                && self.begin_lookup(shard, now, now)
            {
                begun += 1;
            }
            return;
        }
        while begun < LOOKUPS_PER_TURN
            && let Some(intended) = next_due(&mut self.arrivals, now)
        {
            self.begin_lookup(shard, intended, now);
            begun += 1;
        }
    }

    fn begin_lookup(&mut self, shard: &mut Shard<RingNode>, intended: Time, now: Time) -> bool {
        let Some(origin) = self.random_member() else { return false };
        let key = self.keys.draw(&mut self.rng);
        let counted = self.is_measured(intended);
        let pending = Pending { key, intended, origin, counted };
        let token = self.free_tokens.pop().unwrap_or_else(|| {
            self.pending.push(None);
            (self.pending.len() - 1) as u32
        });
        self.pending[token as usize] = Some(pending);
        self.interval.record_issued(now.since(intended));
        if counted {
            self.log.metrics.record_issued(now.since(intended));
            self.board().issued.fetch_add(1, Ordering::Relaxed);
            self.board().outstanding.fetch_add(1, Ordering::Relaxed);
        }
        let begun = shard.with(origin, |node, cx| node.lookup(cx, key, token.into()));
        if begun != Some(true) {
            if counted {
                self.log.metrics.record_shed();
            }
            self.end_failed(token.into(), 0);
        }
        begun == Some(true)
    }

    fn end(&mut self, token: u64) -> Option<Pending> {
        let pending = self.pending.get_mut(token as usize)?.take()?;
        self.free_tokens.push(token as u32);
        if pending.counted {
            self.board().outstanding.fetch_sub(1, Ordering::Relaxed);
        }
        Some(pending)
    }

    fn end_failed(&mut self, token: u64, timeouts: u8) {
        if let Some(pending) = self.end(token) {
            self.interval.record_failed(timeouts.into(), 0);
            if pending.counted {
                self.log.metrics.record_failed(timeouts.into(), 0);
            }
        }
    }

    fn record(&mut self, record: Record) {
        self.records.push(record);
        if self.records.len() >= BATCH {
            self.flush_records();
        }
    }

    fn flush_records(&mut self) {
        if !self.records.is_empty() {
            let batch = std::mem::replace(&mut self.records, Vec::with_capacity(BATCH));
            if let Err(lost) = self.shared.records.push(batch) {
                self.log.unjudged += lost.len() as u64;
            }
        }
    }

    /// Begins what waits for the measured phase to be known.
    fn plan(&mut self) {
        let (from, to) = (self.shared.from(), self.shared.to());
        if self.faults_planned || from == Time::NEVER {
            return;
        }
        self.plan_faults(from);
        let start = from - self.scenario.phases.warmup;
        let shards = self.shards as f64;
        let stream = 16 * self.shard as u64;
        let seed = self.scenario.seed;
        let arrivals = |rate: f64, offset: u64| {
            Some(Arrivals::new(rate / shards, start, Rng::new(seed, stream + offset)).peekable())
        };
        self.arrivals = match self.scenario.workload.load {
            Load::PerSecond(rate) => arrivals(rate, 2),
            Load::PerNode(interval) => {
                arrivals(f64::from(self.scenario.nodes) / interval.as_secs_f64(), 2)
            }
            Load::InFlight(_) => None,
        };
        if self.scenario.churn.model == ChurnModel::Poisson {
            self.churn_joins = arrivals(self.scenario.churn.joins_per_s, 3);
            self.churn_departures = arrivals(self.scenario.churn.departures_per_s, 4);
        }
        debug_assert!(to > from);
    }

    fn turn_books(&mut self, shard: &Shard<RingNode>, now: Time) {
        if self.at_from.is_none() && now >= self.shared.from() {
            self.at_from = Some(*shard.counters());
        }
        if self.at_to.is_none() && now >= self.shared.to() {
            self.at_to = Some(*shard.counters());
        }
        if now >= self.flush_at {
            self.flush_at = now + PERIOD;
            self.flush_records();
        }
        if now >= self.second_at {
            self.second_at = now + SECOND;
            let shown = (self.interval.clone(), *shard.counters());
            *self.board().interval.lock() = Some(Box::new(shown));
            self.interval.clear();
        }
    }

    /// When the next thing happens of its own accord.
    fn next_wake(&mut self) -> Time {
        let mut next = self.flush_at.min(self.second_at);
        let streams = [&mut self.arrivals, &mut self.churn_joins, &mut self.churn_departures];
        for stream in streams.into_iter().flatten() {
            next = next.min(stream.peek().copied().unwrap_or(Time::NEVER));
        }
        let end = self.ends.peek().map_or(Time::NEVER, |&Reverse((at, ..))| at);
        let back = self.returns.peek().map_or(Time::NEVER, |&Reverse((at, _))| at);
        let fault = self.faults.last().map_or(Time::NEVER, |&(at, ..)| at);
        next.min(end).min(back).min(fault)
    }
}

impl Pilot<RingNode> for UdpPilot {
    fn on_event(&mut self, now: Time, node: u32, event: Event<'_>) {
        match event {
            Event::Joined => {
                self.joining = self.joining.saturating_sub(1);
                if self.is_measured(now) {
                    self.log.joins += 1;
                }
                // Its identifier is known to the shard only: see `turn`.
                self.newcomers.push((node, now));
            }
            Event::JoinFailed => self.retry.push(node),
            Event::LookupDone(done) => {
                let Some(pending) = self.end(done.token) else { return };
                let latency = now.since(pending.intended);
                let (hops, timeouts) = (done.hops.into(), done.timeouts.into());
                self.interval.record_completed(latency, hops, timeouts, 0);
                if pending.counted {
                    self.log.metrics.record_completed(latency, hops, timeouts, 0);
                    self.record(Record::Answered {
                        key: pending.key,
                        owner: done.owner.id,
                        issued: pending.intended,
                        answered: now,
                    });
                }
            }
            Event::LookupFailed { token, timeouts } => self.end_failed(token, timeouts),
            Event::Received { .. } | Event::Sent { .. } | Event::SendFailed { .. } => {}
        }
    }

    fn turn(&mut self, shard: &mut Shard<RingNode>) -> Turn {
        let now = shard.now();
        for (node, at) in std::mem::take(&mut self.newcomers) {
            if let Some(id) = shard.node(node).map(|node| hopwise_kernel::Node::peer(node).id) {
                self.add_member(node, id, at);
            }
        }
        self.plan();
        self.turn_faults(shard, now);
        self.turn_churn(shard, now);
        self.turn_joins(shard);
        self.turn_load(shard, now);
        self.turn_books(shard, now);
        if self.shared.stop.load(Ordering::Relaxed) {
            self.flush_records();
            return Turn::Stop;
        }
        Turn::Until(self.next_wake())
    }
}

fn next_due(arrivals: &mut Option<std::iter::Peekable<Arrivals>>, now: Time) -> Option<Time> {
    arrivals.as_mut()?.next_if(|&at| at <= now)
}
