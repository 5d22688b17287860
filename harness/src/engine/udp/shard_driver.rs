//! Connects one shard's reactor with its director and with the control thread.
//!
//! **Invariant:** makes no decisions; the director and the control thread do.

use std::cmp::Reverse;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hopwise_kernel::drive::Counters;
use hopwise_kernel::node::{EventOf, MessageOf};
use hopwise_kernel::reactor::{Application, Shard, Turn};
use hopwise_kernel::{Address, Codec, Context, Id, Node, Peer, Time};

use super::disturbed_nodes::{WaitingQuestion, WaitingQuestions};
use super::scan::Scan;
use super::shared::{ShardStatus, Shared};
use crate::churn::{NodesPerHost, Share};
use crate::director::{Director, NodeControl};
use crate::engine::lies;
use crate::engine::store_work::StoreWork;
use crate::engine::totals::{LookupCosts, Sums, Tables, ring_at_end, sent};
use crate::live::Feed;
use crate::live::feed::{NodeTables, ShardFeed};
use crate::measure::stored::Contents;
use crate::network::Disturbances;
use crate::plug::{NodeEvent, ProtocolOf, QuestionOf, System};
use crate::workload::Workload;
use crate::workload::judge::Record;

/// Records go to the judge in batches of this size, or after [`PERIOD`].
const BATCH: usize = 1024;
const PERIOD: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

/// See the [module](self).
pub(super) struct ShardDriver<S: System> {
    shared: Arc<Shared<S::Workload>>,
    shard: usize,
    system: S,
    director: Director<S::Workload>,
    records: Vec<Record<S::Workload>>,
    unjudged: u64,
    flush_at: Time,
    second_at: Time,
    at_from: Option<Counters>,
    at_to: Option<Counters>,
    /// Earlier lookups in progress when the measured phase started.
    earlier: usize,
    /// The counters and the lookups in progress when no more lookups started.
    at_load_end: Option<(Counters, usize)>,
    per_host: NodesPerHost,
    /// Messages of the busiest host of the measured phase, among replaced hosts and, after the
    /// phase, all hosts.
    messages_max: u64,
    store_work: StoreWork,
    scan: Scan,
    disturbances: Disturbances,
    waiting: WaitingQuestions<QuestionOf<S>>,
    /// Its part in the feed of a live page, if there is one.
    feed: Option<ShardFeed>,
}

impl<S: System> ShardDriver<S> {
    /// The driver of one of the shards of a run with so many `nodes` in all.
    pub(super) fn new(
        shared: Arc<Shared<S::Workload>>,
        shard: usize,
        system: S,
        director: Director<S::Workload>,
        nodes: usize,
        per_host: NodesPerHost,
    ) -> ShardDriver<S> {
        ShardDriver {
            shared,
            shard,
            system,
            director,
            records: Vec::with_capacity(BATCH),
            unjudged: 0,
            flush_at: Time::ZERO,
            second_at: Time::ZERO + SECOND,
            at_from: None,
            at_to: None,
            earlier: 0,
            at_load_end: None,
            per_host,
            messages_max: 0,
            store_work: StoreWork::default(),
            scan: Scan::new::<S>(nodes),
            disturbances: Disturbances::from_iter([]),
            waiting: WaitingQuestions::new(),
            feed: None,
        }
    }

    /// Feeds a live page from here on.
    pub(super) fn feed(&mut self, feed: Arc<Feed>) {
        self.feed = Some(ShardFeed::new(feed));
    }

    /// Disturbs nodes from here on.
    pub(super) fn disturb(&mut self, disturbances: Disturbances) {
        self.disturbances = disturbances;
    }

    /// Builds this shard's `own` nodes of the `members` at the start.
    pub(super) fn start_linked(
        &mut self,
        shard: &mut Shard<S::Node, S::Codec>,
        members: &[Peer],
        own: &[Peer],
    ) {
        for host in own.chunks(self.per_host.count() as usize) {
            let Some(place) = self.director.enter_member(host[0].id, shard.now()) else { return };
            for (&peer, node_place) in host.iter().zip(self.per_host.nodes_of(place)) {
                let node = self.system.node(self.share().host(place), peer, shard.rng());
                shard.insert(node_place, node);
                let rank = members.partition_point(|member| member.id < peer.id);
                let system = &self.system;
                shard.with(node_place, |node, cx| system.start_linked(node, cx, members, rank));
            }
        }
        self.publish();
    }

    /// Adds hosts of this shard that are away at the start.
    pub(super) fn add_away(&mut self, hosts: usize, now: Time) {
        self.director.add_away(hosts, now);
    }

    /// The sums at the end of the run.
    pub(super) fn sums(&mut self, shard: &Shard<S::Node, S::Codec>) -> Sums {
        let mut tables = Tables::default();
        let members: Vec<u32> = self.director.members().collect();
        for host in hosts(&members, self.per_host) {
            let nodes = host.iter().filter_map(|&place| shard.node(place));
            tables
                .add(nodes.map(|node| (self.system.entries(node), self.system.memory_bytes(node))));
        }
        tables.add_load(self.messages_max);
        if self.is_measuring() {
            tables.add_load(received_max(shard, self.per_host));
        }
        let (sent, live) = (sent::<ProtocolOf<S>>(shard.counters()), self.director.live());
        self.director.series().end(shard.now(), sent, live);
        let end = self.at_to.unwrap_or(*shard.counters());
        let (load_end, late) = self.at_load_end.unwrap_or((*shard.counters(), 0));
        Sums {
            metrics: self.director.metrics().clone(),
            counters: end.since(&self.at_from.unwrap_or(end)),
            costs: LookupCosts {
                since_from: shard.counters().since(&self.at_from.unwrap_or(end)),
                earlier: self.earlier as u64,
                since_load_end: shard.counters().since(&load_end),
                late: late as u64,
            },
            total: *shard.counters(),
            changes: self.director.membership_changes(),
            joins: self.director.join_times().clone(),
            tables,
            stored: self.stored(shard),
            node_s: self.director.node_s(),
            series: self.director.series().clone(),
            ring: ring_at_end::<S>(&self.director),
        }
    }

    /// What this shard's members store.
    fn stored(&mut self, shard: &Shard<S::Node, S::Codec>) -> Contents {
        let mut stored = Contents::default();
        if S::STORES {
            self.store_work.end(&self.system, nodes(shard));
            stored.counts = self.store_work.measured();
            let live = self.shared.live() * self.per_host.count() as usize;
            let members: Vec<u32> = self.director.members().collect();
            for host in hosts(&members, self.per_host) {
                stored.begin_host();
                for node in host.iter().filter_map(|&place| shard.node(place)) {
                    self.system.add_stored(node, shard.now(), live, &mut stored);
                }
            }
        }
        stored
    }

    /// Records that were lost because the judge was too slow.
    pub(super) fn unjudged(&self) -> u64 {
        self.unjudged
    }

    fn share(&self) -> Share {
        Share { index: self.shard, of: self.shared.shards.len() }
    }

    fn status(&self) -> &ShardStatus {
        &self.shared.shards[self.shard]
    }

    /// Publishes the director's numbers.
    fn publish(&self) {
        let status = self.status();
        status.live.store(self.director.live(), Ordering::Relaxed);
        status.issued.store(self.director.issued(), Ordering::Relaxed);
        status.calibrated.store(self.director.calibrated(), Ordering::Relaxed);
        status.in_progress.store(self.director.in_progress(), Ordering::Relaxed);
        status.outstanding.store(self.director.outstanding(), Ordering::Relaxed);
    }

    fn collect_records(&mut self) {
        for record in self.director.take_records() {
            self.records.push(record);
            if self.records.len() >= BATCH {
                flush(&self.shared, &mut self.records, &mut self.unjudged);
            }
        }
    }

    /// Tells a live page what has happened.
    fn turn_feed(&mut self, shard: &mut Shard<S::Node, S::Codec>) {
        let Some(feed) = &mut self.feed else { return };
        feed.turn(shard.tap());
        feed.turn_tables(|| {
            NodeTables::of(
                nodes(shard)
                    .filter_map(|node| Some((node.peer().id, self.system.neighborhood(node)?))),
            )
        });
    }

    /// Asks the nodes whose pauses are over what was to be asked meanwhile.
    fn ask_waiting(&mut self, shard: &mut Shard<S::Node, S::Codec>, now: Time) {
        for waiting in self.waiting.take_due(now) {
            let WaitingQuestion { place, id, question, token, .. } = waiting;
            if shard.node(place).is_none_or(|node| node.peer().id != id) {
                continue; // It crashed, and its lookups ended with it.
            }
            let system = &self.system;
            let started = shard.with(place, |node, cx| system.ask(node, cx, question, token));
            if started != Some(true) {
                self.director.on_event(now, place, NodeEvent::Refused { token });
            }
        }
    }

    fn is_measuring(&self) -> bool {
        self.at_from.is_some() && self.at_to.is_none()
    }

    /// Takes the counters at the start and end of the measured phase and of each second, and sends
    /// records to the judge.
    fn turn_counters(&mut self, shard: &mut Shard<S::Node, S::Codec>, now: Time) {
        if self.at_from.is_none() && now >= self.shared.from() {
            self.at_from = Some(*shard.counters());
            self.store_work.begin(&self.system, nodes(shard));
            self.earlier = self.director.in_progress() - self.director.outstanding();
            shard.reset_received();
        }
        if self.at_from.is_some() && self.at_load_end.is_none() && self.director.has_no_load(now) {
            self.at_load_end = Some((*shard.counters(), self.director.in_progress()));
        }
        if self.at_to.is_none() && now >= self.shared.to() {
            if self.is_measuring() {
                self.messages_max = self.messages_max.max(received_max(shard, self.per_host));
            }
            self.at_to = Some(*shard.counters());
            self.store_work.end(&self.system, nodes(shard));
        }
        if now >= self.director.series().next_due() {
            let (sent, live) = (sent::<ProtocolOf<S>>(shard.counters()), self.director.live());
            self.director.series().advance(now, sent, live);
        }
        if now >= self.flush_at {
            self.flush_at = now + PERIOD;
            if self.director.may_ask_for_busiest() {
                let count = busiest(shard, self.per_host).map_or(0, |(count, _)| count);
                self.status().busiest.store(count, Ordering::Relaxed);
            }
            flush(&self.shared, &mut self.records, &mut self.unjudged);
            self.turn_feed(shard);
        }
        if now >= self.second_at {
            self.second_at = now + SECOND;
            let maintenance_bytes = sent::<ProtocolOf<S>>(shard.counters()).maintenance_bytes;
            self.status().maintenance_bytes.store(maintenance_bytes, Ordering::Relaxed);
            let recent = self.director.recent();
            let fresh = recent.clone();
            recent.clear();
            *self.status().recent.lock() = Some(Box::new(fresh));
        }
    }
}

impl<S: System> Application<S::Node, S::Codec> for ShardDriver<S> {
    #[inline]
    fn intercept(
        &mut self,
        node: &mut S::Node,
        cx: &mut Context<'_, ProtocolOf<S>>,
        from: Peer,
        message: &MessageOf<'_, ProtocolOf<S>>,
    ) -> bool {
        S::CAN_LIE
            && self.disturbances.have_liars()
            && lies::tell(&self.disturbances, &self.system, node, cx, from, message)
    }

    fn on_event(&mut self, now: Time, node: u32, event: EventOf<ProtocolOf<S>>, payload: &[u8]) {
        if let Some(event) = S::node_event(event, payload) {
            self.director.on_event(now, node, event);
        }
    }

    fn turn(&mut self, shard: &mut Shard<S::Node, S::Codec>) -> Turn {
        let now = shard.now();
        if self.shared.from() != Time::NEVER {
            self.director.set_capacity(self.shared.capacity_per_s());
            self.director.set_phase(self.shared.from(), self.shared.to());
        } else if self.shared.calibrate_from() != Time::NEVER {
            self.director.calibrate(self.shared.calibrate_from());
        }
        self.ask_waiting(shard, now);
        let share = self.share();
        let mut replaced_max = 0;
        let mut nodes = ReactorNodes {
            shard,
            system: &self.system,
            shared: &self.shared,
            share,
            per_host: self.per_host,
            replaced_max: &mut replaced_max,
            store_work: &mut self.store_work,
            disturbances: &self.disturbances,
            waiting: &mut self.waiting,
        };
        self.director.turn(&mut nodes, now, now);
        if self.is_measuring() {
            self.messages_max = self.messages_max.max(replaced_max);
        }
        self.collect_records();
        self.publish();
        self.turn_counters(shard, now);
        if self.at_to.is_some() && self.director.has_issued_all(now) {
            self.status().has_issued_all.store(true, Ordering::Release);
        }
        if let Some(scanned) = self.scan.turn(shard, &self.system, &self.director, now) {
            *self.status().scanned.lock() = Some(scanned);
        }
        if self.shared.stop.load(Ordering::Acquire) {
            let is_interrupted = self.shared.is_interrupted.load(Ordering::Relaxed);
            self.director.end_lookups(now, is_interrupted);
            self.collect_records();
            flush(&self.shared, &mut self.records, &mut self.unjudged);
            return Turn::Stop;
        }
        let own = self.flush_at.min(self.second_at).min(self.scan.next_due());
        let own = own.min(self.waiting.next_due());
        Turn::Until(self.director.next_due().min(own))
    }
}

fn flush<W: Workload>(shared: &Shared<W>, records: &mut Vec<Record<W>>, unjudged: &mut u64) {
    if !records.is_empty() {
        let batch = std::mem::replace(records, Vec::with_capacity(BATCH));
        if let Err(lost) = shared.records.push(batch) {
            *unjudged += lost.len() as u64;
        }
    }
}

/// The nodes of a reactor. Every action happens now.
struct ReactorNodes<'a, S: System> {
    shard: &'a mut Shard<S::Node, S::Codec>,
    system: &'a S,
    shared: &'a Shared<S::Workload>,
    share: Share,
    per_host: NodesPerHost,
    /// Messages of the busiest replaced host.
    replaced_max: &'a mut u64,
    store_work: &'a mut StoreWork,
    disturbances: &'a Disturbances,
    waiting: &'a mut WaitingQuestions<QuestionOf<S>>,
}

impl<S: System> ReactorNodes<'_, S> {
    /// The node in this place and the end of its pause, if it is paused.
    fn pause_of(&self, place: u32) -> Option<(Id, Time)> {
        if !self.disturbances.strike_nodes() {
            return None;
        }
        let id = self.shard.node(place)?.peer().id;
        Some((id, self.disturbances.paused_until(id, self.shard.now())?))
    }
}

impl<S: System> NodeControl<QuestionOf<S>> for ReactorNodes<'_, S> {
    fn address_of(&self, place: u32) -> Address {
        self.shard.address_of(place)
    }

    fn insert(&mut self, _at: Time, place: u32, peer: Peer) {
        let host = self.per_host.host_of(place);
        if self.per_host.first_of(place) == place {
            let received = received(self.shard, self.per_host, host);
            *self.replaced_max = received.max(*self.replaced_max);
        }
        let node = self.system.node(self.share.host(host), peer, self.shard.rng());
        self.shard.insert(place, node);
    }

    fn join(&mut self, _at: Time, place: u32, bootstraps: &[Peer]) {
        self.shard.with(place, |node, cx| self.system.join(node, cx, bootstraps));
    }

    fn choose_place(&mut self, _at: Time, place: u32, bootstraps: &[Peer]) {
        self.shard.with(place, |node, cx| self.system.choose_place(node, cx, bootstraps));
    }

    fn depart(&mut self, _at: Time, place: u32, graceful: bool) {
        // A paused node cannot announce it.
        if graceful && self.pause_of(place).is_none() {
            self.shard.with(place, |node, cx| self.system.leave(node, cx));
        }
        self.store_work.depart(self.system, self.shard.node(place));
        self.shard.remove(place);
    }

    fn busiest(&mut self, fault: u32) -> Option<u32> {
        let shared = self.shared;
        let shard = shared.busiest.shard_for(fault, &shared.shards)?;
        let place = || busiest(self.shard, self.per_host).map(|(_, Reverse(place))| place);
        (shard == self.share.index).then(place)?
    }

    fn ask(
        &mut self,
        _at: Time,
        place: u32,
        question: QuestionOf<S>,
        token: u64,
        _number: u32,
    ) -> bool {
        if let Some((id, at)) = self.pause_of(place) {
            self.waiting.add(WaitingQuestion { at, place, id, question, token });
            return true;
        }
        let started = self.shard.with(place, |node, cx| self.system.ask(node, cx, question, token));
        started == Some(true)
    }
}

/// The present nodes of a shard.
fn nodes<N: Node, C: Codec<Protocol = N::Protocol>>(
    shard: &Shard<N, C>,
) -> impl Iterator<Item = &N> {
    (0..shard.capacity() as u32).filter_map(|place| shard.node(place))
}

/// The places of nodes in groups of the same host.
fn hosts(members: &[u32], per_host: NodesPerHost) -> impl Iterator<Item = &[u32]> {
    members.chunk_by(move |&a, &b| per_host.host_of(a) == per_host.host_of(b))
}

/// The messages that the nodes of the present or the last host in this place received.
fn received<N: Node, C: Codec<Protocol = N::Protocol>>(
    shard: &Shard<N, C>,
    per_host: NodesPerHost,
    host: u32,
) -> u64 {
    per_host.nodes_of(host).map(|place| shard.received(place)).sum()
}

/// The most messages that the nodes of one host received, present or the last in its place.
fn received_max<N: Node, C: Codec<Protocol = N::Protocol>>(
    shard: &Shard<N, C>,
    per_host: NodesPerHost,
) -> u64 {
    let hosts = 0..shard.capacity() as u32 / per_host.count();
    hosts.map(|host| received(shard, per_host, host)).max().unwrap_or(0)
}

/// The present host of a shard whose nodes received the most messages, if any received one: their
/// number and the place of its first node. Ties go to the lowest place.
fn busiest<N: Node, C: Codec<Protocol = N::Protocol>>(
    shard: &Shard<N, C>,
    per_host: NodesPerHost,
) -> Option<(u64, Reverse<u32>)> {
    let firsts = (0..shard.capacity() as u32).step_by(per_host.count() as usize);
    let present = firsts.filter(|&place| shard.node(place).is_some());
    let counted =
        present.map(|place| (received(shard, per_host, per_host.host_of(place)), Reverse(place)));
    let most = counted.max()?;
    (most.0 > 0).then_some(most)
}
