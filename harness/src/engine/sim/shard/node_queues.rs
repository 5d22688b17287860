//! The queues of a shard's nodes, with the messages in them, if nodes have a rate
//! (`network.node_rate`).
//!
//! **Invariant:** memory is reused: a message takes the spare memory of earlier ones.

use std::time::Duration;

use hopwise_kernel::node::{MessageOf, ParkedOf};
use hopwise_kernel::{Protocol, Time};

use super::inbox::{Arrival, Inbox, Room};
use crate::engine::sim::exchange::BatchOf;
use crate::engine::sim::queue::{InFlight, Key};
use crate::plug::{ProtocolOf, System};
use crate::scenario;

/// See the [module](self).
pub(super) struct NodeQueues<S: System> {
    /// How long a node takes to process a message.
    service: Duration,
    room: Room,
    /// By the index of a node's place in its shard; those of a host's first nodes are used.
    nodes: Vec<NodeQueue>,
    /// One message each, by its number.
    messages: Vec<BatchOf<S>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct NodeQueue {
    inbox: Inbox,
    /// When the message in service has been processed.
    ends_at: Time,
}

impl<S: System> NodeQueues<S> {
    /// Empty queues for `places` nodes; `None` if nodes are infinitely fast.
    pub(super) fn new(network: &scenario::Network, places: usize) -> Option<NodeQueues<S>> {
        let service_s = 1.0 / network.node_rate?;
        let empty = || NodeQueue { inbox: Inbox::default(), ends_at: Time::NEVER };
        Some(NodeQueues {
            service: Duration::try_from_secs_f64(service_s).unwrap_or(Duration::MAX),
            room: Room::new(network.node_queue),
            nodes: (0..places).map(|_| empty()).collect(),
            messages: Vec::new(),
            free: Vec::new(),
        })
    }

    /// Handles the arrival of a message whose event is `key` at the node at `index`. Returns what
    /// happens to it, and when it has been processed if it is served at once.
    pub(super) fn arrive(
        &mut self,
        index: usize,
        key: Key,
        in_flight: &InFlight<ParkedOf<ProtocolOf<S>>>,
        message: &MessageOf<'_, ProtocolOf<S>>,
    ) -> (Arrival, Time) {
        let number = self.free.pop().unwrap_or_else(|| {
            self.messages.push(BatchOf::<S>::default());
            self.messages.len() as u32 - 1
        });
        let node = &mut self.nodes[index];
        let starts_work = <ProtocolOf<S>>::starts_work(message);
        let arrival = node.inbox.arrive(number, starts_work, key.time, self.room);
        match arrival {
            Arrival::Served => node.ends_at = key.time + self.service,
            Arrival::Waits => {}
            Arrival::Dropped => {
                self.free.push(number);
                return (arrival, node.ends_at);
            }
        }
        let kept = &mut self.messages[number as usize];
        kept.push_message(key, in_flight.envelope, message);
        (arrival, node.ends_at)
    }

    /// Ends a service that ends `now` at the node at `index`. Returns the number of the message and
    /// a batch with nothing else; `None` if the node departed meanwhile.
    pub(super) fn end_service(&mut self, index: usize, now: Time) -> Option<(u32, BatchOf<S>)> {
        let node = &mut self.nodes[index];
        if node.ends_at != now {
            return None; // The service of a node that is gone.
        }
        node.ends_at = Time::NEVER;
        let number = node.inbox.end_service()?;
        Some((number, std::mem::take(&mut self.messages[number as usize])))
    }

    /// Takes back the memory of a processed message.
    pub(super) fn give_back(&mut self, number: u32, mut batch: BatchOf<S>) {
        batch.clear();
        self.messages[number as usize] = batch;
        self.free.push(number);
    }

    /// Starts the next service of the idle node at `index`, if a message waits. Returns when that
    /// ends. Passes the messages that had waited too long to `drop_old`, one in a batch.
    pub(super) fn start_service(
        &mut self,
        index: usize,
        now: Time,
        mut drop_old: impl FnMut(&BatchOf<S>),
    ) -> Option<Time> {
        let node = &mut self.nodes[index];
        let (messages, free) = (&mut self.messages, &mut self.free);
        let starts = node.inbox.start_service(now, |number| {
            let message = &mut messages[number as usize];
            drop_old(message);
            message.clear();
            free.push(number);
        });
        if starts {
            node.ends_at = now + self.service;
        }
        starts.then_some(node.ends_at)
    }

    /// Removes all messages for the node at `index`, which departs, and passes them to `discarded`, one
    /// in a batch.
    pub(super) fn discard(&mut self, index: usize, mut discarded: impl FnMut(&BatchOf<S>)) {
        let node = &mut self.nodes[index];
        node.ends_at = Time::NEVER;
        while let Some(number) = node.inbox.discard_one() {
            let message = &mut self.messages[number as usize];
            discarded(message);
            message.clear();
            self.free.push(number);
        }
    }
}
