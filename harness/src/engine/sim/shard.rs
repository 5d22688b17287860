//! A part of the nodes, with their pending events.
//!
//! **Invariant:** what a node does depends on its own history alone: its state, its messages and
//! timers in the order of their keys, and its own random generator. So it is the same however nodes
//! are divided among shards.

use std::time::Duration;

use hopwise_kernel::context::Drop;
use hopwise_kernel::prefetch::{prefetch, prefetch_first};
use hopwise_kernel::reactor::Counters;
use hopwise_kernel::rng::mix;
use hopwise_kernel::rpc::{RequestHandle, Requests};
use hopwise_kernel::wire::{BUNDLE_HEADER_BYTES, DATAGRAM_OVERHEAD_BYTES, frame_bytes};
use hopwise_kernel::{Context, Event, Message, Node, Peer, Rng, Time, World};

use super::barrier::{Participant, Report, Window};
use super::busiest::Busiest;
use super::partition::{Partition, address_of, place_of};
use super::queue::{Batch, Command, Key, Letter, Queue, What, source};
use super::wire::Wire;
use crate::Scenario;
use crate::engine::totals::Tables;
use crate::measure::outcome::Check;
use crate::network::{Network, Transit};
use crate::plug::{Checker, System};

/// Requests in flight for which a shard has room, beside two for each node there is.
const REQUESTS: usize = 64 * 1024;

/// Memory is asked for so many events ahead, twice and three times as many.
const AHEAD: usize = 4;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Shard<S: System> {
    system: S,
    seats: Vec<Seat<S::Node>>,
    requests: Requests,
    outside: Outside,
    /// The events of the tick that is open, in order; those before `at` are over.
    open: Batch,
    at: usize,
    /// One late event.
    single: Batch,
    /// Where messages are bytes.
    wire: Option<Wire>,
    checker: Option<Box<S::Checker>>,
    counting: Counting,
    /// Messages of the busiest node that has made room for another.
    replaced_max: u32,
    busiest: Option<Busiest>,
}

/// Which messages of each node are counted: those of the measured phase, and until it begins, all.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Counting {
    All,
    Measured,
    Over,
}

/// A place for a node.
#[derive(Debug)]
struct Seat<N> {
    node: Option<N>,
    history: History,
}

/// What outlasts a node.
#[derive(Debug)]
struct History {
    /// State of the node's own randomness.
    rng: u64,
    /// Messages sent and timers armed so far.
    sequence: u64,
    timer_due: Time,
    /// Of all events so far, in order.
    digest: u64,
    /// Messages of the measured phase that the node got, or the last one here.
    messages: u32,
}

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
        let seat = |place: u32| Seat {
            node: None,
            history: History {
                rng: mix(mix(seed).wrapping_add(place.into())),
                sequence: 0,
                timer_due: Time::NEVER,
                digest: 0,
                messages: 0,
            },
        };
        let seats: Vec<Seat<S::Node>> = mine.map(seat).collect();
        Shard {
            system,
            requests: Requests::new(2 * seats.len() + REQUESTS),
            seats,
            outside: Outside {
                index,
                partition,
                network,
                seed: mix(seed ^ 0x6e65_7477_6f72_6b00),
                now: Time::ZERO,
                place: 0,
                sequence: 0,
                timer_due: Time::NEVER,
                queue: Queue::new(),
                outgoing: (0..partition.shards).map(|_| Batch::default()).collect(),
                request_due: Vec::new(),
                counters: Counters::default(),
                reports: Vec::new(),
            },
            open: Batch::default(),
            at: 0,
            single: Batch::default(),
            wire: scenario.wire.then(Wire::new),
            checker: None,
            counting: Counting::All,
            replaced_max: 0,
            busiest: None,
        }
    }

    /// Has `checker` look at every event from here on. All nodes must be in this shard.
    pub(super) fn check(&mut self, mut checker: S::Checker) {
        for (place, seat) in (0..).zip(&self.seats) {
            checker.look(self.outside.now, place, seat.node.as_ref());
        }
        self.checker = Some(Box::new(checker));
    }

    /// What the checker has found up to `now`, if there is one.
    pub(super) fn findings(&mut self, now: Time) -> Option<Check> {
        self.checker.take().map(|checker| checker.findings(now))
    }

    /// Seats this shard's share of the members at the start, each in the place of its address.
    pub(super) fn start_linked(&mut self, members: &[Peer]) {
        for (rank, &peer) in members.iter().enumerate() {
            let Some(place) = place_of(peer.address) else { continue };
            if self.outside.partition.shard_of(place) == self.outside.index {
                self.seat_node(place, peer);
                self.with(place, |system, node, cx| system.start_linked(node, cx, members, rank));
            }
        }
    }

    /// Lets everything happen that is due before the end of `window`.
    pub(super) fn run(&mut self, window: Window) {
        let Window { until, is_measured } = window;
        self.count_window(is_measured);
        loop {
            let open = std::mem::take(&mut self.open);
            let is_over = self.run_tick(&open, until);
            self.open = open;
            if is_over || self.outside.queue.next_due() >= until {
                return;
            }
            self.at = 0;
            self.outside.queue.open_next(&mut self.open);
        }
    }

    /// Begins to count anew when the measured phase begins, and no more when it is over.
    fn count_window(&mut self, is_measured: bool) {
        match (self.counting, is_measured) {
            (Counting::All, true) => {
                self.counting = Counting::Measured;
                self.seats.iter_mut().for_each(|seat| seat.history.messages = 0);
                (self.replaced_max, self.busiest) = (0, None);
            }
            (Counting::Measured, false) => self.counting = Counting::Over,
            _ => {}
        }
    }

    /// Sizes of the tables of this shard's nodes among `members`, and the load of the busiest there
    /// has been.
    pub(super) fn tables(&self, members: &[u32]) -> Tables {
        let mut tables = Tables::default();
        let partition = self.outside.partition;
        let mine = members.iter().filter(|&&place| partition.shard_of(place) == self.outside.index);
        for node in mine.filter_map(|&place| self.seats[partition.index_of(place)].node.as_ref()) {
            tables.add(self.system.entries(node), self.system.memory_bytes(node));
        }
        let messages = self.seats.iter().map(|seat| seat.history.messages);
        tables.add_load(messages.fold(self.replaced_max, u32::max).into());
        tables
    }

    /// The sum over all seats: the order of events at each counts, their division among shards does not.
    pub(super) fn digest(&self) -> u64 {
        self.seats.iter().fold(0, |sum, seat| sum.wrapping_add(mix(seat.history.digest)))
    }

    /// Goes on with the events of `open` and the late ones between them. True once the next one is
    /// not due before `until`, false if there is none left.
    fn run_tick(&mut self, open: &Batch, until: Time) -> bool {
        loop {
            let ready = open.keys().get(self.at).copied();
            let late = self.outside.queue.first_late();
            let key = match (ready, late) {
                (Some(ready), Some(late)) => ready.min(late),
                (Some(key), None) | (None, Some(key)) => key,
                (None, None) => return false,
            };
            if key.time >= until {
                return true;
            }
            self.outside.now = key.time;
            if ready == Some(key) {
                self.at += 1;
                self.expect(open);
                self.happen(key, open);
            } else {
                let mut single = std::mem::take(&mut self.single);
                if let Some(key) = self.outside.queue.take_late(&mut single) {
                    self.happen(key, &single);
                }
                self.single = single;
            }
        }
    }

    /// Asks for the memory that events after the next one will read: the letter first, then the node,
    /// then what the node says it will read of the message.
    #[inline]
    fn expect(&self, open: &Batch) {
        let keys = open.keys();
        if let Some(letter) = keys.get(self.at + 3 * AHEAD).and_then(|key| open.letter_of(key.what))
        {
            prefetch(letter);
        }
        if let Some(key) = keys.get(self.at + 2 * AHEAD) {
            let seat = &self.seats[self.outside.partition.index_of(key.place)];
            prefetch(&seat.history);
            prefetch_first(&seat.node, S::Node::READ_FIRST_BYTES);
        }
        if let Some(key) = keys.get(self.at + AHEAD)
            && let Some(letter) = open.letter_of(key.what)
            && let Some(node) = &self.seats[self.outside.partition.index_of(key.place)].node
        {
            node.expect_message(&letter.message);
        }
    }

    /// An event of `batch` happens now.
    fn happen(&mut self, key: Key, batch: &Batch) {
        let place = key.place;
        if let Some(checker) = &mut self.checker {
            checker.time_is(key.time);
        }
        let happened = match key.what {
            What::NodeTimer => {
                let seat = self.seat(place);
                let is_due = seat.history.timer_due == key.time;
                if is_due {
                    seat.history.timer_due = Time::NEVER;
                    self.with(place, |_, node, cx| node.handle_timeout(cx));
                }
                is_due
            }
            What::RequestTimer(handle) => self.expire_request(key, RequestHandle(handle)),
            What::Command(index) => {
                self.obey(place, batch.command(index));
                true
            }
            What::Letter(index) => {
                let letter = batch.letter(index);
                let is_there = |node: &S::Node| node.peer().id.prefix() == letter.to_prefix;
                let counts = self.counting != Counting::Over;
                let seat = self.seat(place);
                if seat.node.as_ref().is_some_and(is_there) {
                    seat.history.messages = seat.history.messages.saturating_add(counts.into());
                    let received = Busiest { messages: seat.history.messages, place };
                    if self.busiest.is_none_or(|busiest| received.rank() > busiest.rank()) {
                        self.busiest = Some(received);
                    }
                    self.deliver(place, letter, batch.message(letter));
                } else {
                    self.outside.count_drop(Drop::NoSuchNode);
                }
                true
            }
        };
        if happened {
            self.outside.counters.received += 1;
            let seat = &mut self.seats[self.outside.partition.index_of(place)];
            if let Some(checker) = &mut self.checker {
                checker.look(key.time, place, seat.node.as_ref());
            }
            let event = key.time.as_ns() ^ (u64::from(key.source) << 32) ^ mix(key.sequence);
            seat.history.digest = mix(seat.history.digest ^ event).wrapping_add(1);
        }
    }

    fn deliver(&mut self, place: u32, letter: &Letter, message: Message<'_>) {
        let Some(mut wire) = self.wire.take() else {
            self.with(place, |_, node, cx| node.handle_message(cx, letter.from, message));
            return;
        };
        match wire.pass(letter.from, address_of(place), letter.to_prefix, message) {
            Some((from, message)) => {
                self.with(place, |_, node, cx| node.handle_message(cx, from, message));
            }
            None => self.outside.counters.lost += 1,
        }
        self.wire = Some(wire);
    }

    fn expire_request(&mut self, key: Key, handle: RequestHandle) -> bool {
        let due = &mut self.outside.request_due[handle.0 as usize];
        let is_its = self.requests.at(handle).is_some_and(|request| request.node == key.place);
        if *due != key.time || !is_its {
            return false; // Answered in time; the handle may serve another request by now.
        }
        *due = Time::NEVER;
        let expired = self.with(key.place, |_, node, cx| node.handle_request_timeout(cx, handle));
        if expired.is_none() {
            self.requests.remove(handle);
        }
        true
    }

    fn obey(&mut self, place: u32, command: Command) {
        match command {
            Command::Insert { peer } => self.seat_node(place, peer),
            Command::Join { bootstrap } => {
                self.with(place, |system, node, cx| system.join(node, cx, bootstrap));
            }
            Command::Depart { graceful } => {
                if graceful {
                    self.with(place, |system, node, cx| system.leave(node, cx));
                }
                while let Some(handle) = self.requests.abandon_one(place) {
                    self.outside.disarm_request(handle);
                }
                let seat = self.seat(place);
                seat.node = None;
                seat.history.timer_due = Time::NEVER;
                if self.busiest.is_some_and(|busiest| busiest.place == place) {
                    self.busiest = self.busiest_left();
                }
            }
            Command::Ask { question, token } => {
                let begun =
                    self.with(place, |system, node, cx| system.ask(node, cx, question, token));
                if begun != Some(true) {
                    self.outside.report(place, Event::LookupFailed { token, timeouts: 0 });
                }
            }
        }
    }

    /// The busiest of those who are still there.
    fn busiest_left(&self) -> Option<Busiest> {
        let places = (0..self.outside.partition.places)
            .filter(|&place| self.outside.partition.shard_of(place) == self.outside.index);
        Busiest::of_all(places.zip(&self.seats).map(|(place, seat)| {
            seat.node.as_ref().map(|_| Busiest { messages: seat.history.messages, place })
        }))
    }

    fn seat_node(&mut self, place: u32, peer: Peer) {
        let seat = &mut self.seats[self.outside.partition.index_of(place)];
        self.replaced_max = self.replaced_max.max(std::mem::take(&mut seat.history.messages));
        let mut rng = Rng::light(seat.history.rng);
        seat.node = Some(self.system.node(place, peer, &mut rng));
        seat.history.rng = rng.light_state().unwrap_or_default();
    }

    fn seat(&mut self, place: u32) -> &mut Seat<S::Node> {
        &mut self.seats[self.outside.partition.index_of(place)]
    }

    /// Gives something to do to the node in `place`; nothing if there is none.
    #[inline]
    fn with<T>(
        &mut self,
        place: u32,
        act: impl FnOnce(&S, &mut S::Node, &mut Context<'_>) -> T,
    ) -> Option<T> {
        let seat = &mut self.seats[self.outside.partition.index_of(place)];
        let node = seat.node.as_mut()?;
        let mut rng = Rng::light(seat.history.rng);
        self.outside.place = place;
        self.outside.sequence = seat.history.sequence;
        self.outside.timer_due = seat.history.timer_due;
        let mut cx = Context {
            now: self.outside.now,
            node: place,
            rng: &mut rng,
            requests: &mut self.requests,
            world: &mut self.outside,
        };
        let done = act(&self.system, node, &mut cx);
        seat.history.rng = rng.light_state().unwrap_or_default();
        seat.history.sequence = self.outside.sequence;
        seat.history.timer_due = self.outside.timer_due;
        Some(done)
    }
}

impl<S: System> Participant for Shard<S> {
    fn next_due(&self) -> Time {
        let ready = self.open.keys().get(self.at).copied();
        let first = ready.into_iter().chain(self.outside.queue.first_late()).min();
        first.map_or_else(|| self.outside.queue.next_due(), |key| key.time)
    }

    fn take(&mut self, batch: &mut Batch) {
        self.outside.queue.take(batch);
    }

    fn outgoing(&mut self) -> &mut [Batch] {
        &mut self.outside.outgoing
    }

    fn reports(&mut self) -> &mut Vec<Report> {
        &mut self.outside.reports
    }

    fn counters(&self) -> &Counters {
        &self.outside.counters
    }

    fn busiest(&self) -> Option<Busiest> {
        self.busiest
    }
}

/// Everything outside a shard's nodes.
#[derive(Debug)]
struct Outside {
    index: usize,
    partition: Partition,
    network: Network,
    /// Of what the network does.
    seed: u64,
    now: Time,
    /// The node that acts, and what is kept for it meanwhile.
    place: u32,
    sequence: u64,
    timer_due: Time,
    queue: Queue,
    outgoing: Vec<Batch>,
    /// When each request in flight times out, by handle.
    request_due: Vec<Time>,
    counters: Counters,
    reports: Vec<Report>,
}

impl Outside {
    fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    fn post(&mut self, place: u32, delay: Duration, from: Peer, to: Peer, message: &Message<'_>) {
        let key = Key {
            time: self.now + delay,
            place,
            source: source::node(self.place),
            sequence: self.next_sequence(),
            what: What::NodeTimer,
        };
        let to_prefix = to.id.prefix();
        let shard = self.partition.shard_of(place);
        if shard == self.index {
            self.queue.enter_letter(key, from, to_prefix, message);
        } else {
            self.outgoing[shard].push_letter(key, from, to_prefix, message);
        }
    }
}

impl World for Outside {
    fn send(&mut self, from: Peer, to: Peer, message: &Message<'_>) {
        let class = message.class() as usize;
        let bytes = BUNDLE_HEADER_BYTES + frame_bytes(message) + DATAGRAM_OVERHEAD_BYTES;
        self.counters.messages[class] += 1;
        self.counters.bytes[class] += bytes as u64;
        let Some(place) = place_of(to.address).filter(|&place| place < self.partition.places)
        else {
            return; // An address nobody has ever had.
        };
        let sender = mix(self.seed ^ u64::from(self.place));
        let mut rng = Rng::light(mix(sender ^ self.sequence));
        match self.network.transit(self.place, place, &mut rng) {
            Transit::Once(delay) => self.post(place, delay, from, to, message),
            Transit::Twice(first, second) => {
                self.post(place, first, from, to, message);
                self.post(place, second, from, to, message);
            }
            Transit::Lost => {
                self.next_sequence();
                self.counters.lost += 1;
            }
        }
    }

    fn arm_node(&mut self, _node: u32, at: Time) {
        self.timer_due = at;
        if at == Time::NEVER {
            return;
        }
        let sequence = self.next_sequence();
        let (place, source) = (self.place, source::TIMER);
        let key = Key { time: at, place, source, sequence, what: What::NodeTimer };
        self.queue.enter_timer(key);
    }

    fn arm_request(&mut self, request: RequestHandle, at: Time) {
        let index = request.0 as usize;
        if index >= self.request_due.len() {
            self.request_due.resize(index + 1, Time::NEVER);
        }
        self.request_due[index] = at;
        let sequence = self.next_sequence();
        let (place, source) = (self.place, source::TIMER);
        let key = Key { time: at, place, source, sequence, what: What::RequestTimer(request.0) };
        self.queue.enter_timer(key);
    }

    fn disarm_request(&mut self, request: RequestHandle) {
        if let Some(due) = self.request_due.get_mut(request.0 as usize) {
            *due = Time::NEVER;
        }
    }

    fn report(&mut self, node: u32, event: Event<'_>) {
        // Nobody in a simulation reads payloads.
        self.reports.push((self.now, node, event.detach()));
    }

    fn count_drop(&mut self, reason: Drop) {
        self.counters.dropped[reason as usize] += 1;
    }
}
