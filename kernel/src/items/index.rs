//! An index of names and their holders.
//!
//! Entries are soft state: an entry expires unless its holder renews it. An address holds a name at
//! most once, under the identifier that it used last.
//!
//! ```text
//! names     name, its holders          found by a keyed hash; all queries but those for an exact
//!   │                                  name scan the signatures of all names
//!   └─▶ entries   holder, expiry       in three lists: of the name, latest expiry first; of the
//!                                      address; of all entries, in order of expiry
//! ```
//!
//! The scan reads 8 bytes per name: a signature file (Faloutsos and Christodoulakis, *Signature
//! files*, ACM TOIS 2(4), 1984). It adds and removes names without allocating. Search engines and
//! n-gram indexes build posting lists on the heap or in files and need `std`, which a node cannot
//! use.
//!
//! Other nodes choose the names, so the hash has a random key.
//!
//! **Invariant:** an expired entry is never returned; memory is allocated only at construction.

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::hash::Hasher;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::base::{Address, Peer, Rng, Time};
use crate::items::hits::{Hit, HitList};
use crate::items::linked_lists::{LinkedLists, List};
use crate::items::query::{Query, Signature};
use crate::items::ranking::{RankedName, TopNames};
use crate::items::text::Text;

/// Maximum number of holders per name in an answer: as many as a transfer tries.
pub const MAX_LISTED_HOLDERS: usize = 3;

/// The capacity of an index.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexLimits {
    /// Maximum number of names.
    pub names: u32,
    /// Maximum number of entries of all names.
    pub entries: u32,
    /// Maximum number of entries per name, at least 1. A further entry replaces the one that
    /// expires first.
    pub entries_per_name: u32,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Index {
    limits: IndexLimits,
    key: (u64, u64),
    names: Vec<Name>,
    /// The signature of each name, apart from `names`: most of a scan reads nothing else.
    signatures: Vec<Signature>,
    entries: Vec<Entry>,
    // Slots that were in use and are free again.
    free_names: Vec<u32>,
    free_entries: Vec<u32>,
    // At twice the needed capacity, a hash table never grows to clean up after removals.
    by_name: HashTable<u32>,
    by_address: HashTable<List>,
    name_lists: LinkedLists,
    address_lists: LinkedLists,
    expiry_lists: LinkedLists,
    by_expiry: List,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    text: Text,
    holders: List,
    /// The number of holders; 0 if the slot is free.
    count: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    holder: Peer,
    name: u32,
    expires: Time,
}

impl Index {
    /// An empty index.
    #[must_use]
    pub fn new(limits: IndexLimits, rng: &mut Rng) -> Index {
        let (names, entries) = (limits.names as usize, limits.entries as usize);
        Index {
            limits,
            key: (rng.next_u64(), rng.next_u64()),
            names: Vec::with_capacity(names),
            signatures: Vec::with_capacity(names),
            entries: Vec::with_capacity(entries),
            free_names: Vec::with_capacity(names),
            free_entries: Vec::with_capacity(entries),
            by_name: HashTable::with_capacity(2 * names),
            by_address: HashTable::with_capacity(2 * entries),
            name_lists: LinkedLists::new(entries),
            address_lists: LinkedLists::new(entries),
            expiry_lists: LinkedLists::new(entries),
            by_expiry: List::EMPTY,
        }
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len() - self.free_entries.len()
    }

    /// Whether the index is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of names.
    #[must_use]
    pub const fn names(&self) -> usize {
        self.names.len() - self.free_names.len()
    }

    /// The time at which the next entry expires.
    #[must_use]
    pub fn next_expiry(&self) -> Time {
        self.by_expiry.first().map_or(Time::NEVER, |at| self.entry(at).expires)
    }

    /// The number of entry slots used so far: entries lie in slots `0 .. slots()`.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        self.entries.len() as u32
    }

    /// The entry in `slot` and its expiry; `None` if the slot is free or the entry has expired.
    #[must_use]
    pub fn at(&self, now: Time, slot: u32) -> Option<(Hit, Time)> {
        let &Entry { holder, name, expires } = self.entries.get(slot as usize)?;
        let hit = Hit { holder, name: self.names[name as usize].text };
        (expires > now).then_some((hit, expires))
    }

    /// Inserts or renews an entry. It expires at `expires`, or at its old expiry if that is later.
    /// Returns false if there is no room.
    ///
    /// Takes constant time as long as later entries expire later.
    pub fn insert(&mut self, now: Time, hit: &Hit, expires: Time) -> bool {
        self.expire(now);
        let known = self.number_of(hit.name);
        if let Some(number) = known {
            let name = self.names[number as usize];
            let same = |&at: &u32| self.entry(at).holder.address == hit.holder.address;
            let same = self.name_lists.forward(name.holders).find(same);
            if let Some(at) = same {
                self.renew(at, hit.holder, expires);
                return true;
            }
            if name.count >= self.limits.entries_per_name
                && let Some(last) = name.holders.last()
            {
                self.remove_entry(last);
            }
        }
        if self.len() >= self.limits.entries as usize {
            return false;
        }
        // Looked up again: the name is gone if its only entry has just been removed.
        let Some(name) = self.number_of(hit.name).or_else(|| self.add_name(hit.name)) else {
            return false;
        };
        self.add_entry(Entry { holder: hit.holder, name, expires });
        true
    }

    /// Removes all entries of the address of `holder`, if its latest entry has the identifier of
    /// `holder`. Returns the number of removed entries.
    pub fn remove(&mut self, holder: Peer) -> usize {
        let mut removed = 0;
        if self.knows(holder) {
            while let Some(at) = self.latest_from(holder.address) {
                self.remove_entry(at);
                removed += 1;
            }
        }
        removed
    }

    /// Whether the latest entry from the address of `holder` has the identifier of `holder`.
    #[must_use]
    pub fn knows(&self, holder: Peer) -> bool {
        self.latest_from(holder.address).is_some_and(|at| self.entry(at).holder == holder)
    }

    /// Removes all expired entries.
    pub fn expire(&mut self, now: Time) {
        while let Some(at) = self.by_expiry.first().filter(|&at| self.entry(at).expires <= now) {
            self.remove_entry(at);
        }
    }

    /// Appends the hits for `query` to `found`, as far as there is room: names by descending score,
    /// then in byte order; each with up to [`MAX_LISTED_HOLDERS`] holders, latest expiry
    /// first.
    pub fn find(&self, now: Time, query: &Query, found: &mut HitList) {
        let mut best = TopNames::default();
        let mut consider = |number: u32| {
            let name = &self.names[number as usize];
            if self.fresh(name, now).next().is_some()
                && let Some(score) = query.score(name.text.as_bytes())
            {
                best.offer(RankedName { score: Reverse(score), name: name.text, number });
            }
        };
        if query.how.is_exact() {
            self.number_of(query.text).into_iter().for_each(consider);
        } else {
            let wanted = query.signature();
            let may_match = |signature: &Signature| signature.may_match(wanted);
            let matching =
                (0..).zip(&self.signatures).filter(|(_, signature)| may_match(signature));
            matching.for_each(|(number, _)| consider(number));
        }
        for ranked in best.iter() {
            let name = &self.names[ranked.number as usize];
            for holder in self.fresh(name, now).take(MAX_LISTED_HOLDERS) {
                if !found.push(&Hit { holder, name: name.text }) {
                    return;
                }
            }
        }
    }

    /// The reserved memory in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.names.capacity() * (size_of::<Name>() + size_of::<Signature>() + size_of::<u32>())
            + self.entries.capacity() * (size_of::<Entry>() + size_of::<u32>())
            + self.by_name.allocation_size()
            + self.by_address.allocation_size()
            + self.name_lists.heap_bytes()
            + self.address_lists.heap_bytes()
            + self.expiry_lists.heap_bytes()
    }

    fn entry(&self, at: u32) -> &Entry {
        &self.entries[at as usize]
    }

    /// The holders of `name` whose entries have not expired, latest expiry first; none if the slot
    /// is free.
    fn fresh(&self, name: &Name, now: Time) -> impl Iterator<Item = Peer> {
        let entries = self.name_lists.forward(name.holders).map(|at| self.entry(at));
        entries.take_while(move |entry| entry.expires > now).map(|entry| entry.holder)
    }

    fn number_of(&self, name: Text) -> Option<u32> {
        let matches = |&number: &u32| self.names[number as usize].text == name;
        self.by_name.find(hash_name(self.key, name), matches).copied()
    }

    /// The latest entry from `address`.
    fn latest_from(&self, address: Address) -> Option<u32> {
        let matches =
            |list: &List| list.first().is_some_and(|at| self.entry(at).holder.address == address);
        self.by_address.find(hash_address(self.key, address), matches)?.first()
    }

    fn add_name(&mut self, text: Text) -> Option<u32> {
        if self.names() >= self.limits.names as usize {
            return None;
        }
        let name = Name { text, holders: List::EMPTY, count: 0 };
        let signature = Signature::of(text.as_bytes());
        let number = self.free_names.pop().unwrap_or_else(|| {
            self.names.push(name);
            self.signatures.push(signature);
            (self.names.len() - 1) as u32
        });
        self.names[number as usize] = name;
        self.signatures[number as usize] = signature;
        let (key, names) = (self.key, &self.names);
        let hash_of = |&number: &u32| hash_name(key, names[number as usize].text);
        self.by_name.insert_unique(hash_name(key, text), number, hash_of);
        Some(number)
    }

    fn add_entry(&mut self, entry: Entry) {
        let at = self.free_entries.pop().unwrap_or_else(|| {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        });
        self.entries[at as usize] = entry;
        self.names[entry.name as usize].count += 1;
        self.link_by_time(at);
        self.with_address_list(entry.holder.address, |lists, list| lists.insert(list, at, None));
    }

    fn renew(&mut self, at: u32, holder: Peer, expires: Time) {
        self.unlink_by_time(at);
        let entry = &mut self.entries[at as usize];
        entry.expires = entry.expires.max(expires);
        let is_new = entry.holder != holder;
        entry.holder = holder;
        self.link_by_time(at);
        if is_new {
            self.with_address_list(holder.address, |lists, list| {
                lists.remove(list, at);
                lists.insert(list, at, None);
            });
        }
    }

    fn remove_entry(&mut self, at: u32) {
        let Entry { holder, name: number, .. } = *self.entry(at);
        self.unlink_by_time(at);
        // A free slot counts as expired.
        self.entries[at as usize].expires = Time::ZERO;
        self.with_address_list(holder.address, |lists, list| lists.remove(list, at));
        self.free_entries.push(at);
        let name = &mut self.names[number as usize];
        name.count -= 1;
        if name.count == 0 {
            let (text, names) = (name.text, &self.names);
            let matches = |&other: &u32| names[other as usize].text == text;
            if let Ok(found) = self.by_name.find_entry(hash_name(self.key, text), matches) {
                found.remove();
            }
            self.free_names.push(number);
        }
    }

    /// Inserts an entry into the lists of its name and of all entries, ordered by expiry.
    fn link_by_time(&mut self, at: u32) {
        let Entry { name: number, expires, .. } = *self.entry(at);
        let entries = &self.entries;
        let sooner = |&other: &u32| entries[other as usize].expires <= expires;
        let before = self.expiry_lists.backward(self.by_expiry).find(sooner);
        self.expiry_lists.insert(&mut self.by_expiry, at, before);
        let name = &mut self.names[number as usize];
        let later = |&other: &u32| entries[other as usize].expires > expires;
        let before = self.name_lists.forward(name.holders).take_while(later).last();
        self.name_lists.insert(&mut name.holders, at, before);
    }

    fn unlink_by_time(&mut self, at: u32) {
        let number = self.entry(at).name;
        self.expiry_lists.remove(&mut self.by_expiry, at);
        self.name_lists.remove(&mut self.names[number as usize].holders, at);
    }

    /// Changes the list of an address. Adds the address if it is new, and removes it if its list
    /// has become empty.
    fn with_address_list(
        &mut self,
        address: Address,
        change: impl FnOnce(&mut LinkedLists, &mut List),
    ) {
        let (key, entries) = (self.key, &self.entries);
        let address_of = |list: &List| {
            list.first().map_or(Address::default(), |at| entries[at as usize].holder.address)
        };
        let hash = hash_address(key, address);
        let matches = |list: &List| address_of(list) == address;
        let found = self.by_address.find_entry(hash, matches);
        let Ok(mut found) = found else {
            let mut list = List::EMPTY;
            change(&mut self.address_lists, &mut list);
            self.by_address.insert_unique(hash, list, |list| hash_address(key, address_of(list)));
            return;
        };
        change(&mut self.address_lists, found.get_mut());
        if *found.get() == List::EMPTY {
            found.remove();
        }
    }
}

fn hash_name((low, high): (u64, u64), name: Text) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(low, high);
    hasher.write(name.as_bytes());
    hasher.finish()
}

fn hash_address((low, high): (u64, u64), address: Address) -> u64 {
    let mut hasher = SipHasher13::new_with_keys(low, high);
    hasher.write_u64(address.to_bits());
    hasher.finish()
}
