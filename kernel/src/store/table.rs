//! The items of one node, in the order of their names.
//!
//! **Invariant:** nothing is allocated after construction; a full table refuses new items and evicts
//! none that has not expired.

use core::mem::{MaybeUninit, replace};
use core::ops::Range as Places;

use crate::store::config::StoreLimits;
use crate::store::numbered::Numbered;
use crate::store::operation::{MAX_VALUE, Name};
use crate::store::reserved::Reserved;
use crate::store::slab::{Slab, Stored};
use crate::store::sum::{Range, Sum, fingerprint};
use crate::store::version::Version;

/// No slot.
const NONE: u32 = u32::MAX;
/// Bodies of one item: what is being copied, what waits for that, and for a moment what takes its place.
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
    is_removed: bool,
    handle: ItemHandle,
}

/// The name of an item within its table. It names the same item until that is removed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct ItemHandle {
    number: u32,
    /// How many items had been inserted before. Numbers are used again.
    generation: u32,
}

/// Where the item with a handle is.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// Its slot; [`NONE`] once it is removed.
    slot: u32,
    generation: u32,
}

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Table {
    /// The items, dense: the last one moves into the slot of one that is removed.
    items: Reserved<Item>,
    /// The slots of all items, in the order of their names.
    order: Reserved<u32>,
    /// The slots of all items, by the numbers of their handles.
    handles: Numbered<Place>,
    /// Items that have been inserted.
    inserted: u32,
    slab: Slab,
}

impl Table {
    pub(super) fn new(limits: StoreLimits) -> Table {
        let items = limits.items as usize;
        Table {
            items: Reserved::new(items),
            order: Reserved::new(items),
            handles: Numbered::new(items),
            inserted: 0,
            slab: Slab::new(limits.bytes as usize, items * BODIES),
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
        let ways = self.order.heap_bytes() + self.handles.heap_bytes();
        self.items.heap_bytes() + ways + self.slab.heap_bytes()
    }

    /// As [`Reserved::take_spare`], of all parts.
    pub(super) fn take_spare(&mut self) -> [&mut [MaybeUninit<u8>]; 5] {
        let [blocks, heads] = self.slab.take_spare();
        let (order, handles) = (self.order.take_spare(), self.handles.take_spare());
        [self.items.take_spare(), order, handles, blocks, heads]
    }

    /// The item with this name.
    pub(super) fn find(&self, name: &Name) -> Option<ItemHandle> {
        let place = self.place(name).ok()?;
        Some(self.items[self.order[place] as usize].handle)
    }

    /// The item at `handle`, if it is still there.
    pub(super) fn at(&self, handle: ItemHandle) -> Option<&Item> {
        self.items.get(self.slot_of(handle)?)
    }

    /// As [`at`](Self::at).
    pub(super) fn at_mut(&mut self, handle: ItemHandle) -> Option<&mut Item> {
        let slot = self.slot_of(handle)?;
        self.items.get_mut(slot)
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
        if self.items.is_full() {
            return None;
        }
        let generation = self.inserted;
        let slot = self.items.len() as u32;
        let number = self.handles.add(Place { slot, generation })?;
        let handle = ItemHandle { number, generation };
        let item = Item { name, body, settled: false, in_round: false, is_removed: false, handle };
        self.inserted = self.inserted.wrapping_add(1);
        self.items.push(item);
        self.order.insert(place, slot);
        Some(handle)
    }

    /// Replaces the body of an item, and frees the old value.
    pub(super) fn replace(&mut self, handle: ItemHandle, body: Body) {
        let Some(item) = self.at_mut(handle) else { return };
        let old = replace(&mut item.body, body);
        item.settled = false;
        self.slab.free(old.value);
    }

    /// Removes all items that have expired by `wall_us`, except those in a round.
    pub(super) fn purge(&mut self, wall_us: u64) {
        self.remove_if(|item| item.body.expires_us <= wall_us && !item.in_round);
    }

    /// Removes all items of which `is_gone` is true.
    pub(super) fn remove_if(&mut self, is_gone: impl Fn(&Item) -> bool) {
        let Table { items, order, handles, slab, .. } = self;
        let before = order.len();
        order.retain(|&slot| {
            let item = &mut items[slot as usize];
            if is_gone(item) {
                slab.free(item.body.value);
                item.is_removed = true;
                let number = item.handle.number;
                if let Some(place) = handles.get_mut(number) {
                    place.slot = NONE;
                }
                handles.remove(number);
            }
            !item.is_removed
        });
        if order.len() < before {
            self.close_gaps();
        }
    }

    /// Moves items from the end into the slots of those that are removed.
    fn close_gaps(&mut self) {
        let mut slot = 0;
        while let Some(item) = self.items.get(slot as usize) {
            if !item.is_removed {
                slot += 1;
                continue;
            }
            let last = self.items.len() as u32 - 1;
            let Item { name, handle, is_removed, .. } = self.items[last as usize];
            if !is_removed && let Ok(place) = self.place(&name) {
                self.order[place] = slot;
                if let Some(place) = self.handles.get_mut(handle.number) {
                    place.slot = slot;
                }
            }
            self.items.swap_remove(slot);
        }
    }

    /// The items in `range`, in the order in which the range passes them.
    pub(super) fn within(&self, range: Range) -> impl Iterator<Item = (ItemHandle, &Item)> {
        let [first, second] = self.places(range);
        self.order[first].iter().chain(&self.order[second]).map(|&slot| {
            let item = &self.items[slot as usize];
            (item.handle, item)
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
        let items = self.order[start..].iter().map(|&slot| &self.items[slot as usize]);
        items.take_while(move |item| item.name.key == key)
    }

    /// The slot of the item with this handle, if it is still there.
    fn slot_of(&self, handle: ItemHandle) -> Option<usize> {
        let place = self.handles.get(handle.number)?;
        (place.generation == handle.generation).then_some(place.slot as usize)
    }

    /// The place of the item with this name in the order, or where it belongs.
    fn place(&self, name: &Name) -> Result<usize, usize> {
        self.order.binary_search_by(|&slot| self.items[slot as usize].name.cmp(name))
    }

    /// The places of the items in `range`: those up to the end of the circle, and those from its start.
    fn places(&self, range: Range) -> [Places<usize>; 2] {
        let after =
            |key| self.order.partition_point(|&slot| self.items[slot as usize].name.key <= key);
        let (from, to) = (after(range.from), after(range.to));
        if range.from < range.to { [from..to, 0..0] } else { [from..self.order.len(), 0..to] }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;
    use alloc::vec::Vec;

    use super::*;
    use crate::base::Rng;
    use crate::{Address, Id};

    /// A table does what a map does, and a handle names its item until that is removed.
    #[test]
    fn a_table_is_a_map() {
        let rng = &mut Rng::light(1);
        let mut table = Table::new(StoreLimits { items: 50, bytes: 4_000 });
        let mut model: BTreeMap<Name, (ItemHandle, u8)> = BTreeMap::new();
        let mut gone = Vec::new();
        let mut room = [0; MAX_VALUE];
        for turn in 0..5_000_u64 {
            let key = Id::of_name(&[rng.below(40) as u8]);
            let provider = (rng.below(2) == 0).then(|| Address::from_bits(rng.below(3)));
            let name = Name { key, provider };
            if rng.below(20) == 0 {
                let share = 1 + rng.below(3) as u8;
                table.remove_if(|item| item.body.tag.is_multiple_of(share));
                model.retain(|_, (handle, tag)| {
                    let stays = !tag.is_multiple_of(share);
                    if !stays {
                        gone.push(*handle);
                    }
                    stays
                });
            } else if let Some(value) = table.keep(&[turn as u8; 200][..rng.below(200) as usize]) {
                let tag = turn as u8;
                let version = Version::default();
                let body =
                    Body { version, previous: version, expires_us: 1, value, tag, deleted: false };
                match (table.insert(name, body), table.find(&name)) {
                    (Some(handle), _) => assert_eq!(model.insert(name, (handle, tag)), None),
                    (None, Some(handle)) => {
                        table.replace(handle, body);
                        model.insert(name, (handle, tag));
                    }
                    (None, None) => {
                        assert_eq!(table.len(), 50);
                        table.free(value);
                    }
                }
            }
            assert!(gone.iter().all(|&handle| table.at(handle).is_none()));
            assert_eq!(table.items.len(), table.len());
            let range = Range { from: Id::ZERO, to: Id::ZERO };
            let items: Vec<_> = table.within(range).map(|(_, item)| item.name).collect();
            assert!(items.iter().eq(model.keys()));
            for (name, &(handle, tag)) in &model {
                assert_eq!(table.find(name), Some(handle));
                let item = *table.at(handle).expect("it is in the model");
                assert_eq!((item.name, item.body.tag), (*name, tag));
                assert!(table.read(item.body.value, &mut room).iter().all(|&byte| byte == tag));
            }
        }
        assert!(gone.len() > 500);
    }
}
