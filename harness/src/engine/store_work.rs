//! What the nodes of a shard do for the values that they store.
//!
//! **Invariant:** a node counts once: while it is there, or when it departs.

use hopwise_kernel::store::StoreCounts;

use crate::measure::stored::{since, sum};
use crate::plug::System;

/// The counts of a shard's nodes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StoreWork {
    /// The counts of those that departed.
    departed: StoreCounts,
    from: Option<StoreCounts>,
    to: Option<StoreCounts>,
}

impl StoreWork {
    /// Adds a node that departs.
    pub(super) fn depart<S: System>(&mut self, system: &S, node: Option<&S::Node>) {
        if let Some(node) = node.filter(|_| S::STORES) {
            self.departed = sum(self.departed, system.store_counts(node));
        }
    }

    /// Begins the measured phase with these nodes.
    pub(super) fn begin<'n, S: System>(
        &mut self,
        system: &S,
        nodes: impl Iterator<Item = &'n S::Node>,
    ) {
        self.from = self.from.or(Some(self.total(system, nodes)));
    }

    /// Ends the measured phase with these nodes.
    pub(super) fn end<'n, S: System>(
        &mut self,
        system: &S,
        nodes: impl Iterator<Item = &'n S::Node>,
    ) {
        self.to = self.to.or(Some(self.total(system, nodes)));
    }

    /// What nodes did in the measured phase, as far as it is over.
    pub(super) fn measured(&self) -> StoreCounts {
        let phase = self.from.zip(self.to);
        phase.map_or(StoreCounts::default(), |(from, to)| since(to, from))
    }

    fn total<'n, S: System>(
        &self,
        system: &S,
        nodes: impl Iterator<Item = &'n S::Node>,
    ) -> StoreCounts {
        let nodes = nodes.filter(|_| S::STORES);
        nodes.fold(self.departed, |total, node| sum(total, system.store_counts(node)))
    }
}
