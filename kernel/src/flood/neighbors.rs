//! Whom a peer is linked to.
//!
//! A neighbor keeps its slot as long as it is one, so that a way back can be remembered in four
//! bytes: the slot, and which of its tenants is meant.
//!
//! **Invariant:** nobody is in it twice; a way leads to whom it was laid to, or nowhere.

use alloc::boxed::Box;
use alloc::vec;

use crate::base::{Peer, Rng};

/// One peer's neighbors.
#[derive(Debug)]
pub struct Neighbors {
    slots: Box<[Slot]>,
    /// Slots from here on have never been used.
    used: u16,
    count: u16,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    peer: Peer,
    /// Counts the tenants so far.
    tenant: u16,
    taken: bool,
}

/// Which neighbor something came from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Way {
    slot: u16,
    tenant: u16,
}

impl Way {
    /// It came from nobody: this peer began it.
    pub const OWN: Way = Way { slot: u16::MAX, tenant: 0 };
}

impl Neighbors {
    /// Nobody yet, and room for `capacity`, at most 65,535.
    #[must_use]
    pub fn new(capacity: u16) -> Neighbors {
        let slots = vec![Slot::default(); capacity.into()].into_boxed_slice();
        Neighbors { slots, used: 0, count: 0 }
    }

    /// How many there are.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is nobody.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether there is no room for another one.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.count as usize == self.slots.len()
    }

    /// How many there can be.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.slots.len()
    }

    /// All of them, in the order of their slots.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Peer> + '_ {
        self.slots[..self.used.into()].iter().filter(|slot| slot.taken).map(|slot| slot.peer)
    }

    /// The way to `peer`, if it is one of them.
    #[inline]
    #[must_use]
    pub fn way_to(&self, peer: Peer) -> Option<Way> {
        let slot = self.slot_of(peer)?;
        Some(Way { slot: slot as u16, tenant: self.slots[slot].tenant })
    }

    /// Whether it is one of them.
    #[must_use]
    pub fn contains(&self, peer: Peer) -> bool {
        self.slot_of(peer).is_some()
    }

    /// Who is at the end of `way`, if still there.
    #[inline]
    #[must_use]
    pub fn follow(&self, way: Way) -> Option<Peer> {
        let slot = self.slots.get(usize::from(way.slot))?;
        (slot.taken && slot.tenant == way.tenant).then_some(slot.peer)
    }

    /// One of them, drawn uniformly from those that `fits` likes; nobody if it likes none.
    pub fn any(&self, rng: &mut Rng, fits: impl Fn(Peer) -> bool) -> Option<Peer> {
        let count = self.iter().filter(|&peer| fits(peer)).count();
        let chosen = rng.below(count as u64) as usize;
        self.iter().filter(|&peer| fits(peer)).nth(chosen)
    }

    /// Takes in `peer`; false if it is there already or there is no room.
    pub fn insert(&mut self, peer: Peer) -> bool {
        if self.is_full() || self.contains(peer) {
            return false;
        }
        let Some(at) = self.slots.iter().position(|slot| !slot.taken) else { return false };
        let tenant = self.slots[at].tenant.wrapping_add(1);
        self.slots[at] = Slot { peer, tenant, taken: true };
        self.used = self.used.max(at as u16 + 1);
        self.count += 1;
        true
    }

    /// Takes out `peer`; false if it is not there.
    pub fn remove(&mut self, peer: Peer) -> bool {
        let Some(at) = self.slot_of(peer) else { return false };
        self.slots[at].taken = false;
        self.count -= 1;
        true
    }

    /// Takes out everybody.
    pub fn clear(&mut self) {
        self.slots.iter_mut().for_each(|slot| slot.taken = false);
        self.count = 0;
    }

    /// Memory beside its own size, in bytes.
    #[must_use]
    pub const fn heap_bytes(&self) -> usize {
        self.slots.len() * size_of::<Slot>()
    }

    #[inline]
    fn slot_of(&self, peer: Peer) -> Option<usize> {
        // Addresses first: they differ where identifiers have to be compared to the end.
        self.slots[..self.used.into()].iter().position(|slot| {
            slot.peer.address == peer.address && slot.taken && slot.peer.id == peer.id
        })
    }
}

const _: () = assert!(size_of::<Slot>() == 32);
