//! Copies the tables of a shard's members at whole seconds.
//!
//! **Invariant:** a turn copies the tables of at most [`NODES_PER_TURN`] nodes.

use std::time::Duration;

use hopwise_kernel::reactor::Shard;
use hopwise_kernel::{Node, Peer, Time};

use crate::director::Director;
use crate::measure::health::Snapshot;
use crate::plug::System;

/// The most nodes whose tables are copied in one turn.
pub(super) const NODES_PER_TURN: usize = 256;
/// The most nodes of a run whose tables are copied; of more, every second, third, … is.
const NODES_MAX: usize = 20_000;
const SECOND: Duration = Duration::from_secs(1);

/// The members of a shard, and the tables of some of them.
#[derive(Debug)]
pub(super) struct Scanned {
    /// The whole second.
    pub(super) at: Time,
    pub(super) members: Vec<Peer>,
    pub(super) tables: Snapshot,
}

/// The copying of one shard.
#[derive(Debug)]
pub(super) struct Scan {
    /// The next whole second; [`Time::NEVER`] if nodes form no ring.
    next: Time,
    /// Every so many places, one is scanned.
    stride: usize,
    /// The second and the places of the scan in progress, of which those before `done` are copied.
    at: Time,
    places: Vec<u32>,
    done: usize,
    tables: Snapshot,
}

impl Scan {
    /// The scans of nodes of `S`, of which there are so many in the whole run.
    pub(super) fn new<S: System>(nodes: usize) -> Scan {
        Scan {
            next: if S::IS_RING { Time::ZERO + SECOND } else { Time::NEVER },
            stride: nodes.div_ceil(NODES_MAX).max(1),
            at: Time::ZERO,
            places: Vec::new(),
            done: 0,
            tables: Snapshot::default(),
        }
    }

    /// When the next turn is due.
    pub(super) fn next_due(&self) -> Time {
        if self.places.is_empty() { self.next } else { self.at }
    }

    /// Copies more tables if that is due. Returns the copies once they are complete.
    pub(super) fn turn<S: System>(
        &mut self,
        shard: &Shard<S::Node, S::Codec>,
        system: &S,
        director: &Director<S::Workload>,
        now: Time,
    ) -> Option<Box<Scanned>> {
        if self.places.is_empty() {
            if now < self.next {
                return None;
            }
            let whole_s = now.since(Time::ZERO).as_secs();
            self.at = Time::ZERO + Duration::from_secs(whole_s);
            self.next = self.at + SECOND;
            let is_scanned = |place: &u32| (*place as usize).is_multiple_of(self.stride);
            self.places = director.members().filter(is_scanned).collect();
            self.done = 0;
        }
        let end = self.places.len().min(self.done + NODES_PER_TURN);
        for &place in &self.places[self.done..end] {
            let node = shard.node(place);
            if let Some((node, tables)) =
                node.and_then(|node| Some((node, system.neighborhood(node)?)))
            {
                self.tables.add(node.peer(), &tables);
            }
        }
        self.done = end;
        if end < self.places.len() {
            return None;
        }
        self.places.clear();
        let peer = |place| Peer { id: director.id_of(place), address: shard.address_of(place) };
        let members = director.members().map(peer).collect();
        let tables = std::mem::take(&mut self.tables);
        Some(Box::new(Scanned { at: self.at, members, tables }))
    }
}
