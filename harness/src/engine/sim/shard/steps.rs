//! The steps of traced lookups at the nodes of a shard. Those of messages that nodes send, and of messages that
//! no node handles, are in `world`.
//!
//! **Invariant:** a step of a lookup that is not traced costs one comparison.

use std::time::Duration;

use hopwise_kernel::node::{ParkedOf, RequestHandle, RequestTables as _};
use hopwise_kernel::{Node, Protocol};

use super::Shard;
use crate::engine::sim::costs::LookupNumber;
use crate::engine::sim::exchange::BatchOf;
use crate::engine::sim::queue::{Envelope, InFlight};
use crate::measure::trace::{Step, StepKind};
use crate::plug::{ProtocolOf, System};

impl<S: System> Shard<S> {
    /// The node in `place` is asked or refuses.
    #[inline]
    pub(super) fn record_question(&mut self, place: u32, kind: StepKind, lookup: LookupNumber) {
        if self.world.steps.records(lookup)
            && let Some(node) = self.node(place)
        {
            let step = Step::new(lookup, self.world.now, place, kind, node.peer().id);
            self.world.steps.push(step);
        }
    }

    /// The contact of a request of the node in `place` did not answer in time.
    pub(super) fn record_timeout(
        &mut self,
        place: u32,
        handle: RequestHandle,
        lookup: LookupNumber,
    ) {
        if self.world.steps.records(lookup)
            && let Some(node) = self.node(place)
            && let Some(contact) = self.requests.peer_of(handle)
        {
            let (at, kind) = (self.world.now, StepKind::TimedOut);
            let step = Step::new(lookup, at, place, kind, node.peer().id).with_peer(contact.id);
            self.world.steps.push(step);
        }
    }

    /// The node in `place` handles a message of `batch`: the only one if nodes have a rate.
    #[inline]
    pub(super) fn record_received(
        &mut self,
        place: u32,
        in_flight: &InFlight<ParkedOf<ProtocolOf<S>>>,
        batch: &BatchOf<S>,
    ) {
        let Envelope { from, lookup, .. } = in_flight.envelope;
        if self.world.steps.records(lookup)
            && let Some(node) = self.node(place)
        {
            let (at, kind) = (self.world.now, StepKind::Received);
            let arrived = self.node_queues.as_ref().map(|_| batch.keys()[0].time);
            let waited = arrived.map_or(Duration::ZERO, |arrived| at.since(arrived));
            let step = Step::new(lookup, at, place, kind, node.peer().id).with_peer(from.id);
            let name = <ProtocolOf<S>>::name(&batch.message(in_flight));
            self.world.steps.push(Step { waited, ..step.with_message(name) });
        }
    }
}
