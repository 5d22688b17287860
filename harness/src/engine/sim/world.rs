//! The simulated world of a shard's nodes: messages and timers become events.
//!
//! **Invariant:** the fate of a message depends only on its sender and its number.

use std::time::Duration;

use hopwise_kernel::base::rng::mix;
use hopwise_kernel::codec::DATAGRAM_OVERHEAD_BYTES;
use hopwise_kernel::drive::{Counters, Tap};
use hopwise_kernel::node::{DropReason, EventOf, MessageOf, RequestHandle};
use hopwise_kernel::{Codec, Id, Peer, Protocol, Rng, Time, World};

use super::costs::{Costs, LookupNumber};
use super::exchange::{BatchOf, Report};
use super::partition::{Partition, place_of};
use super::queue::{Envelope, EventKind, Key, Queue, source};
use super::request_timers::RequestTimers;
use super::step_recorder::StepRecorder;
use super::wire::Wire;
use crate::measure::trace::{Step, StepKind};
use crate::network::{Network, Transit};
use crate::plug::{AnswerOf, NodeEvent, ProtocolOf, QuestionOf, System};

/// Everything of a shard outside its nodes.
pub(super) struct SimWorld<S: System> {
    pub(super) index: usize,
    pub(super) partition: Partition,
    pub(super) network: Network,
    /// Seed of the network's random choices.
    pub(super) seed: u64,
    pub(super) now: Time,
    /// The place of the node that is being called, and its sequence number and timer meanwhile.
    pub(super) place: u32,
    pub(super) sequence: u64,
    pub(super) timer_due: Time,
    /// The lookup that the call is part of.
    pub(super) lookup: LookupNumber,
    /// The node that is being called, if that lookup is traced or nodes are disturbed.
    pub(super) node: Id,
    pub(super) costs: Costs,
    pub(super) steps: StepRecorder,
    pub(super) queue: Queue<ProtocolOf<S>, QuestionOf<S>>,
    pub(super) outgoing: Vec<BatchOf<S>>,
    pub(super) request_timers: RequestTimers,
    /// Flips bits of messages. Created when first needed.
    corrupter: Option<Wire<S::Codec>>,
    pub(super) counters: Counters,
    /// What a live page shows.
    pub(super) tap: Tap,
    pub(super) reports: Vec<Report<S>>,
}

impl<S: System> SimWorld<S> {
    /// The world of shard `index` at the start.
    pub(super) fn new(
        index: usize,
        partition: Partition,
        network: Network,
        seed: u64,
    ) -> SimWorld<S> {
        let queue = Queue::new(network.least_delay());
        SimWorld {
            index,
            partition,
            network,
            seed: mix(seed ^ 0x6e65_7477_6f72_6b00),
            now: Time::ZERO,
            place: 0,
            sequence: 0,
            timer_due: Time::NEVER,
            lookup: 0,
            node: Id::ZERO,
            costs: Costs::new(),
            steps: StepRecorder::default(),
            queue,
            outgoing: (0..partition.shards).map(|_| BatchOf::<S>::default()).collect(),
            request_timers: RequestTimers::default(),
            corrupter: None,
            counters: Counters::default(),
            tap: Tap::default(),
            reports: Vec::new(),
        }
    }

    pub(super) fn next_sequence(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// A step of `lookup` at `node`, which is being called.
    fn step(&self, lookup: LookupNumber, kind: StepKind, node: Id) -> Step {
        Step::new(lookup, self.now, self.place, kind, node)
    }

    /// Records that a message to `place` is dropped on arrival or later, if its lookup is traced.
    #[inline]
    pub(super) fn record_drop(
        &mut self,
        place: u32,
        kind: StepKind,
        envelope: Envelope,
        message: &MessageOf<'_, ProtocolOf<S>>,
    ) {
        let Envelope { from, lookup, to_prefix } = envelope;
        if self.steps.records(lookup) {
            let node = Id::from_parts(to_prefix, Id::ZERO.tail());
            let step = Step::new(lookup, self.now, place, kind, node).with_peer(from.id);
            self.steps.push(step.with_message(<ProtocolOf<S>>::name(message)));
        }
    }

    /// The same for the only message of `batch`.
    pub(super) fn record_drop_of(&mut self, batch: &BatchOf<S>, kind: StepKind) {
        let in_flight = batch.in_flight(0);
        let (place, message) = (batch.keys()[0].place, batch.message(in_flight));
        self.record_drop(place, kind, in_flight.envelope, &message);
    }

    /// Records that the node that is being called has ended the lookup, which is traced.
    fn record_end(&mut self, event: &NodeEvent<AnswerOf<S>>) {
        let kind = match event {
            NodeEvent::Answered { .. } => StepKind::Answered,
            NodeEvent::Refused { .. } => StepKind::Refused,
            NodeEvent::Failed { .. } => StepKind::Failed,
            _ => return,
        };
        self.steps.push(self.step(self.lookup, kind, self.node));
    }

    /// Enters a message with a flipped bit as an event. Returns false if it is no message any more.
    #[cold]
    fn post_corrupt(
        &mut self,
        delay: Duration,
        (from, envelope): (Peer, Envelope),
        to: Peer,
        bit: u64,
        message: &MessageOf<'_, ProtocolOf<S>>,
    ) -> bool {
        let mut wire = self.corrupter.take().unwrap_or_else(Wire::new);
        let posted = wire.corrupt(from, to, bit, message).is_some_and(|(from, to, message)| {
            let place = place_of(to.address).filter(|&place| place < self.partition.places);
            let envelope = Envelope { from, to_prefix: to.id.prefix(), ..envelope };
            place.is_some_and(|place| {
                self.post(place, delay, envelope, &message);
                true
            })
        });
        self.corrupter = Some(wire);
        posted
    }

    /// When the clock of the node that is being called shows `at`.
    #[inline]
    fn when_clock_shows(&self, at: Time) -> Time {
        let disturbances = self.network.disturbances();
        match disturbances.strike_nodes() {
            true => disturbances.when_clock_shows(self.node, at, self.now),
            false => at,
        }
    }

    /// Enters a message as an event, here or for another shard.
    fn post(
        &mut self,
        place: u32,
        delay: Duration,
        envelope: Envelope,
        message: &MessageOf<'_, ProtocolOf<S>>,
    ) {
        let key = Key {
            time: self.now + delay,
            place,
            source: source::node(self.place),
            sequence: self.next_sequence(),
            kind: EventKind::NodeTimer,
        };
        let shard = self.partition.shard_of(place);
        if shard == self.index {
            self.queue.enter_message(key, envelope, message);
        } else {
            self.outgoing[shard].push_message(key, envelope, message);
        }
    }
}

impl<S: System> World<ProtocolOf<S>> for SimWorld<S> {
    fn send(&mut self, from: Peer, to: Peer, message: &MessageOf<'_, ProtocolOf<S>>) {
        let class = <ProtocolOf<S>>::class(message);
        let length = S::Codec::default().length(message);
        let bytes = S::Codec::HEADER_BYTES + length + DATAGRAM_OVERHEAD_BYTES;
        self.counters.messages[class] += 1;
        self.counters.bytes[class] += bytes as u64;
        // A lookup may give rise to maintenance, which is not one of its costs.
        let is_lookup = <ProtocolOf<S>>::CLASSES[class].is_lookup;
        let lookup = if is_lookup { self.lookup } else { 0 };
        self.costs.add_message(lookup);
        let is_traced = self.steps.records(lookup);
        if is_traced {
            let step = self.step(lookup, StepKind::Sent, from.id).with_peer(to.id);
            self.steps.push(step.with_message(<ProtocolOf<S>>::name(message)));
        }
        let Some(place) = place_of(to.address).filter(|&place| place < self.partition.places)
        else {
            return; // No node has ever had this address.
        };
        let envelope = Envelope { from, lookup, to_prefix: to.id.prefix() };
        let sender = mix(self.seed ^ u64::from(self.place));
        let mut rng = Rng::light(mix(sender ^ self.sequence));
        let host_of = |place| self.partition.per_host.host_of(place);
        let (from_node, to_node) = ((from.id, host_of(self.place)), (to.id, host_of(place)));
        let transit = self.network.fate(from_node, to_node, self.now, &mut rng);
        let arrives = transit.delay().map_or(Time::NEVER, |delay| self.now + delay);
        self.tap.pass::<ProtocolOf<S>>(self.now, Some(arrives), (&from, &to), message);
        match transit {
            Transit::Once(delay) => self.post(place, delay, envelope, message),
            Transit::Twice(first, second) => {
                self.post(place, first, envelope, message);
                self.post(place, second, envelope, message);
            }
            Transit::Corrupt(delay, bit)
                if self.post_corrupt(delay, (from, envelope), to, bit, message) => {}
            Transit::Lost | Transit::Corrupt(..) => {
                self.next_sequence();
                self.counters.lost += 1;
                if is_traced {
                    let step = self.step(lookup, StepKind::Lost, from.id).with_peer(to.id);
                    self.steps.push(step.with_message(<ProtocolOf<S>>::name(message)));
                }
            }
        }
    }

    fn arm_node(&mut self, _node: u32, at: Time) {
        let at = self.when_clock_shows(at);
        debug_assert!(at >= self.now, "a node arms its timer in the past");
        self.timer_due = at;
        if at == Time::NEVER {
            return;
        }
        let sequence = self.next_sequence();
        let (place, source) = (self.place, source::TIMER);
        let key = Key { time: at, place, source, sequence, kind: EventKind::NodeTimer };
        self.queue.enter_timer(key);
    }

    fn arm_request(&mut self, request: RequestHandle, at: Time) {
        let at = self.when_clock_shows(at);
        debug_assert!(at >= self.now, "a request is armed in the past");
        let sequence = self.next_sequence();
        let (place, source) = (self.place, source::TIMER);
        let key =
            Key { time: at, place, source, sequence, kind: EventKind::RequestTimer(request.0) };
        if self.request_timers.arm(request, &key, self.lookup) {
            self.queue.enter_timer(key);
        }
    }

    fn disarm_request(&mut self, request: RequestHandle) {
        self.request_timers.disarm(request);
    }

    fn report(&mut self, node: u32, event: EventOf<ProtocolOf<S>>, payload: &[u8]) {
        if let Some(event) = S::node_event(event, payload) {
            if self.steps.records(self.lookup) {
                self.record_end(&event);
            }
            self.reports.push((self.now, node, event));
        }
    }

    fn count_drop(&mut self, reason: DropReason) {
        self.counters.dropped[reason.index()] += 1;
    }

    fn count_spurious(&mut self) {
        self.counters.spurious += 1;
    }
}
