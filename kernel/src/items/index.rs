//! An index: which names there are, and who holds them.
//!
//! Soft state: an entry lapses unless its holder renews it. One address holds a name once, under the
//! identifier that it gave last.
//!
//! ```text
//! names     name, its holders            found by a keyed hash; queries other than for an exact name
//!   │                                    look at the signature of every name
//!   └─▶ entries   holder, when it lapses    in three lists: of its name, freshest first; of its
//!                                           address; and of all entries, in order of expiry
//! ```
//!
//! Looking at every signature is a scan, but of 8 bytes a name: a signature file (Faloutsos and
//! Christodoulakis, *Signature files*, ACM TOIS 2(4), 1984), which takes room for new names as they
//! come and forgets old ones without a trace. Search engines and n-gram indexes build posting lists
//! as they go, on the heap or in files, and need `std`; a node must do without.
//!
//! Names come from strangers, and so does what they hash to: the hash has a random key.
//!
//! **Invariant:** no entry is shown once it has lapsed; room is taken once, when the index is made.

use alloc::vec::Vec;
use core::cmp::Reverse;
use core::hash::Hasher;

use hashbrown::HashTable;
use siphasher::sip::SipHasher13;

use crate::base::{Address, PackedPeer, Peer, Rng, Time};
use crate::items::hits::{Hit, HitList};
use crate::items::linked_lists::{Links, List};
use crate::items::query::{Query, Signature};
use crate::items::text::Text;
use crate::node::MAX_PAYLOAD;

/// Holders shown of one name: as many as a transfer turns to.
pub const SHOWN_HOLDERS: usize = 3;
/// Names shown, at most: no more fit into an answer.
const SHOWN_NAMES: usize = MAX_PAYLOAD / (size_of::<PackedPeer>() + 2);

/// How much an index has room for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexLimits {
    /// Names.
    pub names: u32,
    /// Entries, of all names together.
    pub entries: u32,
    /// Entries of one name, at least 1: one more replaces the one that is nearest to lapsing.
    pub entries_per_name: u32,
}

/// See the [module](self).
#[derive(Debug)]
pub struct Index {
    limits: IndexLimits,
    key: (u64, u64),
    names: Vec<Name>,
    /// Of each name, apart: all that most of a scan reads.
    signatures: Vec<Signature>,
    entries: Vec<Entry>,
    // Places that were in use and are free again.
    free_names: Vec<u32>,
    free_entries: Vec<u32>,
    // Twice the room that is needed: then a table never grows to be rid of what was removed.
    by_name: HashTable<u32>,
    by_address: HashTable<List>,
    in_name: Links,
    in_address: Links,
    in_expiry: Links,
    expiry: List,
}

#[derive(Clone, Copy, Debug)]
struct Name {
    text: Text,
    holders: List,
    /// How many; none if this place is free.
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
            in_name: Links::new(entries),
            in_address: Links::new(entries),
            in_expiry: Links::new(entries),
            expiry: List::EMPTY,
        }
    }

    /// How many entries it has.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len() - self.free_entries.len()
    }

    /// Whether it has none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many names it has.
    #[must_use]
    pub const fn names(&self) -> usize {
        self.names.len() - self.free_names.len()
    }

    /// When the next entry lapses.
    #[must_use]
    pub fn next_expiry(&self) -> Time {
        self.expiry.first().map_or(Time::NEVER, |at| self.entry(at).expires)
    }

    /// Places that entries lie in, or have lain in: `0 .. places()`.
    #[must_use]
    pub const fn places(&self) -> u32 {
        self.entries.len() as u32
    }

    /// The entry in a place, and when it lapses; nothing if there is none, or it has.
    #[must_use]
    pub fn at(&self, now: Time, place: u32) -> Option<(Hit, Time)> {
        let &Entry { holder, name, expires } = self.entries.get(place as usize)?;
        let hit = Hit { holder, name: self.names[name as usize].text };
        (expires > now).then_some((hit, expires))
    }

    /// Enters an item, or renews its entry; it lapses at `expires`, or when it would have anyway if
    /// that is later. False if there is no room.
    ///
    /// Constant time as long as what is entered later lapses later.
    pub fn enter(&mut self, now: Time, hit: &Hit, expires: Time) -> bool {
        self.expire(now);
        let known = self.number_of(hit.name);
        if let Some(number) = known {
            let name = self.names[number as usize];
            let same = |&at: &u32| self.entry(at).holder.address == hit.holder.address;
            let same = self.in_name.forward(name.holders).find(same);
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
        // Looked up anew: what had but one holder may have just lost it.
        let Some(name) = self.number_of(hit.name).or_else(|| self.add_name(hit.name)) else {
            return false;
        };
        self.add_entry(Entry { holder: hit.holder, name, expires });
        true
    }

    /// Removes what was entered from the address of `holder`, if it was `holder` that entered something
    /// from there last, and says how many entries that were.
    pub fn remove(&mut self, holder: Peer) -> usize {
        let mut removed = 0;
        if self.knows(holder) {
            while let Some(at) = self.last_from(holder.address) {
                self.remove_entry(at);
                removed += 1;
            }
        }
        removed
    }

    /// Whether it was `holder`, identifier and address, that entered something from its address last.
    #[must_use]
    pub fn knows(&self, holder: Peer) -> bool {
        self.last_from(holder.address).is_some_and(|at| self.entry(at).holder == holder)
    }

    /// Removes what has lapsed.
    pub fn expire(&mut self, now: Time) {
        while let Some(at) = self.expiry.first().filter(|&at| self.entry(at).expires <= now) {
            self.remove_entry(at);
        }
    }

    /// Writes down what fits, as far as there is room: the names that fit best first, those that fit
    /// alike in their own order, each with up to [`SHOWN_HOLDERS`] holders, freshest first.
    pub fn find(&self, now: Time, query: &Query, found: &mut HitList) {
        let mut best = Best { ranked: [None; SHOWN_NAMES], len: 0 };
        let mut consider = |number: u32| {
            let name = &self.names[number as usize];
            if self.fresh(name, now).next().is_some()
                && let Some(score) = query.score(name.text.as_bytes())
            {
                best.offer(Ranked { score: Reverse(score), name: name.text, number });
            }
        };
        if query.how.is_exact() {
            self.number_of(query.text).into_iter().for_each(consider);
        } else {
            let wanted = query.signature();
            let may_fit = |signature: &Signature| signature.may_fit(wanted);
            let fitting = (0..).zip(&self.signatures).filter(|(_, signature)| may_fit(signature));
            fitting.for_each(|(number, _)| consider(number));
        }
        for ranked in best.ranked() {
            let name = &self.names[ranked.number as usize];
            for holder in self.fresh(name, now).take(SHOWN_HOLDERS) {
                if !found.push(&Hit { holder, name: name.text }) {
                    return;
                }
            }
        }
    }

    /// Memory reserved, in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.names.capacity() * (size_of::<Name>() + size_of::<Signature>() + size_of::<u32>())
            + self.entries.capacity() * (size_of::<Entry>() + size_of::<u32>())
            + self.by_name.allocation_size()
            + self.by_address.allocation_size()
            + self.in_name.heap_bytes()
            + self.in_address.heap_bytes()
            + self.in_expiry.heap_bytes()
    }

    fn entry(&self, at: u32) -> &Entry {
        &self.entries[at as usize]
    }

    /// The holders of a name whose entries have not lapsed, freshest first; none of a free place.
    fn fresh(&self, name: &Name, now: Time) -> impl Iterator<Item = Peer> {
        let entries = self.in_name.forward(name.holders).map(|at| self.entry(at));
        entries.take_while(move |entry| entry.expires > now).map(|entry| entry.holder)
    }

    fn number_of(&self, name: Text) -> Option<u32> {
        let is_it = |&number: &u32| self.names[number as usize].text == name;
        self.by_name.find(hash_name(self.key, name), is_it).copied()
    }

    /// What was entered last of all that there is from `address`.
    fn last_from(&self, address: Address) -> Option<u32> {
        let is_it =
            |list: &List| list.first().is_some_and(|at| self.entry(at).holder.address == address);
        self.by_address.find(hash_address(self.key, address), is_it)?.first()
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
        self.with_address_list(entry.holder.address, |links, list| links.insert(list, at, None));
    }

    fn renew(&mut self, at: u32, holder: Peer, expires: Time) {
        self.unlink_by_time(at);
        let entry = &mut self.entries[at as usize];
        entry.expires = entry.expires.max(expires);
        let is_new = entry.holder != holder;
        entry.holder = holder;
        self.link_by_time(at);
        if is_new {
            self.with_address_list(holder.address, |links, list| {
                links.remove(list, at);
                links.insert(list, at, None);
            });
        }
    }

    fn remove_entry(&mut self, at: u32) {
        let Entry { holder, name: number, .. } = *self.entry(at);
        self.unlink_by_time(at);
        // A free place has long lapsed.
        self.entries[at as usize].expires = Time::ZERO;
        self.with_address_list(holder.address, |links, list| links.remove(list, at));
        self.free_entries.push(at);
        let name = &mut self.names[number as usize];
        name.count -= 1;
        if name.count == 0 {
            let (text, names) = (name.text, &self.names);
            let is_it = |&other: &u32| names[other as usize].text == text;
            if let Ok(found) = self.by_name.find_entry(hash_name(self.key, text), is_it) {
                found.remove();
            }
            self.free_names.push(number);
        }
    }

    /// Puts an entry into the lists of its name and of all entries, where its time says.
    fn link_by_time(&mut self, at: u32) {
        let Entry { name: number, expires, .. } = *self.entry(at);
        let entries = &self.entries;
        let sooner = |&other: &u32| entries[other as usize].expires <= expires;
        let before = self.in_expiry.backward(self.expiry).find(sooner);
        self.in_expiry.insert(&mut self.expiry, at, before);
        let name = &mut self.names[number as usize];
        let later = |&other: &u32| entries[other as usize].expires > expires;
        let before = self.in_name.forward(name.holders).take_while(later).last();
        self.in_name.insert(&mut name.holders, at, before);
    }

    fn unlink_by_time(&mut self, at: u32) {
        let number = self.entry(at).name;
        self.in_expiry.remove(&mut self.expiry, at);
        self.in_name.remove(&mut self.names[number as usize].holders, at);
    }

    /// Changes the list of an address, which is entered first if it is new and taken out if it has
    /// become empty.
    fn with_address_list(&mut self, address: Address, change: impl FnOnce(&mut Links, &mut List)) {
        let (key, entries) = (self.key, &self.entries);
        let address_of = |list: &List| {
            list.first().map_or(Address::default(), |at| entries[at as usize].holder.address)
        };
        let hash = hash_address(key, address);
        let is_it = |list: &List| address_of(list) == address;
        let found = self.by_address.find_entry(hash, is_it);
        let Ok(mut found) = found else {
            let mut list = List::EMPTY;
            change(&mut self.in_address, &mut list);
            self.by_address.insert_unique(hash, list, |list| hash_address(key, address_of(list)));
            return;
        };
        change(&mut self.in_address, found.get_mut());
        if *found.get() == List::EMPTY {
            found.remove();
        }
    }
}

/// A name that fits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Ranked {
    score: Reverse<u16>,
    name: Text,
    number: u32,
}

/// The best names so far.
#[derive(Debug)]
struct Best {
    ranked: [Option<Ranked>; SHOWN_NAMES],
    len: usize,
}

impl Best {
    fn offer(&mut self, new: Ranked) {
        let at = self.ranked().take_while(|known| **known < new).count();
        if at == SHOWN_NAMES {
            return;
        }
        self.len = (self.len + 1).min(SHOWN_NAMES);
        self.ranked[at..self.len].rotate_right(1);
        self.ranked[at] = Some(new);
    }

    fn ranked(&self) -> impl Iterator<Item = &Ranked> {
        self.ranked[..self.len].iter().flatten()
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
