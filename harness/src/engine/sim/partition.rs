//! The division of places among shards, and the addresses of places.
//!
//! **Invariant:** each place belongs to exactly one shard.

use hopwise_kernel::Address;

/// Shards take turns in blocks of this many neighbouring places: nodes that start linked by rank
/// talk most to their neighbours.
const BLOCK_BITS: u32 = 6;

/// Maps each place to its shard and to its index there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Partition {
    pub(super) shards: u32,
    pub(super) places: u32,
}

impl Partition {
    /// Divides `places` among `shards`, or fewer if some would have no place.
    pub(super) fn new(shards: usize, places: usize) -> Partition {
        let blocks = (places as u32).div_ceil(1 << BLOCK_BITS).max(1);
        Partition { shards: (shards as u32).clamp(1, blocks), places: places as u32 }
    }

    /// The shard that `place` belongs to.
    #[inline]
    pub(super) const fn shard_of(self, place: u32) -> usize {
        ((place >> BLOCK_BITS) % self.shards) as usize
    }

    /// The index of `place` within its shard.
    #[inline]
    pub(super) const fn index_of(self, place: u32) -> usize {
        let block = (place >> BLOCK_BITS) / self.shards;
        ((block << BLOCK_BITS) | (place & ((1 << BLOCK_BITS) - 1))) as usize
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
