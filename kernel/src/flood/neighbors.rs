//! The neighbors of a peer.
//!
//! A neighbor keeps its slot as long as it is a neighbor, so a handle takes only four bytes: the
//! slot, and a generation that tells its successive occupants apart.
//!
//! **Invariant:** no peer is in the table twice; a handle refers to the neighbor for which it was
//! made, or to none.

use alloc::boxed::Box;
use alloc::vec;

use crate::base::{Peer, Rng};

/// The neighbors of one peer.
#[derive(Clone, Debug)]
pub struct Neighbors {
    slots: Box<[Slot]>,
    /// Slots from this one on have never been used.
    used: u16,
    count: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    peer: Peer,
    /// The number of peers that have used the slot.
    generation: u16,
    taken: bool,
    /// The peer is said to leave.
    leaving: bool,
}

/// A handle of a neighbor, or of the peer itself. It becomes invalid when the neighbor is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NeighborHandle {
    slot: u16,
    generation: u16,
}

impl NeighborHandle {
    /// The peer itself.
    pub const SELF: NeighborHandle = NeighborHandle { slot: u16::MAX, generation: 0 };
}

impl Neighbors {
    /// An empty table with room for `capacity` neighbors.
    #[must_use]
    pub fn new(capacity: u16) -> Neighbors {
        let slots = vec![Slot::default(); capacity.into()].into_boxed_slice();
        Neighbors { slots, used: 0, count: 0 }
    }

    /// The number of neighbors.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are no neighbors.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there is no room for another neighbor.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.count as usize == self.slots.len()
    }

    /// The maximum number of neighbors.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// All neighbors, in the order of their slots.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Peer> + '_ {
        self.slots[..self.used.into()].iter().filter(|slot| slot.taken).map(|slot| slot.peer)
    }

    /// The handle of `peer`, if it is a neighbor.
    #[inline]
    #[must_use]
    pub fn handle_of(&self, peer: Peer) -> Option<NeighborHandle> {
        let slot = self.slot_of(peer)?;
        Some(NeighborHandle { slot: slot as u16, generation: self.slots[slot].generation })
    }

    /// Whether `peer` is a neighbor.
    #[must_use]
    pub fn contains(&self, peer: Peer) -> bool {
        self.slot_of(peer).is_some()
    }

    /// The neighbor with this handle; `None` if it has been removed.
    #[inline]
    #[must_use]
    pub fn peer_at(&self, handle: NeighborHandle) -> Option<Peer> {
        let slot = self.slots.get(usize::from(handle.slot))?;
        (slot.taken && slot.generation == handle.generation).then_some(slot.peer)
    }

    /// The neighbors that are not said to leave. All neighbors if there are no others.
    pub fn staying(&self) -> impl Iterator<Item = Peer> + '_ {
        self.preferred(|_| true)
    }

    /// A uniformly random neighbor among those for which `fits` is true. One that is said to leave only if
    /// there is no other.
    pub fn random(&self, rng: &mut Rng, fits: impl Fn(Peer) -> bool) -> Option<Peer> {
        let chosen = rng.below(self.preferred(&fits).count() as u64) as usize;
        self.preferred(&fits).nth(chosen)
    }

    /// The neighbors for which `fits` is true and that are not said to leave. If there are none, all for which
    /// `fits` is true.
    fn preferred<'n>(
        &'n self,
        fits: impl Fn(Peer) -> bool + 'n,
    ) -> impl Iterator<Item = Peer> + 'n {
        let taken = || self.slots[..self.used.into()].iter().filter(|slot| slot.taken);
        let any_stays = taken().any(|slot| !slot.leaving && fits(slot.peer));
        taken()
            .filter(move |slot| !(any_stays && slot.leaving))
            .map(|slot| slot.peer)
            .filter(move |&it| fits(it))
    }

    /// Whether `peer` is a neighbor that is said to leave.
    #[must_use]
    pub fn is_leaving(&self, peer: Peer) -> bool {
        self.slot_of(peer).is_some_and(|at| self.slots[at].leaving)
    }

    /// Notes whether `peer` is said to leave, if it is a neighbor.
    pub fn set_leaving(&mut self, peer: Peer, leaving: bool) {
        if let Some(at) = self.slot_of(peer) {
            self.slots[at].leaving = leaving;
        }
    }

    /// Adds `peer`. Returns false if it is a neighbor already or there is no room.
    pub fn insert(&mut self, peer: Peer) -> bool {
        if self.is_full() || self.contains(peer) {
            return false;
        }
        let Some(at) = self.slots.iter().position(|slot| !slot.taken) else { return false };
        let generation = self.slots[at].generation.wrapping_add(1);
        self.slots[at] = Slot { peer, generation, taken: true, leaving: false };
        self.used = self.used.max(at as u16 + 1);
        self.count += 1;
        true
    }

    /// Removes `peer`. Returns false if it is not a neighbor.
    pub fn remove(&mut self, peer: Peer) -> bool {
        let Some(at) = self.slot_of(peer) else { return false };
        self.slots[at].taken = false;
        self.count -= 1;
        true
    }

    /// Removes all neighbors.
    pub fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.taken = false);
        self.count = 0;
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub const fn heap_bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }

    #[inline]
    fn slot_of(&self, peer: Peer) -> Option<usize> {
        // By its destination, and not by its whole identifier: a peer that was taken for a stranger here
        // would be told so, and would believe it.
        self.slots[..self.used.into()]
            .iter()
            .position(|slot| slot.peer.is_same_destination(peer) && slot.taken)
    }
}

const _: () = assert!(size_of::<Slot>() == 32);
