//! The division of places among shards, and the addresses of places.
//!
//! **Invariant:** each place belongs to exactly one shard.

use hopwise_kernel::Address;

use crate::churn::NodesPerHost;

/// Shards take turns in blocks of this many neighbouring hosts: nodes that start linked by rank
/// talk most to their neighbours.
const BLOCK_BITS: u32 = 6;

/// Maps the place of each node to its shard and to its index there. The nodes of a host are in one shard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partition {
    pub(super) shards: u32,
    /// Places for nodes.
    pub(super) places: u32,
    pub(super) per_host: NodesPerHost,
}

impl Partition {
    /// Divides the places of so many `hosts` among `shards`, or fewer if some would have no place.
    pub(super) fn new(shards: usize, hosts: usize, per_host: NodesPerHost) -> Partition {
        let blocks = (hosts as u32).div_ceil(1 << BLOCK_BITS).max(1);
        let places = hosts as u32 * per_host.count();
        Partition { shards: (shards as u32).clamp(1, blocks), places, per_host }
    }

    /// The shard that `place` belongs to.
    #[inline]
    pub(super) const fn shard_of(self, place: u32) -> usize {
        ((self.per_host.host_of(place) >> BLOCK_BITS) % self.shards) as usize
    }

    /// The index of `place` within its shard.
    #[inline]
    pub(super) const fn index_of(self, place: u32) -> usize {
        let host = self.per_host.host_of(place);
        let block = (host >> BLOCK_BITS) / self.shards;
        let index = (block << BLOCK_BITS) | (host & ((1 << BLOCK_BITS) - 1));
        if self.per_host.is_one() {
            return index as usize;
        }
        let node = place - self.per_host.nodes_of(host).start;
        (self.per_host.nodes_of(index).start + node) as usize
    }
}

/// The address at which the node in `place` receives messages.
pub(super) const fn address_of(place: u32) -> Address {
    Address::from_bits(place as u64 + 1)
}

/// The place of an address, if it has one.
pub(super) const fn place_of(address: Address) -> Option<u32> {
    let bits = address.to_bits();
    if bits > 0 && bits <= u32::MAX as u64 { Some((bits - 1) as u32) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_has_an_index_of_its_own_and_hosts_stay_together() {
        for (shards, hosts, nodes) in [(1, 10, 1), (3, 200, 1), (3, 500, 5), (2, 130, 128)] {
            let partition = Partition::new(shards, hosts, NodesPerHost::new(nodes));
            let mut next = vec![0; shards];
            for place in 0..partition.places {
                let shard = partition.shard_of(place);
                assert_eq!(partition.index_of(place), next[shard], "in the order of places");
                next[shard] += 1;
                assert_eq!(shard, partition.shard_of(partition.per_host.first_of(place)));
            }
            assert_eq!(next.iter().sum::<usize>(), hosts * nodes as usize);
        }
    }
}
