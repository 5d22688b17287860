//! The searches that a peer has seen: to recognize repetitions, and to route hits back.
//!
//! Most searches that a peer receives in a flood are repetitions, so this table decides the cost of
//! flooding. It is set-associative: a bucket of five entries is one cache line, and a search lies in
//! one of [`CHOICES`] buckets, the first with room. Repetitions are nearly always found in the first
//! bucket. A secret key selects the buckets, so an attacker cannot fill one on purpose.
//!
//! A table is made for half of its capacity. Half full, it refuses less than one new search in 1,000,
//! and from a capacity of 128 on less than one in 5,000. At 60 % it is one in 1,000, at 75 % one in 100.
//!
//! An entry holds 32 bits of the keyed search. A peer takes a new search for a remembered one with a
//! probability below 5 · 10^-9: it compares at most 20 entries.
//!
//! The four bytes that five entries leave in a cache line count the hits of each search.
//!
//! **Invariant:** a search is remembered for its full time. If its buckets are full, a new search is
//! refused; evicting an old one could forward it twice.

use alloc::boxed::Box;
use alloc::vec;
use core::time::Duration;

use crate::base::Time;
use crate::base::prefetch::prefetch;
use crate::base::rng::mix;
use crate::flood::neighbors::NeighborHandle;
use crate::node::RequestId;

/// Searches are forgotten at a multiple of this time since the driver's start: 2^28 ns, about 0.27
/// s. 32 bits suffice for 36 years; after that nothing is remembered.
pub const RESOLUTION: Duration = Duration::from_nanos(1 << RESOLUTION_BITS);

const RESOLUTION_BITS: u32 = 28;
/// Entries in a bucket.
const ENTRIES_PER_BUCKET: usize = 5;
/// Bits in which the hits of one search are counted.
const HIT_BITS: usize = u32::BITS as usize / ENTRIES_PER_BUCKET;
/// Hits of one search that a peer sends back, at most. The origin needs one. A forged search can make paths back
/// that go in circles.
pub const MAX_HITS: u32 = (1 << HIT_BITS) - 1;
/// Buckets in which a search may lie.
pub const CHOICES: usize = 4;

/// The searches that one peer has seen.
#[derive(Clone, Debug)]
pub struct SeenSearches {
    buckets: Box<[Bucket]>,
    key: u64,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(C, align(64))]
struct Bucket {
    entries: [Entry; ENTRIES_PER_BUCKET],
    /// The number of hits of each entry's search, [`HIT_BITS`] each.
    hits: u32,
}

#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
struct Entry {
    /// Part of the keyed search.
    tag: u32,
    source: NeighborHandle,
    /// When the search is forgotten, in units of [`RESOLUTION`]; 0 if the entry is free.
    until: u32,
}

/// Whether a search has been seen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SearchStatus {
    /// The search has been seen: it came from this neighbor, or started here.
    Seen(NeighborHandle),
    /// The search is new and can be remembered in this entry.
    New(FreeEntry),
    /// The search is new, but its buckets are full.
    NoRoom,
}

/// An entry in which a search can be remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FreeEntry {
    bucket: u32,
    entry: u32,
}

impl SeenSearches {
    /// An empty table for `capacity` searches, rounded up to whole buckets. `key` is secret.
    #[must_use]
    pub fn new(capacity: u32, key: u64) -> SeenSearches {
        let buckets = (capacity as usize).div_ceil(ENTRIES_PER_BUCKET).max(1);
        SeenSearches { buckets: vec![Bucket::default(); buckets].into_boxed_slice(), key }
    }

    /// Prefetches the bucket in which `search` most likely lies.
    #[inline]
    pub fn prefetch(&self, search: RequestId) {
        prefetch(&self.buckets[self.bucket_of(self.scatter(search))]);
    }

    /// Looks up `search`.
    #[inline]
    #[must_use]
    pub fn look_up(&self, search: RequestId, now: Time) -> SearchStatus {
        match self.find(search, now) {
            Ok((bucket, entry)) => SearchStatus::Seen(self.buckets[bucket].entries[entry].source),
            Err(free) => free.map_or(SearchStatus::NoRoom, SearchStatus::New),
        }
    }

    /// The neighbor that `search` came from, if it is remembered.
    #[must_use]
    pub fn source_of(&self, search: RequestId, now: Time) -> Option<NeighborHandle> {
        match self.look_up(search, now) {
            SearchStatus::Seen(source) => Some(source),
            _ => None,
        }
    }

    /// Remembers until `until`, or up to one [`RESOLUTION`] longer, that `search` came from
    /// `source`. `free` is the result of [`look_up`](Self::look_up); nothing may have been
    /// remembered since.
    #[inline]
    pub fn remember(
        &mut self,
        free: FreeEntry,
        search: RequestId,
        source: NeighborHandle,
        until: Time,
    ) {
        let until = time_units(until).saturating_add(1);
        let tag = tag_of(self.scatter(search));
        let bucket = &mut self.buckets[free.bucket as usize];
        bucket.entries[free.entry as usize] = Entry { tag, source, until };
        bucket.hits &= !(MAX_HITS << (free.entry as usize * HIT_BITS));
    }

    /// Counts a hit of `search`. Returns false if the search is not remembered, or has had [`MAX_HITS`].
    pub fn count_hit(&mut self, search: RequestId, now: Time) -> bool {
        let Ok((bucket, entry)) = self.find(search, now) else { return false };
        let (hits, shift) = (&mut self.buckets[bucket].hits, entry * HIT_BITS);
        let has_room = *hits >> shift & MAX_HITS < MAX_HITS;
        *hits += u32::from(has_room) << shift;
        has_room
    }

    /// The number of searches that can be remembered at a time.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.buckets.len() * ENTRIES_PER_BUCKET
    }

    /// Memory outside the struct itself, in bytes.
    #[must_use]
    pub const fn heap_bytes(&self) -> usize {
        self.buckets.len() * size_of::<Bucket>()
    }

    /// The bucket and the entry of `search`, or the first free entry in which it may lie.
    #[inline(always)]
    fn find(&self, search: RequestId, now: Time) -> Result<(usize, usize), Option<FreeEntry>> {
        let scattered = self.scatter(search);
        let (tag, current) = (tag_of(scattered), time_units(now));
        let (mut place, mut free) = (scattered, None);
        for _ in 0..CHOICES {
            let bucket = self.bucket_of(place);
            let entries = &self.buckets[bucket].entries;
            for (at, entry) in entries.iter().enumerate() {
                if entry.tag == tag && entry.until > current {
                    return Ok((bucket, at));
                }
            }
            if free.is_none() {
                free = entries
                    .iter()
                    .position(|entry| entry.until <= current)
                    .map(|entry| FreeEntry { bucket: bucket as u32, entry: entry as u32 });
            }
            place = mix(place);
        }
        Err(free)
    }

    #[inline]
    fn scatter(&self, search: RequestId) -> u64 {
        mix(search.0 ^ self.key)
    }

    /// The bucket that the high bits of `scattered` select.
    #[inline]
    fn bucket_of(&self, scattered: u64) -> usize {
        ((u128::from(scattered) * self.buckets.len() as u128) >> 64) as usize
    }
}

/// The low bits, which hardly tell anything about the bucket.
#[inline]
const fn tag_of(scattered: u64) -> u32 {
    scattered as u32
}

#[inline]
fn time_units(time: Time) -> u32 {
    u32::try_from(time.as_ns() >> RESOLUTION_BITS).unwrap_or(u32::MAX)
}

const _: () = assert!(size_of::<Bucket>() == 64);
