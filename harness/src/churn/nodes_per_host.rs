//! The virtual nodes of hosts: several nodes that join and depart with their host.
//!
//! Hosts have places. With v nodes for each host, the host in place h runs the nodes in the places
//! h · v … h · v + v − 1 of its engine. With one, both have the same place.
//!
//! The identifiers of a host follow from its first one: the others are hashes of it and their index.
//! So a host that returns with its old identifier has all its old identifiers, and all of them are as
//! good as drawn independently.
//!
//! **Invariant:** a node belongs to exactly one host.

use std::num::NonZeroU32;
use std::ops::Range;

use hopwise_kernel::Id;
use hopwise_kernel::base::id::ID_BYTES;

/// The number of nodes that each host runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NodesPerHost(NonZeroU32);

impl NodesPerHost {
    /// Each host runs one node.
    pub const ONE: NodesPerHost = NodesPerHost(NonZeroU32::MIN);

    /// Each host runs so many nodes, at least one.
    #[must_use]
    pub const fn new(count: u32) -> NodesPerHost {
        match NonZeroU32::new(count) {
            Some(count) => NodesPerHost(count),
            None => NodesPerHost::ONE,
        }
    }

    /// The number.
    #[inline]
    #[must_use]
    pub const fn count(self) -> u32 {
        self.0.get()
    }

    /// Whether hosts and nodes are the same.
    #[inline]
    #[must_use]
    pub const fn is_one(self) -> bool {
        self.count() == 1
    }

    /// The places of the nodes of the host in place `host`.
    #[must_use]
    pub const fn nodes_of(self, host: u32) -> Range<u32> {
        let first = host * self.count();
        first..first + self.count()
    }

    /// The place of the host of the node in place `node`.
    #[inline]
    #[must_use]
    pub const fn host_of(self, node: u32) -> u32 {
        // The division is slow, and most runs do without.
        if self.is_one() { node } else { node / self.count() }
    }

    /// The place of the first node of the host of the node in place `node`.
    #[inline]
    #[must_use]
    pub const fn first_of(self, node: u32) -> u32 {
        if self.is_one() { node } else { node - node % self.count() }
    }

    /// The identifiers of the nodes of a host whose first identifier is `first`, in the order of their
    /// places.
    pub fn ids(self, first: Id) -> impl Iterator<Item = Id> {
        (0..self.count()).map(move |index| match index {
            0 => first,
            _ => {
                let mut name = [0; ID_BYTES + 4];
                name[..ID_BYTES].copy_from_slice(&first.to_bytes());
                name[ID_BYTES..].copy_from_slice(&index.to_be_bytes());
                Id::of_name(&name)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn places_of_nodes_are_blocks() {
        let per_host = NodesPerHost::new(5);
        assert_eq!(per_host.nodes_of(3), 15..20);
        for node in per_host.nodes_of(3) {
            assert_eq!((per_host.host_of(node), per_host.first_of(node)), (3, 15));
        }
        let one = NodesPerHost::new(0);
        assert_eq!((one, one.nodes_of(3), one.host_of(3)), (NodesPerHost::ONE, 3..4, 3));
    }

    #[test]
    fn identifiers_follow_from_the_first_and_are_distinct() {
        let per_host = NodesPerHost::new(128);
        let first = Id::of_name(b"a host");
        let ids: BTreeSet<Id> = per_host.ids(first).collect();
        assert_eq!(ids.len(), 128);
        assert_eq!(per_host.ids(first).next(), Some(first));
        assert!(per_host.ids(first).eq(per_host.ids(first)));
        assert!(NodesPerHost::ONE.ids(first).eq([first]));
    }
}
