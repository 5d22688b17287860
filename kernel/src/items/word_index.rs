//! An index of references by word: the names that have a word, and their holders.
//!
//! A node that owns the hash of a word keeps the whole name of each item with that word. So it answers
//! a query of several words alone: it lists the names under one word that have all the others as well.
//!
//! Entries are soft state, as in [`Index`](crate::items::Index): an entry expires unless its holder renews
//! it. A word that many names have is bounded: when it has [`WordLimits::per_word`] references,
//! further ones are refused until some expire. So a popular word finds the items that were published
//! under it first, and those that its own list lacks are found by their other words.
//!
//! **Invariant:** an expired entry is never returned; memory is allocated only at construction.

use core::cmp::Reverse;
use core::hash::Hasher;

use siphasher::sip::SipHasher13;

use crate::base::{FixedVec, Rng, Time};
use crate::items::hits::{Hit, HitList};
use crate::items::index::MAX_LISTED_HOLDERS;
use crate::items::linked_lists::LinkedLists;
use crate::items::query::Query;
use crate::items::ranking::{RankedName, TopNames};
use crate::items::text::Text;
use crate::items::words::word_bytes;

/// The capacity of a [`WordIndex`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WordLimits {
    /// The most references of all words.
    pub references: u32,
    /// The most references of one word.
    pub per_word: u32,
}

/// Why a reference was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WordRefusal {
    /// The name has no word with this number.
    NoSuchWord,
    /// The word has as many references as it may have.
    WordFull,
    /// The index has as many references as it may have.
    IndexFull,
}

/// See the [module](self).
#[derive(Clone, Debug)]
pub struct WordIndex {
    limits: WordLimits,
    key: (u64, u64),
    /// The number of references.
    count: u32,
    /// One slot per reference. Those in free slots have expired.
    references: FixedVec<Reference>,
    /// References by the hash of their word, latest first.
    by_word: LinkedLists,
    /// References in the lists [`LIVE`] and [`FREE`].
    by_expiry: LinkedLists,
}

/// One name under one of its words.
#[derive(Clone, Copy, Debug)]
struct Reference {
    hit: Hit,
    expires: Time,
    /// Part of the hash of the word: most other words in the same list differ in it.
    tag: u32,
    /// The number of the word in the name.
    word: u8,
}

/// All references, in order of expiry.
const LIVE: u32 = 0;
/// The slots of removed references.
const FREE: u32 = 1;

impl WordIndex {
    /// An empty index.
    #[must_use]
    pub fn new(limits: WordLimits, rng: &mut Rng) -> WordIndex {
        let slots = limits.references as usize;
        WordIndex {
            limits,
            key: (rng.next_u64(), rng.next_u64()),
            count: 0,
            references: FixedVec::with_capacity(slots),
            by_word: LinkedLists::new(slots.max(1), slots),
            by_expiry: LinkedLists::new(2, slots),
        }
    }

    /// The number of references.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there are no references.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The number of slots used so far: references lie in slots `0 .. slots()`.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        self.references.len() as u32
    }

    /// The reference in `slot`, the number of its word, and its expiry; `None` if the slot is free or the
    /// reference has expired.
    #[must_use]
    pub fn at(&self, now: Time, slot: u32) -> Option<(Hit, u8, Time)> {
        let &Reference { hit, word, expires, .. } =
            self.references.get(slot as usize).filter(|reference| reference.expires > now)?;
        Some((hit, word, expires))
    }

    /// Inserts or renews a reference under the word of its name with this number. It expires at
    /// `expires`, or at its old expiry if that is later. A name has up to [`MAX_LISTED_HOLDERS`] holders
    /// under a word: those that expire last.
    ///
    /// # Errors
    ///
    /// See [`WordRefusal`].
    pub fn insert(
        &mut self,
        now: Time,
        hit: &Hit,
        word: u8,
        expires: Time,
    ) -> Result<(), WordRefusal> {
        self.expire(now);
        let text = word_bytes(&hit.name, word).ok_or(WordRefusal::NoSuchWord)?;
        let (list, tag) = self.place_of(text);
        let (mut same_word, mut holders) = (0, 0);
        let (mut same, mut soonest) = (None, None);
        for at in self.under(list, tag, text) {
            let known = self.reference(at);
            same_word += 1;
            if known.hit.name != hit.name {
                continue;
            }
            holders += 1;
            if known.hit.holder.address == hit.holder.address {
                same = Some(at);
            }
            if soonest.is_none_or(|soonest| known.expires < self.reference(soonest).expires) {
                soonest = Some(at);
            }
        }
        if let Some(at) = same {
            self.renew(at, hit, expires);
            return Ok(());
        }
        if let Some(at) = soonest.filter(|_| holders >= MAX_LISTED_HOLDERS) {
            if expires < self.reference(at).expires {
                return Ok(());
            }
            self.remove(at);
        } else if same_word >= self.limits.per_word {
            return Err(WordRefusal::WordFull);
        }
        if self.count >= self.limits.references {
            return Err(WordRefusal::IndexFull);
        }
        self.add(list, Reference { hit: *hit, expires, tag, word });
        Ok(())
    }

    /// Removes all expired references.
    pub fn expire(&mut self, now: Time) {
        while let Some(at) =
            self.by_expiry.first(LIVE).filter(|&at| self.reference(at).expires <= now)
        {
            self.remove(at);
        }
    }

    /// Appends the hits under `word` that match `query` to `found`: names by descending score, then in
    /// byte order; each with its holders, latest expiry first. Returns whether there was room for all
    /// of them.
    pub fn find(&self, now: Time, word: &Text, query: &Query, found: &mut HitList) -> bool {
        let (list, tag) = self.place_of(word.as_bytes());
        let fresh = || {
            let all = self.under(list, tag, word.as_bytes());
            all.filter(|&at| self.reference(at).expires > now)
        };
        let (mut best, mut fits) = (TopNames::default(), true);
        for at in fresh() {
            let name = self.reference(at).hit.name;
            if let Some(score) = query.score(name.as_bytes()) {
                // A name is offered once for each of its holders, and is the same each time.
                fits &= best.offer(RankedName { score: Reverse(score), name, number: 0 });
            }
        }
        for &RankedName { name, .. } in best.iter() {
            let mut holders = [None; MAX_LISTED_HOLDERS];
            let its = fresh().map(|at| self.reference(at)).filter(|it| it.hit.name == name);
            holders
                .iter_mut()
                .zip(its)
                .for_each(|(to, it)| *to = Some((Reverse(it.expires), it.hit)));
            holders
                .sort_unstable_by_key(|it| it.map_or(Reverse(Time::ZERO), |(expires, _)| expires));
            for (_, hit) in holders.iter().flatten() {
                if !found.push(hit) {
                    return false;
                }
            }
        }
        fits
    }

    /// The reserved memory in bytes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.references.capacity() * size_of::<Reference>()
            + self.by_word.heap_bytes()
            + self.by_expiry.heap_bytes()
    }

    fn reference(&self, at: u32) -> &Reference {
        &self.references[at as usize]
    }

    /// The list for a word, and the tag of its references.
    fn place_of(&self, word: &[u8]) -> (u32, u32) {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(word);
        let hash = hasher.finish();
        // The top half of the hash, as a fraction of 2^32, of the lists: no division.
        let list = ((hash >> 32) * u64::from(self.limits.references)) >> 32;
        (list as u32, hash as u32)
    }

    /// The references under `word`, which has this place.
    fn under<'a>(&'a self, list: u32, tag: u32, word: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let is_it = move |&at: &u32| {
            let known = self.reference(at);
            known.tag == tag && word_bytes(&known.hit.name, known.word) == Some(word)
        };
        self.by_word.forward(list).filter(is_it)
    }

    fn add(&mut self, list: u32, reference: Reference) {
        self.count += 1;
        let at = match self.by_expiry.first(FREE) {
            Some(at) => {
                self.by_expiry.remove(FREE, at);
                self.references[at as usize] = reference;
                at
            }
            None => {
                self.references.push(reference);
                (self.references.len() - 1) as u32
            }
        };
        self.by_word.insert(list, at, None);
        self.link_by_expiry(at);
    }

    fn renew(&mut self, at: u32, hit: &Hit, expires: Time) {
        self.by_expiry.remove(LIVE, at);
        let known = &mut self.references[at as usize];
        (known.hit, known.expires) = (*hit, known.expires.max(expires));
        self.link_by_expiry(at);
    }

    fn remove(&mut self, at: u32) {
        let known = *self.reference(at);
        let (list, _) = self.place_of(word_bytes(&known.hit.name, known.word).unwrap_or_default());
        self.count -= 1;
        self.by_word.remove(list, at);
        self.by_expiry.remove(LIVE, at);
        self.references[at as usize].expires = Time::ZERO;
        self.by_expiry.insert(FREE, at, None);
    }

    /// Takes constant time as long as later references expire later.
    fn link_by_expiry(&mut self, at: u32) {
        let expires = self.reference(at).expires;
        let sooner = |&other: &u32| self.reference(other).expires <= expires;
        let before = self.by_expiry.backward(LIVE).find(sooner);
        self.by_expiry.insert(LIVE, at, before);
    }
}
