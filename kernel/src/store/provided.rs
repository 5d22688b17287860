//! The values that a node provides itself. The store keeps [references](crate::store::Reference) to them.
//!
//! A value stays until its reference expires, also if another node overwrites the key: that node does
//! not know this one. What this node overwrites itself stays for as long as a read that saw the old
//! reference may take.
//!
//! **Invariant:** nothing is allocated after construction; a full table refuses new values and drops
//! none before its time.

use core::mem::MaybeUninit;

use crate::base::{FixedVec, Id, Time};
use crate::store::config::StoreLimits;
use crate::store::operation::MAX_VALUE;
use crate::store::slab::{Slab, Stored};
use crate::store::version::Version;

/// See the [module](self).
#[derive(Clone, Debug)]
pub(super) struct Provided {
    /// In the order of keys and serial numbers.
    values: FixedVec<Value>,
    slab: Slab,
    values_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Value {
    key: Id,
    serial: u64,
    /// The version of its reference; `None` until the write is acknowledged.
    version: Option<Version>,
    expires: Time,
    value: Stored,
}

impl Provided {
    /// An empty table with this room.
    pub(super) fn new(limits: StoreLimits) -> Provided {
        let values_max = limits.items as usize;
        let slab = Slab::new(limits.bytes as usize, values_max);
        Provided { values: FixedVec::with_capacity(values_max), slab, values_max }
    }

    /// The number of values.
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    /// Bytes of all values.
    pub(super) const fn bytes(&self) -> usize {
        self.slab.bytes()
    }

    /// The memory of the table on the heap, in bytes.
    pub(super) const fn heap_bytes(&self) -> usize {
        self.values_max * size_of::<Value>() + self.slab.heap_bytes()
    }

    /// As [`Slab::take_spare`].
    pub(super) fn take_spare(&mut self) -> [&mut [MaybeUninit<u8>]; 2] {
        self.slab.take_spare()
    }

    /// Keeps a value until `expires`. Returns false if there is no room, or if there is a value with this
    /// key and serial number.
    pub(super) fn keep(
        &mut self,
        now: Time,
        key: Id,
        serial: u64,
        value: &[u8],
        expires: Time,
    ) -> bool {
        let mut stored = self.take_room(value);
        if stored.is_none() {
            self.purge(now);
            stored = self.take_room(value);
        }
        let Some(stored) = stored else { return false };
        match self.place(key, serial) {
            Ok(_) => {
                self.slab.free(stored);
                false
            }
            Err(place) => {
                let version = None;
                self.values.insert(place, Value { key, serial, version, expires, value: stored });
                true
            }
        }
    }

    /// The version of a reference is known: the write is acknowledged. Values of the key with lower
    /// versions expire at `until` at the latest.
    pub(super) fn commit(&mut self, key: Id, serial: u64, version: Version, until: Time) {
        if let Ok(place) = self.place(key, serial) {
            self.values[place].version = Some(version);
        }
        let start = self.values.partition_point(|it| it.key < key);
        let length = self.values[start..].partition_point(|it| it.key == key);
        let of_key = &mut self.values[start..start + length];
        let newest = of_key.iter().filter_map(|it| it.version).max();
        for it in of_key.iter_mut().filter(|it| it.version.is_some() && it.version < newest) {
            it.expires = it.expires.min(until);
        }
    }

    /// Removes a value, whose write has failed.
    pub(super) fn remove(&mut self, key: Id, serial: u64) {
        if let Ok(place) = self.place(key, serial) {
            let removed = self.values.remove(place);
            self.slab.free(removed.value);
        }
    }

    /// Copies a value to the start of `room`, and returns it. `None` if it is not there or has expired.
    pub(super) fn read<'a>(
        &self,
        now: Time,
        key: Id,
        serial: u64,
        room: &'a mut [u8; MAX_VALUE],
    ) -> Option<&'a [u8]> {
        let it = &self.values[self.place(key, serial).ok()?];
        (it.expires > now).then(|| self.slab.read(it.value, room))
    }

    fn take_room(&mut self, value: &[u8]) -> Option<Stored> {
        if self.values.len() < self.values_max { self.slab.keep(value) } else { None }
    }

    /// Removes all values that have expired.
    fn purge(&mut self, now: Time) {
        let Provided { values, slab, .. } = self;
        values.retain(|it| {
            let stays = it.expires > now;
            if !stays {
                slab.free(it.value);
            }
            stays
        });
    }

    /// The place of a value, or where it belongs.
    fn place(&self, key: Id, serial: u64) -> Result<usize, usize> {
        self.values.binary_search_by_key(&(key, serial), |it| (it.key, it.serial))
    }
}
