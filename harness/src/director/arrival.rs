//! The joins in progress, and what each of their steps takes.
//!
//! **Invariant:** the steps of a join follow each other: what is measured for one is in no other.

use std::time::Duration;

use hopwise_kernel::{Peer, Time};

use super::Director;
use crate::measure::join_times::{JoinStep, JoinTimes};
use crate::workload::Workload;

/// A join in progress.
#[derive(Clone, Copy, Debug)]
pub(super) struct Join {
    /// When the present node came to the place.
    pub(super) inserted: Time,
    /// When it was told to join.
    since: Time,
    /// When a bootstrap answered, and which.
    contact: Option<(Time, Peer)>,
    /// When it had chosen its identifier.
    placed: Option<Time>,
    /// Whether the present node is there to choose an identifier.
    pub(super) is_choosing: bool,
}

impl Join {
    /// A join that starts now.
    pub(super) const fn new(now: Time, is_choosing: bool) -> Join {
        Join { inserted: now, since: now, contact: None, placed: None, is_choosing }
    }

    /// The bootstrap that has answered.
    pub(super) fn through(&self) -> Option<Peer> {
        self.contact.map(|(_, through)| through)
    }

    /// A bootstrap has answered.
    pub(super) fn on_contacted(&mut self, now: Time, through: Peer) {
        self.contact.get_or_insert((now, through));
    }

    /// The node has chosen its identifier.
    pub(super) const fn on_placed(&mut self, now: Time) {
        self.placed = Some(now);
    }

    /// A node with the chosen identifier takes the place of the one that chose it.
    pub(super) const fn on_replaced(&mut self, now: Time) {
        (self.inserted, self.is_choosing) = (now, false);
    }

    /// The present node starts again.
    pub(super) const fn on_failed(&mut self) {
        if self.is_choosing || self.placed.is_none() {
            self.contact = None;
        }
    }

    fn record_end(&self, now: Time, times: &mut JoinTimes) {
        let contacted = self.contact.map(|(at, _)| at);
        if let Some(at) = contacted {
            times.record(JoinStep::Contact, at.since(self.since));
        }
        if let Some(at) = self.placed {
            times.record(JoinStep::Place, at.since(contacted.unwrap_or(self.since)));
        }
        let routing_from = self.placed.or(contacted).unwrap_or(self.since);
        times.record(JoinStep::Routing, now.since(routing_from));
    }
}

impl<W: Workload> Director<W> {
    /// Records what the steps of a join took that has ended at `now`.
    pub(super) fn record_join_times(&mut self, now: Time, join: &Join) {
        if self.is_measured(now) {
            join.record_end(now, &mut self.join_times);
        }
    }

    /// Records that a node has all items of its range at `now`, `took` after it joined.
    pub(super) fn record_arrived(&mut self, now: Time, took: Duration) {
        if self.is_measured(now) {
            self.join_times.record(JoinStep::Items, took);
        }
    }
}
