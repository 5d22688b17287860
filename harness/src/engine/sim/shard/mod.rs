//! A part of the nodes, with their pending events.
//!
//! **Invariant:** what a node does depends on its own history alone: its state, its messages and
//! timers in the order of their keys, and its own random generator. So it is the same however nodes
//! are divided among shards.

mod inbox;
mod node_queues;
mod pause;
mod service;
mod steps;

use std::mem;
use std::sync::Arc;

use hopwise_kernel::base::prefetch::{prefetch, prefetch_first};
use hopwise_kernel::base::rng::mix;
use hopwise_kernel::drive::Counters;
use hopwise_kernel::node::{
    DropReason, MAX_BOOTSTRAPS, MessageOf, ParkedOf, RequestHandle, RequestTables as _,
};
use hopwise_kernel::{Context, Node, Peer, Protocol, Rng, Time, World};
use smallvec::SmallVec;

use self::node_queues::NodeQueues;
use super::busiest::Busiest;
use super::costs::{Cost, LookupNumber};
use super::exchange::{BatchOf, Participant, Report, Window};
use super::partition::{Partition, address_of, place_of};
use super::queue::{Command, Envelope, EventKind, InFlight, Key};
use super::wire::Wire;
use super::world::SimWorld;
use crate::Scenario;
use crate::engine::interruption::Interruption;
use crate::engine::lies;
use crate::engine::store_work::StoreWork;
use crate::engine::totals::Tables;
use crate::live::Feed;
use crate::live::feed::{NodeTables, ShardFeed};
use crate::measure::health::{Findings, Look, Members};
use crate::measure::outcome::Check;
use crate::measure::stored::Contents;
use crate::measure::trace::{Step, StepKind};
use crate::network::Network;
use crate::plug::{Checker, NodeEvent, ProtocolOf, QuestionOf, System};

/// Capacity for requests in flight, beyond two for each node.
const REQUESTS: usize = 64 * 1024;

/// Nodes or events between two checks whether the user has interrupted the run.
const AT_ONCE: usize = 1024;

/// Memory is prefetched this many events ahead, and twice and three times as many.
const AHEAD: usize = 4;

/// See the [module](self).
pub(super) struct Shard<S: System> {
    system: S,
    places: Vec<Place<S::Node>>,
    requests: RequestsOf<S>,
    world: SimWorld<S>,
    /// The events of the open tick, in order. Those before `at` are processed.
    open: BatchOf<S>,
    at: usize,
    /// One late event.
    single: BatchOf<S>,
    /// Passes messages as bytes, if the scenario says so.
    wire: Option<Wire<S::Codec>>,
    /// The queues of nodes, if they have a rate.
    node_queues: Option<NodeQueues<S>>,
    checker: Option<Box<S::Checker>>,
    counting: Counting,
    store_work: StoreWork,
    /// Messages of the busiest replaced host.
    replaced_max: u32,
    busiest: Option<Busiest>,
    /// What the last look at the nodes found.
    findings: Option<Findings>,
    /// Ranks that it left for the next one.
    ranks: Vec<usize>,
    /// The costs of lookups for the coordinator.
    costs: Vec<Cost>,
    /// Its part in the feed of a live page, if there is one.
    feed: Option<ShardFeed>,
}

/// Whether messages per host are counted: all until the measured phase starts, then those of that
/// phase only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counting {
    All,
    Measured,
    Over,
}

/// A place for a node.
#[derive(Debug)]
struct Place<N> {
    node: Option<N>,
    history: History,
}

/// State of a place that outlasts its node.
#[derive(Debug)]
struct History {
    /// State of the random generator.
    rng: u64,
    /// Messages sent and timers armed so far.
    sequence: u64,
    timer_due: Time,
    /// Digest of all events so far, in order.
    digest: u64,
    /// Messages received by the present or the last host, in the measured phase: 0 except in the place of
    /// its first node.
    messages: u32,
}

type RequestsOf<S> = <ProtocolOf<S> as Protocol>::Requests;

impl<S: System> Shard<S> {
    /// Shard `index` of `partition`, without nodes.
    pub(super) fn new(
        index: usize,
        partition: Partition,
        system: S,
        network: Network,
        scenario: &Scenario,
    ) -> Shard<S> {
        let seed = scenario.seed;
        let mine = (0..partition.places).filter(|&place| partition.shard_of(place) == index);
        let empty = |place: u32| Place {
            node: None,
            history: History {
                rng: mix(mix(seed).wrapping_add(place.into())),
                sequence: 0,
                timer_due: Time::NEVER,
                digest: 0,
                messages: 0,
            },
        };
        let places: Vec<Place<S::Node>> = mine.map(empty).collect();
        Shard {
            system,
            requests: RequestsOf::<S>::with_capacity(2 * places.len() + REQUESTS),
            node_queues: NodeQueues::new(&scenario.network, places.len()),
            places,
            world: SimWorld::new(index, partition, network, seed),
            open: BatchOf::<S>::default(),
            at: 0,
            single: BatchOf::<S>::default(),
            wire: scenario.wire.then(Wire::new),
            checker: None,
            counting: Counting::All,
            store_work: StoreWork::default(),
            replaced_max: 0,
            busiest: None,
            findings: None,
            ranks: Vec::new(),
            costs: Vec::new(),
            feed: None,
        }
    }

    /// Feeds a live page from here on.
    pub(super) fn feed(&mut self, feed: Arc<Feed>) {
        self.feed = Some(ShardFeed::new(feed));
    }

    /// Installs `checker`, which looks at every event from here on. All nodes must be in this
    /// shard.
    pub(super) fn check(&mut self, mut checker: S::Checker) {
        // At the start places are in the order of identifiers. From the last one on, each member
        // comes after the successors that its list names, which saves a checker much work.
        for (place, it) in (0..self.places.len() as u32).zip(&self.places).rev() {
            checker.look(self.world.now, place, it.node.as_ref());
        }
        self.checker = Some(Box::new(checker));
    }

    /// The findings of the checker up to `now`, if there is one.
    pub(super) fn findings(&mut self, now: Time) -> Option<Check> {
        let mut nodes = self.places.iter().filter_map(|it| it.node.as_ref());
        self.checker.take().map(|checker| checker.findings(now, &mut nodes))
    }

    /// Inserts this shard's share of the members at the start, each in the place of its address.
    /// Those that remain when the user interrupts the run are left out.
    pub(super) fn start_linked(&mut self, members: &[Peer], interruption: &Interruption<'_>) {
        for (rank, &peer) in members.iter().enumerate() {
            if rank % AT_ONCE == 0 && interruption.is_requested() {
                return;
            }
            let Some(place) = place_of(peer.address) else { continue };
            if self.world.partition.shard_of(place) == self.world.index {
                self.insert_node(place, peer);
                self.with(place, |system, node, cx| system.start_linked(node, cx, members, rank));
            }
        }
    }

    /// Processes all events that are due before the end of `window`, or before an interruption is
    /// over. Returns how many.
    #[inline]
    pub(super) fn run(&mut self, window: Window, interruption: &Interruption<'_>) -> u64 {
        let before = self.world.counters.received;
        let Window { until, is_measured, is_gapless, looks_at, costs_before, traced, .. } = window;
        self.world.steps.select(traced);
        if is_gapless {
            self.world.request_timers.share();
        }
        self.count_window(is_measured);
        if costs_before > 0 {
            self.costs = self.world.costs.take_before(costs_before);
        }
        if let Some(members) = looks_at {
            self.findings = Some(self.look(&members, interruption));
        }
        loop {
            let open = mem::take(&mut self.open);
            let is_over = self.run_tick(&open, until, interruption);
            self.open = open;
            if is_over || self.world.queue.next_due() >= until {
                self.turn_feed();
                return self.world.counters.received - before;
            }
            self.at = 0;
            self.world.queue.open_next(&mut self.open);
        }
    }

    /// Tells a live page what has happened.
    fn turn_feed(&mut self) {
        let Some(feed) = &mut self.feed else { return };
        let (system, places) = (&self.system, &self.places);
        let nodes = || places.iter().filter_map(|it| it.node.as_ref());
        feed.turn(&mut self.world.tap);
        feed.turn_tables(|| {
            NodeTables::of(
                nodes().filter_map(|node| Some((node.peer().id, system.neighborhood(node)?))),
            )
        });
    }

    /// Compares the tables of this shard's nodes with the ring of these members.
    fn look(&mut self, members: &Members, interruption: &Interruption<'_>) -> Findings {
        let mut look = Look::new(members, &mut self.ranks);
        let Partition { places, .. } = self.world.partition;
        for (rank, &member) in members.peers().iter().enumerate() {
            if rank % AT_ONCE == 0 && interruption.is_over() {
                break;
            }
            let place = place_of(member.address).filter(|&place| place < places);
            let mine =
                place.filter(|&place| self.world.partition.shard_of(place) == self.world.index);
            let Some(place) = mine else { continue };
            let node = self.places[self.world.partition.index_of(place)].node.as_ref();
            if let Some(tables) = node.and_then(|node| self.system.neighborhood(node)) {
                look.at(rank, &tables);
            }
        }
        look.findings()
    }

    /// Restarts the counts of messages when the measured phase starts, and stops them at its end.
    fn count_window(&mut self, is_measured: bool) {
        match (self.counting, is_measured) {
            (Counting::All, true) => {
                self.counting = Counting::Measured;
                let nodes = self.places.iter().filter_map(|it| it.node.as_ref());
                self.store_work.begin(&self.system, nodes);
                self.places.iter_mut().for_each(|it| it.history.messages = 0);
                (self.replaced_max, self.busiest) = (0, None);
            }
            (Counting::Measured, false) => {
                self.counting = Counting::Over;
                let nodes = self.places.iter().filter_map(|it| it.node.as_ref());
                self.store_work.end(&self.system, nodes);
            }
            _ => {}
        }
    }

    /// Table sizes of this shard's hosts among `members`, and the load of the busiest host, present
    /// or replaced.
    pub(super) fn tables(&self, members: &[u32]) -> Tables {
        let mut tables = Tables::default();
        for host in self.hosts(members) {
            let nodes = host.iter().filter_map(|&place| self.node(place));
            tables
                .add(nodes.map(|node| (self.system.entries(node), self.system.memory_bytes(node))));
        }
        let messages = self.places.iter().map(|it| it.history.messages);
        tables.add_load(messages.fold(self.replaced_max, u32::max).into());
        tables
    }

    /// What this shard's nodes among `members` store at `now`.
    pub(super) fn stored(&mut self, now: Time, members: &[u32]) -> Contents {
        let mut stored = Contents::default();
        if !S::STORES {
            return stored;
        }
        let nodes = self.places.iter().filter_map(|it| it.node.as_ref());
        self.store_work.end(&self.system, nodes);
        stored.counts = self.store_work.measured();
        for host in self.hosts(members) {
            stored.begin_host();
            for node in host.iter().filter_map(|&place| self.node(place)) {
                self.system.add_stored(node, now, members.len(), &mut stored);
            }
        }
        stored
    }

    /// The members among the places of this shard, in groups of the same host.
    fn hosts<'m>(&self, members: &'m [u32]) -> impl Iterator<Item = &'m [u32]> {
        let Partition { per_host, .. } = self.world.partition;
        let hosts = members.chunk_by(move |&a, &b| per_host.host_of(a) == per_host.host_of(b));
        let (partition, index) = (self.world.partition, self.world.index);
        hosts.filter(move |host| partition.shard_of(host[0]) == index)
    }

    /// The node in `place`, one of this shard's.
    fn node(&self, place: u32) -> Option<&S::Node> {
        self.places[self.world.partition.index_of(place)].node.as_ref()
    }

    /// What lookups with lower numbers than `end` cost in this shard, without what was taken before.
    pub(super) fn costs_before(&mut self, end: LookupNumber) -> Vec<Cost> {
        self.world.costs.take_before(end)
    }

    /// The sum of the digests of all places. It depends on the order of events at each place, not
    /// on the division among shards.
    pub(super) fn digest(&self) -> u64 {
        self.places.iter().fold(0, |sum, it| sum.wrapping_add(mix(it.history.digest)))
    }

    /// Processes the events of `open` and late events between them. Returns true if the next one is
    /// not due before `until`, or if an interruption is over; false if there is none left.
    fn run_tick(
        &mut self,
        open: &BatchOf<S>,
        until: Time,
        interruption: &Interruption<'_>,
    ) -> bool {
        loop {
            let ready = open.keys().get(self.at).copied();
            let late = self.world.queue.first_late();
            let key = match (ready, late) {
                (Some(ready), Some(late)) => ready.min(late),
                (Some(key), None) | (None, Some(key)) => key,
                (None, None) => return false,
            };
            if key.time >= until {
                return true;
            }
            self.world.now = key.time;
            if ready == Some(key) {
                if self.at % AT_ONCE == AT_ONCE - 1 && interruption.is_over() {
                    return true;
                }
                self.at += 1;
                self.prefetch_ahead(open);
                self.process(key, open);
            } else {
                // Late events may beget late events for ever.
                if interruption.is_over() {
                    return true;
                }
                let mut single = mem::take(&mut self.single);
                if let Some(key) = self.world.queue.take_late(&mut single) {
                    self.process(key, &single);
                }
                self.single = single;
            }
        }
    }

    /// Prefetches the memory of coming events: first the message, then the node, then what the node
    /// will read for that message.
    #[inline]
    fn prefetch_ahead(&self, open: &BatchOf<S>) {
        let keys = open.keys();
        if let Some(in_flight) =
            keys.get(self.at + 3 * AHEAD).and_then(|key| open.in_flight_of(key.kind))
        {
            prefetch(in_flight);
        }
        if let Some(key) = keys.get(self.at + 2 * AHEAD) {
            let it = &self.places[self.world.partition.index_of(key.place)];
            prefetch(&it.history);
            prefetch_first(&it.node, S::Node::READ_FIRST_BYTES);
        }
        if let Some(key) = keys.get(self.at + AHEAD)
            && let Some(in_flight) = open.in_flight_of(key.kind)
            && let Some(node) = &self.places[self.world.partition.index_of(key.place)].node
        {
            node.prefetch_for(&in_flight.message);
        }
    }

    /// Processes an event of `batch`.
    fn process(&mut self, key: Key, batch: &BatchOf<S>) {
        let place = key.place;
        if let Some(checker) = &mut self.checker {
            checker.time_is(key.time);
        }
        if self.put_off(key, batch) {
            return;
        }
        let processed = match key.kind {
            EventKind::NodeTimer => {
                let it = self.place(place);
                let is_due = it.history.timer_due == key.time;
                if is_due {
                    it.history.timer_due = Time::NEVER;
                    self.world.lookup = 0;
                    self.with(place, |_, node, cx| node.handle_timeout(cx));
                }
                is_due
            }
            EventKind::RequestTimer(handle) => self.expire_request(key, RequestHandle(handle)),
            EventKind::Command(index) => {
                self.execute(place, batch.command(index), batch);
                true
            }
            EventKind::Message(index) => {
                let in_flight = batch.in_flight(index);
                if self.node_queues.is_some() {
                    self.queue_message(key, in_flight, batch.message(in_flight));
                } else {
                    self.receive(place, in_flight, batch);
                }
                true
            }
            EventKind::ServiceEnd => self.end_service(key),
        };
        if processed {
            self.world.counters.received += 1;
            let it = &mut self.places[self.world.partition.index_of(place)];
            if let Some(checker) = &mut self.checker {
                checker.look(key.time, place, it.node.as_ref());
            }
            let event = key.time.as_ns() ^ (u64::from(key.source) << 32) ^ mix(key.sequence);
            it.history.digest = mix(it.history.digest ^ event).wrapping_add(1);
        }
    }

    /// Lets the node in `place` process a message of `batch`, if the message is for it.
    #[inline(always)]
    fn receive(
        &mut self,
        place: u32,
        in_flight: &InFlight<ParkedOf<ProtocolOf<S>>>,
        batch: &BatchOf<S>,
    ) {
        if !self.is_for_present(place, in_flight) {
            self.world.count_drop(DropReason::NoSuchNode);
            let message = batch.message(in_flight);
            self.world.record_drop(place, StepKind::NodeGone, in_flight.envelope, &message);
            return;
        }
        let counts = self.counting != Counting::Over;
        let first = self.world.partition.per_host.first_of(place);
        let it = self.place(first);
        it.history.messages = it.history.messages.saturating_add(counts.into());
        let received = Busiest { messages: it.history.messages, place: first };
        if self.busiest.is_none_or(|busiest| received.rank() > busiest.rank()) {
            self.busiest = Some(received);
        }
        self.record_received(place, in_flight, batch);
        self.deliver(place, in_flight, batch.message(in_flight));
    }

    /// Whether a message is for the node that is in `place` now.
    #[inline]
    fn is_for_present(&self, place: u32, in_flight: &InFlight<ParkedOf<ProtocolOf<S>>>) -> bool {
        let node = &self.places[self.world.partition.index_of(place)].node;
        node.as_ref().is_some_and(|node| node.peer().id.prefix() == in_flight.envelope.to_prefix)
    }

    /// Gives a message to the node in `place`.
    #[inline(always)]
    fn deliver(
        &mut self,
        place: u32,
        in_flight: &InFlight<ParkedOf<ProtocolOf<S>>>,
        message: MessageOf<'_, ProtocolOf<S>>,
    ) {
        let Envelope { from, lookup, to_prefix } = in_flight.envelope;
        self.world.lookup = lookup;
        let Some(mut wire) = self.wire.take() else {
            return self.handle_message(place, from, message);
        };
        match wire.pass(from, address_of(place), to_prefix, &message) {
            Some((from, message)) => self.handle_message(place, from, message),
            None => self.world.counters.lost += 1,
        }
        self.wire = Some(wire);
    }

    #[inline(always)]
    fn handle_message(&mut self, place: u32, from: Peer, message: MessageOf<'_, ProtocolOf<S>>) {
        if S::CAN_LIE && self.world.network.disturbances().have_liars() {
            return self.handle_or_lie(place, from, message);
        }
        self.with(place, |_, node, cx| node.handle_message(cx, from, message));
    }

    #[cold]
    fn handle_or_lie(&mut self, place: u32, from: Peer, message: MessageOf<'_, ProtocolOf<S>>) {
        let disturbances = self.world.network.disturbances().clone();
        self.with(place, |system, node, cx| {
            if !lies::tell(&disturbances, system, node, cx, from, &message) {
                node.handle_message(cx, from, message);
            }
        });
    }

    /// Lets a request time out. Returns false if it was answered before.
    fn expire_request(&mut self, key: Key, handle: RequestHandle) -> bool {
        if let Some(next) = self.world.request_timers.leave(handle, key) {
            self.world.queue.enter_timer(next);
        }
        let is_its = self.requests.node_of(handle) == Some(key.place);
        if !self.world.request_timers.is_armed(handle, key) || !is_its {
            return false; // Another request may use the handle by now.
        }
        self.world.request_timers.disarm(handle);
        let lookup = self.world.request_timers.lookup_of(handle);
        if self.requests.is_silent_contact(handle) {
            self.world.counters.timeouts += 1;
            self.world.costs.add_timeout(lookup);
            self.record_timeout(key.place, handle, lookup);
        }
        self.world.lookup = lookup;
        self.with(key.place, |_, node, cx| node.handle_request_timeout(cx, handle));
        true
    }

    /// Executes a command of the director, which is in `batch`.
    fn execute(&mut self, place: u32, command: Command<QuestionOf<S>>, batch: &BatchOf<S>) {
        self.world.lookup = 0;
        match command {
            Command::Insert { peer } => self.insert_node(place, peer),
            Command::Join { bootstraps, chooses_place } => {
                let bootstraps: SmallVec<[Peer; MAX_BOOTSTRAPS]> =
                    batch.peers(bootstraps).iter().collect();
                self.with(place, |system, node, cx| match chooses_place {
                    true => system.choose_place(node, cx, &bootstraps),
                    false => system.join(node, cx, &bootstraps),
                });
            }
            Command::Depart { graceful } => {
                // A paused node cannot announce it.
                if graceful && !self.is_paused(place) {
                    self.with(place, |system, node, cx| system.leave(node, cx));
                }
                while let Some(handle) = self.requests.abandon_one(place) {
                    self.world.disarm_request(handle);
                }
                self.discard_queue(place);
                let it = &self.places[self.world.partition.index_of(place)];
                self.store_work.depart(&self.system, it.node.as_ref());
                let it = self.place(place);
                it.node = None;
                it.history.timer_due = Time::NEVER;
                if self.busiest.is_some_and(|busiest| busiest.place == place) {
                    self.busiest = self.busiest_left();
                }
            }
            Command::Ask { question, token, lookup } => {
                self.world.lookup = lookup;
                self.record_question(place, StepKind::Asked, lookup);
                let started =
                    self.with(place, |system, node, cx| system.ask(node, cx, question, token));
                if started != Some(true) {
                    let refused = NodeEvent::Refused { token };
                    self.world.reports.push((self.world.now, place, refused));
                    self.record_question(place, StepKind::Refused, lookup);
                }
            }
        }
    }

    /// The busiest present host.
    fn busiest_left(&self) -> Option<Busiest> {
        let places = (0..self.world.partition.places)
            .filter(|&place| self.world.partition.shard_of(place) == self.world.index);
        let per_host = self.world.partition.per_host;
        let firsts =
            places.zip(&self.places).filter(|&(place, _)| per_host.first_of(place) == place);
        Busiest::of_all(firsts.map(|(place, it)| {
            it.node.as_ref().map(|_| Busiest { messages: it.history.messages, place })
        }))
    }

    /// Puts a new node in `place`.
    fn insert_node(&mut self, place: u32, peer: Peer) {
        let it = &mut self.places[self.world.partition.index_of(place)];
        self.replaced_max = self.replaced_max.max(mem::take(&mut it.history.messages));
        let mut rng = Rng::light(it.history.rng);
        let host = self.world.partition.per_host.host_of(place);
        it.node = Some(self.system.node(host, peer, &mut rng));
        it.history.rng = rng.light_state().unwrap_or_default();
    }

    fn place(&mut self, place: u32) -> &mut Place<S::Node> {
        &mut self.places[self.world.partition.index_of(place)]
    }

    /// Calls the node in `place`; `None` if there is none.
    #[inline(always)]
    fn with<T>(
        &mut self,
        place: u32,
        act: impl FnOnce(&S, &mut S::Node, &mut Context<'_, ProtocolOf<S>>) -> T,
    ) -> Option<T> {
        let it = &mut self.places[self.world.partition.index_of(place)];
        let node = it.node.as_mut()?;
        let mut now = self.world.now;
        let disturbances = self.world.network.disturbances();
        if disturbances.strike_nodes() {
            self.world.node = node.peer().id;
            now = disturbances.clock(self.world.node, now);
        } else if self.world.steps.records(self.world.lookup) {
            self.world.node = node.peer().id;
        }
        let mut rng = Rng::light(it.history.rng);
        self.world.place = place;
        self.world.sequence = it.history.sequence;
        self.world.timer_due = it.history.timer_due;
        let mut cx = Context {
            now,
            node: place,
            rng: &mut rng,
            requests: &mut self.requests,
            world: &mut self.world,
        };
        let done = act(&self.system, node, &mut cx);
        it.history.rng = rng.light_state().unwrap_or_default();
        it.history.sequence = self.world.sequence;
        it.history.timer_due = self.world.timer_due;
        Some(done)
    }
}

impl<S: System> Participant<S> for Shard<S> {
    fn next_due(&self) -> Time {
        let ready = self.open.keys().get(self.at).copied();
        let first = ready.into_iter().chain(self.world.queue.first_late()).min();
        first.map_or_else(|| self.world.queue.next_due(), |key| key.time)
    }

    fn take(&mut self, batch: &mut BatchOf<S>) {
        self.world.queue.take(batch);
    }

    fn outgoing(&mut self) -> &mut [BatchOf<S>] {
        &mut self.world.outgoing
    }

    fn reports(&mut self) -> &mut Vec<Report<S>> {
        &mut self.world.reports
    }

    fn counters(&self) -> &Counters {
        &self.world.counters
    }

    fn busiest(&self) -> Option<Busiest> {
        self.busiest
    }

    fn take_findings(&mut self) -> Option<Findings> {
        self.findings.take()
    }

    fn take_costs(&mut self) -> Vec<Cost> {
        mem::take(&mut self.costs)
    }

    fn steps(&mut self) -> &mut Vec<Step> {
        self.world.steps.steps()
    }
}
