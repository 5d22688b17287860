//! The items of one node, in the order of their names.
//!
//! **Invariant:** nothing is allocated after construction; a full table refuses new items and evicts
//! none that has not expired.

use alloc::vec::Vec;
use core::ops::Range as Places;

use crate::store::config::StoreLimits;
use crate::store::operation::{MAX_VALUE, Name};
use crate::store::slab::{Slab, Stored};
use crate::store::sum::{Range, Sum, fingerprint};
use crate::store::version::Version;

/// No slot.
const NONE: u32 = u32::MAX;
/// Bodies of one item: what is committed, what is being copied, and what waits for that.
const BODIES: usize = 3;

/// One version of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Body {
    pub(super) version: Version,
    /// The version that the writer saw.
    pub(super) previous: Version,
    /// When it expires, in microseconds since the epoch.
    pub(super) expires_us: u64,
    pub(super) value: Stored,
    pub(super) tag: u8,
    /// Whether this version is a deletion.
    pub(super) deleted: bool,
}

impl Body {
    /// Whether there is a value at `wall_us`.
    pub(super) const fn is_present(&self, wall_us: u64) -> bool {
        !self.deleted && self.expires_us > wall_us
    }
}

/// An item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) name: Name,
    /// The newest version that was not written while an older one was being copied.
    pub(super) body: Body,
    /// Whether all holders had this version at some time, as this node knows from itself.
    pub(super) settled: bool,
    /// Whether a [round](crate::store::owner) of copies is in progress.
    pub(super) in_round: bool,
    generation: u32,
}

/// The place of an item. It names the same item until that is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ItemHandle {
    slot: u32,
    generation: u32,
}

#[derive(Clone, Debug)]
enum Slot {
    Free { next: u32, generation: u32 },
    Used(Item),
}

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: u32,
    /// The slots of all items, in the order of their names.
    order: Vec<u32>,
    slab: Slab,
    items_max: usize,
}

impl Table {
    pub(super) fn new(limits: StoreLimits) -> Table {
        let items = limits.items as usize;
        Table {
            slots: Vec::with_capacity(items),
            free: NONE,
            order: Vec::with_capacity(items),
            slab: Slab::new(limits.bytes as usize, items * BODIES),
            items_max: items,
        }
    }

    /// The number of items, with those that are deleted or have expired.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Bytes of all values.
    pub(super) const fn bytes(&self) -> usize {
        self.slab.bytes()
    }

    /// The memory of the table on the heap, in bytes.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.items_max * (size_of::<Slot>() + size_of::<u32>()) + self.slab.heap_bytes()
    }

    /// The item with this name.
    pub(super) fn find(&self, name: &Name) -> Option<ItemHandle> {
        let place = self.place(name).ok()?;
        Some(self.handle(self.order[place]))
    }

    /// The item at `handle`, if it is still there.
    pub(super) fn at(&self, handle: ItemHandle) -> Option<&Item> {
        match self.slots.get(handle.slot as usize) {
            Some(Slot::Used(item)) if item.generation == handle.generation => Some(item),
            _ => None,
        }
    }

    /// As [`at`](Self::at).
    pub(super) fn at_mut(&mut self, handle: ItemHandle) -> Option<&mut Item> {
        match self.slots.get_mut(handle.slot as usize) {
            Some(Slot::Used(item)) if item.generation == handle.generation => Some(item),
            _ => None,
        }
    }

    /// Keeps the bytes of a value, for a [`Body`]. Returns `None` if there is no room.
    pub(super) fn keep(&mut self, value: &[u8]) -> Option<Stored> {
        self.slab.keep(value)
    }

    /// Frees the bytes of a value.
    pub(super) fn free(&mut self, value: Stored) {
        self.slab.free(value);
    }

    /// Copies a value to the start of `room`. Returns it.
    pub(super) fn read<'a>(&self, value: Stored, room: &'a mut [u8; MAX_VALUE]) -> &'a [u8] {
        self.slab.read(value, room)
    }

    /// Adds an item that is not there. Returns `None`, and leaves `body` to the caller, if there is no
    /// room.
    pub(super) fn insert(&mut self, name: Name, body: Body) -> Option<ItemHandle> {
        let place = self.place(&name).err()?;
        if self.order.len() >= self.items_max {
            return None;
        }
        let item = |generation| Item { name, body, settled: false, in_round: false, generation };
        let slot = if self.free == NONE {
            self.slots.push(Slot::Used(item(0)));
            self.slots.len() as u32 - 1
        } else {
            let slot = self.free;
            if let Slot::Free { next, generation } = self.slots[slot as usize] {
                self.free = next;
                self.slots[slot as usize] = Slot::Used(item(generation));
            }
            slot
        };
        self.order.insert(place, slot);
        Some(self.handle(slot))
    }

    /// Replaces the body of an item, and frees the old value.
    pub(super) fn replace(&mut self, handle: ItemHandle, body: Body) {
        let Some(item) = self.at_mut(handle) else { return };
        let old = core::mem::replace(&mut item.body, body);
        item.settled = false;
        self.slab.free(old.value);
    }

    /// Removes all items that have expired by `wall_us`, except those in a round.
    pub(super) fn purge(&mut self, wall_us: u64) {
        self.remove_if(|item| item.body.expires_us <= wall_us && !item.in_round);
    }

    /// Removes all items of which `is_gone` is true.
    pub(super) fn remove_if(&mut self, is_gone: impl Fn(&Item) -> bool) {
        let Table { slots, free, order, slab, .. } = self;
        order.retain(|&slot| {
            let Slot::Used(item) = &slots[slot as usize] else { return false };
            if !is_gone(item) {
                return true;
            }
            slab.free(item.body.value);
            let generation = item.generation.wrapping_add(1);
            slots[slot as usize] = Slot::Free { next: *free, generation };
            *free = slot;
            false
        });
    }

    /// The items in `range`, in the order in which the range passes them.
    pub(super) fn within(&self, range: Range) -> impl Iterator<Item = (ItemHandle, &Item)> {
        let [first, second] = self.places(range);
        self.order[first].iter().chain(&self.order[second]).filter_map(|&slot| {
            let Slot::Used(item) = &self.slots[slot as usize] else { return None };
            Some((ItemHandle { slot, generation: item.generation }, item))
        })
    }

    /// The sum of the items in `range` that have not expired by `wall_us`.
    pub(super) fn sum(&self, range: Range, wall_us: u64) -> Sum {
        let mut sum = Sum::default();
        for (_, item) in self.within(range) {
            if item.body.expires_us > wall_us {
                sum.add(fingerprint(&item.name, item.body.version));
            }
        }
        sum
    }

    /// The references to `key`, and its value first if there is one.
    pub(super) fn under(&self, key: crate::Id) -> impl Iterator<Item = &Item> {
        let first = Name::value(key);
        let start = self.place(&first).unwrap_or_else(|place| place);
        let items =
            self.order[start..].iter().filter_map(|&slot| match &self.slots[slot as usize] {
                Slot::Used(item) => Some(item),
                Slot::Free { .. } => None,
            });
        items.take_while(move |item| item.name.key == key)
    }

    fn handle(&self, slot: u32) -> ItemHandle {
        let generation = match self.slots[slot as usize] {
            Slot::Used(Item { generation, .. }) | Slot::Free { generation, .. } => generation,
        };
        ItemHandle { slot, generation }
    }

    /// The place of the item with this name in the order, or where it belongs.
    fn place(&self, name: &Name) -> Result<usize, usize> {
        self.order.binary_search_by(|&slot| match &self.slots[slot as usize] {
            Slot::Used(item) => item.name.cmp(name),
            Slot::Free { .. } => unreachable!("the order names used slots only"),
        })
    }

    /// The places of the items in `range`: those up to the end of the circle, and those from its start.
    fn places(&self, range: Range) -> [Places<usize>; 2] {
        let after = |key| {
            self.order.partition_point(|&slot| match &self.slots[slot as usize] {
                Slot::Used(item) => item.name.key <= key,
                Slot::Free { .. } => true,
            })
        };
        let (from, to) = (after(range.from), after(range.to));
        if range.from < range.to { [from..to, 0..0] } else { [from..self.order.len(), 0..to] }
    }
}
