//! One shard's side of a run: its director acts on its reactor, and the control thread is shown
//! where things stand.
//!
//! **Invariant:** nothing is decided here.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hopwise_kernel::reactor::{Counters, Pilot, Shard, Turn};
use hopwise_kernel::ring::{RingConfig, RingNode};
use hopwise_kernel::{Address, Event, Id, Peer, Time};

use super::shared::{Board, Shared};
use crate::director::{Director, Stage};
use crate::engine::books::{Sums, Tables};
use crate::judge::Record;

/// Records are handed to the judge in batches of this size, or after [`PERIOD`].
const BATCH: usize = 1024;
const PERIOD: Duration = Duration::from_millis(20);
const SECOND: Duration = Duration::from_secs(1);

pub(super) struct UdpPilot {
    shared: Arc<Shared>,
    shard: usize,
    config: Arc<RingConfig>,
    director: Director,
    records: Vec<Record>,
    unjudged: u64,
    flush_at: Time,
    second_at: Time,
    at_from: Option<Counters>,
    at_to: Option<Counters>,
}

impl UdpPilot {
    pub(super) fn new(
        shared: Arc<Shared>,
        shard: usize,
        config: Arc<RingConfig>,
        director: Director,
    ) -> UdpPilot {
        UdpPilot {
            shared,
            shard,
            config,
            director,
            records: Vec::with_capacity(BATCH),
            unjudged: 0,
            flush_at: Time::ZERO,
            second_at: Time::ZERO + SECOND,
            at_from: None,
            at_to: None,
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
            let Some(place) = self.director.enter_member(peer, shard.now()) else { return };
            let node = RingNode::new(peer, self.config.clone(), shard.rng());
            shard.insert(place, node);
            shard.with(place, |node, cx| node.start_linked(cx, ring));
        }
        self.show();
    }

    /// What was counted, at the end.
    pub(super) fn sums(&self, shard: &Shard<RingNode>) -> Sums {
        let mut tables = Tables::default();
        let members = self.director.members().iter();
        members.filter_map(|&member| shard.node(member)).for_each(|node| tables.add(node));
        let end = self.at_to.unwrap_or(*shard.counters());
        Sums {
            metrics: self.director.metrics().clone(),
            counters: end.since(&self.at_from.unwrap_or(end)),
            total: *shard.counters(),
            moves: self.director.moves(),
            tables,
        }
    }

    /// Records the judge was too slow for.
    pub(super) fn unjudged(&self) -> u64 {
        self.unjudged
    }

    fn board(&self) -> &Board {
        &self.shared.shards[self.shard]
    }

    /// Puts the director's numbers on the board.
    fn show(&self) {
        let board = self.board();
        board.live.store(self.director.live(), Ordering::Relaxed);
        board.issued.store(self.director.issued(), Ordering::Relaxed);
        board.outstanding.store(self.director.outstanding(), Ordering::Relaxed);
    }

    fn collect_records(&mut self) {
        for record in self.director.take_records() {
            self.records.push(record);
            if self.records.len() >= BATCH {
                flush(&self.shared, &mut self.records, &mut self.unjudged);
            }
        }
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
            flush(&self.shared, &mut self.records, &mut self.unjudged);
        }
        if now >= self.second_at {
            self.second_at = now + SECOND;
            let interval = self.director.interval();
            let shown = (interval.clone(), *shard.counters());
            interval.clear();
            *self.board().interval.lock() = Some(Box::new(shown));
        }
    }
}

impl Pilot<RingNode> for UdpPilot {
    fn on_event(&mut self, now: Time, node: u32, event: Event<'_>) {
        self.director.on_event(now, node, event);
    }

    fn turn(&mut self, shard: &mut Shard<RingNode>) -> Turn {
        let now = shard.now();
        if self.shared.from() != Time::NEVER {
            self.director.set_phase(self.shared.from(), self.shared.to());
        }
        let mut stage = ReactorStage { shard, config: self.config.clone() };
        self.director.turn(&mut stage, now, now);
        self.collect_records();
        self.show();
        self.turn_books(shard, now);
        if self.shared.stop.load(Ordering::Relaxed) {
            flush(&self.shared, &mut self.records, &mut self.unjudged);
            return Turn::Stop;
        }
        Turn::Until(self.director.next_due().min(self.flush_at).min(self.second_at))
    }
}

fn flush(shared: &Shared, records: &mut Vec<Record>, unjudged: &mut u64) {
    if !records.is_empty() {
        let batch = std::mem::replace(records, Vec::with_capacity(BATCH));
        if let Err(lost) = shared.records.push(batch) {
            *unjudged += lost.len() as u64;
        }
    }
}

/// A reactor as a stage: everything happens now.
struct ReactorStage<'a> {
    shard: &'a mut Shard<RingNode>,
    config: Arc<RingConfig>,
}

impl Stage for ReactorStage<'_> {
    fn address_of(&self, place: u32) -> Address {
        self.shard.address_of(place)
    }

    fn insert(&mut self, _at: Time, place: u32, peer: Peer) {
        let node = RingNode::new(peer, self.config.clone(), self.shard.rng());
        self.shard.insert(place, node);
    }

    fn join(&mut self, _at: Time, place: u32, bootstrap: Peer) {
        self.shard.with(place, |node, cx| node.join(cx, bootstrap));
    }

    fn depart(&mut self, _at: Time, place: u32, graceful: bool) {
        if graceful {
            self.shard.with(place, |node, cx| node.leave(cx));
        }
        self.shard.remove(place);
    }

    fn lookup(&mut self, _at: Time, place: u32, key: Id, token: u64) -> bool {
        self.shard.with(place, |node, cx| node.lookup(cx, key, token)) == Some(true)
    }
}
