//! How nodes with a rate process their messages: an event when a message arrives, and another when its
//! node has processed it.
//!
//! The nodes of a host share one queue, that of the host's first node.
//!
//! **Invariant:** a node handles a message when its service ends, and the host starts on the next one at
//! once.

use hopwise_kernel::node::{DropReason, MessageOf, ParkedOf};
use hopwise_kernel::{Time, World};

use super::Shard;
use super::inbox::Arrival;
use crate::engine::sim::queue::{EventKind, InFlight, Key, source};
use crate::measure::trace::StepKind;
use crate::plug::{ProtocolOf, System};

impl<S: System> Shard<S> {
    /// Adds a message to the queue of its node.
    pub(super) fn queue_message(
        &mut self,
        key: Key,
        in_flight: &InFlight<ParkedOf<ProtocolOf<S>>>,
        message: MessageOf<'_, ProtocolOf<S>>,
    ) {
        if !self.is_for_present(key.place, in_flight) {
            self.world.count_drop(DropReason::NoSuchNode);
            let envelope = in_flight.envelope;
            self.world.record_drop(key.place, StepKind::NodeGone, envelope, &message);
            return;
        }
        let first = self.world.partition.per_host.first_of(key.place);
        let index = self.world.partition.index_of(first);
        let Some(queues) = &mut self.node_queues else { return };
        match queues.arrive(index, key, in_flight, &message) {
            (Arrival::Served, ends_at) => self.enter_service_end(first, ends_at),
            (Arrival::Waits, _) => {}
            (Arrival::Dropped, _) => {
                self.world.counters.queue_full += 1;
                let envelope = in_flight.envelope;
                self.world.record_drop(key.place, StepKind::QueueFull, envelope, &message);
            }
        }
    }

    /// Lets a node handle the message that it has processed, and starts on the next one. Returns
    /// false if the node departed meanwhile.
    pub(super) fn end_service(&mut self, key: Key) -> bool {
        let index = self.world.partition.index_of(key.place);
        let Some(queues) = &mut self.node_queues else { return false };
        let Some((number, batch)) = queues.end_service(index, key.time) else { return false };
        self.receive(batch.keys()[0].place, batch.in_flight(0), &batch);
        let Some(queues) = &mut self.node_queues else { return true };
        queues.give_back(number, batch);
        let world = &mut self.world;
        let ends_at = queues.start_service(index, key.time, |dropped| {
            world.counters.waited_too_long += 1;
            world.record_drop_of(dropped, StepKind::WaitedTooLong);
        });
        if let Some(ends_at) = ends_at {
            self.enter_service_end(key.place, ends_at);
        }
        true
    }

    fn enter_service_end(&mut self, place: u32, time: Time) {
        let history = &mut self.place(place).history;
        history.sequence += 1;
        let (sequence, source) = (history.sequence, source::TIMER);
        let key = Key { time, place, source, sequence, kind: EventKind::ServiceEnd };
        self.world.queue.enter_timer(key);
    }

    /// Drops all messages in the queue of the node in `place`, which departs with its host.
    pub(super) fn discard_queue(&mut self, place: u32) {
        let Some(queues) = &mut self.node_queues else { return };
        let (index, world) = (self.world.partition.index_of(place), &mut self.world);
        queues.discard(index, |dropped| {
            world.count_drop(DropReason::NoSuchNode);
            world.record_drop_of(dropped, StepKind::NodeGone);
        });
    }
}
