//! Nodes that are paused: their events wait until the pause is over.
//!
//! Messages come first then, in the order in which they arrived, as they would lie at a socket. Then come
//! the timers and the questions. What the director does to a node does not wait: a paused node can crash.
//!
//! **Invariant:** no event of a paused node is lost.

use std::time::Duration;

use hopwise_kernel::node::{RequestHandle, RequestTables as _};
use hopwise_kernel::{Node as _, Time};

use super::Shard;
use crate::engine::sim::exchange::BatchOf;
use crate::engine::sim::queue::{Command, EventKind, Key, source};
use crate::plug::System;

impl<S: System> Shard<S> {
    /// Puts off an event of `batch` if its node is paused. Returns whether it was put off.
    #[inline]
    pub(super) fn put_off(&mut self, key: Key, batch: &BatchOf<S>) -> bool {
        self.world.network.disturbances().strike_nodes() && self.put_off_if_paused(key, batch)
    }

    /// Whether the node in `place` is paused.
    pub(super) fn is_paused(&self, place: u32) -> bool {
        let disturbances = self.world.network.disturbances();
        let is_it = |id| disturbances.paused_until(id, self.world.now).is_some();
        disturbances.strike_nodes() && self.node(place).is_some_and(|node| is_it(node.peer().id))
    }

    fn put_off_if_paused(&mut self, key: Key, batch: &BatchOf<S>) -> bool {
        let Some(node) = self.node(key.place) else { return false };
        let id = node.peer().id;
        let Some(until) = self.world.network.disturbances().paused_until(id, key.time) else {
            return false;
        };
        let after = until + Duration::from_nanos(1);
        match key.kind {
            EventKind::Message(index) => {
                let in_flight = batch.in_flight(index);
                let key = self.key_of_waiting(key, until);
                let message = batch.message(in_flight);
                self.world.queue.enter_message(key, in_flight.envelope, &message);
            }
            EventKind::Command(index) => {
                let command = batch.command(index);
                if !matches!(command, Command::Ask { .. }) {
                    return false;
                }
                let mut waiting = BatchOf::<S>::default();
                waiting.push_command(self.key_of_waiting(key, after), command);
                self.world.queue.take(&mut waiting);
            }
            EventKind::NodeTimer => {
                let history = &mut self.place(key.place).history;
                if history.timer_due == key.time {
                    history.timer_due = after;
                    self.world.queue.enter_timer(Key { time: after, ..key });
                }
            }
            EventKind::RequestTimer(handle) => {
                let handle = RequestHandle(handle);
                if let Some(next) = self.world.request_timers.leave(handle, key) {
                    self.world.queue.enter_timer(next);
                }
                let is_its = self.requests.node_of(handle) == Some(key.place);
                if is_its && self.world.request_timers.is_armed(handle, key) {
                    let lookup = self.world.request_timers.lookup_of(handle);
                    let key = Key { time: after, ..key };
                    if self.world.request_timers.arm(handle, &key, lookup) {
                        self.world.queue.enter_timer(key);
                    }
                }
            }
            // A node with a rate is never paused: the scenario is refused.
            EventKind::ServiceEnd => return false,
        }
        true
    }

    /// The key of an event that waits until `time`, after those that wait already.
    fn key_of_waiting(&mut self, key: Key, time: Time) -> Key {
        let history = &mut self.place(key.place).history;
        history.sequence += 1;
        Key { time, source: source::WAITING, sequence: history.sequence, ..key }
    }
}
