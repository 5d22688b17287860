//! An index of names and their holders.
//!
//! Entries are soft state: an entry expires unless its holder renews it. An address holds a name at
//! most once, under the identifier that it used last.
//!
//! ```text
//! names     text               one list per hash value (keyed). All queries but those for an exact
//!   │                          name scan the signatures of all names
//!   └─▶ entries   holder,      in lists: by name, latest expiry first; by expiry; by keyed hash of
//!                 expiry       the address, latest change first
//! ```
//!
//! The scan reads 8 bytes per name: a signature file (Faloutsos and Christodoulakis, *Signature
//! files*, ACM TOIS 2(4), 1984). It adds and removes names without allocating. Search engines and
//! n-gram indexes build posting lists on the heap or in files and need `std`, which a node cannot
//! use.
//!
//! A node reserves room for more than it is likely to store, so what each slot takes matters: links are
//! as short as the capacity permits, and [`Index::exact`] leaves out what only other queries and removals
//! need. Hashes lead to lists, not to a hash table with open addressing, which would need
//! twice the capacity so that it never grows to clean up after removals.
//!
//! Other nodes choose the names, so the hash has a random key.
//!
//! **Invariant:** an expired entry is never returned; memory is allocated only at construction.

use core::cmp::Reverse;
use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::base::{Address, FixedVec, Peer, Rng, Time};
use crate::items::hits::{Hit, HitList};
use crate::items::linked_lists::LinkedLists;
use crate::items::numbers::Numbers;
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
    /// Maximum number of entries per name, at least 1. Of more entries, those that expire last are
    /// kept.
    pub entries_per_name: u32,
}

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct Index {
    limits: IndexLimits,
    key: (u64, u64),
    /// The number of names.
    names: u32,
    /// The number of entries.
    entries: u32,
    // One slot per name. The names in free slots have been removed.
    texts: FixedVec<Text>,
    /// Apart from the texts: most of a scan reads nothing else. Empty in an exact index.
    signatures: FixedVec<Signature>,
    // One slot per entry. The entries in free slots have expired.
    holders: FixedVec<Peer>,
    expiries: FixedVec<Time>,
    names_of: Numbers,
    /// Names by hash. The last list is that of free slots.
    by_hash: LinkedLists,
    /// Entries by name.
    by_name: LinkedLists,
    /// Entries in the lists [`LIVE`] and [`FREE`].
    by_expiry: LinkedLists,
    /// Entries by the hash of the address. `None` in an exact index.
    by_address: Option<LinkedLists>,
}

/// All entries, in order of expiry.
const LIVE: u32 = 0;
/// The slots of removed entries.
const FREE: u32 = 1;

impl Index {
    /// An empty index.
    #[must_use]
    pub fn new(limits: IndexLimits, rng: &mut Rng) -> Index {
        let entries = limits.entries as usize;
        Index {
            signatures: FixedVec::with_capacity(limits.names as usize),
            by_address: Some(LinkedLists::new(entries.max(1), entries)),
            ..Index::exact(limits, rng)
        }
    }

    /// An empty index that takes less memory: it answers only queries for exact names, and removes
    /// entries only when they expire.
    #[must_use]
    pub fn exact(limits: IndexLimits, rng: &mut Rng) -> Index {
        let (names, entries) = (limits.names as usize, limits.entries as usize);
        Index {
            limits,
            key: (rng.next_u64(), rng.next_u64()),
            names: 0,
            entries: 0,
            texts: FixedVec::with_capacity(names),
            signatures: FixedVec::with_capacity(0),
            holders: FixedVec::with_capacity(entries),
            expiries: FixedVec::with_capacity(entries),
            names_of: Numbers::new(entries, names),
            by_hash: LinkedLists::new(names + 1, names),
            by_name: LinkedLists::new(names, entries),
            by_expiry: LinkedLists::new(2, entries),
            by_address: None,
        }
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries as usize
    }

    /// Whether the index is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of names.
    #[must_use]
    pub const fn names(&self) -> usize {
        self.names as usize
    }

    /// The time at which the next entry expires.
    #[must_use]
    pub fn next_expiry(&self) -> Time {
        self.by_expiry.first(LIVE).map_or(Time::NEVER, |at| self.expiry(at))
    }

    /// The number of entry slots used so far: entries lie in slots `0 .. slots()`.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        self.holders.len() as u32
    }

    /// The entry in `slot` and its expiry; `None` if the slot is free or the entry has expired.
    #[must_use]
    pub fn at(&self, now: Time, slot: u32) -> Option<(Hit, Time)> {
        let expires = *self.expiries.get(slot as usize).filter(|&&expires| expires > now)?;
        Some((Hit { holder: self.holder(slot), name: *self.text(self.name_of(slot)) }, expires))
    }

    /// Inserts or renews an entry. It expires at `expires`, or at its old expiry if that is later.
    /// Returns false if there is no room. An entry that expires before all entries that its name may
    /// have is not stored.
    ///
    /// Takes constant time as long as later entries expire later.
    pub fn insert(&mut self, now: Time, hit: &Hit, expires: Time) -> bool {
        self.expire(now);
        if let Some(name) = self.number_of(hit.name) {
            let same = |&at: &u32| self.holder(at).address == hit.holder.address;
            let same = self.by_name.forward(name).find(same);
            if let Some(at) = same {
                self.renew(at, hit.holder, expires);
                return true;
            }
            if self.by_name.forward(name).count() >= self.limits.entries_per_name as usize
                && let Some(last) = self.by_name.last(name)
            {
                if expires < self.expiry(last) {
                    return true;
                }
                self.remove_entry(last);
            }
        }
        if self.entries >= self.limits.entries {
            return false;
        }
        // Looked up again: the name is gone if its only entry has just been removed.
        let Some(name) = self.number_of(hit.name).or_else(|| self.add_name(hit.name)) else {
            return false;
        };
        self.add_entry(hit.holder, name, expires);
        true
    }

    /// Removes all entries of the address of `holder`, if its latest entry has the identifier of
    /// `holder`. Returns the number of removed entries: 0 if the index is [exact](Self::exact).
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

    /// Whether the latest entry from the address of `holder` has the identifier of `holder`. False
    /// if the index is [exact](Self::exact).
    #[must_use]
    pub fn knows(&self, holder: Peer) -> bool {
        self.latest_from(holder.address).is_some_and(|at| self.holder(at) == holder)
    }

    /// Removes all expired entries.
    pub fn expire(&mut self, now: Time) {
        while let Some(at) = self.by_expiry.first(LIVE).filter(|&at| self.expiry(at) <= now) {
            self.remove_entry(at);
        }
    }

    /// Appends the hits for `query` to `found`, as far as there is room: names by descending score,
    /// then in byte order; each with up to [`MAX_LISTED_HOLDERS`] holders, latest expiry
    /// first.
    pub fn find(&self, now: Time, query: &Query, found: &mut HitList) {
        let mut best = TopNames::default();
        let mut consider = |number: u32| {
            let name = *self.text(number);
            if self.fresh(number, now).next().is_some()
                && let Some(score) = query.score(name.as_bytes())
            {
                best.offer(RankedName { score: Reverse(score), name, number });
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
        for &RankedName { name, number, .. } in best.iter() {
            for holder in self.fresh(number, now).take(MAX_LISTED_HOLDERS) {
                if !found.push(&Hit { holder, name }) {
                    return;
                }
            }
        }
    }

    /// The reserved memory in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.texts.capacity() * size_of::<Text>()
            + self.signatures.capacity() * size_of::<Signature>()
            + self.holders.capacity() * size_of::<Peer>()
            + self.expiries.capacity() * size_of::<Time>()
            + self.names_of.heap_bytes()
            + self.by_hash.heap_bytes()
            + self.by_name.heap_bytes()
            + self.by_expiry.heap_bytes()
            + self.by_address.as_ref().map_or(0, LinkedLists::heap_bytes)
    }

    fn text(&self, number: u32) -> &Text {
        &self.texts[number as usize]
    }

    fn holder(&self, at: u32) -> Peer {
        self.holders[at as usize]
    }

    fn expiry(&self, at: u32) -> Time {
        self.expiries[at as usize]
    }

    /// The number of the name of the entry `at`.
    fn name_of(&self, at: u32) -> u32 {
        self.names_of.at(at as usize).unwrap_or(0)
    }

    /// The holders of a name whose entries have not expired, latest expiry first; none if the slot
    /// of the name is free.
    fn fresh(&self, number: u32, now: Time) -> impl Iterator<Item = Peer> {
        let entries = self.by_name.forward(number).take_while(move |&at| self.expiry(at) > now);
        entries.map(|at| self.holder(at))
    }

    fn number_of(&self, name: Text) -> Option<u32> {
        self.by_hash.forward(self.hash_list(name)).find(|&number| *self.text(number) == name)
    }

    /// The latest entry from `address`.
    fn latest_from(&self, address: Address) -> Option<u32> {
        let by_address = self.by_address.as_ref()?;
        let mut entries = by_address.forward(address_list(self.key, address, &self.limits));
        entries.find(|&at| self.holder(at).address == address)
    }

    fn add_name(&mut self, text: Text) -> Option<u32> {
        if self.names >= self.limits.names {
            return None;
        }
        self.names += 1;
        let is_exact = self.by_address.is_none();
        let signature = (!is_exact).then(|| Signature::of(text.as_bytes()));
        let number = match self.by_hash.first(self.free_names()) {
            Some(number) => {
                self.by_hash.remove(self.free_names(), number);
                self.texts[number as usize] = text;
                signature.into_iter().for_each(|it| self.signatures[number as usize] = it);
                number
            }
            None => {
                self.texts.push(text);
                self.signatures.extend(signature);
                (self.texts.len() - 1) as u32
            }
        };
        self.by_hash.insert(self.hash_list(text), number, None);
        Some(number)
    }

    fn remove_name(&mut self, number: u32) {
        self.names -= 1;
        self.by_hash.remove(self.hash_list(*self.text(number)), number);
        self.by_hash.insert(self.free_names(), number, None);
    }

    fn add_entry(&mut self, holder: Peer, name: u32, expires: Time) {
        self.entries += 1;
        let at = match self.by_expiry.first(FREE) {
            Some(at) => {
                self.by_expiry.remove(FREE, at);
                (self.holders[at as usize], self.expiries[at as usize]) = (holder, expires);
                at
            }
            None => {
                self.holders.push(holder);
                self.expiries.push(expires);
                (self.holders.len() - 1) as u32
            }
        };
        self.names_of.set(at as usize, Some(name));
        self.link_by_time(at);
        self.link_by_address(at);
    }

    fn renew(&mut self, at: u32, holder: Peer, expires: Time) {
        self.unlink_by_time(at);
        self.expiries[at as usize] = self.expiry(at).max(expires);
        self.link_by_time(at);
        if self.holder(at) != holder {
            self.unlink_by_address(at);
            self.holders[at as usize] = holder;
            self.link_by_address(at);
        }
    }

    fn remove_entry(&mut self, at: u32) {
        self.entries -= 1;
        self.unlink_by_time(at);
        self.unlink_by_address(at);
        self.expiries[at as usize] = Time::ZERO;
        self.by_expiry.insert(FREE, at, None);
        let name = self.name_of(at);
        if self.by_name.first(name).is_none() {
            self.remove_name(name);
        }
    }

    /// Inserts an entry into the lists of its name and of all entries, ordered by expiry.
    fn link_by_time(&mut self, at: u32) {
        let (name, expires) = (self.name_of(at), self.expiry(at));
        let sooner = |&other: &u32| self.expiry(other) <= expires;
        let before = self.by_expiry.backward(LIVE).find(sooner);
        self.by_expiry.insert(LIVE, at, before);
        let later = |&other: &u32| self.expiry(other) > expires;
        let before = self.by_name.forward(name).take_while(later).last();
        self.by_name.insert(name, at, before);
    }

    fn unlink_by_time(&mut self, at: u32) {
        self.by_expiry.remove(LIVE, at);
        self.by_name.remove(self.name_of(at), at);
    }

    fn link_by_address(&mut self, at: u32) {
        let address = self.holder(at).address;
        if let Some(by_address) = &mut self.by_address {
            by_address.insert(address_list(self.key, address, &self.limits), at, None);
        }
    }

    fn unlink_by_address(&mut self, at: u32) {
        let address = self.holder(at).address;
        if let Some(by_address) = &mut self.by_address {
            by_address.remove(address_list(self.key, address, &self.limits), at);
        }
    }

    /// The list of names that has those with the hash of `name`.
    fn hash_list(&self, name: Text) -> u32 {
        list_of(self.key, name.as_bytes(), self.limits.names)
    }

    /// The list of the free slots of names, after those by hash.
    const fn free_names(&self) -> u32 {
        self.limits.names
    }
}

/// The list of entries that has those with the hash of `address`.
fn address_list(key: (u64, u64), address: Address, limits: &IndexLimits) -> u32 {
    list_of(key, &address.to_bits().to_le_bytes(), limits.entries)
}

/// One of `lists` lists, by a keyed hash.
fn list_of((low, high): (u64, u64), hashed: &[u8], lists: u32) -> u32 {
    let mut hasher = SipHasher13::new_with_keys(low, high);
    hasher.write(hashed);
    // The top half of the hash, as a fraction of 2^32, of the lists: no division.
    (((hasher.finish() >> 32) * u64::from(lists)) >> 32) as u32
}
